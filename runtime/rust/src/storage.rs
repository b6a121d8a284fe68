//! What keeps messages beyond the process: the one seam behind which storage stands.
//!
//! A storage puts messages in order. It hands a channel to the hub as a [`Log`], with what it
//! kept of it, and from then on hands that log each message that it keeps. Nobody is sent a
//! message before, so nothing that was seen is ever lost. `docs/storage.md` says how an engine
//! that several processes share would stand here.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::channel::{Channel, Registry};
use crate::history::{Appended, Key, KeyReused, Limits, Log, OpenStream};
use crate::wire::DataFrame;

mod calls;
mod journal;
mod left_open;
#[cfg(feature = "sqlite")]
mod sqlite;

pub(crate) use calls::{CallSite, Outcome, Step, StepKind};
pub(crate) use journal::{
    Claimed, Decided, Decision, End, Hold, JOURNAL, Journal, NewPiece, NewRun, NewSignal, Question, Recorded,
    RunCounts, RunEvent, RunRecord, RunStream, Settled, Signalled, Taken, Wait, WaitEnd, Waited,
};
pub(crate) use left_open::end_left_open;

#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;

/// Where a hub keeps what it must not forget: [`HubBuilder::storage`](crate::HubBuilder::storage).
#[derive(Clone)]
pub struct Storage(Arc<dyn Engine>);

impl Storage {
    #[cfg(feature = "sqlite")]
    fn new(engine: impl Engine + 'static) -> Self {
        Self(Arc::new(engine))
    }

    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.0
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Storage")
    }
}

/// What a storage gives later. It borrows nothing: whoever asked may be gone by then.
pub(crate) type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Receives the ids of tokens that another process revoked, and how long ago.
pub(crate) type OnRevoked = Box<dyn Fn(&str, Duration) + Send>;

/// An engine that keeps messages.
pub(crate) trait Engine: Journal + Send + Sync {
    /// Told once, before anything else, which channels there are.
    fn attach(&self, registry: &'static Registry);

    /// Sets what is called, on any thread, with revocations by other processes.
    fn follow_revocations(&self, listener: OnRevoked);

    /// Returns the time by the storage's clock. All processes that share the storage have the same clock. It
    /// starts from the wall clock and never jumps afterwards, so all that is due at some time follows it.
    fn now(&self) -> SystemTime;

    /// Returns why the storage does not work, if the last attempt to use it failed.
    fn health(&self) -> Result<(), StorageError>;

    /// By which other processes know this one; text streams have it in their ids.
    fn owner(&self) -> u32;

    /// A channel's log with what is kept of it. One log a channel is open at a time.
    fn open(&self, channel: Channel, limits: Limits) -> Later<Result<Opened, StorageError>>;

    /// Hands all logs that are open here what other processes have appended until now, and retires those whose epoch is
    /// over.
    fn catch_up(&self) -> Later<()>;

    /// Appends a message to a log that was opened here, unless its key was used before. Messages
    /// get their places in the order of the calls; once this comes back the message is kept, and the log has it.
    fn append(&self, entry: Entry) -> Later<Result<Appended, AppendError>>;

    /// Returns the ids of tokens that were revoked before the storage was opened, and how long ago.
    fn revoked(&self) -> Vec<(String, Duration)>;

    /// Remembers for two days that an id was revoked, and has other processes notified.
    fn revoke(&self, id: &str) -> Later<Result<(), StorageError>>;
}

/// A log, and the text streams in it that nobody goes on with.
pub(crate) struct Opened {
    pub(crate) log: Arc<Log>,
    pub(crate) left_open: Vec<OpenStream>,
}

/// A message that is to be kept.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) log: Arc<Log>,
    pub(crate) topic: usize,
    pub(crate) frame: DataFrame,
    pub(crate) key: Option<Key>,
}

/// Why a message was not appended.
#[derive(Clone, Debug)]
pub(crate) enum AppendError {
    KeyReused,
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

/// Why a storage could not do what it was asked to: its file cannot be opened or written, the
/// disk is full, or it is of another version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageError(String);

impl StorageError {
    #[cfg(feature = "sqlite")]
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for StorageError {}
