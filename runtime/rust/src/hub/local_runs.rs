//! The runs that this process executes, as far as the hub controls them.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::Hub;
use crate::storage::{DueRuns, RunHandle};

/// The part of a process that executes runs.
pub(crate) trait LocalRuns: Send + Sync {
    /// Returns the names of the jobs that are registered.
    fn job_names(&self) -> Vec<&'static str>;

    /// Drops the execution of a run, if there is one.
    fn abort(&self, run: RunHandle);

    /// Claims the runs that are due.
    fn claim_due(&self);
}

#[derive(Default)]
pub(super) struct AllLocalRuns(Mutex<Vec<Weak<dyn LocalRuns>>>);

impl AllLocalRuns {
    fn list(&self) -> Vec<Arc<dyn LocalRuns>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|runs| runs.strong_count() > 0);
        all.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Hub {
    /// Registers runs for as long as they exist.
    pub(crate) fn register_local_runs(&self, runs: Weak<dyn LocalRuns>) {
        self.shared.local_runs.0.lock().unwrap_or_else(PoisonError::into_inner).push(runs);
    }

    /// Drops the execution of a run in this process, if there is one.
    pub(crate) fn abort_run(&self, run: RunHandle) {
        for runs in self.shared.local_runs.list() {
            runs.abort(run);
        }
    }

    /// Claims the runs that are due, if this process executes their jobs.
    pub(crate) fn claim_due_runs(&self) {
        for runs in self.shared.local_runs.list() {
            runs.claim_due();
        }
    }

    /// Claims runs, and wakes the waits of runs, when another process has made them due.
    pub(super) fn follow_due_runs(&self) {
        // The storage must not keep the hub alive.
        let hub = self.downgrade();
        self.storage().follow_due_runs(Box::new(move |runs| {
            let Some(hub) = hub.upgrade() else { return };
            match runs {
                DueRuns::Any => hub.claim_due_runs(),
                DueRuns::OfSignal { channel } => hub.wake_runs(channel),
            }
        }));
    }

    /// Returns the names of the jobs that are registered in this process, sorted.
    pub(crate) fn job_names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> =
            self.shared.local_runs.list().iter().flat_map(|runs| runs.job_names()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
