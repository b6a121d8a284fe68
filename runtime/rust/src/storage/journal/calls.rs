//! Recording the calls of a run.

use super::super::Entry;
use super::super::recorded_call::{CallKind, CallStart, Outcome, RecordedCall};
use super::claims;
use super::rows::{JournalRows, NewCall};
use super::{Claim, RecordOutcome, RunHandle};

/// Returns the calls that a run has recorded or begun.
pub(in crate::storage) async fn load<R: JournalRows>(
    rows: &mut R,
    run: RunHandle,
) -> Result<Vec<RecordedCall>, R::Failure> {
    let mut calls = rows.load_calls(run).await?;
    calls.extend(rows.load_questions(run).await?.into_iter().map(|open| RecordedCall {
        site: open.question.site,
        kind: CallKind::Wait,
        id: open.id,
        outcome: Outcome::Begun { failures: 0, due: open.closes_at },
    }));
    Ok(calls)
}

/// Records the result of a call, and publishes its message.
pub(in crate::storage) async fn record<R: JournalRows>(
    rows: &mut R,
    claim: Claim,
    call: &RecordedCall,
    start: &CallStart,
    message: Option<&Entry>,
) -> Result<RecordOutcome, R::Failure> {
    let ends_stream = call.kind == CallKind::Stream && call.outcome.is_final();
    if message.is_none() && !ends_stream {
        let new = new_call(rows, call, &call.outcome, start);
        if rows.record_new_call(claim, &new).await? {
            return Ok(RecordOutcome::Committed(None));
        }
    }
    if !claims::lock(rows, claim).await? {
        return Ok(RecordOutcome::ClaimLost);
    }
    let mut id = None;
    if let Some(message) = message {
        id = rows.append(message).await?;
        if id.is_some() {
            failpoint!("between-message-and-step");
        }
    }
    match id.filter(|_| call.kind == CallKind::Publish) {
        Some(id) => {
            let outcome = Outcome::Value(format!("\"{id}\""));
            write_outcome(rows, claim.run, call, &outcome, start).await?;
        }
        None => write(rows, claim.run, call, start).await?,
    }
    if ends_stream {
        // Its text is recorded with the call.
        rows.delete_stream(claim.run, &call.site).await?;
    }
    Ok(RecordOutcome::Committed(id))
}

/// Records a call of a run that is locked.
pub(in crate::storage) async fn write<R: JournalRows>(
    rows: &mut R,
    run: RunHandle,
    call: &RecordedCall,
    start: &CallStart,
) -> Result<(), R::Failure> {
    write_outcome(rows, run, call, &call.outcome, start).await
}

/// Records a call with `outcome` instead of the call's own outcome.
async fn write_outcome<R: JournalRows>(
    rows: &mut R,
    run: RunHandle,
    call: &RecordedCall,
    outcome: &Outcome,
    start: &CallStart,
) -> Result<(), R::Failure> {
    let new = new_call(rows, call, outcome, start);
    if !rows.insert_call(run, &new).await? {
        rows.update_call(run, &new).await?;
    }
    Ok(())
}

fn new_call<'c, R: JournalRows>(
    rows: &R,
    call: &'c RecordedCall,
    outcome: &'c Outcome,
    start: &'c CallStart,
) -> NewCall<'c> {
    NewCall { site: &call.site, kind: call.kind, id: &call.id, outcome, start, at: rows.now() }
}
