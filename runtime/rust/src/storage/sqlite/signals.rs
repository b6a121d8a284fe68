//! Signals in tables: the first one counts.

use rusqlite::{OptionalExtension, Result, Transaction, params};

use super::super::{NewSignal, Signalled, Taken, WaitEnd};
use super::journal::now;
use super::schema::time;

struct Target {
    row: i64,
    run_id: String,
    has_ended: bool,
}

/// Hands a signal to the run that it is for.
pub(super) fn send(transaction: &Transaction<'_>, signal: &NewSignal) -> Result<Signalled> {
    // First of all: who waits for longest may be another run by now than the one that has it.
    if let Some(repeated) = repeated(transaction, signal)? {
        return Ok(repeated);
    }
    let Some(target) = target(transaction, signal)? else { return Ok(Signalled::NoRun) };
    let refused = refused(transaction, target.row, &signal.name)?;
    if target.has_ended {
        // Whose signal counted is of interest after the end, too.
        let is_taken = |refused: &Signalled| matches!(refused, Signalled::AlreadyTaken { .. });
        return Ok(refused.filter(is_taken).unwrap_or(Signalled::RunEnded));
    }
    if let Some(refused) = refused {
        return Ok(refused);
    }
    let at = now();
    let mut statement = transaction.prepare_cached(
        "INSERT INTO signals (run, name, payload, sender, at, key, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let (key, content) = (signal.key.map(|key| key.key), signal.key.map(|key| key.content));
    statement.execute(params![target.row, signal.name, signal.payload, signal.by, at, key, content])?;
    Ok(Signalled::Recorded { run_id: target.run_id, at: time(at) })
}

/// The run that is meant: of several on the channel the one that waits for the signal, for longest;
/// then the oldest that has not ended, then the latest that has.
fn target(transaction: &Transaction<'_>, signal: &NewSignal) -> Result<Option<Target>> {
    let mut statement = transaction.prepare_cached(
        "SELECT id, run, state NOT IN ('running', 'halted') AS ended, (
             SELECT min(since) FROM waits
             WHERE waits.run = runs.id AND ?2 IN (SELECT value FROM json_each(waits.names))) AS waits
         FROM runs WHERE channel = ?1 AND (?3 IS NULL OR run = ?3)
         ORDER BY ended, waits IS NULL, waits, CASE WHEN ended THEN -id ELSE id END LIMIT 1",
    )?;
    let target = statement.query_row(params![signal.channel, signal.name, signal.run_id], |row| {
        Ok(Target { row: row.get(0)?, run_id: row.get(1)?, has_ended: row.get(2)? })
    });
    target.optional()
}

/// The answer to the first of two signals with one key on one channel.
fn repeated(transaction: &Transaction<'_>, signal: &NewSignal) -> Result<Option<Signalled>> {
    let Some(key) = signal.key else { return Ok(None) };
    let mut statement = transaction.prepare_cached(
        "SELECT runs.run, content, signals.at FROM signals JOIN runs ON runs.id = signals.run
         WHERE runs.channel = ?1 AND key = ?2",
    )?;
    let found = statement.query_row(params![signal.channel, key.key], |row| {
        Ok((row.get(0)?, row.get::<_, [u8; 16]>(1)?, row.get(2)?))
    });
    Ok(found.optional()?.map(|(run_id, content, at)| {
        if content == key.content {
            Signalled::Recorded { run_id, at: time(at) }
        } else {
            Signalled::KeyReused
        }
    }))
}

/// Why a run does not take a signal: another one came first, or it waits for it no longer. One that
/// it has not waited for yet is kept.
fn refused(transaction: &Transaction<'_>, row: i64, name: &str) -> Result<Option<Signalled>> {
    let mut waiting = transaction.prepare_cached(
        "SELECT sender, at FROM signals WHERE run = ?1 AND name = ?2 AND taken IS NULL LIMIT 1",
    )?;
    let first = waiting.query_row(params![row, name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    if let Some((by, at)) = first {
        return Ok(Some(Signalled::AlreadyTaken { by, at: time(at) }));
    }
    let mut waits = transaction.prepare_cached(
        "SELECT 1 FROM waits WHERE run = ?1 AND ?2 IN (SELECT value FROM json_each(names))",
    )?;
    if waits.exists(params![row, name])? {
        return Ok(None);
    }
    let mut waited = transaction.prepare_cached(
        "SELECT value FROM steps WHERE run = ?1 AND kind = 'wait'
         AND ?2 IN (SELECT value FROM json_each(steps.value, '$.names')) ORDER BY position DESC LIMIT 1",
    )?;
    let value: Option<String> = waited.query_row(params![row, name], |row| row.get(0)).optional()?;
    Ok(value.map(|value| match serde_json::from_str::<WaitEnd>(&value) {
        Ok(WaitEnd { taken: Some(Taken { by, at, .. }), .. }) => Signalled::AlreadyTaken { by, at: time(at) },
        _ => Signalled::TooLate,
    }))
}
