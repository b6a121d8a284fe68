//! A job that waits for a person's verdict, to test runs and signals.

use channels::Step;
use channels::pipeline::{ApproveVerdict, Pipeline, RunResult, Status};
use fanfare::{Hub, Job, Run, RunError, Runs, RunsError};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The input: a text to review.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Review {
    text: String,
    /// The number of attempts that fail first.
    failures: u32,
    /// How long to wait before it asks for a verdict.
    pause_milliseconds: u64,
    /// How long to wait for the verdict.
    patience_milliseconds: u64,
}

/// The runs of this process, and the job that reviews texts.
#[derive(Clone)]
pub(crate) struct Reviews {
    pub(crate) runs: Runs,
    pub(crate) job: Job<Pipeline, Review>,
}

/// Executes reviews in this process, including those that an earlier process started.
pub(crate) async fn start(hub: &Hub) -> Result<Reviews, RunsError> {
    let mut runs = Runs::builder(hub).backoff(Duration::from_millis(20), Duration::from_millis(50));
    let job = runs.register("review", review);
    Ok(Reviews { runs: runs.build().await?, job })
}

async fn review(run: Run<Pipeline>, input: Review) -> Result<RunResult, RunError> {
    if run.attempt() <= input.failures {
        return Err(RunError::retry("no network"));
    }
    run.sleep("read", Duration::from_millis(input.pause_milliseconds)).await?;
    tell(&run, "ask", "What do you think?").await?;
    let patience = Duration::from_millis(input.patience_milliseconds);
    let Some(verdict) = run.wait_for(run.channel().approve(), patience).await? else {
        tell(&run, "give up", "Nobody has answered").await?;
        run.sleep("rest", Duration::from_secs(3600)).await?;
        return Err(RunError::fail("nobody has answered"));
    };
    let summary = match verdict.payload.verdict {
        ApproveVerdict::Approve => input.text,
        ApproveVerdict::Edit => verdict.payload.text.unwrap_or_default(),
        ApproveVerdict::Reject => return Err(RunError::fail("it was rejected")),
    };
    tell(&run, "thank", "Thank you").await?;
    Ok(RunResult::new(verdict.sender, summary))
}

async fn tell(run: &Run<Pipeline>, id: &str, message: &str) -> Result<(), RunError> {
    let status = Status::new(message, Step::Write, 50);
    run.publish(id, run.channel().status(), &status).await?;
    Ok(())
}
