//! The waker that a job is polled with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Wake, Waker};

use super::Shared;
use crate::storage::RunHandle;

/// Wakes the task that executes a job. A suspended job has no task; a wake-up then makes its run due, so that futures
/// other than the run's calls make progress, too.
pub(super) struct JobWaker {
    shared: Weak<Shared>,
    run: RunHandle,
    task: Mutex<Option<Waker>>,
    is_suspended: AtomicBool,
    was_woken: AtomicBool,
}

impl JobWaker {
    pub(super) fn new(shared: &Arc<Shared>, run: RunHandle) -> Arc<Self> {
        let (task, is_suspended, was_woken) =
            (Mutex::new(None), AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { shared: Arc::downgrade(shared), run, task, is_suspended, was_woken })
    }

    /// Sets the task that is about to poll the job.
    pub(super) fn set_task(&self, waker: &Waker) {
        self.was_woken.store(false, Ordering::SeqCst);
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if !task.as_ref().is_some_and(|task| task.will_wake(waker)) {
            *task = Some(waker.clone());
        }
    }

    /// Removes the task, because the job is about to be suspended. From here on, a wake-up claims the run.
    pub(super) fn suspend(&self) {
        self.is_suspended.store(true, Ordering::SeqCst);
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Ends the suspension. The job is about to be polled, so a wake-up need not claim the run again: it would find the
    /// job waiting, resume it, and so wake it once more.
    pub(super) fn resume(&self) {
        self.is_suspended.store(false, Ordering::SeqCst);
    }

    /// Claims the run again if the job was woken since its last poll. Called once the run has been released,
    /// because a run cannot be claimed before.
    pub(super) fn handle_missed_wake(&self) {
        if self.was_woken.load(Ordering::SeqCst) {
            self.claim_again();
        }
    }

    fn claim_again(&self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.wake_suspended(self.run);
        }
    }
}

impl Wake for JobWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.was_woken.store(true, Ordering::SeqCst);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match task {
            Some(task) => task.wake(),
            None if self.is_suspended.load(Ordering::SeqCst) => self.claim_again(),
            None => {}
        }
    }
}
