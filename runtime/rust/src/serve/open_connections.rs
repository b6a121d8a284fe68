//! The connections of a server, and which of them are closed when there are too many.
//!
//! A connection is *served* while the server works for it: its request has arrived, or it has sent a valid token. All
//! others wait for their client, and can be closed without losing work: those that are idle between two requests, those
//! that have not sent a whole request or a token yet, and those that do not read a response they requested without a
//! token. The one that has waited longest is closed first. So a new connection has as long to send its request as it
//! takes for that many others to arrive.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::hub::ServerConnection;
use crate::metrics::{self, Limit};

/// 1/8 of the files that a process may open are reserved, for example for the storage.
const RESERVED_FILES_DIVISOR: usize = 8;
/// The default if the system has no limit, or does not report it.
const MAX_CONNECTIONS: usize = 1 << 20;

/// While more than 1/16 of `max_connections` are closing, no connection is accepted. Each still has its file open.
const MAX_CLOSING_DIVISOR: usize = 16;
/// How long to wait for closing connections. An inactive one may take long to notice that it must close.
const MAX_WAIT: Duration = Duration::from_millis(100);

/// All connections of a server.
pub(super) struct OpenConnections {
    max_connections: usize,
    max_waiting_connections: usize,
    /// Notified when a connection that had to close is gone.
    freed: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<u64, Entry>,
    /// The connections that wait for their client without a token, by ticket.
    waiting: BTreeMap<u64, u64>,
    /// The connections that are between two requests or do not read, by ticket.
    idle: BTreeMap<u64, u64>,
    latest_number: u64,
    latest_ticket: u64,
    /// How many connections must close and are not gone yet.
    closing: usize,
}

struct Entry {
    activity: Activity,
    ticket: u64,
    /// The number of the latest request on the connection.
    request: u64,
    /// Whether the latest request on the connection was authenticated.
    is_trusted: bool,
    close_signal: Arc<CloseSignal>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Activity {
    /// The connection has not sent a request yet.
    New,
    /// Part of a request's body is missing.
    Receiving,
    /// The response was written.
    Idle,
    /// The client does not read the response.
    Stalled,
    /// The connection was upgraded, and has not sent a valid token yet.
    Untrusted,
    Served,
}

/// An open connection, until this is dropped.
pub(super) struct OpenConnection {
    connections: Arc<OpenConnections>,
    number: u64,
    close_signal: Arc<CloseSignal>,
}

/// Notifies both halves of a socket that the connection must close.
#[derive(Default)]
struct CloseSignal {
    is_set: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

/// Returns the default of [`max_connections`](super::Serve::max_connections): most of the files that the process may
/// open.
pub(super) fn default_max_connections() -> usize {
    #[cfg(unix)]
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    let files: Option<u64> = None;
    let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    (files - files / RESERVED_FILES_DIVISOR).clamp(1, MAX_CONNECTIONS)
}

impl OpenConnections {
    pub(super) fn new(max_connections: usize, max_waiting_connections: usize) -> Arc<Self> {
        metrics::limit_max(Limit::ServerConnections, max_connections);
        metrics::limit_max(Limit::WaitingConnections, max_waiting_connections);
        Arc::new(Self {
            max_connections,
            max_waiting_connections,
            freed: Notify::new(),
            state: Mutex::default(),
        })
    }

    /// Adds a new connection. If there are too many, closes another. Returns `None` if all others are being served.
    pub(super) fn add(self: &Arc<Self>) -> Option<Arc<OpenConnection>> {
        let mut state = self.lock();
        if state.entries.len() >= self.max_connections {
            metrics::limit_reached(Limit::ServerConnections);
            if !state.close_oldest() {
                return None;
            }
        }
        state.latest_number += 1;
        let number = state.latest_number;
        let close_signal = Arc::<CloseSignal>::default();
        let entry = Entry {
            activity: Activity::Served,
            ticket: 0,
            request: 0,
            is_trusted: false,
            close_signal: Arc::clone(&close_signal),
        };
        state.entries.insert(number, entry);
        state.set(number, Activity::New);
        self.enforce_max_waiting_connections(&mut state);
        state.report();
        Some(Arc::new(OpenConnection { connections: Arc::clone(self), number, close_signal }))
    }

    /// Waits while too many connections are closing.
    pub(super) async fn wait_for_closing(&self) {
        let max = self.max_connections / MAX_CLOSING_DIVISOR;
        let mostly_closed = async {
            while self.lock().closing > max {
                self.freed.notified().await;
            }
        };
        let _ = timeout(MAX_WAIT, mostly_closed).await;
    }

    /// Closes the connections that have waited longest, up to `count`.
    pub(super) fn close_oldest(&self, count: usize) {
        let mut state = self.lock();
        for _ in 0..count {
            if !state.close_oldest() {
                break;
            }
        }
        state.report();
    }

    /// Closes the connections that have not sent a request yet.
    pub(super) fn close_new(&self) {
        let mut state = self.lock();
        let new = state.entries.iter().filter(|(_, entry)| entry.activity == Activity::New);
        for number in new.map(|(number, _)| *number).collect::<Vec<_>>() {
            state.close(number);
        }
        state.report();
    }

    fn enforce_max_waiting_connections(&self, state: &mut State) {
        while state.waiting.len() > self.max_waiting_connections {
            metrics::limit_reached(Limit::WaitingConnections);
            let Some(oldest) = state.waiting.first_key_value().map(|(_, number)| *number) else { return };
            state.close(oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn report(&self) {
        metrics::limit_used(Limit::ServerConnections, self.entries.len());
        metrics::limit_used(Limit::WaitingConnections, self.waiting.len());
    }

    fn set(&mut self, number: u64, activity: Activity) {
        let Some(entry) = self.entries.get_mut(&number) else { return };
        let before = std::mem::replace(&mut entry.activity, activity);
        let ticket = entry.ticket;
        match before {
            Activity::Idle | Activity::Stalled => drop(self.idle.remove(&ticket)),
            Activity::Served => {}
            _ => drop(self.waiting.remove(&ticket)),
        }
        // Part of a first request does not restart the wait.
        if (before, activity) != (Activity::New, Activity::Receiving) {
            self.latest_ticket += 1;
            entry.ticket = self.latest_ticket;
        }
        match activity {
            Activity::Idle | Activity::Stalled => drop(self.idle.insert(entry.ticket, number)),
            Activity::Served => {}
            _ => drop(self.waiting.insert(entry.ticket, number)),
        }
    }

    /// Closes the connection that has waited longest. Returns `false` if none waits.
    fn close_oldest(&mut self) -> bool {
        let oldest = [self.waiting.first_key_value(), self.idle.first_key_value()];
        let Some((_, number)) = oldest.into_iter().flatten().min() else { return false };
        let number = *number;
        self.close(number);
        true
    }

    fn close(&mut self, number: u64) {
        if let Some(signal) = self.remove(number) {
            self.closing += 1;
            signal.is_set.store(true, Ordering::Release);
            signal.reader.wake();
            signal.writer.wake();
        }
    }

    fn remove(&mut self, number: u64) -> Option<Arc<CloseSignal>> {
        self.set(number, Activity::Served);
        self.entries.remove(&number).map(|entry| entry.close_signal)
    }
}

impl OpenConnection {
    /// Begins a request, and returns its number.
    pub(super) fn begin_request(&self) -> u64 {
        let mut request = 0;
        self.change(|entry| {
            entry.request += 1;
            entry.is_trusted = false;
            request = entry.request;
            Some(Activity::Receiving)
        });
        request
    }

    /// Ends the wait for a request: all of it has arrived, or its handler does not read the rest.
    pub(super) fn finish_request(&self, request: u64) {
        self.change(|entry| {
            let is_receiving = entry.activity == Activity::Receiving && entry.request == request;
            is_receiving.then_some(Activity::Served)
        });
    }

    /// Ends a response: all of it was written.
    pub(super) fn finish_response(&self) {
        self.change(|_| Some(Activity::Idle));
    }

    /// Sets whether the client does not read the response.
    pub(super) fn set_stalled(&self, is_stalled: bool) {
        self.change(|entry| match entry.activity {
            Activity::Served if is_stalled && !entry.is_trusted => Some(Activity::Stalled),
            Activity::Stalled if !is_stalled => Some(Activity::Served),
            _ => None,
        });
    }

    /// Returns `true` if the connection must close to make room for others.
    pub(super) fn must_close(&self) -> bool {
        self.close_signal.is_set.load(Ordering::Acquire)
    }

    /// Returns [`must_close`](Self::must_close), and wakes the reading half of the socket when that changes.
    pub(super) fn poll_read_close(&self, context: &Context<'_>) -> bool {
        self.close_signal.reader.register(context.waker());
        self.must_close()
    }

    /// Returns [`must_close`](Self::must_close), and wakes the writing half of the socket when that changes.
    pub(super) fn poll_write_close(&self, context: &Context<'_>) -> bool {
        self.close_signal.writer.register(context.waker());
        self.must_close()
    }

    fn change(&self, change: impl FnOnce(&mut Entry) -> Option<Activity>) {
        let mut state = self.connections.lock();
        let Some(activity) = state.entries.get_mut(&self.number).and_then(change) else { return };
        state.set(self.number, activity);
        self.connections.enforce_max_waiting_connections(&mut state);
        state.report();
    }
}

impl ServerConnection for OpenConnection {
    fn set_trusted(&self, is_trusted: bool) {
        self.change(|entry| {
            entry.is_trusted = is_trusted;
            Some(if is_trusted { Activity::Served } else { Activity::Untrusted })
        });
    }

    fn close(&self) {
        let mut state = self.connections.lock();
        state.close(self.number);
        state.report();
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let mut state = self.connections.lock();
        state.remove(self.number);
        if self.must_close() {
            state.closing -= 1;
            // Only the task that accepts connections waits.
            self.connections.freed.notify_one();
        }
        state.report();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_that_has_waited_longest_is_closed_and_served_ones_are_not() {
        let connections = OpenConnections::new(3, 10);
        let [served, idle, new] = [(); 3].map(|()| connections.add().unwrap());
        let request = served.begin_request();
        served.finish_request(request);
        idle.begin_request();
        idle.finish_response();
        // The new one has waited since before the idle one was answered.
        let fourth = connections.add().unwrap();
        assert_eq!([&served, &idle, &new].map(|connection| connection.must_close()), [false, false, true]);
        let fifth = connections.add().unwrap();
        assert!(idle.must_close() && !fourth.must_close());
        for connection in [&fourth, &fifth] {
            connection.set_trusted(true);
        }
        assert!(connections.add().is_none(), "all are served");
        drop(fourth);
        assert!(connections.add().is_some());
    }

    #[test]
    fn connections_that_wait_without_a_token_have_their_own_limit() {
        let connections = OpenConnections::new(100, 2);
        let idle = connections.add().unwrap();
        idle.begin_request();
        idle.finish_response();
        let [body, socket, new] = [(); 3].map(|()| {
            let connection = connections.add().unwrap();
            connection.begin_request();
            connection
        });
        assert_eq!([&body, &socket, &new].map(|connection| connection.must_close()), [true, false, false]);
        socket.set_trusted(false);
        drop(connections.add().unwrap());
        assert_eq!(
            [&socket, &new].map(|connection| connection.must_close()),
            [false, true],
            "the upgrade restarts its wait"
        );
        assert!(!idle.must_close(), "connections between requests do not count");
    }

    #[test]
    fn the_end_of_an_earlier_body_does_not_end_the_next() {
        let connections = OpenConnections::new(1, 10);
        let connection = connections.add().unwrap();
        let first = connection.begin_request();
        connection.finish_response();
        connection.begin_request();
        connection.finish_request(first);
        assert!(connections.add().is_some() && connection.must_close(), "its second body has not arrived");
    }
}
