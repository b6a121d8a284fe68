//! Storages for messages, runs and revocations.
//!
//! A storage orders messages. It opens a channel as a [`Log`] that contains the stored messages, and from then on
//! hands that log each message after it is committed. No subscriber receives a message before it is committed, so with a
//! durable storage, a message that a subscriber received is never lost. `docs/storage.md` describes the engines.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use crate::channel::{Channel, Registry};
use crate::history::{Appended, IdempotencyKey, KeyReused, Limits, Log, OpenStream};
use crate::wire::DataFrame;

/// A point at which a crash test can stop the process. Does nothing without the feature `failpoints`.
macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        fail::fail_point!($name);
    };
}

mod abandoned_streams;
#[cfg(any(feature = "nats", feature = "postgres", feature = "sqlite"))]
mod check;
#[cfg(test)]
mod engine_tests;
pub(crate) mod inspection;
mod journal;
mod memory;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "nats", feature = "postgres", feature = "sqlite"))]
mod queue;
mod recorded_call;
#[cfg(any(feature = "nats", feature = "postgres"))]
mod remote_clock;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;

pub(crate) use abandoned_streams::end_abandoned_streams;
use inspection::Inspection;
pub use inspection::{RunActivity, RunStateName};
#[cfg(feature = "postgres")]
pub(crate) use journal::OnDueRuns;
pub(crate) use journal::{
    Answer, Claim, ClaimedRun, ClosedQuestion, DecideOutcome, Decision, DueRuns, ExecutionEnd,
    JOURNAL_VERSION, Journal, NewChunk, NewQuestion, NewRun, NewSignal, OpenRunStream, Question, QuestionId,
    QuestionState, RecordOutcome, RerunEffect, RetryEffect, RunCounts, RunHandle, RunRecord, RunState,
    RunStream, SignalOutcome, WaitingEventBuilder, WakeEffect,
};
pub(crate) use recorded_call::{CallKind, CallSite, CallStart, Outcome, RecordedCall};

#[cfg(any(feature = "nats", feature = "postgres", feature = "sqlite"))]
pub use check::{FindingStatus, StorageFinding, StorageReport};
pub use memory::Memory;
#[cfg(feature = "nats")]
pub use nats::{ConnectNats, Nats};
#[cfg(feature = "postgres")]
pub(crate) use postgres::StepCommit;
#[cfg(feature = "postgres")]
pub use postgres::{ConnectPostgres, Executor, ExecutorError, Postgres, StepTransaction};
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;

/// The storage of a hub. See [`HubBuilder::storage`](crate::HubBuilder::storage).
#[derive(Clone)]
pub struct Storage(Arc<dyn Engine>);

impl Storage {
    fn new(engine: impl Engine + 'static) -> Self {
        Self(Arc::new(engine))
    }

    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.0
    }

    /// Returns a reference that does not keep the storage open.
    pub(crate) fn downgrade(&self) -> Weak<dyn Engine> {
        Arc::downgrade(&self.0)
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Storage")
    }
}

/// The result of a call. It borrows nothing, so it may outlive the caller.
pub(crate) type StorageFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The result of a call that some engines finish at once. The caller can then take the outcome without polling.
pub(crate) enum StorageCall<T> {
    /// The outcome, until it is taken.
    Done(Option<T>),
    Waiting(StorageFuture<T>),
}

impl<T> StorageCall<T> {
    fn done(outcome: T) -> Self {
        Self::Done(Some(outcome))
    }
}

impl<T: Unpin> Future for StorageCall<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match self.get_mut() {
            Self::Done(outcome) => outcome.take().map_or(Poll::Pending, Poll::Ready),
            Self::Waiting(outcome) => outcome.as_mut().poll(context),
        }
    }
}

/// Receives the id of a token that another process revoked, and the time since then.
pub(crate) type OnRevoked = Box<dyn Fn(&str, Duration) + Send>;

/// A storage engine.
pub(crate) trait Engine: Messages + Journal + Inspection {}

impl<T: Messages + Journal + Inspection> Engine for T {}

/// Keeps messages and revocations, has the clock, and reports its health.
pub(crate) trait Messages: Send + Sync {
    /// Sets the channel definitions. The hub calls this once, before any other method.
    fn set_registry(&self, registry: &'static Registry);

    /// Sets the listener for revocations by other processes. It may be called on any thread.
    fn follow_revocations(&self, listener: OnRevoked);

    /// Returns the time by the storage's clock, which all processes that share the storage have in common. It starts
    /// from the wall clock and never jumps afterwards. Everything that is due at some time follows it.
    fn storage_time(&self) -> SystemTime;

    /// Returns the latest time that the storage's clock may show now, which another process may already have recorded.
    /// It differs from [`storage_time`](Self::storage_time) if the clock is on another machine.
    fn latest_storage_time(&self) -> SystemTime {
        self.storage_time()
    }

    /// Returns whether the storage outlives the process, however that ends.
    fn is_durable(&self) -> bool {
        true
    }

    /// Returns an error if the last attempt to use the storage failed.
    fn health(&self) -> Result<(), StorageError>;

    /// Returns the number that identifies this process within the storage. Ids of text streams contain it.
    fn owner(&self) -> u32;

    /// Returns the log of a channel, by name, if the storage itself keeps logs and has this one. The hub then keeps no
    /// logs.
    fn find_log(&self, channel: &str) -> Option<Arc<Log>> {
        let _ = channel;
        None
    }

    /// Opens a channel like [`open_log`](Self::open_log), or returns `None` if that must wait.
    fn try_open_log(&self, channel: &Channel, limits: &Limits) -> Option<Result<Arc<Log>, StorageError>> {
        let _ = (channel, limits);
        None
    }

    /// Opens a channel's log with its stored messages. At most one log per channel is open at a time.
    fn open_log(&self, channel: Channel, limits: Limits) -> StorageFuture<Result<OpenedLog, StorageError>>;

    /// Hands the open log of a channel, and perhaps others, the messages that other processes have appended until now.
    /// Retires logs whose epoch has ended.
    fn catch_up(&self, channel: &Channel) -> StorageFuture<Result<(), StorageError>>;

    /// Appends a message to an open log, unless its idempotency key was used before. Messages are ordered as the calls
    /// are. Once this returns, the message is stored and in the log.
    fn append(&self, entry: Entry) -> StorageCall<Result<Appended, AppendError>>;

    /// Tidies the logs that the storage itself keeps: evicts messages that are too old, and removes unused logs if memory
    /// is short or more than `max_idle` are empty. Returns how many it keeps. The hub calls this every few seconds.
    fn tidy(&self, max_idle: usize) -> usize {
        let _ = max_idle;
        0
    }

    /// Records metrics that change even if nothing is stored or read, such as the lag. The hub calls this every few
    /// seconds.
    fn record_metrics(&self) {}

    /// Returns the engine if it is PostgreSQL, in whose transactions applications can take part.
    #[cfg(feature = "postgres")]
    fn postgres(&self) -> Option<&Postgres> {
        None
    }

    /// Returns the ids of the tokens that were revoked before the storage was opened, and the time since then.
    fn list_revoked(&self) -> Vec<(String, Duration)>;

    /// Stores a revoked id for two days, and notifies other processes.
    fn revoke(&self, id: &str) -> StorageFuture<Result<(), StorageError>>;
}

/// An open log, and its text streams that no process will continue.
pub(crate) struct OpenedLog {
    pub(crate) log: Arc<Log>,
    pub(crate) abandoned: Vec<OpenStream>,
}

/// A message to store.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) log: Arc<Log>,
    pub(crate) topic: usize,
    pub(crate) frame: DataFrame,
    pub(crate) key: Option<IdempotencyKey>,
    /// The process that writes the text stream that the message belongs to. `None` for other messages, for text streams
    /// of runs, and for the end of another process's text stream.
    pub(crate) writer: Option<u32>,
}

/// The reason why a message was not appended.
#[derive(Clone, Debug)]
pub(crate) enum AppendError {
    KeyReused,
    /// The process that writes the text stream was declared dead, so others end the stream. Or, in NATS, the stream's
    /// channel was deleted.
    StreamEnded,
    Storage(StorageError),
}

impl From<KeyReused> for AppendError {
    fn from(_: KeyReused) -> Self {
        Self::KeyReused
    }
}

impl From<StorageError> for AppendError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// A storage error: for example, the file cannot be opened or written, the disk is full, or the file has another
/// version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageError {
    text: String,
    kind: StorageErrorKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StorageErrorKind {
    /// A write that may have been committed.
    #[cfg(feature = "postgres")]
    MayBeCommitted,
    /// A stored message that cannot be read. Reading it again would fail again.
    #[cfg(feature = "nats")]
    Unreadable,
    Other,
}

impl StorageError {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { text: what.into(), kind: StorageErrorKind::Other }
    }

    /// Returns the error of a write that may have been committed.
    #[cfg(feature = "postgres")]
    fn unknown(what: impl Into<String>) -> Self {
        Self { text: what.into(), kind: StorageErrorKind::MayBeCommitted }
    }

    /// Returns the error of a stored message that cannot be read.
    #[cfg(feature = "nats")]
    fn unreadable(what: impl Into<String>) -> Self {
        Self { text: what.into(), kind: StorageErrorKind::Unreadable }
    }

    /// Returns `true` if the failed call was a write that may have been committed.
    pub(crate) fn may_be_committed(&self) -> bool {
        match self.kind {
            #[cfg(feature = "postgres")]
            StorageErrorKind::MayBeCommitted => true,
            _ => false,
        }
    }

    /// Returns `true` if a stored message cannot be read, so that reading it again would fail again.
    #[cfg(feature = "nats")]
    fn is_unreadable(&self) -> bool {
        self.kind == StorageErrorKind::Unreadable
    }

    /// Converts an error of the application's driver.
    #[cfg(feature = "postgres")]
    pub(crate) fn from_driver(error: &(dyn std::error::Error + 'static)) -> Self {
        // The drivers put the server's message into the source.
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::new(format!("the transaction rejected the statement: {error}{cause}"))
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl std::error::Error for StorageError {}
