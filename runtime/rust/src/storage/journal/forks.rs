//! Deciding forks.

use std::collections::BTreeMap;

use super::super::recorded_call::{CallKind, CallSite, Outcome, RecordedCall};
use super::rows::{JournalRows, OpenQuestion};
use super::{Claim, ClosedQuestion, DecideOutcome, Decision, WaitingEventBuilder};
use super::{calls, claims, questions};

/// Records the branch that decides a fork, and closes the questions of all others.
pub(in crate::storage) async fn decide<R: JournalRows>(
    rows: &mut R,
    claim: Claim,
    decision: &Decision,
    event: &WaitingEventBuilder,
) -> Result<DecideOutcome, R::Failure> {
    if !claims::lock(rows, claim).await? {
        return Ok(DecideOutcome::ClaimLost);
    }
    let (mut losing, mut open) = (Vec::new(), Vec::new());
    for question in rows.load_questions(claim.run).await? {
        let branch = decision.fork.site.branch_of(&question.question.site.branch);
        let is_losing = branch.is_some_and(|index| index != decision.winner);
        if is_losing { losing.push(question) } else { open.push(question) }
    }
    if !decision.preferred.is_empty() {
        let calls = rows.load_fork(claim.run, &decision.fork.site).await?;
        if is_contested(decision, &losing, &calls) {
            return Ok(DecideOutcome::Contested);
        }
    }
    for question in &losing {
        questions::close(rows, claim.run, question, None).await?;
    }
    if !bug!(WinnerNotRecorded) {
        calls::write(rows, claim.run, &decision.fork, &decision.start).await?;
    }
    if !losing.is_empty() {
        rows.append(&event(&questions::unanswered(open))).await?;
    }
    Ok(DecideOutcome::Committed)
}

/// Returns whether a branch that takes precedence holds an accepted signal that the job has not acted on. `losing` are
/// the open questions of the branches that lose, `calls` the recorded calls of the fork.
fn is_contested(decision: &Decision, losing: &[OpenQuestion], calls: &[RecordedCall]) -> bool {
    let fork = &decision.fork.site;
    let is_preferred =
        |branch: &str| fork.branch_of(branch).is_some_and(|index| decision.preferred.contains(&index));
    let holds_answer =
        |open: &OpenQuestion| open.answer.is_some() && is_preferred(&open.question.site.branch);
    // Calls that begin together may be recorded in any order.
    let is_pending = |call: &RecordedCall| decision.pending.contains(&call.site) && took_answer(call);
    losing.iter().any(holds_answer)
        || calls.iter().any(is_pending)
        || is_answer_fresh(calls, fork, is_preferred)
}

/// Returns whether a branch of a fork that goes first took an answer and has recorded nothing since. Such a branch
/// is about to act on the answer.
fn is_answer_fresh(calls: &[RecordedCall], fork: &CallSite, is_preferred: impl Fn(&str) -> bool) -> bool {
    let mut last: BTreeMap<&str, &RecordedCall> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.outcome.is_final()) {
        let latest = last.entry(&call.site.branch).or_insert(call);
        if latest.site.position < call.site.position {
            *latest = call;
        }
    }
    last.iter()
        .filter(|(branch, _)| is_preferred(branch))
        .any(|(branch, call)| took_answer(call) && has_no_later_call(&last, fork, branch))
}

/// Returns whether a recorded call is a wait that took an answer.
fn took_answer(call: &RecordedCall) -> bool {
    let Outcome::Value(value) = &call.outcome else { return false };
    let question = || serde_json::from_str::<ClosedQuestion>(value).ok();
    call.kind == CallKind::Wait && question().is_some_and(|question| question.answer.is_some())
}

/// Walks from `branch` out to `fork`. Returns `false` if an enclosing branch recorded a call after the nested fork that
/// contains `branch`. The decision of such a fork does not count.
fn has_no_later_call(last: &BTreeMap<&str, &RecordedCall>, fork: &CallSite, branch: &str) -> bool {
    let mut inner = CallSite { branch: branch.to_owned(), position: 0 };
    while let Some(around) = inner.fork() {
        if around == *fork {
            return true;
        }
        if last.get(&*around.branch).is_some_and(|call| call.site.position > around.position) {
            return false;
        }
        inner = around;
    }
    false
}
