//! The connections of a server, and which of them give way when there are too many.
//!
//! A connection is *served* while the server works for it: its request has arrived, or it has shown a token. All
//! others wait for their client, and can end without harm to anything that was begun: those that are idle between
//! two requests, those that have not sent a whole request or a token yet, and those that do not read what they
//! asked for without a token. The one that has waited longest ends
//! first, so a newcomer has as long to send its request as it takes for that many others to arrive.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::hub::HoldPlace;
use crate::metrics::{self, Limit};

/// Part of the files that a process may open is for other things than connections, such as its storage.
const FILES_FOR_OTHERS: usize = 8;
/// Where the system has no limit, or does not tell.
const MAX_CONNECTIONS: usize = 1 << 20;

/// Part of the connections may be closing while others are accepted: each still has its file.
const LEAVING_PART: usize = 16;
/// A connection that does nothing notices late that it has ended.
const MAX_WAIT: Duration = Duration::from_millis(100);

/// All connections of a server.
pub(super) struct Places {
    max_connections: usize,
    max_waiting: usize,
    /// Notified when a connection that had to give way is gone.
    left: Notify,
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
    /// How many had to give way and are not gone yet.
    leaving: usize,
}

struct Entry {
    standing: Standing,
    ticket: u64,
    /// The latest request on the connection, and whether it has shown a token.
    request: u64,
    is_trusted: bool,
    end: Arc<End>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It has not sent a request yet.
    New,
    /// A part of a request's body is missing.
    Receiving,
    /// Its request was answered.
    Idle,
    /// Its client does not read the answer.
    Stalled,
    /// It was upgraded, and has not shown a token yet.
    Untrusted,
    Served,
}

/// The place of one connection, until it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    end: Arc<End>,
}

/// Tells the two halves of a socket that the connection gives way.
#[derive(Default)]
struct End {
    has_come: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

/// Returns how many connections a server may have by default: most of the files that the process may open.
pub(super) fn default_max_connections() -> usize {
    #[cfg(unix)]
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    let files: Option<u64> = None;
    let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    (files - files / FILES_FOR_OTHERS).clamp(1, MAX_CONNECTIONS)
}

impl Places {
    pub(super) fn new(max_connections: usize, max_waiting: usize) -> Arc<Self> {
        metrics::limit_max(Limit::ServerConnections, max_connections);
        metrics::limit_max(Limit::WaitingConnections, max_waiting);
        Arc::new(Self { max_connections, max_waiting, left: Notify::new(), state: Mutex::default() })
    }

    /// Gives a new connection its place, which another may have to leave. Returns `None` if all connections are
    /// being served.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Arc<Place>> {
        let mut state = self.lock();
        if state.entries.len() >= self.max_connections {
            metrics::limit_reached(Limit::ServerConnections);
            if !state.end_oldest() {
                return None;
            }
        }
        state.latest_number += 1;
        let (number, end) = (state.latest_number, Arc::<End>::default());
        let (standing, end_of_entry) = (Standing::Served, Arc::clone(&end));
        let entry = Entry { standing, ticket: 0, request: 0, is_trusted: false, end: end_of_entry };
        state.entries.insert(number, entry);
        state.set(number, Standing::New);
        self.make_waiting_fit(&mut state);
        state.report();
        Some(Arc::new(Place { places: Arc::clone(self), number, end }))
    }

    /// Waits while too many connections are closing. Their files are still open.
    pub(super) async fn closed(&self) {
        let max = self.max_connections / LEAVING_PART;
        let all_but_few = async {
            while self.lock().leaving > max {
                self.left.notified().await;
            }
        };
        let _ = timeout(MAX_WAIT, all_but_few).await;
    }

    /// Ends so many of those that have waited longest.
    pub(super) fn end_oldest(&self, count: usize) {
        let mut state = self.lock();
        for _ in 0..count {
            if !state.end_oldest() {
                break;
            }
        }
        state.report();
    }

    /// Ends the connections that have not sent a request yet.
    pub(super) fn end_new(&self) {
        let mut state = self.lock();
        let new = state.entries.iter().filter(|(_, entry)| entry.standing == Standing::New);
        for number in new.map(|(number, _)| *number).collect::<Vec<_>>() {
            state.end(number);
        }
        state.report();
    }

    fn make_waiting_fit(&self, state: &mut State) {
        while state.waiting.len() > self.max_waiting {
            metrics::limit_reached(Limit::WaitingConnections);
            let Some(oldest) = state.waiting.first_key_value().map(|(_, number)| *number) else { return };
            state.end(oldest);
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

    fn set(&mut self, number: u64, standing: Standing) {
        let Some(entry) = self.entries.get_mut(&number) else { return };
        let before = std::mem::replace(&mut entry.standing, standing);
        let ticket = entry.ticket;
        match before {
            Standing::Idle | Standing::Stalled => drop(self.idle.remove(&ticket)),
            Standing::Served => {}
            _ => drop(self.waiting.remove(&ticket)),
        }
        // Nobody waits anew because a part of a first request has come.
        if (before, standing) != (Standing::New, Standing::Receiving) {
            self.latest_ticket += 1;
            entry.ticket = self.latest_ticket;
        }
        match standing {
            Standing::Idle | Standing::Stalled => drop(self.idle.insert(entry.ticket, number)),
            Standing::Served => {}
            _ => drop(self.waiting.insert(entry.ticket, number)),
        }
    }

    /// Ends the connection that has waited longest. Returns `false` if none waits.
    fn end_oldest(&mut self) -> bool {
        let oldest = [self.waiting.first_key_value(), self.idle.first_key_value()];
        let Some((_, number)) = oldest.into_iter().flatten().min() else { return false };
        let number = *number;
        self.end(number);
        true
    }

    fn end(&mut self, number: u64) {
        if let Some(end) = self.leave(number) {
            self.leaving += 1;
            end.has_come.store(true, Ordering::Release);
            end.reader.wake();
            end.writer.wake();
        }
    }

    fn leave(&mut self, number: u64) -> Option<Arc<End>> {
        self.set(number, Standing::Served);
        self.entries.remove(&number).map(|entry| entry.end)
    }
}

impl Place {
    /// A request begins. Returns its number.
    pub(super) fn receive(&self) -> u64 {
        let mut request = 0;
        self.change(|entry| {
            entry.request += 1;
            entry.is_trusted = false;
            request = entry.request;
            Some(Standing::Receiving)
        });
        request
    }

    /// All of a request has arrived, or nobody reads the rest.
    pub(super) fn received(&self, request: u64) {
        self.change(|entry| {
            let is_receiving = entry.standing == Standing::Receiving && entry.request == request;
            is_receiving.then_some(Standing::Served)
        });
    }

    /// The answer to a request was written.
    pub(super) fn answered(&self) {
        self.change(|_| Some(Standing::Idle));
    }

    /// Sets whether the client does not take what is written to it.
    pub(super) fn set_stalled(&self, is_stalled: bool) {
        self.change(|entry| match entry.standing {
            Standing::Served if is_stalled && !entry.is_trusted => Some(Standing::Stalled),
            Standing::Stalled if !is_stalled => Some(Standing::Served),
            _ => None,
        });
    }

    /// Returns whether the connection has to give way to others.
    pub(super) fn has_ended(&self) -> bool {
        self.end.has_come.load(Ordering::Acquire)
    }

    /// The same. If not, the reading half of the socket is woken once it has to.
    pub(super) fn poll_read_end(&self, context: &Context<'_>) -> bool {
        self.end.reader.register(context.waker());
        self.has_ended()
    }

    /// The same for the writing half.
    pub(super) fn poll_write_end(&self, context: &Context<'_>) -> bool {
        self.end.writer.register(context.waker());
        self.has_ended()
    }

    fn change(&self, change: impl FnOnce(&mut Entry) -> Option<Standing>) {
        let mut state = self.places.lock();
        let Some(standing) = state.entries.get_mut(&self.number).and_then(change) else { return };
        state.set(self.number, standing);
        self.places.make_waiting_fit(&mut state);
        state.report();
    }
}

impl HoldPlace for Place {
    fn set_trusted(&self, is_trusted: bool) {
        self.change(|entry| {
            entry.is_trusted = is_trusted;
            Some(if is_trusted { Standing::Served } else { Standing::Untrusted })
        });
    }

    fn end(&self) {
        let mut state = self.places.lock();
        state.end(self.number);
        state.report();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.places.lock();
        state.leave(self.number);
        if self.has_ended() {
            state.leaving -= 1;
            // Only the task that accepts waits.
            self.places.left.notify_one();
        }
        state.report();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_that_has_waited_longest_gives_way_and_no_served_one_does() {
        let places = Places::new(3, 10);
        let [served, idle, new] = [(); 3].map(|()| places.enter().unwrap());
        let request = served.receive();
        served.received(request);
        idle.receive();
        idle.answered();
        // The new one has waited since before the idle one was answered.
        let fourth = places.enter().unwrap();
        assert_eq!([&served, &idle, &new].map(|place| place.has_ended()), [false, false, true]);
        let fifth = places.enter().unwrap();
        assert!(idle.has_ended() && !fourth.has_ended());
        for place in [&fourth, &fifth] {
            place.set_trusted(true);
        }
        assert!(places.enter().is_none(), "all are served");
        drop(fourth);
        assert!(places.enter().is_some());
    }

    #[test]
    fn those_that_wait_without_a_token_have_a_share_of_their_own() {
        let places = Places::new(100, 2);
        let idle = places.enter().unwrap();
        idle.receive();
        idle.answered();
        let [body, socket, new] = [(); 3].map(|()| {
            let place = places.enter().unwrap();
            place.receive();
            place
        });
        assert_eq!([&body, &socket, &new].map(|place| place.has_ended()), [true, false, false]);
        socket.set_trusted(false);
        drop(places.enter().unwrap());
        assert_eq!([&socket, &new].map(|place| place.has_ended()), [false, true], "its wait began anew");
        assert!(!idle.has_ended(), "connections between requests have no share");
    }

    #[test]
    fn the_end_of_an_earlier_body_says_nothing_about_the_next() {
        let places = Places::new(1, 10);
        let place = places.enter().unwrap();
        let first = place.receive();
        place.answered();
        place.receive();
        place.received(first);
        assert!(places.enter().is_some() && place.has_ended(), "its second body has not arrived");
    }
}
