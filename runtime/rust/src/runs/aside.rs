//! Executions whose branches all wait. They hold no slot and no lease: in the journal their runs become due at
//! some time, for any process. If this process claims the run next, the execution continues at its `await`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, SystemTime};

use super::claiming::LOOK;
use super::execute::Execution;
use crate::storage::Hold;

pub(super) struct Aside {
    max: usize,
    /// The executions by the row of their run, each with a number that gives the order of arrival.
    executions: BTreeMap<i64, (u64, Hold, Execution)>,
    order: BTreeMap<u64, i64>,
    next: u64,
    /// The rows of runs that were woken while they were put aside.
    woken: Vec<i64>,
    /// When runs become due that should not wait for the next regular look at the journal.
    due: BinaryHeap<Reverse<SystemTime>>,
}

impl Aside {
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
    /// Puts an execution aside. If there are too many, the one that has waited longest is dropped.
    pub(super) fn put_aside(&self, hold: Hold, execution: Execution) {
        let mut aside = self.aside();
        let replaced = aside.take_row(hold.row);
        let order = aside.next;
        aside.next += 1;
        aside.order.insert(order, hold.row);
        aside.executions.insert(hold.row, (order, hold, execution));
        let mut dropped = Vec::new();
        while aside.executions.len() > aside.max {
            let Some((_, row)) = aside.order.pop_first() else { break };
            dropped.extend(aside.executions.remove(&row));
        }
        // Dropped outside of the lock, because this drops everything that their jobs hold.
        drop(aside);
        drop((replaced, dropped));
    }

    /// Takes the execution of a run, unless another process has executed the run since.
    pub(super) fn take_aside(&self, claimed: Hold) -> Option<Execution> {
        let mut aside = self.aside();
        let (_, hold, _) = aside.executions.get(&claimed.row)?;
        let is_next = hold.fence + 1 == claimed.fence;
        let execution = aside.take_row(claimed.row);
        drop(aside);
        execution.filter(|_| is_next)
    }

    pub(super) fn drop_aside(&self) {
        let mut aside = self.aside();
        let executions = std::mem::take(&mut aside.executions);
        aside.order.clear();
        drop(aside);
        drop(executions);
    }

    /// Requests that a run put aside be claimed again.
    pub(super) fn wake_aside(&self, row: i64) {
        self.aside().woken.push(row);
        self.wake.notify_one();
    }

    /// Takes the rows of the runs put aside that should be claimed again.
    pub(super) fn take_woken(&self) -> Vec<i64> {
        let mut aside = self.aside();
        let mut woken = std::mem::take(&mut aside.woken);
        woken.retain(|row| aside.executions.contains_key(row));
        woken
    }

    /// Requests that due runs be claimed at this time.
    pub(super) fn wake_at(&self, due: SystemTime) {
        if due <= self.now() + LOOK {
            self.aside().due.push(Reverse(due));
            self.wake.notify_one();
        }
    }

    /// Returns the time until the next run put aside here becomes due.
    pub(super) fn next_due(&self) -> Duration {
        let (now, mut aside) = (self.now(), self.aside());
        while let Some(Reverse(due)) = aside.due.peek() {
            if let Ok(left) = due.duration_since(now)
                && !left.is_zero()
            {
                // The journal rounds to milliseconds.
                return left + Duration::from_millis(1);
            }
            aside.due.pop();
        }
        LOOK
    }
}
