//! SQLite as a storage: one file next to the server.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::queue::{Queue, Reservation};
use super::{
    AppendError, Entry, Messages, OnRevoked, OpenedLog, Storage, StorageCall, StorageError, StorageFuture,
};
use crate::channel::{Channel, Registry};
use crate::history::{Appended, Limits};

mod batch;
mod channels;
mod check;
mod checkpoint;
mod clock;
mod database_file;
mod facts;
mod health;
mod inspection;
mod journal;
mod messages;
#[cfg(test)]
mod migration_tests;
mod processes;
#[cfg(test)]
mod query_plans;
mod reader;
mod recovery;
mod revocations;
mod schema;
mod shared_writer;
#[cfg(feature = "simulation")]
mod simulated_writer;
mod statements;
mod sweep;
#[cfg(test)]
mod tests;
mod transaction;
mod writer;

use batch::{Batch, Request};
use database_file::DatabaseFile;
use messages::AppendOutcome;
use reader::Reader;
use shared_writer::SharedWriter;
use writer::{Command, Writer, WriterInfo};

/// The writer's thread writes larger payloads, so that they do not delay the other tasks of the caller's thread.
const MAX_SHORT_BYTES: usize = 32 * 1024;

/// A storage in one SQLite file.
///
/// A publish returns once its message is committed, and subscribers receive only committed messages. Concurrent
/// publishes share a commit. Committed data survives the end of the process, however it ends.
///
/// Short transactions run on the thread of their caller, so that a publish or a step wakes no other thread. A thread of
/// the storage does everything that can take longer, such as waiting for the disk or for a locked file.
///
/// A power failure costs more: [`Sqlite::open`] can lose the last commits, [`Sqlite::open_durable`] loses nothing.
///
/// ```
/// # fn hub(registry: &'static fanfare::Registry, folder: &std::path::Path) -> Result<fanfare::Hub, Box<dyn std::error::Error>> {
/// use fanfare::{Hub, Sqlite};
///
/// let storage = Sqlite::open(folder.join("fanfare.db"))?;
/// let hub = Hub::builder(registry).signing_key(std::env::var("FANFARE_SIGNING_KEY")?).storage(storage).build()?;
/// # Ok(hub)
/// # }
/// ```
#[derive(Debug)]
pub struct Sqlite {
    /// Both are `Some` until the storage is dropped.
    commands: Option<Commands>,
    thread: Option<thread::JoinHandle<()>>,
    /// `None` if the database exists in memory only.
    reader: Option<Reader>,
    info: WriterInfo,
    queue: Queue,
}

/// The channel to the writer.
#[derive(Debug)]
enum Commands {
    Shared(Arc<SharedWriter>),
    #[cfg(feature = "simulation")]
    Actor(tokio::sync::mpsc::UnboundedSender<Command>),
}

impl Sqlite {
    /// Opens a file, or creates it. Commits do not wait for the disk, so publishing is fast.
    ///
    /// Nothing is lost if the process is killed. If the machine loses power, the last commits may be lost: messages,
    /// signals, revocations and what runs recorded. Then each channel begins a new epoch, and resuming subscribers
    /// receive a gap. Runs repeat the steps whose results are missing.
    ///
    /// Files with the same name and `-wal`, `-shm` and `-mark` belong to it; the first
    /// two exist only while it is open. If this creates the file, only its owner may read it. `docs/storage.md`
    /// explains how to copy the file and how to restore a backup.
    ///
    /// # Errors
    /// Returns an error if the file cannot be opened, is not a database of this library, or was written by a later
    /// version of it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        Self::start(path.as_ref(), false)
    }

    /// Opens a file like [`open`](Self::open), but every commit waits until the disk has it. Nothing that was confirmed
    /// is lost, even if the machine loses power. Most disks take some milliseconds per commit.
    ///
    /// # Errors
    /// Returns an error in the same cases as [`Sqlite::open`].
    pub fn open_durable(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        Self::start(path.as_ref(), true)
    }

    /// Opens a storage in memory, which ends with the process. Use it in tests, and to try out runs, which need a
    /// storage.
    ///
    /// # Errors
    /// Returns an error if SQLite cannot be used at all.
    pub fn in_memory() -> Result<Self, StorageError> {
        Self::start(Path::new(":memory:"), false)
    }

    /// Sets the maximum bytes of messages, signals and new runs that wait to be written. Default: 128 MiB. While more
    /// are waiting, publishing, sending signals and starting runs fail with an error that says that the storage is
    /// busy; over HTTP, the response is 503. Runs that are being executed continue.
    #[must_use]
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        // Nothing is queued yet.
        self.queue = Queue::new(bytes);
        self
    }

    fn start(path: &Path, synchronous: bool) -> Result<Self, StorageError> {
        let at =
            |error: String| StorageError::new(format!("cannot use {} as storage: {error}", path.display()));
        if path.to_string_lossy().starts_with("file:") {
            return Err(at("it is a `file:` URI; pass a path instead".into()));
        }
        let (writer, info) = Writer::open(path, synchronous).map_err(|error| at(error.to_string()))?;
        let queue = Queue::default();
        let reader = DatabaseFile::find(path).map(Reader::new);
        #[cfg(feature = "simulation")]
        if crate::simulation::world().is_some() {
            let commands = Some(Commands::Actor(simulated_writer::spawn(writer)));
            return Ok(Self { commands, thread: None, reader: None, info, queue });
        }
        let writer = Arc::new(SharedWriter::new(writer));
        let (thread, shared) = (thread::Builder::new().name("fanfare-sqlite".into()), Arc::clone(&writer));
        let thread = thread.spawn(move || shared.run()).map_err(|error| at(error.to_string()))?;
        let commands = Some(Commands::Shared(writer));
        Ok(Self { commands, thread: Some(thread), reader, info, queue })
    }

    /// If the writer has ended, the command is dropped together with its reply.
    fn send(&self, command: Command) {
        match &self.commands {
            Some(Commands::Shared(writer)) => writer.send(command),
            #[cfg(feature = "simulation")]
            Some(Commands::Actor(commands)) => drop(commands.send(command)),
            None => {}
        }
    }

    /// Executes work on the writer's thread, in its next transaction.
    fn submit<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Batch<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> StorageFuture<Result<T, StorageError>> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Work(Request::boxed(keep(self.queue.reserve(0), work), reply)));
        Box::pin(async { answer.await.unwrap_or_else(|_| Err(gone())) })
    }

    /// Executes short work, on the thread of a caller if possible. Fails if too much is queued already.
    fn submit_unless_busy<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnMut(&mut Batch<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> StorageFuture<Result<T, StorageError>> {
        match self.queue.try_reserve(bytes) {
            Ok(waiting) => self.submit_short(bytes, keep(waiting, work)),
            Err(busy) => Box::pin(async { Err(busy) }),
        }
    }

    /// Executes short work, on the thread of a caller if possible.
    fn submit_short<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnMut(&mut Batch<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> StorageFuture<Result<T, StorageError>> {
        let (reply, answer) = oneshot::channel();
        let work = Request::boxed(work, reply);
        if let Some(Commands::Shared(writer)) = &self.commands
            && bytes <= MAX_SHORT_BYTES
        {
            let queued = writer.queue(work);
            return Box::pin(async { queued.wait(answer).await.unwrap_or_else(|| Err(gone())) });
        }
        self.send(Command::Work(work));
        Box::pin(async { answer.await.unwrap_or_else(|_| Err(gone())) })
    }
}

/// Counts work as queued until it is dropped.
fn keep<T>(
    waiting: Reservation,
    mut work: impl FnMut(&mut Batch<'_>) -> rusqlite::Result<T>,
) -> impl FnMut(&mut Batch<'_>) -> rusqlite::Result<T> {
    move |batch| {
        let _in_queue = &waiting;
        work(batch)
    }
}

/// Waits until everything is written and the file is closed.
impl Drop for Sqlite {
    fn drop(&mut self) {
        if let Some(reader) = &self.reader {
            reader.close();
        }
        if let Some(Commands::Shared(writer)) = self.commands.take() {
            writer.close();
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn gone() -> StorageError {
    StorageError::new("the storage's thread has ended")
}

impl From<Sqlite> for Storage {
    fn from(sqlite: Sqlite) -> Self {
        Self::new(sqlite)
    }
}

impl Messages for Sqlite {
    fn set_registry(&self, registry: &'static Registry) {
        self.send(Command::SetRegistry(registry));
    }

    fn follow_revocations(&self, listener: OnRevoked) {
        self.send(Command::FollowRevocations(listener));
    }

    fn owner(&self) -> u32 {
        self.info.owner.get()
    }

    fn storage_time(&self) -> SystemTime {
        self.info.clock.now()
    }

    fn health(&self) -> Result<(), StorageError> {
        if self.thread.as_ref().is_some_and(thread::JoinHandle::is_finished) {
            return Err(gone());
        }
        self.info.health.get()
    }

    fn open_log(&self, channel: Channel, limits: Limits) -> StorageFuture<Result<OpenedLog, StorageError>> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Open { channel, limits, reply });
        Box::pin(async { answer.await.unwrap_or_else(|_| Err(gone())) })
    }

    fn catch_up(&self, _: &Channel) -> StorageFuture<Result<(), StorageError>> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::CatchUp { reply });
        Box::pin(async { answer.await.map_err(|_| gone()) })
    }

    fn append(&self, entry: Entry) -> StorageCall<Result<Appended, AppendError>> {
        let outcome = self.submit_unless_busy(entry.frame.len(), move |batch| batch.append(&entry));
        StorageCall::Waiting(Box::pin(async move {
            let (id, repeated) = match outcome.await? {
                AppendOutcome::Stored(id) => (id, false),
                AppendOutcome::Repeated(id) => (id, true),
                AppendOutcome::KeyReused => return Err(AppendError::KeyReused),
                AppendOutcome::StreamEnded => return Err(AppendError::StreamEnded),
            };
            // Subscribers had a turn while this waited for the commit.
            Ok(Appended { id, repeated, should_yield: false })
        }))
    }

    fn list_revoked(&self) -> Vec<(String, Duration)> {
        self.info.revoked.clone()
    }

    fn revoke(&self, id: &str) -> StorageFuture<Result<(), StorageError>> {
        let id = id.to_owned();
        self.submit(move |batch| revocations::record(batch.transaction, &id, batch.now()))
    }
}
