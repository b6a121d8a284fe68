//! Suspended executions: all their branches wait. They hold no slot and no lease; in the journal, their runs become
//! due at some time, for any process. If this process claims the run next, the execution continues at its `await`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, SystemTime};

use super::claiming::POLL_INTERVAL;
use super::execute::Execution;
use crate::storage::Claim;

pub(super) struct Suspended {
    max: usize,
    /// The executions by the row of their run, each with a number that gives the order of arrival.
    executions: BTreeMap<i64, (u64, Claim, Execution)>,
    order: BTreeMap<u64, i64>,
    next: u64,
    /// The rows of runs that were woken while they were suspended.
    woken: Vec<i64>,
    /// When runs become due that should not wait for the next regular poll of the journal.
    due: BinaryHeap<Reverse<SystemTime>>,
}

impl Suspended {
    pub(super) fn new(max: usize) -> Self {
        let (executions, order) = (BTreeMap::new(), BTreeMap::new());
        Self { max, executions, order, next: 0, woken: Vec::new(), due: BinaryHeap::new() }
    }

    pub(super) fn take_row(&mut self, row: i64) -> Option<Execution> {
        let (order, _, execution) = self.executions.remove(&row)?;
        self.order.remove(&order);
        Some(execution)
    }
}

impl super::Shared {
    /// Suspends an execution. If there are too many, the one that has waited longest is dropped.
    pub(super) fn suspend(&self, claim: Claim, execution: Execution) {
        let mut suspended = self.suspended();
        let replaced = suspended.take_row(claim.row);
        let order = suspended.next;
        suspended.next += 1;
        suspended.order.insert(order, claim.row);
        suspended.executions.insert(claim.row, (order, claim, execution));
        let mut dropped = Vec::new();
        while suspended.executions.len() > suspended.max {
            let Some((_, row)) = suspended.order.pop_first() else { break };
            dropped.extend(suspended.executions.remove(&row));
        }
        // Dropped outside of the lock, because this drops everything that their jobs hold.
        drop(suspended);
        drop((replaced, dropped));
    }

    /// Takes the execution of a run, unless another process has executed the run since.
    pub(super) fn take_suspended(&self, claimed: Claim) -> Option<Execution> {
        let mut suspended = self.suspended();
        let (_, claim, _) = suspended.executions.get(&claimed.row)?;
        let is_next = claim.fence + 1 == claimed.fence;
        let execution = suspended.take_row(claimed.row);
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
    pub(super) fn wake_suspended(&self, row: i64) {
        self.suspended().woken.push(row);
        self.wake.notify_one();
    }

    /// Takes the rows of the suspended runs that should be claimed again.
    pub(super) fn take_woken(&self) -> Vec<i64> {
        let mut suspended = self.suspended();
        let mut woken = std::mem::take(&mut suspended.woken);
        woken.retain(|row| suspended.executions.contains_key(row));
        woken
    }

    /// Requests that due runs be claimed at this time.
    pub(super) fn wake_at(&self, due: SystemTime) {
        if due <= self.storage_time() + POLL_INTERVAL {
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
        POLL_INTERVAL
    }
}
