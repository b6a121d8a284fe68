//! The plans of a test for the steps of runs: results, failures, crashes, and pauses before they begin.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::call_tracker::label;
use super::context::{Call, StopReason};
use super::{RunError, Runs, RunsError};
use crate::hub::Hub;
use crate::storage::{CallKind, Outcome, RecordedCall};

/// The plans for all runs.
#[derive(Default)]
pub(crate) struct Script {
    state: Mutex<State>,
    /// Notified when a run pauses, or may continue.
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Each is for the next attempt of a step with this id.
    actions: VecDeque<(String, Action)>,
    /// The runs that pause before each step, with the step at which they are.
    paused: HashMap<String, Option<String>>,
}

/// The plan for an attempt of a step.
pub(crate) enum Action {
    /// It returns this value, in JSON, without doing its work.
    Return(String),
    /// It fails without doing its work.
    Fail(RunError),
    /// The process ends before the work begins.
    CrashBefore,
    /// The process ends after the work, before its result is recorded.
    CrashAfter,
}

impl Script {
    /// Plans the next attempt of a step that has no plan yet.
    pub(crate) fn plan(&self, step: &str, action: Action) {
        self.state().actions.push_back((step.to_owned(), action));
    }

    /// Returns the steps whose plans were not carried out.
    pub(crate) fn unused(&self) -> Vec<String> {
        self.state().actions.iter().map(|(step, _)| step.clone()).collect()
    }

    /// Makes a run pause before each attempt of a step.
    pub(crate) fn pause_at_steps(&self, run_id: &str) {
        self.state().paused.insert(run_id.to_owned(), None);
    }

    /// Returns the step at which a run is paused.
    pub(crate) fn paused_at(&self, run_id: &str) -> Option<String> {
        self.state().paused.get(run_id).cloned().flatten()
    }

    /// Lets a paused run continue, up to its next step.
    pub(crate) fn resume(&self, run_id: &str) {
        if let Some(step) = self.state().paused.get_mut(run_id) {
            *step = None;
        }
        self.changed.notify_waiters();
    }

    /// Lets a run continue, and no longer pause.
    pub(crate) fn stop_pausing(&self, run_id: &str) {
        self.state().paused.remove(run_id);
        self.changed.notify_waiters();
    }

    /// Waits until a run pauses.
    pub(crate) async fn wait_for_pause(&self, run_id: &str) -> String {
        self.wait_until(|| self.paused_at(run_id)).await
    }

    async fn pause(&self, run_id: &str, step: &str) {
        match self.state().paused.get_mut(run_id) {
            Some(at) => *at = Some(step.to_owned()),
            None => return,
        }
        self.changed.notify_waiters();
        self.wait_until(|| self.paused_at(run_id).is_none().then_some(())).await;
    }

    async fn wait_until<T>(&self, is_over: impl Fn() -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if let Some(result) = is_over() {
                return result;
            }
            changed.await;
        }
    }

    /// Takes the plan for a step, if it is one of these.
    fn take(&self, step: &str, is_meant: impl Fn(&Action) -> bool) -> Option<Action> {
        let mut state = self.state();
        let index = state.actions.iter().position(|(planned, _)| planned == step)?;
        is_meant(&state.actions[index].1)
            .then(|| state.actions.remove(index))
            .flatten()
            .map(|(_, action)| action)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runs {
    pub(crate) fn script(&self) -> &Script {
        &self.shared.script
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    /// Returns the calls that a run has completed, in order, or `None` if no run has this id.
    pub(crate) async fn completed_calls(&self, run_id: &str) -> Result<Option<Vec<String>>, RunsError> {
        let calls = self.recorded_calls(run_id).await?;
        let names = |calls: Vec<RecordedCall>| calls.iter().map(|call| label(call.kind, &call.id)).collect();
        Ok(calls.map(names))
    }

    /// Returns the value of a step, in JSON.
    pub(crate) async fn step_value(&self, run_id: &str, step: &str) -> Result<Option<String>, RunsError> {
        let calls = self.recorded_calls(run_id).await?.unwrap_or_default();
        let call = calls.into_iter().find(|call| call.kind == CallKind::Step && call.id == step);
        Ok(call.and_then(|call| match call.outcome {
            Outcome::Value(value) => Some(value),
            Outcome::Error(_) | Outcome::Begun { .. } => None,
        }))
    }

    async fn recorded_calls(&self, run_id: &str) -> Result<Option<Vec<RecordedCall>>, RunsError> {
        let engine = self.shared.engine();
        let Some(record) = engine.find_run(run_id.to_owned()).await? else { return Ok(None) };
        let mut calls = engine.load_calls(record.run).await?;
        calls.retain(|call| call.outcome.is_final() && !call.kind.is_fork());
        calls.sort_by(|call, other| call.site.cmp(&other.site));
        Ok(Some(calls))
    }
}

impl Call {
    /// Pauses before an attempt if the test wants it to, and returns the attempt's result if the test has planned it.
    pub(super) async fn begin_scripted(&self) -> Option<Result<String, RunError>> {
        let script = &self.context.shared.script;
        script.pause(&self.context.run_id, &self.id).await;
        let is_step = self.kind == CallKind::Step;
        let action = script.take(&self.id, |action| match action {
            Action::Return(_) => is_step,
            Action::Fail(_) | Action::CrashBefore => true,
            Action::CrashAfter => false,
        })?;
        match action {
            Action::Return(value) => Some(Ok(value)),
            Action::Fail(error) => Some(Err(error)),
            Action::CrashBefore | Action::CrashAfter => self.crash().await,
        }
    }

    /// Ends the execution after the work, if the test has planned it.
    pub(super) async fn end_scripted(&self) {
        let script = &self.context.shared.script;
        if script.take(&self.id, |action| matches!(action, Action::CrashAfter)).is_some() {
            self.crash().await
        }
    }

    /// Ends the execution as if its process had ended: nothing is recorded, and the lease must expire.
    async fn crash<T>(&self) -> T {
        let shared = &self.context.shared;
        shared.wake_at(shared.lease() + std::time::Duration::from_millis(1));
        self.context.stop(StopReason::Lost).await
    }
}
