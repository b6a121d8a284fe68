//! Replaying recorded runs in tests, to check that changed code can continue them.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::context::{Context, StopReason};
use super::error::Kind;
use super::execute::{Execution, Turn};
use super::{Runs, RunsError};
use crate::storage::{JOURNAL_VERSION, RecordedCall, RunRecord};

/// The recorded calls of a run, to store in a file and replay in a test. See [`Runs::recording`] and [`Runs::replay`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecording {
    /// The version of the journal's semantics.
    journal: String,
    run: String,
    job: String,
    channel: String,
    input: String,
    calls: Vec<RecordedCall>,
}

impl RunRecording {
    /// Writes the recording as indented JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Cannot fail: the value has only strings and numbers.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Reads a recording from JSON.
    ///
    /// # Errors
    /// Returns an error if the text is not a recording, or has another journal version.
    pub fn from_json(json: &str) -> Result<Self, ReplayError> {
        let recording: Self = serde_json::from_str(json)
            .map_err(|error| ReplayError::Unreadable(format!("not a recording of a run: {error}")))?;
        if recording.journal == JOURNAL_VERSION {
            return Ok(recording);
        }
        Err(ReplayError::Unreadable(format!(
            "the recording has journal version {}, but this library replays version {JOURNAL_VERSION}",
            recording.journal
        )))
    }
}

/// The outcome of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayOutcome {
    /// The job returned this result, in JSON.
    Completed(String),
    /// The job failed with this error.
    Failed(String),
    /// The job made all recorded calls and would continue with new ones.
    Unfinished,
}

/// The reason why a recording could not be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError {
    /// The code differs from the code that made the recording, for this reason: usually the first call that differs,
    /// with the recorded call.
    Differs(String),
    /// The text is not a recording that this library can replay.
    Unreadable(String),
    /// The job is not registered, the hub has no definition for the channel, or the storage failed.
    Runs(RunsError),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs(why) | Self::Unreadable(why) => formatter.write_str(why),
            Self::Runs(error) => write!(formatter, "{error}"),
        }
    }
}

impl std::error::Error for ReplayError {}

impl From<RunsError> for ReplayError {
    fn from(error: RunsError) -> Self {
        Self::Runs(error)
    }
}

impl Runs {
    /// Returns what a run has recorded, for [`Runs::replay`], or `None` if no run has this id.
    ///
    /// The recording contains the run's input, results and signals. Review it before you commit it.
    ///
    /// # Errors
    /// Returns an error if the storage fails.
    pub async fn recording(&self, run_id: &str) -> Result<Option<RunRecording>, RunsError> {
        let engine = self.shared.engine();
        let Some(RunRecord { run: handle, job, channel, input, .. }) =
            engine.find_run(run_id.to_owned()).await?
        else {
            return Ok(None);
        };
        let calls = engine.load_calls(handle).await?;
        let (journal, run) = (JOURNAL_VERSION.to_owned(), run_id.to_owned());
        Ok(Some(RunRecording { journal, run, job, channel, input, calls }))
    }

    /// Executes a recorded run's job against the recording, as a server with this code would if it continued the run.
    /// No step does any work, and nothing is recorded. Use it in a test, with recordings of unfinished runs from
    /// production:
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # mod example {
    /// # use fanfare::{RunRecording, Runs};
    /// # async fn test(runs: Runs) -> Result<(), Box<dyn std::error::Error>> {
    /// let recording = RunRecording::from_json(&std::fs::read_to_string("tests/runs/waits-for-approval.json")?)?;
    /// runs.replay(&recording).await?; // names the first call that differs
    /// # Ok(())
    /// # }
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns [`ReplayError::Differs`] if the code makes other calls than the recorded ones, or makes calls in a way
    /// that cannot be replayed. Returns [`ReplayError::Runs`] if no job with the recorded name is registered, the hub
    /// has no definition for the channel, or the storage fails.
    pub async fn replay(&self, recording: &RunRecording) -> Result<ReplayOutcome, ReplayError> {
        let shared = &self.shared;
        if !shared.jobs.contains_key(recording.job.as_str()) {
            return Err(RunsError::UnknownJob(recording.job.clone()).into());
        }
        let channel = shared.hub.registry().resolve(&recording.channel).ok_or(RunsError::UnknownChannel)?;
        let log = shared.hub.open_log(&channel).await.map_err(RunsError::from_open_error)?;
        let context = Context::replaying(Arc::clone(shared), &recording.run, recording.calls.clone(), log);
        let mut execution = Execution::new(Arc::new(context), &recording.job, recording.input.clone());
        match execution.turn(&OnceLock::new()).await {
            Turn::Waiting(_) | Turn::Stopped(StopReason::Lost) => Ok(ReplayOutcome::Unfinished),
            Turn::Ended(Ok(result)) => Ok(ReplayOutcome::Completed(result)),
            Turn::Ended(Err(error)) => {
                let (Kind::Fail(why) | Kind::Retry { message: why, .. }) = error.0;
                Ok(ReplayOutcome::Failed(why))
            }
            Turn::Stopped(StopReason::Retry { message, .. }) => Ok(ReplayOutcome::Failed(message)),
            Turn::Stopped(StopReason::Halted(why) | StopReason::Failed(why)) => {
                Err(ReplayError::Differs(why))
            }
            Turn::Stopped(StopReason::Storage(error)) => Err(error.into()),
        }
    }
}
