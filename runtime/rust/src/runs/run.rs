//! The calls that a job makes through its run.

use std::future::Future;
use std::iter;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::sync::watch;

use super::RunError;
use super::call_tracker::Activity;
use super::context::{Call, Context, StopReason};
use crate::channel::{Topic, TypedChannel};
use crate::clock;
use crate::hub::Hub;
use crate::publish;
use crate::storage::{CallKind, Entry, Outcome};
use crate::wire::MessageId;

/// A handle of a run, which its job works through.
///
/// The job is executed from its beginning each time the run continues after an error or in another process.
/// So the code between calls must be deterministic: read clocks, random numbers and other systems in a
/// [`step`](Self::step).
///
/// Calls are identified by their order. To make several at the same time, use [`join`](Self::join),
/// [`race`](Self::race), [`timeout`](Self::timeout) or [`map`](Self::map), whose branches each have an order of
/// their own. `tokio::join!` of single calls works, too. Calls in a spawned task, and calls that `select!` or
/// `tokio::time::timeout` drops, fail the run, because nothing records the order in which they finish.
pub struct Run<C> {
    pub(super) context: Arc<Context>,
    channel: C,
    pub(super) branch: Arc<str>,
    /// For this branch and those around it, the innermost first: `true` once it returned, and closed once it returned
    /// or was dropped.
    returned: Arc<[watch::Receiver<bool>]>,
}

impl<C: TypedChannel> Run<C> {
    /// Returns the run for the job itself. The sender must send `true` when the job returns.
    pub(super) fn new(context: Arc<Context>, channel: C) -> (watch::Sender<bool>, Self) {
        let (sender, returned) = watch::channel(false);
        (sender, Self { context, channel, branch: "".into(), returned: [returned].into() })
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

    /// Returns the hub. Messages and text streams that the job itself publishes through it carry the run's id, and are
    /// published again each time the job reaches the call. [`publish`](Self::publish) publishes once.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        self.context.hub()
    }

    /// Returns the number of this attempt: 1, plus how often the job failed or its process died since the run last
    /// recorded a call. It can fall back to 1. Attempts of a step are not counted here.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.context.attempt
    }

    /// Completes when this execution ends early. Never completes if the job returns. The run itself may continue later,
    /// in another execution.
    ///
    /// An execution ends early if the run is cancelled or halted, another process claims it, the server stops, the
    /// storage fails, or the job panics. It also ends if the run waits and the server drops it from memory, because
    /// more than [`max_waiting_runs_in_memory`](crate::RunsBuilder::max_waiting_runs_in_memory) wait; the job is executed again later. In a
    /// branch, this also completes if the branch is dropped, for example because it lost a [`race`](Self::race).
    ///
    /// The job's own futures are dropped in any case. Use this to stop everything else: spawned tasks, blocking
    /// threads and work in other systems.
    ///
    /// ```
    /// # use fanfare::{Run, RunError, TypedChannel};
    /// # async fn build() {}
    /// # async fn job<C: TypedChannel>(run: Run<C>) -> Result<(), RunError> {
    /// let interrupted = run.interrupted();
    /// tokio::spawn(async move {
    ///     tokio::select! {
    ///         () = build() => println!("built"),
    ///         () = interrupted => println!("stop the build on the other machine"),
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn interrupted(&self) -> impl Future<Output = ()> + Send + 'static + use<C> {
        let returned = Arc::clone(&self.returned);
        async move {
            // After a branch has returned, the branch around it may still be dropped.
            for mut returned in returned.iter().cloned() {
                if returned.wait_for(|has_returned| *has_returned).await.is_err() {
                    return;
                }
            }
            std::future::pending().await
        }
    }

    pub(super) async fn begin(&self, kind: CallKind, id: &str) -> Result<Call, RunError> {
        self.context.begin(&self.branch, kind, id).await
    }

    /// Publishes a message durably: exactly once, however often the run is executed or its process is killed. The
    /// message and the record of the call are committed in one transaction.
    ///
    /// # Errors
    /// Returns an error if the payload does not match its definition. The error is recorded, so the call returns it
    /// each time the run is executed. Passed on with `?`, the error fails the run.
    pub async fn publish<P: Serialize + ?Sized>(
        &self,
        id: &str,
        topic: Topic<'_, P>,
        payload: &P,
    ) -> Result<MessageId, RunError> {
        let call = self.begin(CallKind::Publish, id).await?;
        match &call.outcome {
            Some(Outcome::Value(recorded)) => {
                let Ok(recorded) = serde_json::from_str(recorded) else {
                    let why = format!("publish {id:?} recorded no message id");
                    return self.context.stop(StopReason::Halted(why)).await;
                };
                call.finish();
                return Ok(recorded);
            }
            Some(Outcome::Error(error)) => {
                let error = RunError::fail(error.clone());
                call.finish();
                return Err(error);
            }
            Some(Outcome::Begun { .. }) | None => {}
        }
        let frame = match publish::encode(topic, payload, Some(self.id())) {
            Ok(frame) => frame,
            Err(error) => {
                call.record(Outcome::Error(error.to_string()), None).await;
                call.finish();
                return Err(RunError::fail(error.to_string()));
            }
        };
        let log = self.context.open_log(topic.channel()).await;
        let entry = Entry { log, topic: topic.index(), frame, key: None, writer: None };
        if bug!(PublishInTwoTransactions)
            && let Ok(appended) = self.context.engine().append(entry.clone()).await
        {
            call.record(Outcome::Value(serde_json::to_string(&appended.id)?), None).await;
            call.finish();
            return Ok(appended.id);
        }
        let published = call.record(Outcome::Value("null".into()), Some(entry)).await;
        call.finish();
        published.ok_or_else(|| RunError::retry(format!("{id:?} was not published")))
    }

    /// Waits for `duration`, measured from when the run first reaches this call, even if the server restarts. A
    /// sleeping run holds no slot, no lease and no thread.
    ///
    /// # Errors
    /// Returns an error if the call is not made by the job itself, but for example in a spawned task. The run then
    /// fails.
    pub async fn sleep(&self, id: &str, duration: Duration) -> Result<(), RunError> {
        let call = self.begin(CallKind::Sleep, id).await?;
        let until = match &call.outcome {
            Some(Outcome::Value(recorded)) => {
                clock::from_milliseconds(serde_json::from_str(recorded).unwrap_or(0))
            }
            _ => {
                let until = self.context.shared.after(duration);
                let recorded = clock::to_milliseconds(until).to_string();
                call.record(Outcome::Value(recorded), None).await;
                until
            }
        };
        call.wait_until(until).await;
        call.finish();
        Ok(())
    }

    /// Marks a change in the job's code, so that runs that began before the change can continue.
    ///
    /// When a run first reaches the marker, this records `version` and returns it. When the run is executed again,
    /// it returns the recorded version. It returns 0 for a run that recorded later calls before the marker was
    /// added.
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
    /// Returns an error if the call is not made by the job itself, but for example in a spawned task. The run then
    /// fails.
    pub async fn version(&self, id: &str, version: u32) -> Result<u32, RunError> {
        if self.context.skips_version(&self.branch, id) {
            return Ok(0);
        }
        let call = self.begin(CallKind::Version, id).await?;
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

    /// Returns the run for a branch inside this one. The sender must send `true` when the branch returns.
    pub(super) fn branch(&self, branch: String) -> (watch::Sender<bool>, Self) {
        let (sender, returned) = watch::channel(false);
        let returned = iter::once(returned).chain(self.returned.iter().cloned()).collect();
        let (context, channel) = (Arc::clone(&self.context), self.channel.clone());
        (sender, Self { context, channel, branch: branch.into(), returned })
    }
}

impl Call {
    /// Waits until a time. Meanwhile the run may be released; it is claimed again when the time comes.
    pub(super) async fn wait_until(&self, until: SystemTime) {
        self.set_activity(Activity::Waiting(until));
        let wake = &self.context.wake;
        // The storage's clock decides, as it does when the run is claimed again.
        while let Ok(left) = until.duration_since(self.context.shared.storage_time()) {
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
            returned: Arc::clone(&self.returned),
        }
    }
}
