//! The names of topics and signals: current ones, aliases and former ones.
//!
//! A *topic name* is an index, too: those of the topics, then run events, then the aliases of all topics. A subscriber
//! of an alias receives the topic's messages under that name.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ChannelDefinition, RUN_EVENTS, SignalDefinition};
use crate::wire::with_topic;

impl ChannelDefinition {
    /// Returns the index of a topic that is served under a name.
    pub(crate) fn topic(&self, name: &str) -> Option<usize> {
        self.topics.iter().position(|topic| topic.name == name || topic.aliases.contains(&name))
    }

    /// Returns the index of a topic name.
    pub(crate) fn topic_name(&self, name: &str) -> Option<usize> {
        let current = self.topics.iter().position(|topic| topic.name == name);
        current.or_else(|| {
            let alias = self.aliases().position(|(_, alias)| alias == name)?;
            Some(self.run_events_index() + 1 + alias)
        })
    }

    /// Returns the text of a topic name.
    pub(crate) fn name_text(&self, name: usize) -> &'static str {
        let alias = name.checked_sub(self.run_events_index() + 1).and_then(|alias| self.aliases().nth(alias));
        alias.map_or_else(|| self.log_topic(name).name, |(_, alias)| alias)
    }

    /// Returns the topic of a topic name.
    pub(crate) fn topic_of(&self, topic_name: usize) -> usize {
        self.alias(topic_name).map_or(topic_name, |(topic, _)| topic)
    }

    /// Returns the topic and the text of a topic name that is an alias.
    pub(crate) fn alias(&self, topic_name: usize) -> Option<(usize, &'static str)> {
        self.aliases().nth(topic_name.checked_sub(self.run_events_index() + 1)?)
    }

    /// Returns all aliases, each with its topic.
    pub(crate) fn aliases(&self) -> impl Iterator<Item = (usize, &'static str)> {
        let topics = self.topics.iter().enumerate();
        topics.flat_map(|(index, topic)| topic.aliases.iter().map(move |alias| (index, *alias)))
    }

    /// Returns the topic names for a page that does not list any: the current names of what it may read and, if the page
    /// has another definition, the aliases too. Pages ignore topics that they do not know.
    pub(crate) fn page_names(&self, fingerprint: &str, granted: &[usize]) -> Vec<usize> {
        let topics: BTreeSet<usize> = granted.iter().map(|name| self.topic_of(*name)).collect();
        let aliases = (self.run_events_index() + 1..).zip(self.aliases());
        let aliases = aliases.filter(|(_, (topic, _))| topics.contains(topic)).map(|(name, _)| name);
        let aliases = aliases.filter(|_| fingerprint != self.fingerprint);
        topics.iter().copied().chain(aliases).collect()
    }

    /// Returns the index of the topic of the log that has or had a name: messages in a storage have the name from when
    /// they were published.
    pub(crate) fn stored_topic(&self, name: &str) -> Option<usize> {
        if name == RUN_EVENTS {
            Some(self.run_events_index())
        } else {
            self.topic(name).or_else(|| self.renamed_topic(name))
        }
    }

    /// Returns the names that messages of a topic of the log may have in a storage, the current one first.
    pub(crate) fn stored_names(&self, topic: usize) -> impl Iterator<Item = &'static str> {
        let renamed = self.topics.get(topic).map(|topic| topic.aliases.iter().chain(topic.renamed_from));
        std::iter::once(self.log_topic(topic).name).chain(renamed.into_iter().flatten().copied())
    }

    /// Returns a frame from a storage with the current name of its topic, or of the signals that a run event lists.
    pub(crate) fn with_current_names(&self, topic: usize, stored_name: &str, frame: String) -> String {
        let name = self.log_topic(topic).name;
        if stored_name != name {
            return with_topic(&frame, name);
        }
        let is_renamed = |signal: &SignalDefinition| signal.names().nth(1).is_some();
        if topic != self.run_events_index() || !self.signals.iter().any(is_renamed) {
            return frame;
        }
        self.with_current_signals(&frame).unwrap_or(frame)
    }

    /// Returns a run event that waits for signals with their current names, or `None` for another one.
    fn with_current_signals(&self, frame: &str) -> Option<String> {
        let mut event: Value = serde_json::from_str(frame).ok()?;
        let data = event.get_mut("data")?;
        let (mut names, mut questions) = (Vec::new(), serde_json::Map::new());
        for stored in data.get("waitingFor")?.as_array()?.iter().filter_map(Value::as_str) {
            for name in self.sent_names(stored) {
                if questions.insert(name.to_owned(), data["questions"][stored].clone()).is_none() {
                    names.push(name.to_owned());
                }
            }
        }
        data["waitingFor"] = names.into();
        data["questions"] = questions.into();
        serde_json::to_string(&event).ok()
    }

    /// Returns the index of the topic that had a name which no longer works.
    pub(super) fn renamed_topic(&self, name: &str) -> Option<usize> {
        self.topics.iter().position(|topic| topic.renamed_from.contains(&name))
    }

    /// Returns the definition of the signal that has or had a name.
    pub(crate) fn stored_signal(&self, name: &str) -> Option<&'static SignalDefinition> {
        self.signals.iter().find(|signal| signal.names().any(|known| known == name))
    }

    /// Returns the names under which clients may send a signal that has or had a name, the current one first.
    pub(crate) fn sent_names<'n>(&self, name: &'n str) -> impl Iterator<Item = &'n str> {
        let signal = self.stored_signal(name);
        let names: &'static [&'static str] = signal.map_or(&[], |signal| signal.aliases);
        [signal.map_or(name, |signal| signal.name)].into_iter().chain(names.iter().copied())
    }

    /// Returns the index of a signal that clients may send under a name.
    pub(crate) fn signal(&self, name: &str) -> Option<usize> {
        self.signals.iter().position(|signal| signal.name == name || signal.aliases.contains(&name))
    }
}
