//! Ending the sleeps of a run, and the delays before its next attempts, early.

use super::super::inspection::RunStateName;
use super::super::recorded_call::{CallKind, CallSite, Outcome};
use super::WakeEffect;
use super::lost_branches::Decisions;
use super::rows::{CallOutline, JournalRows};

/// Ends the sleeps and delays of a run that no process holds, or only the one at a site.
pub(in crate::storage) async fn wake<R: JournalRows>(
    rows: &mut R,
    run_id: &str,
    site: Option<&CallSite>,
) -> Result<WakeEffect, R::Failure> {
    let now = rows.now();
    let Some(mut head) = rows.lock_run_by_id(run_id).await? else { return Ok(WakeEffect::NoRun) };
    if head.state != RunStateName::Running {
        return Ok(WakeEffect::NotSleeping);
    }
    if head.owner.is_some() && head.lease >= now {
        return Ok(WakeEffect::Executing);
    }
    let calls = rows.load_outlines(head.run).await?;
    let decisions = Decisions::among(&calls);
    let is_meant = |call: &CallOutline| match site {
        Some(site) => call.site == *site,
        None => !is_time_limit(call),
    };
    let is_pause =
        |call: &&CallOutline| is_paused(call, now) && !decisions.is_lost(&call.site) && is_meant(call);
    let pauses: Vec<&CallOutline> = calls.iter().filter(is_pause).collect();
    let is_delayed = head.failures > 0 && head.due > now;
    let woken = pauses.len() + usize::from(is_delayed && site.is_none());
    if woken == 0 {
        return Ok(WakeEffect::NotSleeping);
    }
    let ended = now.to_string();
    for pause in pauses {
        let value = Some(&*ended).filter(|_| pause.kind == CallKind::Sleep);
        rows.end_pause(head.run, &pause.site, value, now).await?;
    }
    head.due = head.due.min(now);
    // With another fence, no process continues an execution in memory, which waits for the former time.
    head.fence += 1;
    rows.update_run(&head).await?;
    Ok(WakeEffect::Woken(woken))
}

/// Returns whether a call is a sleep that is not over, or waits for its next attempt.
fn is_paused(call: &CallOutline, now: i64) -> bool {
    match &call.outcome {
        Outcome::Value(until) if call.kind == CallKind::Sleep => {
            until.parse::<i64>().is_ok_and(|until| until > now)
        }
        Outcome::Begun { due, .. } => call.kind != CallKind::Sleep && *due > now,
        _ => false,
    }
}

/// Returns whether a call is the time limit of `run.timeout`, or a sleep without an id.
fn is_time_limit(call: &CallOutline) -> bool {
    call.kind == CallKind::Sleep && call.id.is_empty()
}
