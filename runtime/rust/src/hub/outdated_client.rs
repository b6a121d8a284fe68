//! Clients whose page has a definition that does not work with the server's, or that the server does not know.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::Hub;
use crate::channel::ChannelDefinition;
use crate::metrics;
use crate::wire::{DriftChange, DriftKind};

/// The number of logged drifts after which unknown ones are no longer logged. Clients choose fingerprints, so they could
/// fill the memory and the log.
const MAX_LOGGED: usize = 1000;

/// The drifts that were logged: the name of the channel in the definition, and the fingerprint of the page.
#[derive(Default)]
pub(super) struct LoggedDrifts(Mutex<BTreeSet<(&'static str, String)>>);

impl LoggedDrifts {
    /// Returns `true` if the drift should be logged.
    fn add(&self, channel: &'static str, fingerprint: &str, kind: DriftKind) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = kind == DriftKind::Breaking || logged.len() < MAX_LOGGED;
        has_room && logged.insert((channel, fingerprint.to_owned()))
    }
}

/// An open subscription of such a client. It is counted until this is dropped.
pub(crate) struct OutdatedClient {
    channel: &'static str,
    kind: &'static str,
}

impl Drop for OutdatedClient {
    fn drop(&mut self) {
        metrics::remove_outdated_client(self.channel, self.kind);
    }
}

impl Hub {
    /// Counts a subscription whose page has another definition. Logs the first one with each definition.
    pub(crate) fn record_drift(
        &self,
        definition: &ChannelDefinition,
        fingerprint: &str,
        kind: DriftKind,
        changes: &[DriftChange],
    ) -> OutdatedClient {
        let channel = definition.name;
        if self.shared.logged_drifts.add(channel, fingerprint, kind) {
            match kind {
                DriftKind::Breaking => {
                    let changes: Vec<&str> = changes.iter().map(|change| change.message.as_str()).collect();
                    tracing::warn!(
                        channel,
                        ?fingerprint,
                        ?changes,
                        "pages of an earlier release are connected that do not work with this server; reload them"
                    );
                }
                DriftKind::Unknown => tracing::info!(
                    channel,
                    ?fingerprint,
                    "pages are connected whose definition is neither this server's nor that of a release; record releases with `fanfare release`"
                ),
            }
        }
        metrics::add_outdated_client(channel, kind.as_str());
        OutdatedClient { channel, kind: kind.as_str() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fingerprints_fill_neither_the_memory_nor_the_log() {
        let drifts = LoggedDrifts::default();
        let logged = (0..10 * MAX_LOGGED).filter(|n| drifts.add("room", &n.to_string(), DriftKind::Unknown));
        assert_eq!(logged.count(), MAX_LOGGED);
        assert!(drifts.add("room", "released", DriftKind::Breaking), "releases are few and always logged");
        assert!(!drifts.add("room", "released", DriftKind::Breaking));
    }
}
