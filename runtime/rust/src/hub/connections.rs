//! The connections that there are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::in_flight::Cut;
use super::{Client, Hub, Settings};
use crate::history::Inbox;
use crate::metrics::{self, Limit};

/// The time by which each connection widens the spread of reconnects.
const RECONNECT_SPREAD: Duration = Duration::from_millis(1);
const MIN_RECONNECT_SPREAD: Duration = Duration::from_millis(100);

/// What wakes each of the connections, by its number.
#[derive(Default)]
pub(super) struct Connections {
    inboxes: BTreeMap<u64, Arc<Inbox>>,
    latest: u64,
    /// The connections that have nothing subscribed, the one that has had nothing for longest first.
    unsubscribed: BTreeMap<u64, Arc<GiveWay>>,
    latest_ticket: u64,
    /// How many were told to give way and are still closing.
    leaving: usize,
}

/// Tells a connection that it gives way to others.
struct GiveWay {
    inbox: Arc<Inbox>,
    is_told: AtomicBool,
}

/// The place that a connection has with the server that accepted it.
#[derive(Clone)]
pub(crate) struct ServerPlace(Arc<dyn HoldPlace>);

/// What a server is told of its connections.
pub(crate) trait HoldPlace: Send + Sync {
    /// Sets whether the connection has shown a token that is in use.
    fn set_trusted(&self, is_trusted: bool);

    /// Ends the connection.
    fn end(&self);
}

impl ServerPlace {
    pub(crate) fn new(place: Arc<impl HoldPlace + 'static>) -> Self {
        Self(place)
    }

    pub(crate) fn set_trusted(&self, is_trusted: bool) {
        self.0.set_trusted(is_trusted);
    }

    pub(crate) fn end(&self) {
        self.0.end();
    }
}

/// A connection, which counts for as long as this lives.
pub(crate) struct Connected {
    pub(super) hub: Hub,
    transport: &'static str,
    number: u64,
    /// Set while nothing is subscribed.
    ticket: Option<u64>,
    give_way: Arc<GiveWay>,
    pub(super) client: Client,
    pub(super) cut: Arc<Cut>,
}

impl Connections {
    pub(super) fn is_empty(&self) -> bool {
        self.inboxes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.inboxes.len()
    }

    pub(super) fn inboxes(&self) -> Vec<Arc<Inbox>> {
        self.inboxes.values().cloned().collect()
    }

    fn add(&mut self, inbox: Arc<Inbox>) -> u64 {
        self.latest += 1;
        self.inboxes.insert(self.latest, inbox);
        self.latest
    }

    /// Has the connection give way that has had nothing subscribed for longest. Returns `false` if all have
    /// something subscribed.
    fn make_room(&mut self) -> bool {
        let Some((_, oldest)) = self.unsubscribed.pop_first() else { return false };
        oldest.is_told.store(true, Ordering::Relaxed);
        oldest.inbox.alarm();
        self.leaving += 1;
        true
    }

    /// Takes note of a connection that has nothing subscribed from now on.
    fn wait(&mut self, give_way: &Arc<GiveWay>, max: usize) -> u64 {
        self.latest_ticket += 1;
        if !give_way.is_told.load(Ordering::Relaxed) {
            self.unsubscribed.insert(self.latest_ticket, Arc::clone(give_way));
        }
        while self.unsubscribed.len() > max {
            metrics::limit_reached(Limit::UnsubscribedConnections);
            self.make_room();
        }
        metrics::limit_used(Limit::UnsubscribedConnections, self.unsubscribed.len());
        self.latest_ticket
    }

    fn stop_waiting(&mut self, ticket: u64) {
        self.unsubscribed.remove(&ticket);
        metrics::limit_used(Limit::UnsubscribedConnections, self.unsubscribed.len());
    }
}

/// Returns the time over which so many connections spread their reconnects.
pub(super) fn reconnect_spread(count: usize, max: Duration) -> Duration {
    if count <= 1 {
        return Duration::ZERO;
    }
    let spread = RECONNECT_SPREAD.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
    spread.max(MIN_RECONNECT_SPREAD).min(max)
}

impl Hub {
    /// Counts a connection. One that has nothing subscribed gives way to it if there are too many. Returns `None` if
    /// all have something subscribed.
    pub(crate) fn connected(&self, transport: &'static str, client: Client) -> Option<Connected> {
        let Settings { max_connections, max_unsubscribed, .. } = self.settings();
        let inbox = Arc::<Inbox>::default();
        // Who comes while the hub closes looks at its phase before it waits.
        inbox.alarm();
        let give_way = Arc::new(GiveWay { inbox: Arc::clone(&inbox), is_told: AtomicBool::new(false) });
        let mut admitted = None;
        self.shared.connections.send_if_modified(|connections| {
            if connections.inboxes.len() - connections.leaving >= max_connections {
                metrics::limit_reached(Limit::Connections);
                if !connections.make_room() {
                    return false;
                }
            }
            let number = connections.add(Arc::clone(&inbox));
            admitted = Some((number, connections.wait(&give_way, max_unsubscribed)));
            metrics::limit_used(Limit::Connections, connections.inboxes.len());
            true
        });
        let (number, ticket) = admitted?;
        metrics::connected(transport);
        client.set_trusted(false);
        let (ticket, cut) = (Some(ticket), Arc::default());
        Some(Connected { hub: self.clone(), transport, number, ticket, give_way, client, cut })
    }
}

impl Connected {
    /// What carries the connection, in one word.
    pub(crate) fn transport(&self) -> &'static str {
        self.transport
    }

    /// What wakes the connection.
    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.give_way.inbox
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Takes note of whether anything is subscribed.
    pub(crate) fn set_subscribed(&mut self, is_subscribed: bool) {
        if self.ticket.is_none() == is_subscribed {
            return;
        }
        self.client.set_trusted(is_subscribed);
        let (max, give_way) = (self.hub.settings().max_unsubscribed, &self.give_way);
        let ticket = self.ticket.take();
        let mut waits = None;
        // Nobody watches for this.
        self.hub.shared.connections.send_if_modified(|connections| {
            match ticket {
                Some(ticket) => {
                    connections.stop_waiting(ticket);
                    // It was told to give way while it subscribed, and need not any more.
                    if give_way.is_told.swap(false, Ordering::Relaxed) {
                        connections.leaving -= 1;
                    }
                }
                None => waits = Some(connections.wait(give_way, max)),
            }
            false
        });
        self.ticket = waits;
    }

    /// Returns whether the connection has to close, because others need its place.
    pub(crate) fn gives_way(&self) -> bool {
        self.give_way.is_told.load(Ordering::Relaxed)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        metrics::disconnected(self.transport);
        self.hub.shared.connections.send_modify(|connections| {
            connections.inboxes.remove(&self.number);
            if let Some(ticket) = self.ticket {
                connections.stop_waiting(ticket);
            }
            if self.gives_way() {
                connections.leaving -= 1;
            }
            metrics::limit_used(Limit::Connections, connections.inboxes.len());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_reconnects_grows_with_the_connections() {
        let max = Duration::from_secs(5);
        for (count, milliseconds) in [(0, 0), (1, 0), (2, 100), (100, 100), (3000, 3000), (20_000, 5000)] {
            assert_eq!(reconnect_spread(count, max), Duration::from_millis(milliseconds), "{count}");
        }
        assert_eq!(reconnect_spread(2, Duration::ZERO), Duration::ZERO);
    }
}
