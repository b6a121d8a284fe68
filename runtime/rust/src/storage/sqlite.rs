//! SQLite as a storage: one file beside the server.

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::{AppendError, Engine, Entry, Later, OnRevoked, Opened, Storage, StorageError};
use crate::channel::{Channel, Registry};
use crate::history::{Appended, Limits};

/// A place at which a crash test may stop the process; nothing without the feature `failpoints`.
macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        fail::fail_point!($name);
    };
}

#[cfg(feature = "simulation")]
mod actor;
mod batch;
mod boot;
mod channels;
mod clock;
mod engine;
mod facts;
mod file;
mod health;
mod journal;
mod messages;
#[cfg(test)]
mod plans;
mod process;
mod questions;
mod queue;
mod revocations;
mod schema;
mod signals;
mod soon;
mod streams;
mod sweep;
#[cfg(test)]
mod tests;
mod writer;

use batch::{Asked, Batch};
use messages::Outcome;
use queue::{Queue, Waiting};
use soon::Askers;
use writer::{Command, Known, Writer};

/// Keeps history, and what else must outlast the process, in one SQLite file.
///
/// A publish comes back once its message is committed, and nobody is sent a message that is not.
/// Many publishes at a time share a commit. What is committed survives the process, however it
/// ends. When the whole machine stops without warning, the last commits may be missing: then
/// history starts anew, and subscribers are told a gap rather than left to guess
/// ([`Sqlite::open_synchronous`] waits for the disk, and misses nothing).
///
/// ```
/// # fn hub(registry: &'static fanfare::Registry, folder: &std::path::Path) -> Result<fanfare::Hub, Box<dyn std::error::Error>> {
/// use fanfare::{Hub, Sqlite};
///
/// let storage = Sqlite::open(folder.join("fanfare.db"))?;
/// let hub = Hub::builder(registry).signing_key(std::env::var("FANFARE_KEY")?).storage(storage).build()?;
/// # Ok(hub)
/// # }
/// ```
#[derive(Debug)]
pub struct Sqlite {
    /// Both are there until it is dropped.
    commands: Option<Commands>,
    thread: Option<thread::JoinHandle<()>>,
    known: Known,
    askers: Askers,
    queue: Queue,
}

/// How much may wait to be written, unless set.
const MAX_QUEUE_BYTES: usize = 128 * 1024 * 1024;

/// The way to the writer.
#[derive(Debug)]
enum Commands {
    Thread(mpsc::Sender<Command>),
    #[cfg(feature = "simulation")]
    Actor(tokio::sync::mpsc::UnboundedSender<Command>),
}

impl Sqlite {
    /// Opens a file, or creates it. Files with the same name and `-wal`, `-shm` and `-mark` belong to it; the first
    /// two exist only while it is open. Only the owner may read a file that this creates. `docs/storage.md` explains how to copy it and how to restore a backup.
    ///
    /// # Errors
    /// When the file cannot be opened, is no database, or is of a later version of this library.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        Self::start(path.as_ref(), false)
    }

    /// Opens a file so that every commit waits for the disk: nothing that was published is lost
    /// even when the machine loses power. Some milliseconds a commit, on most disks.
    ///
    /// # Errors
    /// As [`Sqlite::open`].
    pub fn open_synchronous(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        Self::start(path.as_ref(), true)
    }

    /// Keeps nothing beyond the process. For tests, and for trying runs out: they need a storage.
    ///
    /// # Errors
    /// When SQLite cannot be used at all.
    pub fn in_memory() -> Result<Self, StorageError> {
        Self::start(Path::new(":memory:"), false)
    }

    /// Sets how many bytes of messages, signals and new runs may wait to be written. 128 MiB unless set. While more
    /// wait, publishing and sending signals fail with an error that says that the storage is busy; over HTTP the
    /// answer is 503. Runs that are being executed go on.
    #[must_use]
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        // Nobody can have asked for anything yet.
        self.queue = Queue::new(bytes);
        self
    }

    fn start(path: &Path, synchronous: bool) -> Result<Self, StorageError> {
        let at =
            |error: String| StorageError::new(format!("cannot use {} as storage: {error}", path.display()));
        if path.to_string_lossy().starts_with("file:") {
            return Err(at("it is a URI: name the file by its path".into()));
        }
        let (writer, known) = Writer::open(path, synchronous).map_err(|error| at(error.to_string()))?;
        let (askers, queue) = (Askers::default(), Queue::new(MAX_QUEUE_BYTES));
        #[cfg(feature = "simulation")]
        if crate::simulation::world().is_some() {
            let commands = Some(Commands::Actor(actor::spawn(writer)));
            return Ok(Self { commands, thread: None, known, askers, queue });
        }
        let (commands, received) = mpsc::channel();
        let thread = thread::Builder::new().name("fanfare-sqlite".into());
        let thread = thread.spawn(move || writer.run(&received)).map_err(|error| at(error.to_string()))?;
        let commands = Some(Commands::Thread(commands));
        Ok(Self { commands, thread: Some(thread), known, askers, queue })
    }

    /// A writer that is gone drops the command, and the reply with it.
    fn send(&self, command: Command) {
        match &self.commands {
            Some(Commands::Thread(commands)) => drop(commands.send(command)),
            #[cfg(feature = "simulation")]
            Some(Commands::Actor(commands)) => drop(commands.send(command)),
            None => {}
        }
    }

    /// Has the writer do something in its next transaction.
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Batch<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Later<Result<T, StorageError>> {
        self.ask_in_queue(self.queue.enter_always(0), work)
    }

    /// The same for something that is refused if too much waits already.
    fn ask_unless_busy<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnMut(&mut Batch<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Later<Result<T, StorageError>> {
        match self.queue.enter(bytes) {
            Ok(waiting) => self.ask_in_queue(waiting, work),
            Err(busy) => Box::pin(async { Err(busy) }),
        }
    }

    fn ask_in_queue<T: Send + 'static>(
        &self,
        waiting: Waiting,
        mut work: impl FnMut(&mut Batch<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Later<Result<T, StorageError>> {
        let (reply, answer) = oneshot::channel();
        let asker = self.askers.one_more();
        let work = move |batch: &mut Batch<'_>| {
            let _in_queue = &waiting;
            work(batch)
        };
        self.send(Command::Work(Asked::boxed(work, reply)));
        Box::pin(async { asker.wait(answer).await.unwrap_or_else(|| Err(gone())) })
    }
}

/// Waits until all is written and the file is closed.
impl Drop for Sqlite {
    fn drop(&mut self) {
        self.commands = None;
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

impl Engine for Sqlite {
    fn attach(&self, registry: &'static Registry) {
        self.send(Command::Attach(registry));
    }

    fn follow_revocations(&self, listener: OnRevoked) {
        self.send(Command::FollowRevocations(listener));
    }

    fn owner(&self) -> u32 {
        self.known.owner
    }

    fn now(&self) -> SystemTime {
        self.known.clock.now()
    }

    fn health(&self) -> Result<(), StorageError> {
        if self.thread.as_ref().is_some_and(thread::JoinHandle::is_finished) {
            return Err(gone());
        }
        self.known.health.get()
    }

    fn open(&self, channel: Channel, limits: Limits) -> Later<Result<Opened, StorageError>> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Open { channel, limits, reply });
        Box::pin(async { answer.await.unwrap_or_else(|_| Err(gone())) })
    }

    fn catch_up(&self) -> Later<()> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::CatchUp { reply });
        Box::pin(async { answer.await.unwrap_or_default() })
    }

    fn append(&self, entry: Entry) -> Later<Result<Appended, AppendError>> {
        let outcome = self.ask_unless_busy(entry.frame.len(), move |batch| batch.append(&entry));
        Box::pin(async move {
            let (id, repeated) = match outcome.await? {
                Outcome::Kept(id) => (id, false),
                Outcome::Repeated(id) => (id, true),
                Outcome::KeyReused => return Err(AppendError::KeyReused),
            };
            // Waiting for the commit gave subscribers their turn.
            Ok(Appended { id, repeated, crowded: false })
        })
    }

    fn revoked(&self) -> Vec<(String, Duration)> {
        self.known.revoked.clone()
    }

    fn revoke(&self, id: &str) -> Later<Result<(), StorageError>> {
        let id = id.to_owned();
        self.ask(move |batch| revocations::record(batch.transaction, &id, batch.time()))
    }
}
