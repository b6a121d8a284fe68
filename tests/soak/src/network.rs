//! The network between the server and its clients. Each client has its own port, so that the faults of its connections
//! depend only on the seed.

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

/// A proxy that injects faults. Dropping it resets every connection.
pub(crate) struct Network {
    shared: Arc<Shared>,
    ports: JoinSet<()>,
}

struct Shared {
    seed: u64,
    /// The port of the server, or `None` while it is down.
    server: watch::Sender<Option<u16>>,
    /// The faults to inject, or `None` for none.
    faults: watch::Sender<Option<Faults>>,
    counts: Counts,
}

/// The number of connections and faults of each kind.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Connections of publishers.
    pub(crate) publishers: AtomicU64,
    /// Connections of subscribers.
    pub(crate) subscribers: AtomicU64,
    /// Connections that were refused, in an outage or because the server was down.
    pub(crate) refused: AtomicU64,
    /// Connections that were reset.
    pub(crate) cut: AtomicU64,
    /// Connections that were closed after a part of the data in flight was delivered.
    pub(crate) torn: AtomicU64,
    /// Connections of which one direction was closed.
    pub(crate) half_closed: AtomicU64,
    /// Connections that stayed open and silently dropped everything.
    pub(crate) swallowed: AtomicU64,
    /// Times that a connection stalled.
    pub(crate) stalled: AtomicU64,
    /// Times that a connection was slow.
    pub(crate) slowed: AtomicU64,
}

impl Counts {
    /// Resets all counters.
    pub(crate) fn reset(&self) {
        let Self { publishers, subscribers, refused, cut, torn, half_closed, swallowed, stalled, slowed } =
            self;
        for counter in [publishers, subscribers, refused, cut, torn, half_closed, swallowed, stalled, slowed]
        {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

/// The kind of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    Publisher,
    Subscriber,
}

/// Increments a counter.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Network {
    /// Creates a network without faults and without a server.
    pub(crate) fn new(seed: u64) -> Self {
        let shared = Shared {
            seed,
            server: watch::Sender::new(None),
            faults: watch::Sender::new(None),
            counts: Counts::default(),
        };
        Self { shared: Arc::new(shared), ports: JoinSet::new() }
    }

    /// Opens a port for a client and returns it.
    pub(crate) async fn open_port(&mut self, party: Party, name: String) -> Result<u16> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        self.ports.spawn(accept(listener, party, name, Arc::clone(&self.shared)));
        Ok(port)
    }

    /// Sets the port of the server, or `None` while it is down.
    pub(crate) fn forward_to(&self, server: Option<u16>) {
        self.shared.server.send_replace(server);
    }

    /// Starts injecting faults.
    pub(crate) fn inject_faults(&self, faults: Faults) {
        self.shared.faults.send_replace(Some(faults));
    }

    /// Stops injecting faults. Connections that silently drop everything are reset.
    pub(crate) fn stop_faults(&self) {
        self.shared.faults.send_replace(None);
    }

    /// Returns the counters.
    pub(crate) fn counts(&self) -> &Counts {
        &self.shared.counts
    }
}

/// Accepts the connections of one client.
async fn accept(listener: TcpListener, party: Party, name: String, shared: Arc<Shared>) {
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
                    connection::forward(near, far, random, &shared, &cut_off).await;
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
