//! The network between a hub and a server of the storage, or between two of these servers: a proxy whose faults begin and
//! end when the harness decides.

use crate::Result;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep};

/// The time for which a server keeps a connection that the network has lost and its client has closed.
const HALF_OPEN_TIME: Duration = Duration::from_secs(20);

/// The treatment of data by a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Forwards it.
    Sound,
    /// Forwards it later, as a network that loses packets for a while: both ends send them again.
    Delaying,
    /// Drops it. Connections that lose data are useless, and nothing tells their ends.
    Losing,
}

/// The address of the server behind a link.
pub(crate) enum Target {
    Socket(PathBuf),
    Port(u16),
}

/// A proxy between a client and a server. Dropping it resets its connections.
pub(crate) struct Link {
    port: u16,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

struct Shared {
    target: Target,
    condition: watch::Sender<Condition>,
    /// Counts how often all connections were reset.
    resets: watch::Sender<u32>,
    health: Mutex<Health>,
}

struct Health {
    /// The number of connections that have lost data and that the client still regards as open.
    lost: usize,
    /// When the last of them was closed, or the condition became sound.
    since: Instant,
}

impl Shared {
    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// Opens a link. Call this within a Tokio runtime.
    pub(crate) fn open(target: Target) -> Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            target,
            condition: watch::Sender::new(Condition::Sound),
            resets: watch::Sender::new(0),
            health: Mutex::new(Health { lost: 0, since: Instant::now() }),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { port, shared, accepting })
    }

    /// Returns the port that the client connects to.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Begins a fault. Returns `false` if another has not ended.
    pub(crate) fn begin(&self, fault: Condition) -> bool {
        self.shared.condition.send_if_modified(|condition| {
            let is_sound = *condition == Condition::Sound;
            if is_sound {
                *condition = fault;
            }
            is_sound
        })
    }

    /// Ends the fault. Connections that have lost data stay useless.
    pub(crate) fn end(&self) {
        self.shared.condition.send_replace(Condition::Sound);
        self.shared.health().since = Instant::now();
    }

    /// Resets all connections.
    pub(crate) fn reset(&self) {
        self.shared.resets.send_modify(|resets| *resets += 1);
    }

    /// Returns `true` if all connections of the client have reached the server since `time`.
    pub(crate) fn was_sound_since(&self, time: Instant) -> bool {
        let Health { lost, since } = *self.shared.health();
        *self.shared.condition.borrow() == Condition::Sound && lost == 0 && since <= time
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let mut resets = shared.resets.subscribe();
            tokio::select! {
                () = forward(near, &shared) => {}
                _ = resets.changed() => {}
            }
        });
    }
}

/// Why a direction of a connection ended before the other.
enum End {
    Broken,
    /// It lost data.
    Lost,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

/// Counts a connection that has lost data, until the client closes it.
struct Lost<'s>(&'s Shared);

impl<'s> Lost<'s> {
    fn new(shared: &'s Shared) -> Self {
        shared.health().lost += 1;
        Self(shared)
    }
}

impl Drop for Lost<'_> {
    fn drop(&mut self) {
        let mut health = self.0.health();
        health.lost -= 1;
        health.since = Instant::now();
    }
}

/// Forwards one connection until both ends have closed it.
async fn forward(near: TcpStream, shared: &Shared) {
    let _ = near.set_nodelay(true);
    // Connecting fails while the server restarts.
    match &shared.target {
        Target::Socket(path) => {
            if let Ok(far) = UnixStream::connect(path).await {
                forward_to(near, far, shared).await;
            }
        }
        Target::Port(port) => {
            if let Ok(far) = TcpStream::connect(("127.0.0.1", *port)).await {
                let _ = far.set_nodelay(true);
                forward_to(near, far, shared).await;
            }
        }
    }
}

async fn forward_to(mut near: TcpStream, far: impl AsyncRead + AsyncWrite, shared: &Shared) {
    let (mut far_reads, mut far_writes) = tokio::io::split(far);
    let ended = {
        let (near_reads, near_writes) = near.split();
        let up = pump(near_reads, &mut far_writes, shared.condition.subscribe());
        let down = pump(&mut far_reads, near_writes, shared.condition.subscribe());
        tokio::try_join!(up, down)
    };
    if let Err(End::Lost) = ended {
        let lost = Lost::new(shared);
        let _ = tokio::io::copy(&mut near, &mut tokio::io::sink()).await;
        drop(lost);
        // The far end is still open.
        sleep(HALF_OPEN_TIME).await;
    }
}

async fn pump(
    mut reads: impl AsyncRead + Unpin,
    mut writes: impl AsyncWrite + Unpin,
    mut conditions: watch::Receiver<Condition>,
) -> std::result::Result<(), End> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let condition = *conditions.borrow_and_update();
        if condition == Condition::Delaying {
            let _ = conditions.changed().await;
            continue;
        }
        let length = tokio::select! {
            length = reads.read(&mut buffer) => length?,
            Ok(()) = conditions.changed() => continue,
        };
        if condition == Condition::Losing {
            return Err(End::Lost);
        }
        if length == 0 {
            return Ok(writes.shutdown().await?);
        }
        writes.write_all(&buffer[..length]).await?;
    }
}
