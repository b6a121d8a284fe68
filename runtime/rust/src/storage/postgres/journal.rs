//! The [`Journal`] of a PostgreSQL database: each call is a transaction.

use std::time::SystemTime;

use tokio_postgres::types::Type;

use super::super::journal::rows::{JournalTransaction, StreamRows};
use super::super::journal::{calls, claims, forks, questions, rerun, retry, runs, signals, streams, wake};
use super::super::{
    CallSite, CallStart, Claim, ClaimedRun, DecideOutcome, Decision, Entry, ExecutionEnd, Journal, NewChunk,
    NewQuestion, NewRun, NewSignal, OnDueRuns, OpenRunStream, QuestionState, RecordOutcome, RecordedCall,
    RerunEffect, RetryEffect, RunCounts, RunHandle, RunRecord, RunStream, SignalOutcome, StorageError,
    StorageFuture, WaitingEventBuilder, WakeEffect,
};
use super::Postgres;
use super::beat::MAX_BEAT_AGE;
use super::connection::RequestError;
use super::params::OwnedParam;
use super::text::escape;
use super::transaction::Transaction;
use crate::clock::{milliseconds, to_milliseconds};
use crate::wire::MessageId;

/// The owners of runs that have not reported for a time, and so have ended.
const ENDED_OWNERS: &str = "
    SELECT DISTINCT owner FROM fanfare.runs r WHERE owner IS NOT NULL AND NOT EXISTS (
        SELECT FROM fanfare.processes p WHERE p.owner = r.owner AND p.seen > fanfare.now_ms() - $1
    )
";

/// Channels whose names have the same hash wait for each other, too.
const LOCK_SIGNALS: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";

impl JournalTransaction for Transaction {
    type Failure = RequestError;

    fn now(&self) -> i64 {
        to_milliseconds(self.shared.clock.now())
    }

    async fn append(&mut self, entry: &Entry) -> Result<Option<MessageId>, RequestError> {
        let appended = Self::append(self, entry).await?;
        Ok(appended.ok().filter(|appended| !appended.repeated).map(|appended| appended.id))
    }

    async fn lock_signals(&mut self, channel: &str) -> Result<(), RequestError> {
        // All schemas of a database share the numbers of advisory locks.
        let name = format!("{}.{}", self.shared.link.database.schema.name(), escape(channel));
        self.send(LOCK_SIGNALS.into(), vec![OwnedParam::Text(Some(name.into()))]).await;
        Ok(())
    }

    async fn remove_ended_processes(&mut self) -> Result<Vec<u32>, RequestError> {
        let (sql, age) = (self.shared.link.database.schema.qualify(ENDED_OWNERS), milliseconds(MAX_BEAT_AGE));
        let ended = self.request(&sql, &[(&age, Type::INT8)]).await?;
        Ok(ended.rows.iter().filter_map(|row| u32::try_from(row.get::<_, i64>(0)).ok()).collect())
    }
}

impl Journal for Postgres {
    fn follow_due_runs(&self, listener: OnDueRuns) {
        self.shared.add_due_run_listener(listener);
    }

    fn recover_runs(&self, jobs: Vec<String>) -> StorageFuture<Result<(), StorageError>> {
        self.transact(jobs, |rows, jobs| Box::pin(claims::recover(rows, jobs)))
    }

    fn free_orphans(&self) -> StorageFuture<Result<(), StorageError>> {
        self.transact((), |rows, ()| Box::pin(claims::free_orphans(rows)))
    }

    fn add_run(&self, run: NewRun, event: Entry) -> StorageFuture<Result<bool, StorageError>> {
        let bytes = run.input.len() + event.frame.len();
        self.transact_unless_busy(bytes, (run, event), |rows, (run, event)| {
            Box::pin(async move {
                let is_new = runs::add(rows, run, event).await?;
                if is_new {
                    rows.notices.add_due_runs();
                }
                Ok(is_new)
            })
        })
    }

    fn claim_runs(
        &self,
        jobs: Vec<String>,
        lease: SystemTime,
        limit: usize,
    ) -> StorageFuture<Result<Vec<ClaimedRun>, StorageError>> {
        self.transact(
            (self.shared.process.owner(), jobs, lease, limit),
            |rows, (owner, jobs, lease, limit)| Box::pin(claims::claim(rows, *owner, jobs, *lease, *limit)),
        )
    }

    fn make_due(&self, runs: Vec<RunHandle>) -> StorageFuture<Result<(), StorageError>> {
        self.transact(runs, |rows, runs| Box::pin(claims::make_due(rows, runs)))
    }

    fn load_calls(&self, run: RunHandle) -> StorageFuture<Result<Vec<RecordedCall>, StorageError>> {
        self.transact(run, |rows, run| Box::pin(calls::load(rows, *run)))
    }

    fn extend_leases(
        &self,
        claims: Vec<Claim>,
        lease: SystemTime,
    ) -> StorageFuture<Result<Vec<Claim>, StorageError>> {
        self.transact((self.shared.process.owner(), claims, lease), |rows, (owner, claims, lease)| {
            Box::pin(claims::extend(rows, *owner, claims, *lease))
        })
    }

    fn find_valid_claims(&self, claims: Vec<Claim>) -> StorageFuture<Result<Vec<Claim>, StorageError>> {
        self.transact(claims, |rows, claims| Box::pin(claims::find_valid(rows, claims)))
    }

    fn release_runs(&self) -> StorageFuture<Result<(), StorageError>> {
        self.transact(self.shared.process.owner(), |rows, owner| {
            Box::pin(async move {
                rows.notices.add_due_runs();
                claims::release(rows, *owner).await
            })
        })
    }

    fn record_call(
        &self,
        claim: Claim,
        call: RecordedCall,
        start: CallStart,
        message: Option<Entry>,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        let bytes = call.outcome.len() + message.as_ref().map_or(0, |message| message.frame.len());
        let waiting = self.queue.reserve(bytes);
        self.transact_reserved(
            waiting,
            (claim, call, start, message),
            |rows, (claim, call, start, message)| {
                Box::pin(calls::record(rows, *claim, call, start, message.as_ref()))
            },
        )
    }

    fn decide_fork(
        &self,
        claim: Claim,
        decision: Decision,
        event: WaitingEventBuilder,
    ) -> StorageFuture<Result<DecideOutcome, StorageError>> {
        self.transact((claim, decision, event), |rows, (claim, decision, event)| {
            Box::pin(forks::decide(rows, *claim, decision, event))
        })
    }

    fn begin_stream(
        &self,
        claim: Claim,
        call: RecordedCall,
        start: CallStart,
        stream: RunStream,
        message: Entry,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        let arguments = (claim, call, start, stream, message);
        self.transact(arguments, |rows, (claim, call, start, stream, message)| {
            Box::pin(streams::begin(rows, *claim, call, start, stream, message))
        })
    }

    fn write_chunk(
        &self,
        claim: Claim,
        chunk: NewChunk,
        message: Entry,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        let waiting = self.queue.reserve(chunk.text.len() + message.frame.len());
        self.transact_reserved(waiting, (claim, chunk, message), |rows, (claim, chunk, message)| {
            Box::pin(streams::write_chunk(rows, *claim, chunk, message))
        })
    }

    fn load_stream(
        &self,
        run: RunHandle,
        site: CallSite,
    ) -> StorageFuture<Result<Option<OpenRunStream>, StorageError>> {
        self.transact((run, site), |rows, (run, site)| Box::pin(streams::load(rows, *run, site)))
    }

    fn list_open_streams(&self, run: RunHandle) -> StorageFuture<Result<Vec<RunStream>, StorageError>> {
        self.transact(run, |rows, run| Box::pin(rows.list_streams(*run)))
    }

    fn end_stream(&self, stream_id: String, end: Entry) -> StorageFuture<Result<(), StorageError>> {
        self.transact((stream_id, end), |rows, (stream_id, end)| Box::pin(streams::end(rows, stream_id, end)))
    }

    fn poll_question(
        &self,
        claim: Claim,
        question: NewQuestion,
        event: WaitingEventBuilder,
    ) -> StorageFuture<Result<QuestionState, StorageError>> {
        self.transact((claim, question, event), |rows, (claim, question, event)| {
            Box::pin(questions::poll(rows, *claim, question, event))
        })
    }

    fn end_execution(
        &self,
        claim: Claim,
        end: ExecutionEnd,
        event: Option<Entry>,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        self.transact((claim, end, event), |rows, (claim, end, event)| {
            Box::pin(runs::end_execution(rows, *claim, end, event.as_ref()))
        })
    }

    fn cancel_run(&self, run_id: String, event: Option<Entry>) -> StorageFuture<Result<bool, StorageError>> {
        self.transact((run_id, event), |rows, (run_id, event)| {
            Box::pin(runs::cancel(rows, run_id, event.as_ref()))
        })
    }

    fn retry_run(
        &self,
        run_id: String,
        event: Entry,
        stream_ends: Vec<(String, Entry)>,
    ) -> StorageFuture<Result<RetryEffect, StorageError>> {
        self.transact((run_id, event, stream_ends), |rows, (run_id, event, stream_ends)| {
            Box::pin(async move {
                let effect = retry::retry(rows, run_id, event, stream_ends).await?;
                if effect == RetryEffect::Retried {
                    rows.notices.add_due_runs();
                }
                Ok(effect)
            })
        })
    }

    fn wake_run(
        &self,
        run_id: String,
        site: Option<CallSite>,
    ) -> StorageFuture<Result<WakeEffect, StorageError>> {
        self.transact((run_id, site), |rows, (run_id, site)| {
            Box::pin(async move {
                let effect = wake::wake(rows, run_id, site.as_ref()).await?;
                if let WakeEffect::Woken(_) = effect {
                    rows.notices.add_due_runs();
                }
                Ok(effect)
            })
        })
    }

    fn rerun(
        &self,
        run_id: String,
        position: u32,
        new_run_id: String,
        event: Entry,
    ) -> StorageFuture<Result<RerunEffect, StorageError>> {
        let arguments = (run_id, position, new_run_id, event);
        self.transact(arguments, |rows, (run_id, position, new_run_id, event)| {
            Box::pin(async move {
                let effect = rerun::rerun(rows, run_id, *position, new_run_id, event).await?;
                if effect == RerunEffect::New {
                    rows.notices.add_due_runs();
                }
                Ok(effect)
            })
        })
    }

    fn send_signal(&self, signal: NewSignal) -> StorageFuture<Result<SignalOutcome, StorageError>> {
        self.transact_unless_busy(signal.payload.len(), signal, |rows, signal| {
            Box::pin(async move {
                let outcome = signals::send(rows, signal).await?;
                if let SignalOutcome::Accepted { .. } = outcome {
                    rows.notices.add_signal(&signal.channel);
                }
                Ok(outcome)
            })
        })
    }

    fn find_run(&self, run_id: String) -> StorageFuture<Result<Option<RunRecord>, StorageError>> {
        self.transact(run_id, |rows, run_id| Box::pin(runs::find(rows, run_id)))
    }

    fn delete_ended_runs(
        &self,
        before: SystemTime,
        limit: usize,
    ) -> StorageFuture<Result<usize, StorageError>> {
        self.transact((before, limit), |rows, (before, limit)| {
            Box::pin(runs::delete_ended(rows, *before, *limit))
        })
    }

    fn count_runs(&self) -> StorageFuture<Result<RunCounts, StorageError>> {
        self.transact((), |rows, ()| Box::pin(runs::count(rows)))
    }
}
