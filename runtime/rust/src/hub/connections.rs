//! The connections that there are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Hub;
use crate::history::Inbox;
use crate::metrics;

/// The time by which each connection widens the spread of reconnects.
const RECONNECT_SPREAD: Duration = Duration::from_millis(1);
const MIN_RECONNECT_SPREAD: Duration = Duration::from_millis(100);

/// What wakes each of the connections, by its number.
#[derive(Default)]
pub(super) struct Connections {
    inboxes: BTreeMap<u64, Arc<Inbox>>,
    latest: u64,
}

/// A connection, which counts for as long as this lives.
pub(crate) struct Connected {
    hub: Hub,
    transport: &'static str,
    number: u64,
    inbox: Arc<Inbox>,
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
    /// Counts a connection. Nothing where there are as many as there may be.
    pub(crate) fn connected(&self, transport: &'static str) -> Option<Connected> {
        let inbox = Arc::<Inbox>::default();
        // Who comes while the hub closes looks at its phase before it waits.
        inbox.alarm();
        let mut number = None;
        self.shared.connections.send_if_modified(|connections| {
            if connections.inboxes.len() < self.settings().max_connections {
                number = Some(connections.add(Arc::clone(&inbox)));
            }
            number.is_some()
        });
        let number = number?;
        metrics::connected(transport);
        Some(Connected { hub: self.clone(), transport, number, inbox })
    }
}

impl Connected {
    /// What carries the connection, in one word.
    pub(crate) fn transport(&self) -> &'static str {
        self.transport
    }

    /// What wakes the connection.
    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        metrics::disconnected(self.transport);
        self.hub.shared.connections.send_modify(|connections| {
            connections.inboxes.remove(&self.number);
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
