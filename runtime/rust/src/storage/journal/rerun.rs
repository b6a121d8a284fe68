//! Running a job again from a call on: a new run that begins with part of another run's journal.

use std::collections::BTreeSet;

use super::super::Entry;
use super::super::recorded_call::CallSite;
use super::lost_branches::Decisions;
use super::rows::{CallOutline, JournalRows, Origin, RunHead};
use super::{NewRun, RerunEffect, RunRecord};

/// Adds a run that begins with the calls before the call of the job at `position`: those at smaller positions of the
/// job, and those in the branches of forks there.
pub(in crate::storage) async fn rerun<R: JournalRows>(
    rows: &mut R,
    run_id: &str,
    position: u32,
    new_run_id: &str,
    event: &Entry,
) -> Result<RerunEffect, R::Failure> {
    let now = rows.now();
    let origin = Origin { run_id: run_id.to_owned(), call: position.to_string() };
    // Lock the run, so that it records nothing meanwhile.
    let Some(head) = rows.lock_run_by_id(run_id).await? else { return Ok(RerunEffect::NoRun) };
    if let Some(existing) = rows.lock_run_by_id(new_run_id).await? {
        return Ok(compare(&existing, &origin));
    }
    let calls = rows.load_outlines(head.run).await?;
    let open = rows.load_questions(head.run).await?;
    let mut asked = open.iter().map(|open| &open.question.site);
    let mut sites = calls.iter().map(|call| &call.site).chain(asked.clone());
    if !sites.any(|site| root_position(site) == position) {
        return Ok(RerunEffect::NoCall);
    }
    if let Some(unfinished) = find_unfinished(&calls, &mut asked, position) {
        return Ok(RerunEffect::UnfinishedCall(unfinished));
    }
    let Some(RunRecord { job, channel, input, .. }) = rows.read_run(run_id).await? else {
        return Ok(RerunEffect::NoRun);
    };
    let run = NewRun { run_id: new_run_id.to_owned(), job, channel, input };
    let Some(new) = rows.insert_run(&run, Some(&origin), now).await? else {
        // Another transaction has added it meanwhile.
        let existing = rows.lock_run_by_id(new_run_id).await?;
        return Ok(existing.map_or(RerunEffect::RunExists, |existing| compare(&existing, &origin)));
    };
    rows.copy_root(head.run, new, position).await?;
    let in_branches = calls.iter().filter(|call| !call.site.branch.is_empty());
    let forks: BTreeSet<u32> = in_branches.map(|call| root_position(&call.site)).collect();
    for fork in forks.range(..position) {
        let fork = CallSite { branch: String::new(), position: *fork };
        rows.copy_fork(head.run, new, &fork).await?;
    }
    rows.append(event).await?;
    Ok(RerunEffect::New)
}

/// Returns the effect of a rerun whose run exists.
fn compare(existing: &RunHead, origin: &Origin) -> RerunEffect {
    let is_same = existing.origin.as_ref().is_some_and(|known| known == origin);
    if is_same { RerunEffect::Existing } else { RerunEffect::RunExists }
}

/// Returns the position in the job of a call, or of the fork that contains it.
fn root_position(site: &CallSite) -> u32 {
    std::iter::successors(site.fork(), CallSite::fork).last().map_or(site.position, |fork| fork.position)
}

/// Returns a call to keep that has not ended. Those in branches that lost are not executed again, so they may be
/// unfinished.
fn find_unfinished<'c>(
    calls: &'c [CallOutline],
    asked: impl Iterator<Item = &'c CallSite>,
    position: u32,
) -> Option<CallSite> {
    let decisions = Decisions::among(calls);
    let begun = calls.iter().filter(|call| !call.outcome.is_final()).map(|call| &call.site);
    let mut unfinished =
        begun.chain(asked).filter(|site| root_position(site) < position && !decisions.is_lost(site));
    unfinished.next().cloned()
}
