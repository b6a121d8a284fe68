//! What a job does through its run.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Context, RunError};
use crate::channel::{Topic, TypedChannel};
use crate::hub::Hub;
use crate::publish;
use crate::storage::{Entry, StepKind};
use crate::wire::MessageId;

/// A run, as its job sees it. Clones are one run.
///
/// The job is executed from its beginning each time that the run goes on, so what it does between
/// steps must come out the same: take times, random numbers and what others say in steps.
pub struct Run<C> {
    pub(super) context: Arc<Context>,
    channel: C,
}

impl<C: TypedChannel> Run<C> {
    pub(super) fn new(context: Arc<Context>, channel: C) -> Self {
        Self { context, channel }
    }

    /// The run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.context.run_id
    }

    /// The channel that the run is on.
    #[must_use]
    pub fn channel(&self) -> &C {
        &self.channel
    }

    /// The hub. What is published through it from within the job carries the run's id, and is
    /// published again each time that the run is tried again: [`publish`](Self::publish) is not.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        self.context.hub()
    }

    /// Which attempt this is, from 1 on: how often in a row the run failed without getting a step
    /// further, and one more.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.context.attempt
    }

    /// Does something once. Its result is written down, and given again without doing it when the run is
    /// tried again. `work` runs at least once; twice or more where it fails or the process is killed
    /// before its result is written down.
    ///
    /// An id that is used again is another step.
    ///
    /// # Errors
    /// What `work` gives, or what keeps its result from being written down. Pass it on with `?`.
    pub async fn step<T, E, F>(&self, id: &str, work: impl FnOnce() -> F) -> Result<T, RunError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<RunError>,
        F: Future<Output = Result<T, E>>,
    {
        let call = self.context.call(StepKind::Step, id)?;
        let value = match &call.recorded {
            Some(value) => value.clone(),
            None => {
                let result = work().await.map_err(Into::into)?;
                let value = serde_json::to_string(&result)?;
                self.context.record(&call, value.clone(), None).await?;
                value
            }
        };
        // Read also what was just written: it must not come out otherwise the next time.
        serde_json::from_str(&value).map_err(|error| {
            let message = format!("what step {id:?} wrote down is not what its type reads: {error}");
            self.context.stop(RunError::halted(message))
        })
    }

    /// Publishes a message durably: once, however often the run is tried again and whatever is
    /// killed when. That it stands in history and that it was published is written down together.
    ///
    /// # Errors
    /// When the payload breaks its definition the run fails; when it cannot be written down it is
    /// tried again.
    pub async fn publish<P: Serialize + ?Sized>(
        &self,
        id: &str,
        topic: Topic<'_, P>,
        payload: &P,
    ) -> Result<MessageId, RunError> {
        let call = self.context.call(StepKind::Publish, id)?;
        if let Some(recorded) = &call.recorded {
            let id: Option<MessageId> = serde_json::from_str(recorded).ok();
            return id.ok_or_else(|| RunError::halted(format!("no message was written down for {id:?}")));
        }
        let frame = publish::encode(topic, payload, Some(self.id()))
            .map_err(|error| RunError::fail(error.to_string()))?;
        let log = if topic.channel() == self.context.channel() {
            Arc::clone(&self.context.log)
        } else {
            let log = self.hub().open_log(topic.channel()).await;
            log.map_err(|error| RunError::retry(super::StartError::unavailable(error).to_string()))?
        };
        let entry = Entry { log, topic: topic.index(), frame, key: None };
        let published = self.context.record(&call, "null".into(), Some(entry)).await?;
        published.ok_or_else(|| RunError::retry(format!("{id:?} was not published")))
    }

    /// Waits, also across restarts of the server: the time counts from when this was first called.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub async fn sleep(&self, id: &str, duration: Duration) -> Result<(), RunError> {
        let call = self.context.call(StepKind::Sleep, id)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let until = match call.recorded.as_deref().and_then(|recorded| serde_json::from_str(recorded).ok()) {
            Some(milliseconds) => Duration::from_millis(milliseconds),
            None => {
                let until = now.saturating_add(duration);
                let milliseconds = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
                self.context.record(&call, milliseconds.to_string(), None).await?;
                until
            }
        };
        tokio::time::sleep(until.saturating_sub(now)).await;
        Ok(())
    }
}

impl<C: Clone> Clone for Run<C> {
    fn clone(&self) -> Self {
        Self { context: Arc::clone(&self.context), channel: self.channel.clone() }
    }
}
