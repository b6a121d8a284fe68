//! The text streams of runs in SQLite.

use rusqlite::{Connection, OptionalExtension, Result, Transaction, params};

use super::super::{
    CallSite, CallStart, Claim, Entry, NewChunk, OpenRunStream, RecordOutcome, RecordedCall, RunHandle,
    RunStream,
};
use super::batch::Batch;
use super::runs::{is_claim_valid, write_call};

pub(super) fn begin(
    batch: &mut Batch<'_>,
    claim: Claim,
    call: &RecordedCall,
    start: &CallStart,
    stream: &RunStream,
    message: &Entry,
) -> Result<RecordOutcome> {
    if !is_claim_valid(batch.transaction, claim)? {
        return Ok(RecordOutcome::ClaimLost);
    }
    write_call(batch, claim.run, call, start)?;
    let RunStream { site: CallSite { branch, position }, stream_id, channel, topic } = stream;
    let mut statement = batch.transaction.prepare_cached(
        "INSERT INTO streams (run, branch, position, stream, channel, topic) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    statement.execute(params![claim.run, branch, position, stream_id, channel, topic])?;
    batch.append(message)?;
    Ok(RecordOutcome::Committed(None))
}

/// Records a chunk with its message. The chunk's number is part of the key, so no chunk is recorded twice.
pub(super) fn write_chunk(
    batch: &mut Batch<'_>,
    claim: Claim,
    chunk: &NewChunk,
    message: &Entry,
) -> Result<RecordOutcome> {
    if !is_claim_valid(batch.transaction, claim)? {
        return Ok(RecordOutcome::ClaimLost);
    }
    let NewChunk { site: CallSite { branch, position }, number, text } = chunk;
    let mut statement = batch.transaction.prepare_cached(
        "INSERT INTO pieces (run, branch, position, number, text) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    statement.execute(params![claim.run, branch, position, number, text])?;
    batch.append(message)?;
    failpoint!("between-piece-and-commit");
    Ok(RecordOutcome::Committed(None))
}

/// Returns an open stream, or `None` if the call has none.
pub(super) fn load(
    transaction: &Transaction<'_>,
    run: RunHandle,
    site: &CallSite,
) -> Result<Option<OpenRunStream>> {
    let CallSite { branch, position } = site;
    let at = "run = ?1 AND branch = ?2 AND position = ?3";
    let mut begun = transaction.prepare_cached(&format!("SELECT stream FROM streams WHERE {at}"))?;
    let begun = begun.query_row(params![run, branch, position], |row| row.get(0)).optional()?;
    let Some(stream_id) = begun else { return Ok(None) };
    let mut statement =
        transaction.prepare_cached(&format!("SELECT text FROM pieces WHERE {at} ORDER BY number"))?;
    let chunks = statement.query_map(params![run, branch, position], |row| row.get(0))?;
    Ok(Some(OpenRunStream { stream_id, chunks: chunks.collect::<Result<_>>()? }))
}

/// Returns the streams of a run that have not ended.
pub(super) fn list_open(transaction: &Transaction<'_>, run: RunHandle) -> Result<Vec<RunStream>> {
    let mut statement = transaction.prepare_cached(
        "SELECT branch, position, stream, channel, topic FROM streams WHERE run = ?1 ORDER BY branch, position",
    )?;
    let streams = statement.query_map([run], |row| {
        Ok(RunStream {
            site: CallSite { branch: row.get(0)?, position: row.get(1)? },
            stream_id: row.get(2)?,
            channel: row.get(3)?,
            topic: row.get(4)?,
        })
    })?;
    streams.collect()
}

/// Ends a stream that its run has abandoned, unless it has already ended.
pub(super) fn end(batch: &mut Batch<'_>, stream_id: &str, end: &Entry) -> Result<()> {
    let mut statement = batch
        .transaction
        .prepare_cached("DELETE FROM streams WHERE stream = ?1 RETURNING run, branch, position")?;
    let ended =
        statement.query_row([stream_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    if let Some((run, branch, position)) = ended {
        delete_chunks(batch.transaction, run, &CallSite { branch, position })?;
        batch.append(end)?;
    }
    Ok(())
}

/// Deletes a finished stream. Its text is recorded with its step.
pub(super) fn delete(transaction: &Transaction<'_>, run: RunHandle, site: &CallSite) -> Result<()> {
    let mut statement =
        transaction.prepare_cached("DELETE FROM streams WHERE run = ?1 AND branch = ?2 AND position = ?3")?;
    statement.execute(params![run, site.branch, site.position])?;
    delete_chunks(transaction, run, site)
}

fn delete_chunks(transaction: &Transaction<'_>, run: RunHandle, site: &CallSite) -> Result<()> {
    let mut statement =
        transaction.prepare_cached("DELETE FROM pieces WHERE run = ?1 AND branch = ?2 AND position = ?3")?;
    statement.execute(params![run, site.branch, site.position])?;
    Ok(())
}

/// Returns whether a stream belongs to an unfinished run, which will continue it.
pub(super) fn has_writer(connection: &Connection, stream_id: &str) -> Result<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM streams JOIN runs ON runs.id = streams.run
         WHERE stream = ?1 AND state IN ('running', 'halted')",
    )?;
    statement.exists([stream_id])
}
