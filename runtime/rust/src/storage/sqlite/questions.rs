//! The questions of runs in SQLite: asking them, and closing them with or without an answer.

use std::collections::HashSet;

use rusqlite::{Result, Transaction, params};

use super::super::{
    Answer, CallKind, CallSite, CallStart, Claim, ClosedQuestion, DecideOutcome, Decision, NewQuestion,
    Outcome, Question, QuestionState, RecordedCall, RunHandle, WaitingEventBuilder,
};
use super::batch::Batch;
use super::runs::{is_claim_valid, json, load_fork, write_call};
use super::signals;
use crate::clock::{from_milliseconds, to_milliseconds};

/// Asks a question unless it was asked before, and closes it if it is answered or its time is over.
pub(super) fn poll(
    batch: &mut Batch<'_>,
    claim: Claim,
    question: &NewQuestion,
    event: &WaitingEventBuilder,
) -> Result<QuestionState> {
    let (transaction, now) = (batch.transaction, batch.now_in_milliseconds());
    if !is_claim_valid(transaction, claim)? {
        return Ok(QuestionState::ClaimLost);
    }
    let (run, names, CallSite { branch, position }) = (claim.run, json(&question.names), &question.site);
    let mut asked = transaction.prepare_cached(
        "INSERT OR IGNORE INTO waits (run, branch, position, id, names, since, until, began_with)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let closes_at = to_milliseconds(question.closes_at);
    let began_with = &question.began_with;
    let added =
        asked.execute(params![run, branch, position, question.id, names, now, closes_at, began_with])?;
    let is_new = added == 1;
    if is_new {
        signals::answer_with_kept(transaction, run, &question.site, &json(&question.stored_names))?;
    }
    let mut current = transaction
        .prepare_cached("SELECT until, answer FROM waits WHERE run = ?1 AND branch = ?2 AND position = ?3")?;
    let (closes_at, answer): (i64, Option<i64>) =
        current.query_row(params![run, branch, position], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if answer.is_none() && closes_at > now {
        if is_new {
            batch.append(&event(&open_questions(transaction, run)?))?;
        }
        return Ok(QuestionState::Open { closes_at: from_milliseconds(closes_at) });
    }
    let answer = answer.map(|signal| signals::take(transaction, signal)).transpose()?;
    if answer.is_some() {
        failpoint!("between-signal-and-step");
    }
    let value = close(batch, run, &question.site, &question.id, question.names.clone(), answer)?;
    if !is_new {
        batch.append(&event(&open_questions(transaction, run)?))?;
    }
    Ok(QuestionState::Closed(value))
}

/// Closes a question, and returns it as JSON, as the journal records it.
fn close(
    batch: &Batch<'_>,
    run: RunHandle,
    site: &CallSite,
    id: &str,
    names: Vec<String>,
    answer: Option<Answer>,
) -> Result<String> {
    let mut closed = batch.transaction.prepare_cached(
        "DELETE FROM waits WHERE run = ?1 AND branch = ?2 AND position = ?3 RETURNING since, began_with",
    )?;
    let (asked_at, began_with) =
        closed.query_row(params![run, site.branch, site.position], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let question = ClosedQuestion { names, answer, asked_at };
    // Cannot fail: the value has only strings and numbers.
    let value = serde_json::to_string(&question).unwrap_or_default();
    let outcome = Outcome::Value(value.clone());
    write_call(
        batch,
        run,
        &RecordedCall { site: site.clone(), kind: CallKind::Wait, id: id.into(), outcome },
        &CallStart { at: from_milliseconds(asked_at), began_with },
    )?;
    Ok(value)
}

struct OpenQuestion {
    question: Question,
    id: String,
    is_answered: bool,
}

fn list_open(transaction: &Transaction<'_>, run: RunHandle) -> Result<Vec<OpenQuestion>> {
    let mut statement = transaction.prepare_cached(
        "SELECT branch, position, names, id, answer FROM waits WHERE run = ?1 ORDER BY since, branch, position",
    )?;
    let rows = statement.query_map([run], |row| {
        let names: String = row.get(2)?;
        Ok(OpenQuestion {
            question: Question {
                site: CallSite { branch: row.get(0)?, position: row.get(1)? },
                names: serde_json::from_str(&names).unwrap_or_default(),
            },
            id: row.get(3)?,
            is_answered: row.get::<_, Option<i64>>(4)?.is_some(),
        })
    })?;
    rows.collect()
}

/// Returns the questions of a run that have no answer yet.
pub(super) fn open_questions(transaction: &Transaction<'_>, run: RunHandle) -> Result<Vec<Question>> {
    let open = list_open(transaction, run)?.into_iter().filter(|open| !open.is_answered);
    Ok(open.map(|open| open.question).collect())
}

/// Returns the signals that would answer questions, each once.
pub(super) fn distinct_names(questions: Vec<Question>) -> Vec<String> {
    let mut known = HashSet::new();
    let names = questions.into_iter().flat_map(|question| question.names);
    names.filter(|name| known.insert(name.clone())).collect()
}

/// Records the branch that decides a fork, and closes the questions of all others.
pub(super) fn decide_fork(
    batch: &mut Batch<'_>,
    claim: Claim,
    decision: &Decision,
    event: &WaitingEventBuilder,
) -> Result<DecideOutcome> {
    let Decision { fork, start, winner, preferred, pending } = decision;
    let transaction = batch.transaction;
    if !is_claim_valid(transaction, claim)? {
        return Ok(DecideOutcome::ClaimLost);
    }
    let mut losing = list_open(transaction, claim.run)?;
    losing
        .retain(|open| fork.site.branch_of(&open.question.site.branch).is_some_and(|index| index != *winner));
    if !preferred.is_empty() {
        let is_preferred =
            |branch: &str| fork.site.branch_of(branch).is_some_and(|index| preferred.contains(&index));
        let holds_answer = |open: &OpenQuestion| open.is_answered && is_preferred(&open.question.site.branch);
        let calls = load_fork(transaction, claim.run, &fork.site)?;
        // Calls that begin together may be recorded in any order.
        let took_answer = |call: &RecordedCall| pending.contains(&call.site) && signals::took_answer(call);
        if losing.iter().any(holds_answer)
            || calls.iter().any(took_answer)
            || signals::is_answer_fresh(&calls, &fork.site, is_preferred)
        {
            return Ok(DecideOutcome::Contested);
        }
    }
    for OpenQuestion { question, id, .. } in &losing {
        close(batch, claim.run, &question.site, id, question.names.clone(), None)?;
    }
    if !bug!(WinnerNotRecorded) {
        write_call(batch, claim.run, fork, start)?;
    }
    if !losing.is_empty() {
        batch.append(&event(&open_questions(transaction, claim.run)?))?;
    }
    Ok(DecideOutcome::Committed)
}
