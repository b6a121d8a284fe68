//! Rights, as tokens carry them.

use std::sync::Arc;

use super::Channel;

/// The right to subscribe to topics of channels, and to send signals there. A token carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    topics: Vec<(Arc<str>, &'static str)>,
    signals: Vec<(Arc<str>, &'static str)>,
}

impl Grant {
    /// Both rights together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.topics.extend(other.topics);
        self.signals.extend(other.signals);
        self
    }

    /// The names of the channels and topics.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.topics.iter().map(|(channel, topic)| (&**channel, *topic))
    }

    /// The names of the channels and signals.
    pub(crate) fn signals(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.signals.iter().map(|(channel, signal)| (&**channel, *signal))
    }
}

impl Channel {
    /// The right to subscribe to topics of this channel, to make a token of.
    #[must_use]
    pub fn grant(&self, topics: impl IntoIterator<Item = &'static str>) -> Grant {
        Grant { topics: self.each(topics), signals: Vec::new() }
    }

    /// The right to send signals to runs on this channel, to make a token of.
    #[must_use]
    pub fn grant_signals(&self, signals: impl IntoIterator<Item = &'static str>) -> Grant {
        Grant { topics: Vec::new(), signals: self.each(signals) }
    }

    fn each(&self, names: impl IntoIterator<Item = &'static str>) -> Vec<(Arc<str>, &'static str)> {
        names.into_iter().map(|name| (Arc::clone(&self.name), name)).collect()
    }
}
