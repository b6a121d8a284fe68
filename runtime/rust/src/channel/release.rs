//! Earlier definitions of a channel, and what they mean for pages that were generated from them.

use super::ChannelDefinition;
use crate::wire::{DriftChange, DriftKind};

/// A released definition of a channel that differs from the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its definition hash.
    pub fingerprint: &'static str,
    /// The changes since then that break pages of the release. Empty if such a page works with this server.
    pub changes: &'static [BreakingChange],
}

/// A change of a definition that breaks pages of an earlier release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakingChange {
    /// The part of the definition that changed.
    pub part: ChangedPart,
    /// The reason why the page does not work, such as `the server sends values that this page refuses: /state must be one of "running" or "done"`.
    pub message: &'static str,
}

/// A part of a channel's definition that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedPart {
    /// The channel itself, such as its address.
    Channel,
    /// The topic with this name, which the server may no longer have.
    Topic(&'static str),
    /// The signal with this name, which the server may no longer have.
    Signal(&'static str),
    /// The result of runs.
    Result,
}

impl ChannelDefinition {
    /// Compares the definition with that of a page that subscribes to some topic names. Returns `None` if the page works.
    pub(crate) fn find_drift(
        &self,
        fingerprint: &str,
        names: &[usize],
        has_selected_topics: bool,
    ) -> Option<(DriftKind, Vec<DriftChange>)> {
        if fingerprint == self.fingerprint {
            return None;
        }
        let Some(release) = self.releases.iter().find(|release| release.fingerprint == fingerprint) else {
            return Some((DriftKind::Unknown, Vec::new()));
        };
        let topics: Vec<usize> = names.iter().map(|name| self.topic_of(*name)).collect();
        // A page that subscribes to all topics also expects those that no longer exist.
        let matters = |part| match part {
            ChangedPart::Topic(name) => {
                let is_among = |topic| topics.iter().any(|name| self.topic_of(*name) == topic);
                self.topic(name).map_or(!has_selected_topics, is_among)
            }
            ChangedPart::Channel | ChangedPart::Signal(_) | ChangedPart::Result => true,
        };
        let changes = release.changes.iter().filter(|change| matters(change.part));
        let changes: Vec<DriftChange> = changes.map(|change| change.to_drift_change()).collect();
        (!changes.is_empty()).then_some((DriftKind::Breaking, changes))
    }
}

impl BreakingChange {
    fn to_drift_change(self) -> DriftChange {
        let (topic, signal) = match self.part {
            ChangedPart::Topic(name) => (Some(name.to_owned()), None),
            ChangedPart::Signal(name) => (None, Some(name.to_owned())),
            ChangedPart::Channel | ChangedPart::Result => (None, None),
        };
        DriftChange { topic, signal, message: self.message.to_owned() }
    }
}
