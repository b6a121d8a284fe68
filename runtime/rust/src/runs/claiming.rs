//! The background tasks of a process that executes runs: claiming runs, extending leases, and housekeeping.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, timeout};

use super::execute::{execute, give_up};
use super::{Shared, Slot};
use crate::clock;
use crate::hub::Phase;
use crate::metrics;
use crate::storage::{Claim, ClaimedRun, RunCounts};

/// Returns how often to poll for runs that became due or that other processes released or took over.
pub(super) fn poll_interval() -> Duration {
    clock::poll_interval(Duration::from_millis(500))
}

/// How often ended runs are deleted and runs counted.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(10);

/// How many ended runs are deleted per transaction. The number is small because publishers wait meanwhile.
const MAX_DELETED_RUNS: usize = 100;

/// How long all slots may be taken before a warning names the runs in them.
const SATURATION_WARNING_AFTER: Duration = Duration::from_secs(30);

/// Claims runs that are due and executes them, until the hub stops.
pub(super) async fn claim_runs(shared: Arc<Shared>) {
    let mut last_poll = Instant::now();
    loop {
        if shared.hub.has_entered(Phase::Closing) {
            return release_runs(&shared).await;
        }
        let claimed = claim(&shared).await;
        if last_poll.elapsed() >= poll_interval() {
            stop_lost_executions(&shared).await;
            wake_waits(&shared);
            free_orphans(&shared).await;
            last_poll = Instant::now();
        }
        if claimed < 2 {
            let pause = shared.next_due().min(poll_interval());
            let mut phase = shared.hub.phase();
            tokio::select! {
                _ = timeout(pause, shared.wake.notified()) => {}
                _ = phase.wait_for(|phase| *phase >= Phase::Closing) => {}
            }
        }
    }
}

/// Claims once, and returns how many runs were due.
async fn claim(shared: &Arc<Shared>) -> usize {
    let free = shared.settings.max_concurrent_runs.saturating_sub(shared.slots().len());
    let engine = shared.engine();
    if free == 0 {
        return 0;
    }
    let woken = shared.take_woken();
    if !woken.is_empty()
        && let Err(error) = engine.make_due(woken.clone()).await
    {
        tracing::error!(%error, "failed to wake runs");
        shared.keep_woken(woken);
    }
    let claimed = match engine.claim_runs(shared.owned_job_names(), shared.lease(), free).await {
        Ok(claimed) => claimed,
        Err(error) => {
            tracing::error!(%error, "failed to claim runs");
            return 0;
        }
    };
    let count = claimed.len();
    for run in claimed {
        spawn(shared, run);
    }
    count
}

fn spawn(shared: &Arc<Shared>, claimed: ClaimedRun) {
    let (claim, run_id) = (claimed.claim, claimed.run.run_id.clone());
    let (context, ours) = (Arc::new(OnceLock::new()), Arc::clone(shared));
    let executed = Arc::clone(&context);
    // The task waits until its slot is registered, so that it never ends before there is a slot to free.
    let (listed, ready) = tokio::sync::oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let _free = FreeSlot { shared: Arc::clone(&ours), claim };
        let _ = ready.await;
        if claimed.crashes > ours.settings.max_retries {
            give_up(&ours, &claimed).await;
        } else {
            execute(&ours, claimed, &executed).await;
        }
    });
    let slot = Slot { claim, run_id, since: Instant::now(), context, task: task.abort_handle() };
    shared.slots().insert(claim.run, slot);
    let _ = listed.send(());
}

/// Frees a slot however its execution ends, even by a panic.
struct FreeSlot {
    shared: Arc<Shared>,
    claim: Claim,
}

impl Drop for FreeSlot {
    fn drop(&mut self) {
        let mut slots = self.shared.slots();
        if slots.get(&self.claim.run).is_some_and(|slot| slot.claim == self.claim) {
            slots.remove(&self.claim.run);
        }
        drop(slots);
        self.shared.wake.notify_one();
    }
}

/// Extends the leases, and stops executions whose runs another process holds.
pub(super) async fn extend_leases(shared: Arc<Shared>) {
    let mut phase = shared.hub.phase();
    let pause = shared.settings.lease / 3;
    while timeout(pause, phase.wait_for(|phase| *phase >= Phase::Closing)).await.is_err() {
        let before = shared.claims();
        if before.is_empty() {
            continue;
        }
        let engine = shared.engine();
        match engine.extend_leases(before.clone(), shared.lease()).await {
            Ok(valid) => stop_unless_valid(&shared, &before, &valid),
            Err(error) => tracing::error!(%error, "failed to extend leases"),
        }
    }
}

/// Stops executions whose runs were cancelled or taken by another process.
async fn stop_lost_executions(shared: &Shared) {
    let before = shared.claims();
    let engine = shared.engine();
    if !before.is_empty()
        && let Ok(valid) = engine.find_valid_claims(before.clone()).await
    {
        stop_unless_valid(shared, &before, &valid);
    }
}

/// Stops the executions in `before` whose runs are no longer held.
fn stop_unless_valid(shared: &Shared, before: &[Claim], valid: &[Claim]) {
    let valid: HashSet<&Claim> = valid.iter().collect();
    for claim in before.iter().filter(|claim| !valid.contains(claim)) {
        shared.abort_claim(*claim);
    }
}

/// Wakes all waits, because another process may have received their signals. A run stays here while other branches
/// work.
fn wake_waits(shared: &Shared) {
    for context in shared.slots().values().filter_map(|slot| slot.context.get()) {
        context.wake.wake();
    }
}

async fn free_orphans(shared: &Shared) {
    if let Err(error) = shared.engine().free_orphans().await {
        tracing::error!(%error, "failed to free the runs of processes that ended");
    }
}

/// Deletes ended runs, counts the others, and warns if all slots stay taken for long.
pub(super) async fn run_housekeeping(shared: Arc<Shared>) {
    let mut phase = shared.hub.phase();
    let mut saturated_since = None;
    loop {
        delete_ended(&shared).await;
        let engine = shared.engine();
        if let Ok(counts) = engine.count_runs().await {
            report(&counts, shared.storage_time());
        }
        if shared.slots().len() < shared.settings.max_concurrent_runs {
            saturated_since = None;
        } else if saturated_since.get_or_insert_with(Instant::now).elapsed() >= SATURATION_WARNING_AFTER {
            warn_of_saturation(&shared);
            saturated_since = None;
        }
        let interval = clock::poll_interval(HOUSEKEEPING_INTERVAL);
        if timeout(interval, phase.wait_for(|phase| *phase >= Phase::Closing)).await.is_ok() {
            return;
        }
    }
}

fn report(counts: &RunCounts, now: SystemTime) {
    let RunCounts { executing, due, waiting, halted, oldest_due } = *counts;
    for (state, runs) in [("executing", executing), ("due", due), ("waiting", waiting), ("halted", halted)] {
        metrics::set_runs(state, runs);
    }
    let age = oldest_due.and_then(|since| now.duration_since(since).ok());
    metrics::set_oldest_due_run(age.unwrap_or_default());
}

async fn delete_ended(shared: &Shared) {
    let before = shared.storage_time().checked_sub(shared.settings.run_retention);
    let Some(before) = before else { return };
    let engine = shared.engine();
    loop {
        match engine.delete_ended_runs(before, MAX_DELETED_RUNS).await {
            Ok(deleted) if deleted < MAX_DELETED_RUNS => return,
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => return tracing::error!(%error, "failed to delete ended runs"),
        }
    }
}

fn warn_of_saturation(shared: &Shared) {
    let slots = shared.slots();
    let mut oldest: Vec<&Slot> = slots.values().collect();
    oldest.sort_by_key(|slot| slot.since);
    let holders: Vec<String> = oldest.iter().take(10).map(|slot| slot.describe()).collect();
    let (max, holders) = (shared.settings.max_concurrent_runs, holders.join(", "));
    tracing::warn!(max, holders, "every slot for executing runs is taken; other runs wait for one");
}

/// Stops all executions and releases their runs.
async fn release_runs(shared: &Shared) {
    let slots = std::mem::take(&mut *shared.slots());
    for slot in slots.into_values() {
        slot.task.abort();
    }
    shared.drop_suspended();
    if let Err(error) = shared.engine().release_runs().await {
        tracing::error!(%error, "failed to release runs");
    }
}
