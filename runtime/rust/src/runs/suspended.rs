//! Suspended executions: all their branches wait. They hold no slot and no lease; in the journal, their runs become
//! due at some time, for any process. If this process claims the run next, the execution continues at its `await`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, SystemTime};

use super::claiming::poll_interval;
use super::execute::Execution;
use crate::storage::{Claim, RunHandle};

pub(super) struct Suspended {
    max: usize,
    /// Each execution has a number that gives the order of arrival.
    executions: BTreeMap<RunHandle, (u64, Claim, Execution)>,
    order: BTreeMap<u64, RunHandle>,
    next: u64,
    /// The runs that were woken while they were suspended.
    woken: Vec<RunHandle>,
    /// When runs become due that should not wait for the next regular poll of the journal.
    due: BinaryHeap<Reverse<SystemTime>>,
}

impl Suspended {
    pub(super) fn new(max: usize) -> Self {
        let (executions, order) = (BTreeMap::new(), BTreeMap::new());
        Self { max, executions, order, next: 0, woken: Vec::new(), due: BinaryHeap::new() }
    }

    pub(super) fn take_run(&mut self, run: RunHandle) -> Option<Execution> {
        let (order, _, execution) = self.executions.remove(&run)?;
        self.order.remove(&order);
        Some(execution)
    }
}

impl super::Shared {
    /// Suspends an execution. If there are too many, the one that has waited longest is dropped.
    pub(super) fn suspend(&self, claim: Claim, execution: Execution) {
        let mut suspended = self.suspended();
        let replaced = suspended.take_run(claim.run);
        let order = suspended.next;
        suspended.next += 1;
        suspended.order.insert(order, claim.run);
        suspended.executions.insert(claim.run, (order, claim, execution));
        let mut dropped = Vec::new();
        while suspended.executions.len() > suspended.max {
            let Some((_, run)) = suspended.order.pop_first() else { break };
            dropped.extend(suspended.executions.remove(&run));
        }
        // Dropped outside of the lock, because this drops everything that their jobs hold.
        drop(suspended);
        drop((replaced, dropped));
    }

    /// Takes the execution of a run, unless another process has executed the run since.
    pub(super) fn take_suspended(&self, claimed: Claim) -> Option<Execution> {
        let mut suspended = self.suspended();
        let (_, claim, _) = suspended.executions.get(&claimed.run)?;
        let is_next = claimed.follows(*claim);
        let execution = suspended.take_run(claimed.run);
        drop(suspended);
        execution.filter(|_| is_next)
    }

    pub(super) fn drop_suspended(&self) {
        let mut suspended = self.suspended();
        let executions = std::mem::take(&mut suspended.executions);
        suspended.order.clear();
        drop(suspended);
        drop(executions);
    }

    /// Requests that a suspended run be claimed again.
    pub(super) fn wake_suspended(&self, run: RunHandle) {
        self.suspended().woken.push(run);
        self.wake.notify_one();
    }

    /// Takes the suspended runs that should be claimed again.
    pub(super) fn take_woken(&self) -> Vec<RunHandle> {
        let mut suspended = self.suspended();
        let mut woken = std::mem::take(&mut suspended.woken);
        woken.retain(|run| suspended.executions.contains_key(run));
        woken
    }

    /// Keeps woken runs for the next poll of the journal.
    pub(super) fn keep_woken(&self, woken: Vec<RunHandle>) {
        self.suspended().woken.extend(woken);
    }

    /// Requests that due runs be claimed at this time.
    pub(super) fn wake_at(&self, due: SystemTime) {
        if due <= self.storage_time() + poll_interval() {
            self.suspended().due.push(Reverse(due));
            self.wake.notify_one();
        }
    }

    /// Returns the time until the next suspended run becomes due.
    pub(super) fn next_due(&self) -> Duration {
        let (now, mut suspended) = (self.storage_time(), self.suspended());
        while let Some(Reverse(due)) = suspended.due.peek() {
            if let Ok(left) = due.duration_since(now)
                && !left.is_zero()
            {
                // The journal rounds to milliseconds.
                return left + Duration::from_millis(1);
            }
            suspended.due.pop();
        }
        poll_interval()
    }
}
