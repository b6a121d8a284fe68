//! What was published and what subscribers were told, as small as it can be kept: a run makes millions.

use crate::plan::TOPICS;
use std::fmt::{self, Write as _};

/// The identity of a message: short ASCII text, of which nothing is known but its order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    text: [u8; Self::LONGEST],
}

impl Id {
    const LONGEST: usize = 23;

    /// Nothing where the text is not one that this test can keep.
    pub(crate) fn new(id: &str) -> Option<Self> {
        let mut text = [0; Self::LONGEST];
        let fits =
            !id.is_empty() && id.len() <= Self::LONGEST && id.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| text[..id.len()].copy_from_slice(id.as_bytes()))?;
        Some(Self { text })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text
            .iter()
            .take_while(|byte| **byte != 0)
            .try_for_each(|byte| formatter.write_char(char::from(*byte)))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// One message of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// What the server calls it.
    pub(crate) id: Id,
    /// What the publisher calls it: it counts from 0.
    pub(crate) number: u32,
    /// The topic's place in [`TOPICS`].
    pub(crate) topic: u8,
}

impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topic = TOPICS.get(usize::from(self.topic)).unwrap_or(&"?");
        write!(formatter, "message {} number {} on {topic}", self.id, self.number)
    }
}

/// A hole that a subscriber was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Nothing up to here is missing.
    pub(crate) after: Id,
    /// Nothing from here on is missing.
    pub(crate) before: Id,
}

impl fmt::Display for Gap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "gap after {} before {}", self.after, self.before)
    }
}

/// What a subscriber was told, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A message.
    Message(Message),
    /// That messages are missing. Boxed: there are few, and each entry takes the room of the largest.
    Gap(Box<Gap>),
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => message.fmt(formatter),
            Self::Gap(gap) => gap.fmt(formatter),
        }
    }
}

/// What a subscriber subscribes to of one channel: whether to each of [`TOPICS`].
pub(crate) type Wanted = [bool; TOPICS.len()];

/// What a subscriber was told of one channel.
#[derive(Clone, Debug)]
pub(crate) struct ChannelLog {
    /// The channel's name.
    pub(crate) channel: String,
    /// Which topics it is subscribed to.
    pub(crate) wanted: Wanted,
    /// Whether the subscription stood at least once.
    pub(crate) ready: bool,
    /// All that it was told.
    pub(crate) entries: Vec<Entry>,
}

impl ChannelLog {
    /// The log of a subscription that was told nothing yet.
    pub(crate) fn new(channel: String, wanted: Wanted) -> Self {
        Self { channel, wanted, ready: false, entries: Vec::new() }
    }

    /// Whether messages of the topic are subscribed to.
    pub(crate) fn wants(&self, topic: u8) -> bool {
        self.wanted.get(usize::from(topic)).copied().unwrap_or(false)
    }

    fn last_message(&self) -> Option<&Message> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Message(message) => Some(message),
            Entry::Gap(_) => None,
        })
    }

    /// Whether it was told the last of the messages that it wants.
    pub(crate) fn is_complete(&self, published: &[Message]) -> bool {
        let last = published.iter().rev().find(|message| self.wants(message.topic));
        last.is_none_or(|last| self.last_message() == Some(last))
    }
}

/// All that one subscriber was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// Who it is, for people.
    pub(crate) subscriber: String,
    /// A channel each.
    pub(crate) channels: Vec<ChannelLog>,
    /// Messages that came twice and that the client's rules kept back.
    pub(crate) kept_back: u64,
    /// What no client should ever see.
    pub(crate) complaints: Vec<String>,
}

impl Log {
    /// Whether every subscription stood at least once.
    pub(crate) fn is_ready(&self) -> bool {
        self.channels.iter().all(|channel| channel.ready)
    }
}
