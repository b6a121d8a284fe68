//! Resolves channels, topics and signals by name, and suggests similar names for unknown ones.

use std::fmt;

use super::{AddressPart, Channel, ChannelDefinition, ParamError, Registry, address};
use crate::wire::ErrorCode;

/// For longer names, no similar name is suggested.
const MAX_COMPARED: usize = 256;

/// An error from resolving the name of a channel, topic or signal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResolveError {
    /// The name does not match the address of a definition.
    Channel {
        /// The name.
        channel: String,
        /// A similar name or address, which was probably meant.
        nearest: Option<String>,
    },
    /// The name matches an address, but a param is not valid.
    Param {
        /// The name.
        channel: String,
        /// The param, and what is wrong with it.
        error: ParamError,
    },
    /// The channel does not have the topic.
    Topic {
        /// The channel's name.
        channel: String,
        /// The topic's name.
        topic: String,
        /// A similar topic, which was probably meant.
        nearest: Option<&'static str>,
        /// The topic's current name, if it had this one.
        renamed_to: Option<&'static str>,
    },
    /// The channel does not have the signal.
    Signal {
        /// The channel's name.
        channel: String,
        /// The signal's name.
        signal: String,
        /// A similar signal, which was probably meant.
        nearest: Option<&'static str>,
        /// The signal's current name, if it had this one.
        renamed_to: Option<&'static str>,
    },
}

impl Registry {
    /// Returns the channel with a name.
    pub(crate) fn channel(&self, name: &str) -> Result<Channel, ResolveError> {
        self.resolve(name).ok_or_else(|| self.explain(name))
    }

    /// Returns the channel with a name, and the index of one of its topics.
    pub(crate) fn topic(&self, channel: &str, topic: &str) -> Result<(Channel, usize), ResolveError> {
        let channel = self.channel(channel)?;
        let index = channel.definition.topic_of(channel.find_topic_name(topic)?);
        Ok((channel, index))
    }

    /// Returns the channel with a name, and the index of one of its signals.
    pub(crate) fn signal(&self, channel: &str, signal: &str) -> Result<(Channel, usize), ResolveError> {
        let channel = self.channel(channel)?;
        let index = channel.definition.find_signal(channel.name(), signal)?;
        Ok((channel, index))
    }

    /// Returns the definition of the channel with a name, or the definition with that name, and the index of a topic.
    pub(crate) fn defined_topic(
        &self,
        channel: &str,
        topic: &str,
    ) -> Result<(&'static ChannelDefinition, usize), ResolveError> {
        let definition = self.definition(channel)?;
        Ok((definition, definition.topic_of(definition.find_topic_name(channel, topic)?)))
    }

    /// Returns the definition of the channel with a name, or the definition with that name, and the index of a signal.
    pub(crate) fn defined_signal(
        &self,
        channel: &str,
        signal: &str,
    ) -> Result<(&'static ChannelDefinition, usize), ResolveError> {
        let definition = self.definition(channel)?;
        Ok((definition, definition.find_signal(channel, signal)?))
    }

    fn definition(&self, name: &str) -> Result<&'static ChannelDefinition, ResolveError> {
        self.channel(name).map(|channel| channel.definition).or_else(|error| {
            self.channels.iter().copied().find(|definition| definition.name == name).ok_or(error)
        })
    }

    fn explain(&self, name: &str) -> ResolveError {
        let params =
            self.channels.iter().find_map(|definition| Some((*definition, address::read(definition, name)?)));
        let nearest = match params.map(|(definition, params)| Channel::fill(definition, &params)) {
            Some(Err(error)) => return ResolveError::Param { channel: name.into(), error },
            // The name is another spelling of this channel's.
            Some(Ok(channel)) => Some(channel.name().into()),
            None => {
                let addresses = self.channels.iter().map(|definition| (definition.address, *definition));
                closest(name, addresses).map(template)
            }
        };
        ResolveError::Channel { channel: name.into(), nearest }
    }
}

impl Channel {
    /// Returns the index of a topic name ([`ChannelDefinition::topic_name`]).
    pub(crate) fn find_topic_name(&self, name: &str) -> Result<usize, ResolveError> {
        self.definition.find_topic_name(self.name(), name)
    }
}

impl ChannelDefinition {
    /// Returns the index of a topic name. Errors mention the channel.
    fn find_topic_name(&self, channel: &str, name: &str) -> Result<usize, ResolveError> {
        self.topic_name(name).ok_or_else(|| ResolveError::Topic {
            channel: channel.into(),
            topic: name.into(),
            nearest: nearest(name, self.topics.iter().map(|topic| topic.name)),
            renamed_to: self.renamed_topic(name).map(|index| self.topics[index].name),
        })
    }

    /// Returns the index of a signal. Errors mention the channel.
    fn find_signal(&self, channel: &str, name: &str) -> Result<usize, ResolveError> {
        self.signal(name).ok_or_else(|| ResolveError::Signal {
            channel: channel.into(),
            signal: name.into(),
            nearest: nearest(name, self.signals.iter().map(|signal| signal.name)),
            renamed_to: self.signals.iter().find(|new| new.renamed_from.contains(&name)).map(|new| new.name),
        })
    }
}

impl ResolveError {
    /// Returns the code of the error on the wire.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Channel { .. } | Self::Param { .. } => ErrorCode::UnknownChannel,
            Self::Topic { .. } => ErrorCode::UnknownTopic,
            Self::Signal { .. } => ErrorCode::UnknownSignal,
        }
    }

    /// Removes everything that reveals the definitions, for clients that must not learn them. They may know the names
    /// that their own topics and signals have now.
    pub(crate) fn without_hints(self) -> Self {
        match self {
            Self::Channel { channel, .. } | Self::Param { channel, .. } => {
                Self::Channel { channel, nearest: None }
            }
            Self::Topic { channel, topic, renamed_to, .. } => {
                Self::Topic { channel, topic, nearest: None, renamed_to }
            }
            Self::Signal { channel, signal, renamed_to, .. } => {
                Self::Signal { channel, signal, nearest: None, renamed_to }
            }
        }
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nearest = match self {
            Self::Channel { channel, nearest } => {
                write!(formatter, "unknown channel {channel:?}")?;
                nearest.as_deref()
            }
            Self::Param { channel, error } => {
                return write!(formatter, "unknown channel {channel:?}: {error}");
            }
            Self::Topic { channel, topic, nearest, renamed_to } => {
                write!(formatter, "the channel {channel:?} has no topic {topic:?}")?;
                if let Some(new) = renamed_to {
                    return write!(formatter, "; it was renamed to {new:?}");
                }
                *nearest
            }
            Self::Signal { channel, signal, nearest, renamed_to } => {
                write!(formatter, "the channel {channel:?} has no signal {signal:?}")?;
                if let Some(new) = renamed_to {
                    return write!(formatter, "; it was renamed to {new:?}");
                }
                *nearest
            }
        };
        nearest.map_or(Ok(()), |nearest| write!(formatter, "; did you mean {nearest:?}?"))
    }
}

impl std::error::Error for ResolveError {}

/// Returns the address of a definition as it is written in YAML.
fn template(definition: &ChannelDefinition) -> String {
    let part = |part: &AddressPart| match part {
        AddressPart::Literal(text) => (*text).to_owned(),
        AddressPart::Param(index) => format!("{{{}}}", definition.params[*index].name),
    };
    definition.address.iter().map(part).collect()
}

fn nearest(name: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let names: Vec<_> = names.map(|name| ([AddressPart::Literal(name)], name)).collect();
    closest(name, names.iter().map(|(parts, name)| (&parts[..], *name)))
}

/// Returns the candidate that is most similar to a name, if one is similar enough.
fn closest<'p, T>(name: &str, candidates: impl Iterator<Item = (&'p [AddressPart], T)>) -> Option<T> {
    let name: Vec<char> = name.to_lowercase().chars().take(MAX_COMPARED + 1).collect();
    if name.len() > MAX_COMPARED {
        return None;
    }
    let distances = candidates.map(|(parts, candidate)| (distance(&name, parts), candidate));
    let close = distances.filter(|((distance, length), _)| *distance <= (*length).max(3) / 3);
    close.min_by_key(|((distance, _), _)| *distance).map(|(_, candidate)| candidate)
}

/// Returns the edit distance between a name and the literal text of an address, and the length of that text. Params
/// match any text.
fn distance(name: &[char], address: &[AddressPart]) -> (usize, usize) {
    let mut length = 0;
    // The distances between each prefix of the name and the part of the address seen so far.
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for part in address {
        let AddressPart::Literal(text) = part else {
            for end in 1..row.len() {
                row[end] = row[end].min(row[end - 1]);
            }
            continue;
        };
        for wanted in text.to_lowercase().chars() {
            length += 1;
            let mut before = row[0];
            row[0] += 1;
            for (index, character) in name.iter().enumerate() {
                let replaced = before + usize::from(*character != wanted);
                before = row[index + 1];
                row[index + 1] = replaced.min(before + 1).min(row[index] + 1);
            }
        }
    }
    (row[name.len()], length)
}

#[cfg(test)]
mod tests {
    use super::super::{Carries, History, ParamDefinition, Retain, SignalDefinition, TopicDefinition};
    use super::*;
    use crate::schema::{Integer, Schema, Text};

    static TEXT: Schema = Schema::Text(Text::ANY);
    static PAGE: Schema = Schema::Integer(Integer { minimum: 1, maximum: 9, multiple_of: None });
    const fn topic(name: &'static str) -> TopicDefinition {
        TopicDefinition::new(name, Carries::Payload(&TEXT), Retain::None)
    }
    static BOOK: ChannelDefinition = ChannelDefinition {
        name: "book",
        address: &[
            AddressPart::Literal("library/"),
            AddressPart::Param(0),
            AddressPart::Literal("/pages/"),
            AddressPart::Param(1),
        ],
        params: &[
            ParamDefinition { name: "bookId", schema: &TEXT },
            ParamDefinition { name: "page", schema: &PAGE },
        ],
        topics: &[topic("status"), topic("tokens")],
        signals: &[SignalDefinition::new("approve", &TEXT)],
        history: History::new(1, 1),
        fingerprint: "",
        ..ChannelDefinition::EMPTY
    };
    static REGISTRY: Registry = Registry { channels: &[&BOOK] };

    #[test]
    fn an_error_says_which_rule_a_param_breaks() {
        let error = REGISTRY.topic("library/b/pages/10", "status").unwrap_err().to_string();
        for word in ["\"library/b/pages/10\"", "\"book\"", "\"page\"", "at most 9"] {
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn an_error_suggests_a_similar_name() {
        let channel = "library/b/pages/1";
        for (error, expected) in [
            (
                REGISTRY.topic("libary/b/pages/1", "status").unwrap_err(),
                Some("library/{bookId}/pages/{page}"),
            ),
            (
                REGISTRY.topic("Library/b/page/1", "status").unwrap_err(),
                Some("library/{bookId}/pages/{page}"),
            ),
            (REGISTRY.topic("library/%62/pages/1", "status").unwrap_err(), Some("library/b/pages/1")),
            (REGISTRY.topic("elsewhere", "status").unwrap_err(), None),
            (REGISTRY.topic(&"library/".repeat(100), "status").unwrap_err(), None),
            (REGISTRY.topic(channel, "Status").unwrap_err(), Some("status")),
            (REGISTRY.topic(channel, "token").unwrap_err(), Some("tokens")),
            (REGISTRY.topic(channel, "done").unwrap_err(), None),
            (REGISTRY.signal(channel, "aprove").unwrap_err(), Some("approve")),
        ] {
            let text = error.to_string();
            match expected {
                Some(nearest) => assert!(text.ends_with(&format!("; did you mean {nearest:?}?")), "{text}"),
                None => assert!(!text.contains("did you mean"), "{text}"),
            }
            assert!(!error.without_hints().to_string().contains("did you mean"));
        }
    }
}
