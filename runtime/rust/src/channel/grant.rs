//! Grants, which tokens and sessions carry.

use std::sync::Arc;

use super::Channel;

/// The topics and signals of channels that a token or a session allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    topics: Vec<(Arc<str>, &'static str)>,
    signals: Vec<(Arc<str>, &'static str)>,
}

impl Grant {
    /// Returns a grant of nothing.
    pub(crate) fn none() -> Self {
        Self { topics: Vec::new(), signals: Vec::new() }
    }

    /// Returns a grant of everything that either grant allows.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.topics.extend(other.topics);
        self.signals.extend(other.signals);
        self
    }

    /// Returns the names of the channels and topics.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.topics.iter().map(|(channel, topic)| (&**channel, *topic))
    }

    /// Returns the names of the channels and signals.
    pub(crate) fn signals(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.signals.iter().map(|(channel, signal)| (&**channel, *signal))
    }
}

impl Channel {
    /// Returns a grant of topics of this channel.
    #[must_use]
    pub fn grant(&self, topics: impl IntoIterator<Item = &'static str>) -> Grant {
        Grant { topics: self.with_name(topics), signals: Vec::new() }
    }

    /// Returns a grant to send signals to runs on this channel.
    #[must_use]
    pub fn grant_signals(&self, signals: impl IntoIterator<Item = &'static str>) -> Grant {
        Grant { topics: Vec::new(), signals: self.with_name(signals) }
    }

    fn with_name(&self, names: impl IntoIterator<Item = &'static str>) -> Vec<(Arc<str>, &'static str)> {
        names.into_iter().map(|name| (Arc::clone(&self.name), name)).collect()
    }
}
