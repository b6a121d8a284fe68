//! Runs.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;

use super::page::{write_optional_time, write_time};
use super::{Admin, AdminError, Page, PageRequest, RunActivity, RunStateName};
use crate::clock;
use crate::hub::Hub;
use crate::storage::inspection::{RunDetailsRow, RunQuery, RunRow};

/// Selects runs. Default: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    job: Option<String>,
    channel: Option<String>,
    states: Vec<RunStateName>,
    activity: Option<RunActivity>,
    created_after: Option<SystemTime>,
    created_before: Option<SystemTime>,
}

impl RunFilter {
    /// Selects all runs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Selects runs of a job.
    #[must_use]
    pub fn job(mut self, name: impl Into<String>) -> Self {
        self.job = Some(name.into());
        self
    }

    /// Selects runs on a channel, by its name.
    #[must_use]
    pub fn channel(mut self, name: impl Into<String>) -> Self {
        self.channel = Some(name.into());
        self
    }

    /// Selects runs in a state. Call it again to add another state.
    #[must_use]
    pub fn state(mut self, state: RunStateName) -> Self {
        self.states.push(state);
        self
    }

    /// Selects running runs with an activity.
    #[must_use]
    pub fn activity(mut self, activity: RunActivity) -> Self {
        self.activity = Some(activity);
        self
    }

    /// Selects runs that were created at or after a time, by the storage's clock.
    #[must_use]
    pub fn created_after(mut self, time: SystemTime) -> Self {
        self.created_after = Some(time);
        self
    }

    /// Selects runs that were created before a time, by the storage's clock.
    #[must_use]
    pub fn created_before(mut self, time: SystemTime) -> Self {
        self.created_before = Some(time);
        self
    }
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunInfo {
    /// Its id.
    pub run_id: String,
    /// The name of its job.
    pub job: String,
    /// The name of its channel.
    pub channel: String,
    /// Its state.
    pub state: RunStateName,
    /// The activity of a running run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<RunActivity>,
    /// The signals that would answer its open questions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting_for: Vec<String>,
    /// When a running run that does not execute continues by itself, at the latest.
    #[serde(serialize_with = "write_optional_time", skip_serializing_if = "Option::is_none")]
    pub due_at: Option<SystemTime>,
    /// How often in a row its job failed outside of steps.
    pub failures: u32,
    /// Why it failed or halted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was created. `None` if an earlier version of the library created it.
    #[serde(serialize_with = "write_optional_time", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<SystemTime>,
    /// When its state last changed: of an ended run, when it ended.
    #[serde(serialize_with = "write_time")]
    pub changed_at: SystemTime,
    /// The run that it repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<RerunOrigin>,
}

/// The origin of a rerun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RerunOrigin {
    /// The id of the original run.
    pub run_id: String,
    /// The position of the first call that was executed again.
    pub call: String,
}

/// A run with its input and result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunDetails {
    /// The run.
    #[serde(flatten)]
    pub run: RunInfo,
    /// Its input.
    pub input: Value,
    /// Its result, if it completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
}

impl Admin {
    /// Returns runs, the newest first.
    ///
    /// # Errors
    /// Returns an error if the cursor is not valid, or the storage fails.
    pub async fn runs(&self, filter: &RunFilter, page: &PageRequest) -> Result<Page<RunInfo>, AdminError> {
        let query = RunQuery {
            job: filter.job.clone(),
            channel: filter.channel.clone(),
            states: filter.states.clone(),
            activity: filter.activity,
            created_after: filter.created_after.map(clock::to_milliseconds),
            created_before: filter.created_before.map(clock::to_milliseconds),
            before: page.read_cursor(|cursor| cursor.parse().ok())?,
            limit: page.max_items(),
        };
        let listed = self.hub.storage().list_runs(query).await?;
        let runs = listed.rows.into_iter().map(|row| describe(&self.hub, row)).collect();
        Ok(Page::new(runs, listed.next.map(|next| next.to_string())))
    }

    /// Returns a run with its input and its result.
    ///
    /// # Errors
    /// Returns an error if no run has this id, or the storage fails.
    pub async fn run(&self, run_id: &str) -> Result<RunDetails, AdminError> {
        let read = self.hub.storage().read_run(run_id.to_owned()).await?;
        let RunDetailsRow { run, input, result } = read.ok_or(AdminError::UnknownRun)?;
        let (run, result) = (describe(&self.hub, run), result.map(|result| parse(&result)));
        Ok(RunDetails { run, input: parse(&input), result })
    }
}

/// Parses recorded JSON.
pub(super) fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

fn describe(hub: &Hub, row: RunRow) -> RunInfo {
    let mut waiting_for: Vec<String> = Vec::new();
    for name in row.waiting_for {
        let name = current_signal(hub, &row.channel, name);
        if !waiting_for.contains(&name) {
            waiting_for.push(name);
        }
    }
    RunInfo {
        run_id: row.run_id,
        job: row.job,
        channel: row.channel,
        state: row.state,
        activity: row.activity,
        waiting_for,
        due_at: row.due.map(clock::from_milliseconds),
        failures: row.failures,
        error: row.error,
        created_at: row.created.map(clock::from_milliseconds),
        changed_at: clock::from_milliseconds(row.changed),
        rerun_of: row.origin.map(|(run_id, call)| RerunOrigin { run_id, call }),
    }
}

/// Returns the current name of a signal that is stored under a name.
pub(super) fn current_signal(hub: &Hub, channel: &str, name: String) -> String {
    let channel = hub.registry().resolve(channel);
    let signal = channel.and_then(|channel| channel.definition().stored_signal(&name));
    signal.map_or(name, |signal| signal.name.to_owned())
}
