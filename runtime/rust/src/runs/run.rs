//! What a job does through its run.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::sync::watch;

use super::RunError;
use super::calls::Activity;
use super::context::{Call, Context, Stop};
use crate::channel::{Topic, TypedChannel};
use crate::clock;
use crate::hub::Hub;
use crate::publish;
use crate::storage::{Entry, Outcome, StepKind};
use crate::wire::MessageId;

/// A run, as its job sees it.
///
/// The job is executed from its beginning each time that the run continues after an error or in another process.
/// So what it does between calls must come out the same: take times, random numbers and the answers of other
/// systems in a [`step`](Self::step).
///
/// Calls are known by their order. To run several at the same time, use [`join`](Self::join),
/// [`first`](Self::first), [`within`](Self::within) or [`map`](Self::map), whose branches are ordered each for
/// itself. `tokio::join!` of single calls works, too. Calls in a spawned task, and calls that `select!` or
/// `timeout` drops, fail the run: what decides them is not recorded.
pub struct Run<C> {
    pub(super) context: Arc<Context>,
    channel: C,
    pub(super) branch: Arc<str>,
    /// Closed when the branch ends.
    over: watch::Receiver<()>,
}

impl<C: TypedChannel> Run<C> {
    /// The run as one of its branches sees it, which ends when the sender is dropped.
    pub(super) fn new(context: Arc<Context>, channel: C, branch: Arc<str>) -> (watch::Sender<()>, Self) {
        let (sender, over) = watch::channel(());
        (sender, Self { context, channel, branch, over })
    }

    /// Returns the run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.context.run_id
    }

    /// Returns the channel that the run is on.
    #[must_use]
    pub fn channel(&self) -> &C {
        &self.channel
    }

    /// Returns the hub. Messages that the job publishes through it carry the run's id, and are published again
    /// each time that the job gets there again. [`publish`](Self::publish) publishes once.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        self.context.hub()
    }

    /// Returns which attempt this execution is, from 1 on: how often in a row the job failed, or its process
    /// ended, without recording anything new, and one more. Attempts of a step are not counted here.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.context.attempt
    }

    /// Completes when this execution ends before the job does: the run is cancelled, another process took it, the
    /// server stops, or the branch lost a [`first`](Self::first).
    ///
    /// The futures of the job are dropped then anyway. This is for what that does not reach: tasks that it spawned,
    /// blocking threads and other systems.
    ///
    /// ```
    /// # use fanfare::{Run, RunError, TypedChannel};
    /// # async fn job<C: TypedChannel>(run: Run<C>) -> Result<(), RunError> {
    /// let cancelled = run.cancelled();
    /// tokio::spawn(async move {
    ///     cancelled.await;
    ///     println!("stop the build on the other machine");
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static + use<C> {
        let mut over = self.over.clone();
        async move {
            // Nothing is ever sent.
            let _ = over.changed().await;
        }
    }

    pub(super) async fn begin(&self, kind: StepKind, id: &str) -> Result<Call, RunError> {
        self.context.begin(&self.branch, kind, id).await
    }

    /// Publishes a message durably: once, however often the run is executed and whatever is killed when. The
    /// message and the record that it was published are one transaction.
    ///
    /// # Errors
    /// Fails the run if the payload breaks its definition.
    pub async fn publish<P: Serialize + ?Sized>(
        &self,
        id: &str,
        topic: Topic<'_, P>,
        payload: &P,
    ) -> Result<MessageId, RunError> {
        let call = self.begin(StepKind::Publish, id).await?;
        if let Some(Outcome::Value(recorded)) = &call.outcome {
            return match serde_json::from_str(recorded) {
                Ok(id) => {
                    call.finish();
                    Ok(id)
                }
                Err(_) => {
                    self.context.stop(Stop::Halted(format!("publish {id:?} recorded no message id"))).await
                }
            };
        }
        let frame = match publish::encode(topic, payload, Some(self.id())) {
            Ok(frame) => frame,
            Err(error) => {
                call.record(Outcome::Error(error.to_string()), None).await;
                call.finish();
                return Err(RunError::fail(error.to_string()));
            }
        };
        let log = self.context.log_of(topic.channel()).await;
        let entry = Entry { log, topic: topic.index(), frame, key: None };
        if bug!(MessageApart)
            && let Ok(appended) = self.context.engine().await.append(entry.clone()).await
        {
            call.record(Outcome::Value(serde_json::to_string(&appended.id)?), None).await;
            call.finish();
            return Ok(appended.id);
        }
        let published = call.record(Outcome::Value("null".into()), Some(entry)).await;
        call.finish();
        published.ok_or_else(|| RunError::retry(format!("{id:?} was not published")))
    }

    /// Waits, also across restarts of the server: the time counts from when this was first called. A run that
    /// sleeps holds no slot, no lease and no thread.
    ///
    /// # Errors
    /// None today; `Result` leaves room for them.
    pub async fn sleep(&self, id: &str, duration: Duration) -> Result<(), RunError> {
        let call = self.begin(StepKind::Sleep, id).await?;
        let until = match &call.outcome {
            Some(Outcome::Value(recorded)) => {
                UNIX_EPOCH + Duration::from_millis(serde_json::from_str(recorded).unwrap_or(0))
            }
            _ => {
                let until = clock::after(duration);
                let milliseconds = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
                call.record(Outcome::Value(milliseconds.to_string()), None).await;
                until
            }
        };
        call.wait_until(until).await;
        call.finish();
        Ok(())
    }

    /// Marks a change of the job's code, so that runs that began before it can continue.
    ///
    /// Returns `version` for a run that gets here for the first time, and records it; returns what is recorded when
    /// the run is executed again; and returns 0 for a run that recorded further calls before the marker was there.
    ///
    /// ```
    /// # use fanfare::{Run, RunError, TypedChannel};
    /// # async fn translate() -> Result<(), RunError> { Ok(()) }
    /// # async fn job<C: TypedChannel>(run: Run<C>) -> Result<(), RunError> {
    /// if run.version("translate", 1).await? >= 1 {
    ///     run.step("translate", async || translate().await).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// None today; `Result` leaves room for them.
    pub async fn version(&self, id: &str, version: u32) -> Result<u32, RunError> {
        if self.context.skips_version(&self.branch, id) {
            return Ok(0);
        }
        let call = self.begin(StepKind::Version, id).await?;
        let version = match &call.outcome {
            Some(Outcome::Value(recorded)) => recorded.parse().unwrap_or(0),
            _ => {
                call.record(Outcome::Value(version.to_string()), None).await;
                version
            }
        };
        call.finish();
        Ok(version)
    }

    /// The run as a branch sees it.
    pub(super) fn branch(&self, branch: String) -> (watch::Sender<()>, Self) {
        Self::new(Arc::clone(&self.context), self.channel.clone(), branch.into())
    }
}

impl Call {
    /// Waits for a time. Meanwhile the run may be released, and claimed again when the time has come.
    pub(super) async fn wait_until(&self, until: SystemTime) {
        self.set_activity(Activity::Waiting(until));
        let wake = &self.context.wake;
        // The wall clock decides, as it does when the run is claimed again.
        while let Ok(left) = until.duration_since(clock::now()) {
            if left.is_zero() {
                break;
            }
            let _ = tokio::time::timeout(left, wake.notified()).await;
        }
        self.set_activity(Activity::Working);
    }
}

impl<C: Clone> Clone for Run<C> {
    fn clone(&self) -> Self {
        Self {
            context: Arc::clone(&self.context),
            channel: self.channel.clone(),
            branch: Arc::clone(&self.branch),
            over: self.over.clone(),
        }
    }
}
