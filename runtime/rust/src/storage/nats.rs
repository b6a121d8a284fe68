//! NATS JetStream as a storage for messages, which servers on several machines can share.
//!
//! The channels are spread over *shards*. Each is a stream, whose leader orders the messages. A channel has two
//! subjects in its stream: one for its *blocks*, each of which has the messages that were appended together, and one
//! for its *checkpoint*, which replaces older blocks. A process appends a block by naming the sequence of the channel's
//! last one, so a block is stored only if its writer has read everything before it. That makes offsets dense and keys
//! exact.
//!
//! Channels have no consumers. Streams republish the messages that they store, and each process has one subscription
//! per shard. A process uses batched direct gets to read missed messages and the channels that it opens.
//!
//! There is no journal: JetStream cannot commit a message and a step of a run together.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::queue::Queue;
use super::remote_clock::StorageClock;
use super::{
    AppendError, Entry, Messages, OnRevoked, OpenedLog, Storage, StorageCall, StorageError, StorageFuture,
};
use crate::channel::{Channel, Registry};
use crate::clock::to_milliseconds;
use crate::history::{Appended, Limits, OpenStream};

mod append;
mod block;
mod channel;
mod check;
mod checkpoint;
mod connect;
mod credentials;
mod inspection;
mod jetstream;
mod journal;
mod keys;
mod lag;
mod latest;
mod load;
mod lost;
mod processes;
mod revocations;
mod shard;
mod streams;
mod subjects;
mod tail;
#[cfg(test)]
pub(super) mod tests;
mod text_streams;
mod trim;
mod upkeep;
mod versions;
mod writer;

use append::Append;
use channel::{Channels, TrackedChannel};
pub use connect::ConnectNats;
use jetstream::JetStream;
use processes::{Beat, Running};
use revocations::Revoked;
use shard::Shard;
use streams::Setup;
use trim::Trim;

/// The bytes that remain for the idempotency keys of a checkpoint.
const KEYS_BYTES: usize = 128 * 1024;

/// A storage for messages in NATS JetStream, which servers on several machines can share.
///
/// A publish returns once a stream has stored its message, and subscribers receive only stored messages, on every
/// server that shares the streams. The storage needs `nats-server` 2.12 or later, with JetStream.
///
/// It stores messages and revocations, but no runs: [`Runs::builder`](crate::Runs::builder) fails. Use
/// [`Postgres`](crate::Postgres) or [`Sqlite`](crate::Sqlite) for servers that execute runs.
///
/// ```no_run
/// # async fn hub(registry: &'static fanfare::Registry) -> Result<fanfare::Hub, Box<dyn std::error::Error>> {
/// use fanfare::{Hub, Nats};
///
/// let storage = Nats::connect("nats://one.example,nats://two.example,nats://three.example").replicas(3).await?;
/// let hub = Hub::builder(registry).signing_key(std::env::var("FANFARE_SIGNING_KEY")?).storage(storage).build()?;
/// # Ok(hub)
/// # }
/// ```
pub struct Nats {
    /// The tasks that follow the shards, and the upkeep. Writers are not among them: they end once their queue is
    /// empty.
    tasks: JoinSet<()>,
    shared: Arc<Shared>,
    queue: Queue,
    /// The revocations from before the storage was opened, each with its age.
    revoked: Vec<(String, Duration)>,
}

/// The state that the tasks share.
struct Shared {
    jetstream: JetStream,
    runtime: Handle,
    /// The first token of all subjects.
    space: String,
    meta_stream: String,
    setup: Setup,
    shards: Vec<Shard>,
    channels: Channels,
    clock: StorageClock,
    owner: u32,
    registry: OnceLock<&'static Registry>,
    running: Mutex<Running>,
    /// The last report of this process. A report holds the lock while it is in progress.
    last_beat: tokio::sync::Mutex<Option<Beat>>,
    revoked: Mutex<Revoked>,
    trims: mpsc::UnboundedSender<Trim>,
    writers: Writers,
}

impl Nats {
    /// Returns a builder: set its options, then await it to connect. It creates the streams if they do not exist.
    ///
    /// A URL has the form `nats://host:4222`; separate several by commas. `tls://` encrypts, and checks the server's
    /// certificate. Await the builder within the Tokio runtime that the server uses: the connection belongs to it.
    pub fn connect(url: &str) -> ConnectNats<'_> {
        ConnectNats::new(url)
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Nats")
    }
}

impl From<Nats> for Storage {
    fn from(nats: Nats) -> Self {
        Self::new(nats)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.tasks.abort_all();
        let shared = Arc::clone(&self.shared);
        self.shared.runtime.spawn(async move {
            shared.writers.wait().await;
            shared.unregister().await;
        });
    }
}

impl Messages for Nats {
    fn set_registry(&self, registry: &'static Registry) {
        // The hub calls this once.
        let _ = self.shared.registry.set(registry);
    }

    fn follow_revocations(&self, listener: OnRevoked) {
        self.shared.revoked.lock().unwrap_or_else(PoisonError::into_inner).listener = Some(listener);
        let shared = Arc::clone(&self.shared);
        self.shared.runtime.spawn(async move {
            // If it fails, the next report of this process tries again.
            let _ = shared.report_revoked().await;
        });
    }

    fn storage_time(&self) -> SystemTime {
        self.shared.clock.now()
    }

    fn latest_storage_time(&self) -> SystemTime {
        self.shared.clock.latest_now()
    }

    fn health(&self) -> Result<(), StorageError> {
        self.shared.shards.iter().try_for_each(Shard::health)
    }

    fn owner(&self) -> u32 {
        self.shared.owner
    }

    fn open_log(&self, channel: Channel, limits: Limits) -> StorageFuture<Result<OpenedLog, StorageError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.open_log(&channel, &limits).await })
    }

    fn catch_up(&self, channel: &Channel) -> StorageFuture<Result<(), StorageError>> {
        let number = subjects::shard_of(&subjects::encode(channel.name()), self.shared.shard_count());
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.catch_up(number).await })
    }

    fn append(&self, entry: Entry) -> StorageCall<Result<Appended, AppendError>> {
        let waiting = match self.queue.try_reserve(entry.frame.len()) {
            Ok(waiting) => waiting,
            Err(busy) => return StorageCall::done(Err(busy.into())),
        };
        let max = self.shared.max_payload();
        if entry.frame.len() + block::HEAD_BYTES + block::MESSAGE_HEAD_BYTES > max {
            let error = StorageError::new(format!(
                "a message of {} bytes is too large for the NATS servers: raise `max_payload`",
                entry.frame.len()
            ));
            return StorageCall::done(Err(error.into()));
        }
        let (append, outcome) = Append::new(entry, Some(waiting));
        self.shared.enqueue(append);
        StorageCall::Waiting(Box::pin(async { outcome.await.unwrap_or_else(|_| Err(ended().into())) }))
    }

    fn record_metrics(&self) {
        self.shared.record_metrics();
    }

    fn list_revoked(&self) -> Vec<(String, Duration)> {
        self.revoked.clone()
    }

    fn revoke(&self, id: &str) -> StorageFuture<Result<(), StorageError>> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        Box::pin(async move { shared.revoke(&id).await })
    }
}

impl Shared {
    async fn open_log(
        self: &Arc<Self>,
        channel: &Channel,
        limits: &Limits,
    ) -> Result<OpenedLog, StorageError> {
        let tracked = self.channels.track(channel, self.shard_count());
        loop {
            let loading = tracked.begin_loading();
            let Some(loaded) = self.load(&tracked, channel.definition(), 0).await? else {
                self.begin_epoch(&tracked, None).await.map_err(writer::AppendFailure::into_error)?;
                continue;
            };
            let is_lost = tracked.lock().position.as_ref().is_some_and(|known| loaded.replaces(known));
            if is_lost {
                self.replace_lost(&tracked).await?;
                continue;
            }
            // Include streams that the history no longer has, because they may have readers.
            let open = loaded.position.streams.open.clone();
            let (log, is_dirty) = loading.open(loaded, channel, limits);
            if is_dirty {
                self.refresh(&tracked, 0).await?;
            }
            self.request_trim(&tracked, 1);
            let abandoned = self.find_abandoned(open).await?;
            return Ok(OpenedLog { log, abandoned });
        }
    }

    /// Returns the text streams that no process will continue. This process has just opened their log, so it does not
    /// write them either.
    async fn find_abandoned(&self, mut open: Vec<OpenStream>) -> Result<Vec<OpenStream>, StorageError> {
        let is_written = |owner: Option<u32>| owner != Some(self.owner) && self.may_run(owner);
        if open.iter().all(|stream| is_written(stream.owner())) {
            return Ok(Vec::new());
        }
        // The others may have started since the last report. They registered before they wrote.
        self.beat().await?;
        open.retain(|stream| !stream.is_of_run() && !is_written(stream.owner()));
        Ok(open)
    }

    fn now(&self) -> i64 {
        to_milliseconds(self.clock.now())
    }

    fn shard_count(&self) -> usize {
        self.shards.len()
    }

    fn stream_of(&self, channel: &TrackedChannel) -> &str {
        &self.shards[channel.shard].stream
    }

    fn log_subject(&self, channel: &TrackedChannel) -> String {
        format!("{}.{}.log.{}", self.space, channel.shard, channel.token)
    }

    fn checkpoint_subject(&self, channel: &TrackedChannel) -> String {
        format!("{}.{}.checkpoint.{}", self.space, channel.shard, channel.token)
    }

    /// Returns the maximum size of a message for the servers, in bytes, without its headers.
    fn max_payload(&self) -> usize {
        self.jetstream.client.max_payload().saturating_sub(1024)
    }
}

/// The tasks that append messages.
#[derive(Default)]
struct Writers {
    count: Arc<AtomicUsize>,
    ended: Arc<Notify>,
}

/// A task that appends messages, until this is dropped.
struct Writing {
    count: Arc<AtomicUsize>,
    ended: Arc<Notify>,
}

impl Writers {
    fn begin(&self) -> Writing {
        self.count.fetch_add(1, Ordering::SeqCst);
        Writing { count: Arc::clone(&self.count), ended: Arc::clone(&self.ended) }
    }

    /// Waits until no task appends messages.
    async fn wait(&self) {
        loop {
            let ended = self.ended.notified();
            if self.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
        self.ended.notify_waiters();
    }
}

fn ended() -> StorageError {
    StorageError::new("the storage was dropped before the message was stored")
}

/// Converts a time to an epoch.
fn from_milliseconds_u64(milliseconds: i64) -> u64 {
    u64::try_from(milliseconds).unwrap_or(0)
}
