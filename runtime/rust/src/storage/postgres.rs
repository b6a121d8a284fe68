//! PostgreSQL as a storage, which servers on several machines can share.
//!
//! A process has four connections for messages. The *writer* appends waiting messages, many per commit, and a second
//! connection notifies other processes if there are any, so that the next commit does not wait. The *tail* reads what
//! other processes append: notifications tell it which channels changed, and one statement reads them all. While many
//! transactions of applications publish, the tail of one process is their *announcer*. The fourth connection opens
//! channels, reports that the process is running, and deletes old data. A pool has those for the journal: each call is
//! a transaction, and a message that it appends takes the same path to the logs and to other processes.
//!
//! Offsets are assigned under the lock of the channel's row, so messages become visible in the order of their offsets.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_postgres::types::Type;

use super::queue::Queue;
use super::remote_clock::{StorageClock, steady_milliseconds};
use super::{
    AppendError, DueRuns, Entry, Messages, OnDueRuns, OnRevoked, OpenedLog, Storage, StorageCall,
    StorageError, StorageFuture,
};
use crate::channel::{Channel, Registry};
use crate::clock::milliseconds;
use crate::history::{Appended, Limits, Log, OpenStream};
use crate::metrics;
use crate::token::REVOKED_FOR;

mod announcer;
mod append;
mod beat;
mod certificate;
mod channels;
mod check;
mod committed;
mod connect;
mod connection;
mod executor;
mod inspection;
mod journal;
mod logs;
mod notices;
mod params;
mod pool;
mod prepared;
mod revocations;
mod schema;
mod sql;
mod statements;
mod step;
mod tail;
#[cfg(test)]
mod tests;
mod text;
mod tls;
mod transaction;
mod unchecked;
mod upkeep;
mod writer;

use beat::Registration;
pub use connect::ConnectPostgres;
use connection::{Database, Link, RequestError};
pub use executor::{Executor, ExecutorError};
use logs::{OpenLogs, Trim};
use pool::Pool;
use schema::Schema;
pub(crate) use step::StepCommit;
pub use step::StepTransaction;
use tail::{Tail, TailCommand};
use transaction::ended;
use upkeep::Upkeep;
use writer::{Append, Writer};

/// A storage in a PostgreSQL database, which servers on several machines can share.
///
/// A publish returns once its message is committed, and subscribers receive only committed messages, on every server
/// that shares the database. Concurrent publishes share a commit. The database decides what survives a failure: with its
/// default settings, nothing that was confirmed is lost.
///
/// ```no_run
/// # async fn hub(registry: &'static fanfare::Registry) -> Result<fanfare::Hub, Box<dyn std::error::Error>> {
/// use fanfare::{Hub, Postgres};
///
/// let storage = Postgres::connect("postgres://fanfare@db.example/app").await?;
/// let hub = Hub::builder(registry).signing_key(std::env::var("FANFARE_SIGNING_KEY")?).storage(storage).build()?;
/// # Ok(hub)
/// # }
/// ```
pub struct Postgres {
    /// The tail and the upkeep, which end first. The writer ends once it has written what is queued.
    _tasks: JoinSet<()>,
    shared: Arc<Shared>,
    writer: mpsc::UnboundedSender<Append>,
    queue: Queue,
}

/// The text streams that unfinished runs write.
const WRITTEN_STREAMS: &str = "
    SELECT stream FROM fanfare.streams s JOIN fanfare.runs r ON r.id = s.run
    WHERE stream = ANY($1) AND state IN ('running', 'halted')
";

/// The state that the tasks share.
struct Shared {
    /// The connection for everything but appending and the tail.
    link: Link,
    /// The connections for the journal and for inspection.
    pool: Arc<Pool>,
    /// The connections for the work of steps, which may take long.
    step_pool: Arc<Pool>,
    runtime: Handle,
    logs: OpenLogs,
    clock: StorageClock,
    process: Registration,
    registry: OnceLock<&'static Registry>,
    /// The revocations before the storage was opened, with the time since then.
    revoked: Vec<(String, Duration)>,
    revocations: Mutex<revocations::Followed>,
    due_run_listeners: Mutex<Vec<OnDueRuns>>,
    /// The processes that were running at the last check.
    running: Mutex<BTreeSet<u32>>,
    tail: mpsc::UnboundedSender<TailCommand>,
    trims: mpsc::UnboundedSender<Trim>,
    /// The time at which the tail last had everything that was committed, in steady milliseconds.
    current_at: AtomicI64,
}

impl Postgres {
    /// Returns a builder: set its options, then await it to connect. It creates the tables or migrates those of an earlier
    /// version.
    ///
    /// The URL is one that PostgreSQL's own programs understand, such as `postgres://user:password@host/database`.
    /// `?sslmode=require` encrypts, and checks the server's certificate. Await it within the Tokio runtime that the
    /// server uses: the connections belong to it.
    pub fn connect(url: &str) -> ConnectPostgres<'_> {
        ConnectPostgres::new(url)
    }

    /// Returns a statement for the application's own connections, with the name of the schema.
    pub(crate) fn qualify(&self, sql: &'static str) -> Cow<'static, str> {
        self.shared.link.database.schema.qualify(sql)
    }

    async fn start(
        url: &str,
        schema: Schema,
        queue: Queue,
        connections: usize,
    ) -> Result<Self, StorageError> {
        let database = Arc::new(Database::new(url, schema)?);
        let link = Link::new(Arc::clone(&database));
        let process = Registration::new(&link).await.map_err(|failure| failure.error)?;
        let beat = process.beat(&link).await.map_err(|failure| failure.error)?;
        let (revoked, latest) = revocations::read(&link, 0).await.map_err(|failure| failure.error)?;
        let (tail, tail_commands) = mpsc::unbounded_channel();
        let (trims, trim_requests) = mpsc::unbounded_channel();
        let (writer, appends) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            link,
            pool: Arc::new(Pool::new(Arc::clone(&database), connections)),
            step_pool: Arc::new(Pool::new(Arc::clone(&database), connections)),
            runtime: Handle::current(),
            logs: OpenLogs::default(),
            clock: StorageClock::new(&beat.clock),
            process,
            registry: OnceLock::new(),
            revoked,
            revocations: Mutex::new(revocations::Followed::new(latest)),
            due_run_listeners: Mutex::default(),
            running: Mutex::new(beat.running),
            tail,
            trims,
            current_at: AtomicI64::new(steady_milliseconds()),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(Tail::new(Arc::clone(&database), Arc::clone(&shared), tail_commands).run());
        tasks.spawn(Upkeep::new(Arc::clone(&shared), writer.downgrade(), trim_requests).run());
        tokio::spawn(Writer::new(Link::new(database), Arc::clone(&shared), appends).run());
        Ok(Self { shared, writer, queue, _tasks: tasks })
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Postgres")
    }
}

impl From<Postgres> for Storage {
    fn from(postgres: Postgres) -> Self {
        Self::new(postgres)
    }
}

impl Messages for Postgres {
    fn set_registry(&self, registry: &'static Registry) {
        // The hub calls this once.
        let _ = self.shared.registry.set(registry);
    }

    fn follow_revocations(&self, listener: OnRevoked) {
        self.shared.revocations.lock().unwrap_or_else(PoisonError::into_inner).set_listener(listener);
        let _ = self.shared.tail.send(TailCommand::ReadRevocations);
    }

    fn storage_time(&self) -> SystemTime {
        self.shared.clock.now()
    }

    fn latest_storage_time(&self) -> SystemTime {
        self.shared.clock.latest_now()
    }

    fn health(&self) -> Result<(), StorageError> {
        self.shared.link.database.health()
    }

    fn owner(&self) -> u32 {
        self.shared.process.owner()
    }

    fn open_log(&self, channel: Channel, limits: Limits) -> StorageFuture<Result<OpenedLog, StorageError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.open_log(&channel, &limits).await })
    }

    fn catch_up(&self, _: &Channel) -> StorageFuture<Result<(), StorageError>> {
        let (reply, caught_up) = oneshot::channel();
        let _ = self.shared.tail.send(TailCommand::CatchUp { reply });
        Box::pin(async { caught_up.await.unwrap_or_else(|_| Err(ended())) })
    }

    fn append(&self, entry: Entry) -> StorageCall<Result<Appended, AppendError>> {
        let waiting = match self.queue.try_reserve(entry.frame.len()) {
            Ok(waiting) => waiting,
            Err(busy) => return StorageCall::done(Err(busy.into())),
        };
        let (append, outcome) = Append::new(entry, Some(waiting));
        let _ = self.writer.send(append);
        StorageCall::Waiting(Box::pin(async { outcome.await.unwrap_or_else(|_| Err(ended().into())) }))
    }

    fn postgres(&self) -> Option<&Postgres> {
        Some(self)
    }

    fn record_metrics(&self) {
        let lag = steady_milliseconds() - self.shared.current_at.load(Ordering::Relaxed);
        metrics::set_storage_lag(Duration::from_millis(from_int8(lag)));
    }

    fn list_revoked(&self) -> Vec<(String, Duration)> {
        self.shared.revoked.clone()
    }

    fn revoke(&self, id: &str) -> StorageFuture<Result<(), StorageError>> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        Box::pin(async move {
            let kept_for = milliseconds(REVOKED_FOR);
            let sql = "SELECT fanfare.revoke($1, $2)";
            let revoked = shared.link.query(sql, &[(&id, Type::TEXT), (&kept_for, Type::INT8)]).await;
            revoked.map(drop).map_err(|failure| failure.error)
        })
    }
}

impl Shared {
    fn add_due_run_listener(&self, listener: OnDueRuns) {
        self.due_run_listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// Calls the listeners for runs that other processes have made due.
    fn wake_runs(&self, has_due_runs: bool, signalled: &BTreeSet<String>) {
        if has_due_runs || !signalled.is_empty() {
            let listeners = self.due_run_listeners.lock().unwrap_or_else(PoisonError::into_inner);
            for listener in &*listeners {
                if has_due_runs {
                    listener(DueRuns::Any);
                }
                for channel in signalled {
                    listener(DueRuns::OfSignal { channel });
                }
            }
        }
    }

    async fn open_log(&self, channel: &Channel, limits: &Limits) -> Result<OpenedLog, StorageError> {
        let stored = channels::open(&self.link, channel).await.map_err(|failure| failure.error)?;
        let (id, trimmed) = (stored.channel.id(), stored.evicted.clone());
        // Include streams that the history no longer has, because they may have readers.
        let open = OpenStream::among(channel.definition(), &stored.messages);
        let abandoned = self.find_abandoned(open.clone()).await.map_err(|failure| failure.error)?;
        let log = Arc::new(Log::restore(channel, stored, limits));
        self.logs.insert(&log, trimmed, open);
        // Read what was appended since the channel was read: the tail did not know the log yet.
        let _ = self.tail.send(TailCommand::Read(vec![id]));
        self.trim(&log, 1);
        Ok(OpenedLog { log, abandoned })
    }

    /// Returns the text streams that no process will continue. This process has just opened their log, so it does not
    /// write them either.
    async fn find_abandoned(&self, open: Vec<OpenStream>) -> Result<Vec<OpenStream>, RequestError> {
        let (of_runs, mut others): (Vec<_>, Vec<_>) = open.into_iter().partition(OpenStream::is_of_run);
        if others.iter().all(|stream| self.is_running(stream.owner())) {
            others.clear();
        } else {
            // The others may have started since the last report. They registered before they wrote.
            let running = self.process.beat(&self.link).await?.running;
            self.running.lock().unwrap_or_else(PoisonError::into_inner).extend(&running);
            others.retain(|stream| {
                let owner = stream.owner().filter(|owner| *owner != self.process.owner());
                !owner.is_some_and(|owner| running.contains(&owner))
            });
        }
        others.extend(self.find_abandoned_of_runs(of_runs).await?);
        Ok(others)
    }

    /// Returns the text streams whose runs have ended or do not write them.
    async fn find_abandoned_of_runs(
        &self,
        mut open: Vec<OpenStream>,
    ) -> Result<Vec<OpenStream>, RequestError> {
        if !open.is_empty() {
            let ids: Vec<&str> = open.iter().map(|stream| &*stream.id).collect();
            let written = self.link.query(WRITTEN_STREAMS, &[(&ids, Type::TEXT_ARRAY)]).await?;
            let written: BTreeSet<&str> = written.iter().map(|row| row.get(0)).collect();
            open.retain(|stream| !written.contains(&*stream.id));
        }
        Ok(open)
    }

    /// Returns whether a process other than this one was running at the last report.
    fn is_running(&self, owner: Option<u32>) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        owner.is_some_and(|owner| owner != self.process.owner() && running.contains(&owner))
    }

    /// Returns whether no other process is known to be running. A process that starts or resumes polls until all others
    /// know of it.
    fn is_alone(&self) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).len() <= 1
    }

    /// Deletes the messages that a log has evicted, if there are at least this many.
    fn trim(&self, log: &Log, at_least: usize) {
        if let Some(trim) = self.logs.take_evicted(log, at_least) {
            let _ = self.trims.send(trim);
        }
    }
}

/// Converts a number for a column. Epochs and offsets are far below the maximum.
fn int8(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Converts a number from a column.
fn from_int8(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
