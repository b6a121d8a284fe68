//! The questions of runs in SQLite: asking them, and closing them with or without an answer.

use rusqlite::{Result, Transaction, params};

use super::super::{
    CallKind, CallSite, Claim, Decided, Decision, Outcome, Question, RecordedCall, RunEvent, Taken, Wait,
    WaitEnd, Waited,
};
use super::batch::Batch;
use super::runs::{is_claim_valid, json, load_fork, write};
use super::signals;
use crate::clock::{from_milliseconds, to_milliseconds};

pub(super) fn wait(batch: &mut Batch<'_>, claim: Claim, wait: &Wait, event: &RunEvent) -> Result<Waited> {
    let (transaction, now) = (batch.transaction, batch.now_in_milliseconds());
    if !is_claim_valid(transaction, claim)? {
        return Ok(Waited::Lost);
    }
    let (row, names, CallSite { branch, position }) = (claim.row, json(&wait.names), &wait.site);
    let mut begun = transaction.prepare_cached(
        "INSERT OR IGNORE INTO waits (run, branch, position, id, names, since, until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let until = to_milliseconds(wait.until);
    let is_new = begun.execute(params![row, branch, position, wait.id, names, now, until])? == 1;
    if is_new {
        signals::answer_with_kept(transaction, row, &wait.site, &names)?;
    }
    let mut current = transaction
        .prepare_cached("SELECT until, answer FROM waits WHERE run = ?1 AND branch = ?2 AND position = ?3")?;
    let (until, answer): (i64, Option<i64>) =
        current.query_row(params![row, branch, position], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if answer.is_none() && until > now {
        if is_new {
            batch.append(&event(&open_questions(transaction, row)?))?;
        }
        return Ok(Waited::Until(from_milliseconds(until)));
    }
    let taken = answer.map(|answer| signals::take(transaction, answer)).transpose()?;
    if taken.is_some() {
        failpoint!("between-signal-and-step");
    }
    let value = close(batch, row, &wait.site, &wait.id, wait.names.clone(), taken)?;
    if !is_new {
        batch.append(&event(&open_questions(transaction, row)?))?;
    }
    Ok(Waited::Done(value))
}

/// Closes a question, and returns its recorded end in JSON.
fn close(
    batch: &Batch<'_>,
    row: i64,
    site: &CallSite,
    id: &str,
    names: Vec<String>,
    taken: Option<Taken>,
) -> Result<String> {
    let mut closed = batch.transaction.prepare_cached(
        "DELETE FROM waits WHERE run = ?1 AND branch = ?2 AND position = ?3 RETURNING since",
    )?;
    let since = closed.query_row(params![row, site.branch, site.position], |row| row.get(0))?;
    let end = WaitEnd { names, taken, since };
    // Cannot fail: the value has only strings and numbers.
    let value = serde_json::to_string(&end).unwrap_or_default();
    let outcome = Outcome::Value(value.clone());
    write(batch, row, &RecordedCall { site: site.clone(), kind: CallKind::Wait, id: id.into(), outcome })?;
    Ok(value)
}

struct OpenWait {
    question: Question,
    id: String,
    is_answered: bool,
}

fn open_waits(transaction: &Transaction<'_>, row: i64) -> Result<Vec<OpenWait>> {
    let mut statement = transaction.prepare_cached(
        "SELECT branch, position, names, id, answer FROM waits WHERE run = ?1 ORDER BY since, branch, position",
    )?;
    let rows = statement.query_map([row], |row| {
        let names: String = row.get(2)?;
        Ok(OpenWait {
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
pub(super) fn open_questions(transaction: &Transaction<'_>, row: i64) -> Result<Vec<Question>> {
    let open = open_waits(transaction, row)?.into_iter().filter(|wait| !wait.is_answered);
    Ok(open.map(|wait| wait.question).collect())
}

pub(super) fn decide(
    batch: &mut Batch<'_>,
    claim: Claim,
    decision: &Decision,
    event: &RunEvent,
) -> Result<Decided> {
    let Decision { fork, winner, preferred, pending } = decision;
    let transaction = batch.transaction;
    if !is_claim_valid(transaction, claim)? {
        return Ok(Decided::Lost);
    }
    let mut lost = open_waits(transaction, claim.row)?;
    lost.retain(|wait| fork.site.branch_of(&wait.question.site.branch).is_some_and(|index| index != *winner));
    if !preferred.is_empty() {
        let is_preferred =
            |branch: &str| fork.site.branch_of(branch).is_some_and(|index| preferred.contains(&index));
        let holds_answer = |wait: &OpenWait| wait.is_answered && is_preferred(&wait.question.site.branch);
        let calls = load_fork(transaction, claim.row, &fork.site)?;
        // Calls that begin together may be recorded in any order.
        let holds_taken = |call: &RecordedCall| pending.contains(&call.site) && signals::took_answer(call);
        if lost.iter().any(holds_answer)
            || calls.iter().any(holds_taken)
            || signals::is_answer_fresh(&calls, &fork.site, is_preferred)
        {
            return Ok(Decided::Contested);
        }
    }
    for OpenWait { question, id, .. } in &lost {
        close(batch, claim.row, &question.site, id, question.names.clone(), None)?;
    }
    if !bug!(WinnerInMemory) {
        write(batch, claim.row, fork)?;
    }
    if !lost.is_empty() {
        batch.append(&event(&open_questions(transaction, claim.row)?))?;
    }
    Ok(Decided::Committed)
}
