//! The text streams of runs.

use super::super::Entry;
use super::super::recorded_call::{CallSite, CallStart, RecordedCall};
use super::rows::JournalRows;
use super::{Claim, NewChunk, OpenRunStream, RecordOutcome, RunHandle, RunStream};
use super::{calls, claims};

pub(in crate::storage) async fn begin<R: JournalRows>(
    rows: &mut R,
    claim: Claim,
    call: &RecordedCall,
    start: &CallStart,
    stream: &RunStream,
    message: &Entry,
) -> Result<RecordOutcome, R::Failure> {
    if !claims::lock(rows, claim).await? {
        return Ok(RecordOutcome::ClaimLost);
    }
    rows.insert_stream(claim.run, stream).await?;
    calls::write(rows, claim.run, call, start).await?;
    rows.append(message).await?;
    Ok(RecordOutcome::Committed(None))
}

/// Records a chunk with its message. Another process may have ended the stream because its run had ended, before the
/// run was retried.
pub(in crate::storage) async fn write_chunk<R: JournalRows>(
    rows: &mut R,
    claim: Claim,
    chunk: &NewChunk,
    message: &Entry,
) -> Result<RecordOutcome, R::Failure> {
    if !claims::lock(rows, claim).await? {
        return Ok(RecordOutcome::ClaimLost);
    }
    if !rows.insert_chunk(claim.run, chunk).await? {
        return Ok(RecordOutcome::ClaimLost);
    }
    rows.append(message).await?;
    failpoint!("between-piece-and-commit");
    Ok(RecordOutcome::Committed(None))
}

/// Returns an open stream, or `None` if the call has none.
pub(in crate::storage) async fn load<R: JournalRows>(
    rows: &mut R,
    run: RunHandle,
    site: &CallSite,
) -> Result<Option<OpenRunStream>, R::Failure> {
    let Some(stream_id) = rows.find_stream_of_call(run, site).await? else { return Ok(None) };
    Ok(Some(OpenRunStream { stream_id, chunks: rows.load_chunks(run, site).await? }))
}

/// Ends a stream that its run has abandoned, unless it has already ended.
pub(in crate::storage) async fn end<R: JournalRows>(
    rows: &mut R,
    stream_id: &str,
    end: &Entry,
) -> Result<(), R::Failure> {
    if let Some((run, site)) = rows.find_stream(stream_id).await?
        && rows.delete_stream(run, &site).await?
    {
        rows.append(end).await?;
    }
    Ok(())
}
