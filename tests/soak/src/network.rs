//! The network between the server and everyone else: each party has a door of its own to it, so that
//! what happens to a party's connections depends on the seed and on nothing else.

mod connection;
mod faults;

use crate::Result;
use crate::plan::Faults;
use crate::random::decisions;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A proxy with faults. Dropping it breaks every connection.
pub(crate) struct Network {
    shared: Arc<Shared>,
    doors: JoinSet<()>,
}

struct Shared {
    seed: u64,
    /// Where the server listens; nothing while it is dead.
    server: watch::Sender<Option<u16>>,
    /// What happens to connections; nothing while the network is sound.
    faults: watch::Sender<Option<Faults>>,
    counts: Counts,
}

/// How often what happened.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Connections of publishers that were carried.
    pub(crate) publishers: AtomicU64,
    /// Connections of subscribers that were carried.
    pub(crate) subscribers: AtomicU64,
    /// Connections that were refused, in an outage or because the server was dead.
    pub(crate) refused: AtomicU64,
    /// Connections that were reset.
    pub(crate) cut: AtomicU64,
    /// Connections that were closed after half of what was on its way.
    pub(crate) torn: AtomicU64,
    /// Connections of which one direction was closed.
    pub(crate) half_closed: AtomicU64,
    /// Connections that stayed open and carried nothing any more.
    pub(crate) swallowed: AtomicU64,
    /// Times that a connection stood still.
    pub(crate) stalled: AtomicU64,
    /// Times that a connection was slow.
    pub(crate) slowed: AtomicU64,
}

impl Counts {
    /// Counts from nothing again.
    pub(crate) fn begin_anew(&self) {
        let Self { publishers, subscribers, refused, cut, torn, half_closed, swallowed, stalled, slowed } =
            self;
        for counter in [publishers, subscribers, refused, cut, torn, half_closed, swallowed, stalled, slowed]
        {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

/// Who is behind a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    Publisher,
    Subscriber,
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Network {
    /// A sound network without a server.
    pub(crate) fn new(seed: u64) -> Self {
        let shared = Shared {
            seed,
            server: watch::Sender::new(None),
            faults: watch::Sender::new(None),
            counts: Counts::default(),
        };
        Self { shared: Arc::new(shared), doors: JoinSet::new() }
    }

    /// Opens a door for a party and tells its port.
    pub(crate) async fn door(&mut self, party: Party, name: String) -> Result<u16> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        self.doors.spawn(attend(listener, party, name, Arc::clone(&self.shared)));
        Ok(port)
    }

    /// Says where the server listens, or that it is dead.
    pub(crate) fn lead_to(&self, server: Option<u16>) {
        self.shared.server.send_replace(server);
    }

    /// Lets faults happen from now on.
    pub(crate) fn trouble(&self, faults: Faults) {
        self.shared.faults.send_replace(Some(faults));
    }

    /// Lets none happen any more. A connection that carries nothing any more breaks.
    pub(crate) fn heal(&self) {
        self.shared.faults.send_replace(None);
    }

    /// How often what happened in the run.
    pub(crate) fn counts(&self) -> &Counts {
        &self.shared.counts
    }
}

/// Takes the connections of one party.
async fn attend(listener: TcpListener, party: Party, name: String, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let cut_off = watch::Sender::new(Instant::now());
    for nth in 0.. {
        let Ok((near, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        let outage = shared.faults.borrow().is_some() && *cut_off.borrow() > Instant::now();
        let server = *shared.server.borrow();
        let (Some(server), false) = (server, outage) else {
            refuse(near, &shared);
            continue;
        };
        let (shared, cut_off) = (Arc::clone(&shared), cut_off.clone());
        let random = decisions(shared.seed, &name, nth);
        connections.spawn(async move {
            match TcpStream::connect(("127.0.0.1", server)).await {
                Ok(far) => {
                    count(match party {
                        Party::Publisher => &shared.counts.publishers,
                        Party::Subscriber => &shared.counts.subscribers,
                    });
                    connection::carry(near, far, random, &shared, &cut_off).await;
                }
                Err(_) => refuse(near, &shared),
            }
        });
    }
}

fn refuse(near: TcpStream, shared: &Shared) {
    count(&shared.counts.refused);
    connection::reset(near);
}
