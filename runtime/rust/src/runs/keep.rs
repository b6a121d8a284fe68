//! The two tasks of a process that executes runs: claiming them, and showing that it still holds them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::{Shared, execute};
use crate::hub::Phase;
use crate::storage::Hold;

/// How often to look for runs that became due, or that another process left.
const LOOK: Duration = Duration::from_millis(500);

/// Claims what is due and executes it, until the hub stops.
pub(super) async fn claiming(shared: Arc<Shared>) {
    loop {
        if shared.hub.is_at_least(Phase::Closing) {
            return let_go(&shared).await;
        }
        let claimed = claim(&shared).await;
        if claimed < 2 {
            let mut phase = shared.hub.phase();
            tokio::select! {
                _ = timeout(LOOK, shared.wake.notified()) => {}
                _ = phase.wait_for(|phase| *phase >= Phase::Closing) => {}
            }
        }
    }
}

/// Claims once, and tells how many were there.
async fn claim(shared: &Arc<Shared>) -> usize {
    let room = shared.settings.most.saturating_sub(shared.executing().len());
    let Ok(engine) = shared.engine() else { return 0 };
    if room == 0 {
        return 0;
    }
    let claimed = match engine.claim(shared.job_names(), shared.lease(), room).await {
        Ok(claimed) => claimed,
        Err(error) => {
            tracing::error!(%error, "runs cannot be claimed");
            return 0;
        }
    };
    let count = claimed.len();
    for run in claimed {
        let (hold, ours) = (run.hold, Arc::clone(shared));
        // Held back until it is listed, so that it can be taken off the list.
        let (listed, ready) = tokio::sync::oneshot::channel::<()>();
        let executing = tokio::spawn(async move {
            let _ = ready.await;
            execute::execute(Arc::clone(&ours), run).await;
            ours.executing().remove(&hold);
            ours.wake.notify_one();
        });
        shared.executing().insert(hold, executing.abort_handle());
        let _ = listed.send(());
    }
    count
}

/// Extends the leases, and stops what turns out to be in other hands.
pub(super) async fn extending(shared: Arc<Shared>) {
    let mut phase = shared.hub.phase();
    let pause = shared.settings.lease / 3;
    while timeout(pause, phase.wait_for(|phase| *phase >= Phase::Closing)).await.is_err() {
        let before: Vec<Hold> = shared.executing().keys().copied().collect();
        if before.is_empty() {
            continue;
        }
        let Ok(engine) = shared.engine() else { return };
        match engine.extend(before.clone(), shared.lease()).await {
            Ok(held) => stop_others(&shared, &before, &held.into_iter().collect()),
            Err(error) => tracing::error!(%error, "the leases of runs could not be extended"),
        }
    }
}

/// Stops what was executed `before` the leases were extended, and is not held.
fn stop_others(shared: &Shared, before: &[Hold], held: &HashSet<Hold>) {
    for hold in before.iter().filter(|hold| !held.contains(hold)) {
        if let Some(executing) = shared.executing().remove(hold) {
            executing.abort();
        }
    }
}

/// Stops all, and leaves it to others.
async fn let_go(shared: &Shared) {
    for (_, executing) in shared.executing().drain() {
        executing.abort();
    }
    if let Ok(engine) = shared.engine()
        && let Err(error) = engine.leave().await
    {
        tracing::error!(%error, "runs could not be left to others");
    }
}
