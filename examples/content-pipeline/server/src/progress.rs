//! Publishes the progress of a run.

use channels::pipeline::{Pipeline, Status};
use channels::{Insight, Step};
use fanfare::{Run, RunError};
use std::time::Duration;

/// Publishes the progress of a run durably: each message once, even if the run is retried.
pub(crate) struct Progress<'r> {
    pub(crate) run: &'r Run<Pipeline>,
    /// The pause after each message, so that people can watch.
    pub(crate) pause: Duration,
}

impl Progress<'_> {
    pub(crate) async fn status(
        &self,
        step: Step,
        progress: u8,
        message: impl Into<String>,
    ) -> Result<(), RunError> {
        let status = Status::new(message, step, progress);
        self.run.publish("status", self.run.channel().status(), &status).await?;
        self.pause().await
    }

    pub(crate) async fn insight(&self, insight: &Insight) -> Result<(), RunError> {
        self.run.publish("insight", self.run.channel().insights(), insight).await?;
        self.pause().await
    }

    /// Sleeps durably, so that a resumed run does not sleep again.
    async fn pause(&self) -> Result<(), RunError> {
        self.run.sleep("pause", self.pause).await
    }
}
