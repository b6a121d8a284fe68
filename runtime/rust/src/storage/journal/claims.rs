//! Claiming and releasing runs.

use std::time::SystemTime;

use super::super::inspection::RunStateName;
use super::rows::{HeldRun, JournalRows, RunHead, SUSPECT};
use super::{Claim, ClaimedRun, NewRun, RunHandle};
use crate::clock::to_milliseconds;

/// Makes halted runs of these jobs due, because this server may have the code that they need, and frees orphans.
pub(in crate::storage) async fn recover<R: JournalRows>(
    rows: &mut R,
    jobs: &[String],
) -> Result<(), R::Failure> {
    let now = rows.now();
    rows.resume_halted(jobs, now).await?;
    free_orphans(rows).await
}

/// Frees the runs of processes that no longer exist, and counts a crash for each. The more often in a row a run
/// crashed, the longer it waits before it is due, up to 64 seconds.
pub(in crate::storage) async fn free_orphans<R: JournalRows>(rows: &mut R) -> Result<(), R::Failure> {
    for owner in rows.remove_ended_processes().await? {
        for HeldRun { mut head, recorded } in rows.list_held(owner).await? {
            head.crashes = if recorded > head.progress { 1 } else { head.crashes + 1 };
            head.progress = recorded;
            if let Some(above) = head.crashes.checked_sub(SUSPECT) {
                head.due = head.due.max(rows.now() + (1000 << above.min(6)));
            }
            head.release();
            rows.update_run(&head).await?;
        }
    }
    Ok(())
}

/// Claims at most `limit` runs that are due, those that have been due longest first.
pub(in crate::storage) async fn claim<R: JournalRows>(
    rows: &mut R,
    owner: u32,
    jobs: &[String],
    lease: SystemTime,
    limit: usize,
) -> Result<Vec<ClaimedRun>, R::Failure> {
    let now = rows.now();
    let mut due = rows.list_due(jobs, false, now, limit).await?;
    let suspects = rows.list_due(jobs, true, now, limit.min(1)).await?;
    if !suspects.is_empty() && !rows.holds_suspect(owner, now).await? {
        due.extend(suspects);
        due.sort_by_key(|run| run.held.head.due);
        due.truncate(limit);
    }
    let mut claimed = Vec::new();
    for run in due {
        let HeldRun { mut head, recorded } = run.held;
        if recorded > head.progress {
            head.crashes = 0;
        }
        // The lease of another process is over.
        head.crashes += u32::from(head.owner.is_some_and(|before| before != owner));
        head.progress = recorded;
        head.fence += 1;
        head.owner = Some(owner);
        head.lease = to_milliseconds(lease);
        rows.update_run(&head).await?;
        claimed.push(ClaimedRun {
            claim: Claim { run: head.run, fence: head.fence },
            failures: head.failures,
            crashes: head.crashes,
            retries: head.retries,
            run: NewRun { run_id: head.run_id, job: run.job, channel: head.channel, input: run.input },
        });
    }
    Ok(claimed)
}

/// Makes runs due that no process holds.
pub(in crate::storage) async fn make_due<R: JournalRows>(
    rows: &mut R,
    runs: &[RunHandle],
) -> Result<(), R::Failure> {
    let now = rows.now();
    rows.make_due(runs, now).await
}

/// Releases all runs that a process holds.
pub(in crate::storage) async fn release<R: JournalRows>(rows: &mut R, owner: u32) -> Result<(), R::Failure> {
    if bug!(RunsNotReleased) {
        return Ok(());
    }
    rows.release_runs(owner).await
}

/// Extends the leases of the given runs only. A run whose end could not be recorded is still held but no longer
/// executed; its lease must expire.
pub(in crate::storage) async fn extend<R: JournalRows>(
    rows: &mut R,
    owner: u32,
    claims: &[Claim],
    lease: SystemTime,
) -> Result<Vec<Claim>, R::Failure> {
    rows.extend_leases(claims, owner, to_milliseconds(lease)).await
}

/// Returns the claims that are still valid.
pub(in crate::storage) async fn find_valid<R: JournalRows>(
    rows: &mut R,
    claims: &[Claim],
) -> Result<Vec<Claim>, R::Failure> {
    if bug!(FenceNotChecked) {
        return Ok(claims.to_vec());
    }
    rows.find_valid_claims(claims).await
}

/// Locks a run, and returns whether the claim is still valid.
pub(super) async fn lock<R: JournalRows>(rows: &mut R, claim: Claim) -> Result<bool, R::Failure> {
    Ok(rows.lock_claim(claim).await? || bug!(FenceNotChecked))
}

/// Locks a run, and returns it if the claim is still valid.
pub(super) async fn lock_run<R: JournalRows>(
    rows: &mut R,
    claim: Claim,
) -> Result<Option<RunHead>, R::Failure> {
    let is_valid = |head: &RunHead| {
        (head.fence == claim.fence && head.state == RunStateName::Running) || bug!(FenceNotChecked)
    };
    Ok(rows.lock_run(claim.run).await?.filter(is_valid))
}
