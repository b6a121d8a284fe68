//! The open connections of a hub, and which of them are closed when there are too many.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use super::in_flight::SlowClientSignal;
use super::subscription_view::{SubscriptionSummary, SubscriptionViews};
use super::{Client, Hub, Settings};
use crate::clock;
use crate::history::Inbox;
use crate::metrics::{self, Limit};

/// How much each connection adds to the spread of reconnects.
const RECONNECT_SPREAD: Duration = Duration::from_millis(1);
const MIN_RECONNECT_SPREAD: Duration = Duration::from_millis(100);

/// The open connections.
#[derive(Default)]
pub(super) struct Connections {
    /// By the number of the connection.
    open: BTreeMap<u64, OpenConnection>,
    latest: u64,
    /// The connections that have nothing subscribed, by ticket. The first has had nothing subscribed for longest.
    unsubscribed: BTreeMap<u64, Arc<CloseRequest>>,
    latest_ticket: u64,
    /// How many connections were asked to close and are still open.
    closing: usize,
}

/// A registered connection.
struct OpenConnection {
    /// Wakes the connection.
    inbox: Arc<Inbox>,
    transport: &'static str,
    address: Option<IpAddr>,
    /// When it was opened, by the wall clock.
    since: SystemTime,
    subscriptions: SubscriptionViews,
}

/// An open connection, as administrators see it.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionSummary {
    pub(crate) number: u64,
    pub(crate) transport: &'static str,
    pub(crate) address: Option<IpAddr>,
    pub(crate) since: SystemTime,
    pub(crate) subscriptions: Vec<SubscriptionSummary>,
}

/// Notifies a connection that it must close to make room for others.
struct CloseRequest {
    inbox: Arc<Inbox>,
    is_due: AtomicBool,
}

/// A connection in the server that accepted it.
#[derive(Clone)]
pub(crate) struct ConnectionHandle(Arc<dyn ServerConnection>);

/// What a server implements to be notified about its connections.
pub(crate) trait ServerConnection: Send + Sync {
    /// Sets whether the latest request on the connection was authenticated.
    fn set_trusted(&self, is_trusted: bool);

    /// Closes the connection.
    fn close(&self);
}

impl ConnectionHandle {
    pub(crate) fn new(connection: Arc<impl ServerConnection + 'static>) -> Self {
        Self(connection)
    }

    pub(crate) fn set_trusted(&self, is_trusted: bool) {
        self.0.set_trusted(is_trusted);
    }

    pub(crate) fn close(&self) {
        self.0.close();
    }
}

/// An open connection. It is counted until this is dropped.
pub(crate) struct ConnectionGuard {
    pub(super) hub: Hub,
    transport: &'static str,
    number: u64,
    /// The ticket in `unsubscribed`, while nothing is subscribed.
    ticket: Option<u64>,
    close_request: Arc<CloseRequest>,
    pub(super) client: Client,
    /// Set if the connection must close because its client reads too slowly.
    pub(super) slow_client_signal: Arc<SlowClientSignal>,
    subscriptions: SubscriptionViews,
}

impl Connections {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn inboxes(&self) -> Vec<Arc<Inbox>> {
        self.open.values().map(|connection| Arc::clone(&connection.inbox)).collect()
    }

    fn add(&mut self, connection: OpenConnection) -> u64 {
        self.latest += 1;
        self.open.insert(self.latest, connection);
        self.latest
    }

    /// Closes the connection that has had nothing subscribed for longest. Returns `false` if all have something
    /// subscribed.
    fn close_oldest(&mut self) -> bool {
        let Some((_, oldest)) = self.unsubscribed.pop_first() else { return false };
        oldest.is_due.store(true, Ordering::Relaxed);
        oldest.inbox.alarm();
        self.closing += 1;
        true
    }

    /// Registers a connection that has nothing subscribed from now on, and returns its ticket.
    fn add_unsubscribed(&mut self, close_request: &Arc<CloseRequest>, max: usize) -> u64 {
        self.latest_ticket += 1;
        if !close_request.is_due.load(Ordering::Relaxed) {
            self.unsubscribed.insert(self.latest_ticket, Arc::clone(close_request));
        }
        while self.unsubscribed.len() > max {
            metrics::limit_reached(Limit::UnsubscribedConnections);
            self.close_oldest();
        }
        metrics::limit_used(Limit::UnsubscribedConnections, self.unsubscribed.len());
        self.latest_ticket
    }

    fn remove_unsubscribed(&mut self, ticket: u64) {
        self.unsubscribed.remove(&ticket);
        metrics::limit_used(Limit::UnsubscribedConnections, self.unsubscribed.len());
    }
}

/// Returns the time over which `count` connections spread their reconnects.
pub(super) fn reconnect_spread(count: usize, max: Duration) -> Duration {
    if count <= 1 {
        return Duration::ZERO;
    }
    let spread = RECONNECT_SPREAD.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
    spread.max(MIN_RECONNECT_SPREAD).min(max)
}

impl Hub {
    /// Registers a connection. If there are too many, closes one that has nothing subscribed. Returns `None` if all
    /// have something subscribed.
    pub(crate) fn admit_connection(
        &self,
        transport: &'static str,
        client: Client,
    ) -> Option<ConnectionGuard> {
        let Settings { max_connections, max_unsubscribed_connections, .. } = self.settings();
        let inbox = Arc::<Inbox>::default();
        // A connection opened during shutdown must see the phase before it waits.
        inbox.alarm();
        let close_request =
            Arc::new(CloseRequest { inbox: Arc::clone(&inbox), is_due: AtomicBool::new(false) });
        let (mut admitted, subscriptions) = (None, SubscriptionViews::default());
        self.shared.connections.send_if_modified(|connections| {
            if connections.open.len() - connections.closing >= max_connections {
                metrics::limit_reached(Limit::Connections);
                if !connections.close_oldest() {
                    return false;
                }
            }
            let number = connections.add(OpenConnection {
                inbox: Arc::clone(&inbox),
                transport,
                address: client.address,
                since: clock::wall_time(),
                subscriptions: subscriptions.clone(),
            });
            admitted =
                Some((number, connections.add_unsubscribed(&close_request, max_unsubscribed_connections)));
            metrics::limit_used(Limit::Connections, connections.open.len());
            true
        });
        let (number, ticket) = admitted?;
        metrics::add_connection(transport);
        client.set_trusted(false);
        let (ticket, slow_client_signal) = (Some(ticket), Arc::default());
        Some(ConnectionGuard {
            hub: self.clone(),
            transport,
            number,
            ticket,
            close_request,
            client,
            slow_client_signal,
            subscriptions,
        })
    }

    /// Returns the next `limit` connections after a number, the oldest first. Ends early, after the connection with
    /// which they have more than `max_subscriptions`.
    pub(crate) fn list_connections(
        &self,
        after: u64,
        limit: usize,
        max_subscriptions: usize,
    ) -> Vec<ConnectionSummary> {
        let connections = self.shared.connections.borrow();
        let later = connections.open.range(after.saturating_add(1)..).take(limit);
        let later = later.map(|(number, connection)| {
            let OpenConnection { transport, address, since, subscriptions, .. } = connection;
            (*number, *transport, *address, *since, subscriptions.clone())
        });
        let later: Vec<_> = later.collect();
        // Clients cannot connect or disconnect meanwhile.
        drop(connections);
        let (mut summaries, mut count) = (Vec::with_capacity(later.len()), 0);
        for (number, transport, address, since, subscriptions) in later {
            let subscriptions = subscriptions.summarize();
            count += subscriptions.len();
            summaries.push(ConnectionSummary { number, transport, address, since, subscriptions });
            if count > max_subscriptions {
                break;
            }
        }
        summaries
    }

    /// Returns the number of open connections.
    pub(crate) fn count_connections(&self) -> usize {
        self.shared.connections.borrow().len()
    }
}

impl ConnectionGuard {
    /// Returns the transport, as the label of metrics.
    pub(crate) fn transport(&self) -> &'static str {
        self.transport
    }

    /// Returns the inbox that wakes the connection.
    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.close_request.inbox
    }

    /// Returns where the connection lists its subscriptions.
    pub(crate) fn subscriptions(&self) -> &SubscriptionViews {
        &self.subscriptions
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Sets whether anything is subscribed.
    pub(crate) fn set_subscribed(&mut self, is_subscribed: bool) {
        if self.ticket.is_none() == is_subscribed {
            return;
        }
        self.client.set_trusted(is_subscribed);
        let (max, close_request) = (self.hub.settings().max_unsubscribed_connections, &self.close_request);
        let ticket = self.ticket.take();
        let mut new_ticket = None;
        // Do not notify the watchers, who wait only for all connections to close.
        self.hub.shared.connections.send_if_modified(|connections| {
            match ticket {
                Some(ticket) => {
                    connections.remove_unsubscribed(ticket);
                    // The connection was asked to close while it subscribed. Keep it.
                    if close_request.is_due.swap(false, Ordering::Relaxed) {
                        connections.closing -= 1;
                    }
                }
                None => new_ticket = Some(connections.add_unsubscribed(close_request, max)),
            }
            false
        });
        self.ticket = new_ticket;
    }

    /// Returns `true` if the connection must close to make room for others.
    pub(crate) fn must_close(&self) -> bool {
        self.close_request.is_due.load(Ordering::Relaxed)
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        metrics::remove_connection(self.transport);
        self.hub.shared.connections.send_modify(|connections| {
            connections.open.remove(&self.number);
            if let Some(ticket) = self.ticket {
                connections.remove_unsubscribed(ticket);
            }
            if self.must_close() {
                connections.closing -= 1;
            }
            metrics::limit_used(Limit::Connections, connections.open.len());
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
