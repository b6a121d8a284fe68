//! Signals in SQLite. A question takes one answer.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Result, Transaction, params};

use super::super::{
    Answer, CallKind, CallSite, ClosedQuestion, NewSignal, Outcome, RecordedCall, RunHandle, SignalOutcome,
};
use super::batch::Batch;
use super::runs::json;
use crate::clock::{from_milliseconds, to_milliseconds};

/// The run that receives a signal.
struct Target {
    run: RunHandle,
    run_id: String,
    has_ended: bool,
}

/// Delivers a signal to the run that it is for.
pub(super) fn send(batch: &Batch<'_>, signal: &NewSignal) -> Result<SignalOutcome> {
    let (transaction, now) = (batch.transaction, batch.now_in_milliseconds());
    // Check this first: the signal could now go to a different run from the one that received it first.
    if let Some(repeated) = find_repeated(transaction, signal)? {
        return Ok(repeated);
    }
    let Some(target) = find_target(transaction, signal)? else {
        return Ok(if signal.question.is_some() { SignalOutcome::TooLate } else { SignalOutcome::NoRun });
    };
    if target.has_ended {
        let asked = latest_question(transaction, target.run, signal)?;
        let answer = asked.and_then(|question| question.answer);
        return Ok(answer.map_or(SignalOutcome::RunEnded, SignalOutcome::AlreadyTaken));
    }
    let Target { run, run_id, .. } = target;
    let at = to_milliseconds(signal.at).min(now);
    match match_question(transaction, run, signal, at, now)? {
        MatchedQuestion::Open(site) => {
            let id = insert(transaction, run, signal, at, "answer")?;
            set_answer(transaction, run, &site, id)?;
            // The run may have been released while it waits, so make it due.
            transaction
                .prepare_cached("UPDATE runs SET due = min(due, ?2) WHERE id = ?1")?
                .execute(params![run, now])?;
            Ok(SignalOutcome::Accepted { run_id, at: from_milliseconds(at) })
        }
        MatchedQuestion::Answered(answer) => Ok(SignalOutcome::AlreadyTaken(answer)),
        MatchedQuestion::Closed => Ok(SignalOutcome::TooLate),
        MatchedQuestion::None => {
            insert(transaction, run, signal, at, "kept")?;
            Ok(SignalOutcome::Kept { run_id, at: from_milliseconds(at) })
        }
    }
}

/// The question that a signal matches.
enum MatchedQuestion {
    Open(CallSite),
    /// The question, or an earlier one that asked for the same signal, has this answer.
    Answered(Answer),
    /// The question ended without an answer.
    Closed,
    /// No question has asked for the signal yet.
    None,
}

fn match_question(
    transaction: &Transaction<'_>,
    run: RunHandle,
    signal: &NewSignal,
    at: i64,
    now: i64,
) -> Result<MatchedQuestion> {
    let mut open = transaction.prepare_cached(
        "SELECT branch, position, since, answer FROM waits
         WHERE run = ?1 AND EXISTS (SELECT value FROM json_each(names) INTERSECT SELECT value FROM json_each(?2))
         ORDER BY since, branch, position",
    )?;
    let names = json(&signal.stored_names);
    let open = open.query_map(params![run, names], |row| {
        let site = CallSite { branch: row.get(0)?, position: row.get(1)? };
        Ok((site, row.get::<_, i64>(2)?, row.get::<_, Option<i64>>(3)?))
    })?;
    let mut open = open.collect::<Result<Vec<_>>>()?;
    if let Some(question) = &signal.question {
        open.retain(|(site, ..)| site == question);
        if open.is_empty() {
            return find_closed_question(transaction, run, question);
        }
    }
    // Outside Linux each process has its own clock, so a question can seem to be asked in the future. Treat it as
    // asked before the signal.
    let was_asked = |since: i64| since <= at || since > now;
    if let Some((site, ..)) = open
        .iter()
        .find(|(_, since, answer)| (answer.is_none() || bug!(QuestionAnsweredTwice)) && was_asked(*since))
    {
        return Ok(MatchedQuestion::Open(site.clone()));
    }
    if let Some(answer) = open.iter().find_map(|(_, _, answer)| *answer) {
        return Ok(MatchedQuestion::Answered(read_signal(transaction, answer)?));
    }
    if let Some(latest) = latest_question(transaction, run, signal)? {
        return Ok(latest.answer.map_or(MatchedQuestion::Closed, MatchedQuestion::Answered));
    }
    if let Some((site, ..)) = open.into_iter().next() {
        return Ok(MatchedQuestion::Open(site));
    }
    let mut kept = transaction.prepare_cached(
        "SELECT id FROM signals
         WHERE run = ?1 AND name IN (SELECT value FROM json_each(?2)) AND state = 'kept' LIMIT 1",
    )?;
    let kept = kept.query_row(params![run, names], |row| row.get(0)).optional()?;
    kept.map_or(Ok(MatchedQuestion::None), |kept| {
        Ok(MatchedQuestion::Answered(read_signal(transaction, kept)?))
    })
}

/// Finds a question that is not open.
fn find_closed_question(
    transaction: &Transaction<'_>,
    run: RunHandle,
    question: &CallSite,
) -> Result<MatchedQuestion> {
    let mut statement = transaction.prepare_cached(
        "SELECT value FROM steps WHERE run = ?1 AND branch = ?2 AND position = ?3 AND kind = 'wait'",
    )?;
    let value: Option<String> = statement
        .query_row(params![run, question.branch, question.position], |row| row.get(0))
        .optional()?
        .flatten();
    Ok(parse_answer(value.as_deref()).map_or(MatchedQuestion::Closed, MatchedQuestion::Answered))
}

/// Returns the closed question that asked for the signal when the signal arrived, or else the latest closed question
/// that asked for it.
fn latest_question(
    transaction: &Transaction<'_>,
    run: RunHandle,
    signal: &NewSignal,
) -> Result<Option<ClosedQuestion>> {
    let mut statement = transaction.prepare_cached(
        "SELECT value FROM steps WHERE run = ?1 AND kind = 'wait' AND value IS NOT NULL
         AND EXISTS (SELECT value FROM json_each(steps.value, '$.names')
                     INTERSECT SELECT value FROM json_each(?2))
         ORDER BY steps.value ->> '$.since' <= ?3 DESC, at DESC, position DESC LIMIT 1",
    )?;
    let parameters = params![run, json(&signal.stored_names), to_milliseconds(signal.at)];
    let value = statement.query_row(parameters, |row| row.get(0));
    let value: Option<String> = value.optional()?;
    Ok(value.and_then(|value| serde_json::from_str(&value).ok()))
}

fn parse_answer(value: Option<&str>) -> Option<Answer> {
    serde_json::from_str::<ClosedQuestion>(value?).ok()?.answer
}

fn insert(
    transaction: &Transaction<'_>,
    run: RunHandle,
    signal: &NewSignal,
    at: i64,
    state: &str,
) -> Result<i64> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO signals (run, name, payload, sender, at, key, content, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let (key, content) = (signal.key.map(|key| key.hash), signal.key.map(|key| key.content_hash));
    statement.execute(params![run, signal.name, signal.payload, signal.by, at, key, content, state])?;
    Ok(transaction.last_insert_rowid())
}

fn set_answer(transaction: &Transaction<'_>, run: RunHandle, site: &CallSite, id: i64) -> Result<()> {
    let mut statement = transaction
        .prepare_cached("UPDATE waits SET answer = ?4 WHERE run = ?1 AND branch = ?2 AND position = ?3")?;
    statement.execute(params![run, site.branch, site.position, id])?;
    Ok(())
}

/// Answers a new question with the earliest signal that was kept for it. Other kept signals that match it are
/// dropped, so that they do not answer a later question.
pub(super) fn answer_with_kept(
    transaction: &Transaction<'_>,
    run: RunHandle,
    site: &CallSite,
    names: &str,
) -> Result<()> {
    let kept = "run = ?1 AND state = 'kept' AND name IN (SELECT value FROM json_each(?2))";
    let mut first =
        transaction.prepare_cached(&format!("SELECT id FROM signals WHERE {kept} ORDER BY id LIMIT 1"))?;
    let Some(first) = first.query_row(params![run, names], |row| row.get(0)).optional()? else {
        return Ok(());
    };
    let mut dropped =
        transaction.prepare_cached(&format!("UPDATE signals SET state = 'dropped' WHERE {kept}"))?;
    dropped.execute(params![run, names])?;
    transaction.execute("UPDATE signals SET state = 'answer' WHERE id = ?1", [first])?;
    set_answer(transaction, run, site, first)
}

/// Marks an answer as taken by the run, and returns it.
pub(super) fn take(transaction: &Transaction<'_>, id: i64) -> Result<Answer> {
    transaction.prepare_cached("UPDATE signals SET state = 'taken' WHERE id = ?1")?.execute([id])?;
    read_signal(transaction, id)
}

fn read_signal(transaction: &Transaction<'_>, id: i64) -> Result<Answer> {
    let mut statement =
        transaction.prepare_cached("SELECT name, payload, sender, at FROM signals WHERE id = ?1")?;
    statement.query_row([id], |row| {
        Ok(Answer { name: row.get(0)?, payload: row.get(1)?, by: row.get(2)?, at: row.get(3)? })
    })
}

/// Returns whether a branch of a fork that goes first took an answer and has recorded nothing since. Such a branch
/// is about to act on the answer.
pub(super) fn is_answer_fresh(
    calls: &[RecordedCall],
    fork: &CallSite,
    is_preferred: impl Fn(&str) -> bool,
) -> bool {
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
pub(super) fn took_answer(call: &RecordedCall) -> bool {
    let value = if let Outcome::Value(value) = &call.outcome { Some(value.as_str()) } else { None };
    call.kind == CallKind::Wait && parse_answer(value).is_some()
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

/// Finds the run that receives a signal. If the channel has several, this is the one that has waited longest for
/// the signal, otherwise the oldest unfinished run, otherwise the latest ended run.
fn find_target(transaction: &Transaction<'_>, signal: &NewSignal) -> Result<Option<Target>> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Target { run: row.get(0)?, run_id: row.get(1)?, has_ended: row.get(2)? })
    };
    if let Some(run_id) = &signal.run_id {
        let mut named = transaction.prepare_cached(
            "SELECT id, run, state NOT IN ('running', 'halted') FROM runs WHERE run = ?2 AND channel = ?1",
        )?;
        return named.query_row(params![signal.channel, run_id], read).optional();
    }
    let mut unfinished = transaction.prepare_cached(
        "SELECT id, run, FALSE, (
             SELECT min(since) FROM waits
             WHERE waits.run = runs.id
             AND EXISTS (SELECT value FROM json_each(waits.names) INTERSECT SELECT value FROM json_each(?2))) AS waits
         FROM runs WHERE channel = ?1 AND state IN ('running', 'halted')
         ORDER BY waits IS NULL, waits, id LIMIT 1",
    )?;
    let found = unfinished.query_row(params![signal.channel, json(&signal.stored_names)], read).optional()?;
    if found.is_some() {
        return Ok(found);
    }
    let mut ended = transaction
        .prepare_cached("SELECT id, run, TRUE FROM runs WHERE channel = ?1 ORDER BY id DESC LIMIT 1")?;
    ended.query_row([&signal.channel], read).optional()
}

/// Returns the receipt of the earlier signal with the same key on the channel, if there was one.
fn find_repeated(transaction: &Transaction<'_>, signal: &NewSignal) -> Result<Option<SignalOutcome>> {
    let Some(key) = signal.key else { return Ok(None) };
    let mut statement = transaction.prepare_cached(
        // A plain join could begin with all runs of the channel.
        "SELECT runs.id, runs.run, content, signals.at, signals.state FROM signals
         CROSS JOIN runs ON runs.id = signals.run WHERE runs.channel = ?1 AND key = ?2",
    )?;
    let found = statement.query_row(params![signal.channel, key.hash], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<_, [u8; 16]>(2)?, row.get(3)?, row.get::<_, String>(4)?))
    });
    let Some((run, run_id, content, at, state)) = found.optional()? else { return Ok(None) };
    if content != key.content_hash {
        return Ok(Some(SignalOutcome::KeyReused));
    }
    Ok(Some(match state.as_str() {
        "kept" => SignalOutcome::Kept { run_id, at: from_milliseconds(at) },
        // An earlier kept signal answered the question.
        "dropped" => latest_question(transaction, run, signal)?
            .and_then(|latest| latest.answer)
            .map_or(SignalOutcome::TooLate, SignalOutcome::AlreadyTaken),
        _ => SignalOutcome::Accepted { run_id, at: from_milliseconds(at) },
    }))
}
