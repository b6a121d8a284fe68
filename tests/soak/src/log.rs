//! Compact records of what was published and what subscribers received. A round has millions of them.

use crate::Result;
use crate::plan::TOPICS;
use std::fmt::{self, Write as _};
use std::str::FromStr;

/// A message id: an opaque, ordered ASCII text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    text: [u8; Self::MAX_LENGTH],
}

impl Id {
    const MAX_LENGTH: usize = 23;

    /// Returns `None` if the text is empty, too long or not printable ASCII.
    pub(crate) fn new(id: &str) -> Option<Self> {
        let mut text = [0; Self::MAX_LENGTH];
        let fits =
            !id.is_empty() && id.len() <= Self::MAX_LENGTH && id.bytes().all(|byte| byte.is_ascii_graphic());
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

/// The parts of a message id: two numbers of nine base-36 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MessageId {
    pub(crate) epoch: u64,
    pub(crate) offset: u64,
}

impl MessageId {
    /// Returns the id as text.
    pub(crate) fn id(self) -> String {
        let half = |mut number: u64| {
            let mut digits = [b'0'; 9];
            for digit in digits.iter_mut().rev() {
                *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize];
                number /= 36;
            }
            String::from_utf8_lossy(&digits).into_owned()
        };
        format!("{}-{}", half(self.epoch), half(self.offset))
    }
}

impl FromStr for MessageId {
    type Err = crate::Error;

    fn from_str(id: &str) -> Result<Self> {
        let (epoch, offset) = id.split_once('-').ok_or_else(|| format!("{id:?} is not an id"))?;
        Ok(Self { epoch: u64::from_str_radix(epoch, 36)?, offset: u64::from_str_radix(offset, 36)? })
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.epoch, self.offset)
    }
}

/// One message of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// The id that the server assigned.
    pub(crate) id: Id,
    /// The number that the publisher assigned, from 0.
    pub(crate) number: u32,
    /// The index of the topic in [`TOPICS`].
    pub(crate) topic: u8,
}

impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topic = TOPICS.get(usize::from(self.topic)).unwrap_or(&"?");
        write!(formatter, "message {} number {} on {topic}", self.id, self.number)
    }
}

/// A gap that a subscriber received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// No message up to here is missing.
    pub(crate) after: Id,
    /// No message from here on is missing.
    pub(crate) before: Id,
}

impl fmt::Display for Gap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "gap after {} before {}", self.after, self.before)
    }
}

/// An event that a subscriber received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Message(Message),
    /// Boxed, because gaps are rare and each entry takes the size of the largest.
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

/// Whether a subscriber subscribes to each of [`TOPICS`].
pub(crate) type Wanted = [bool; TOPICS.len()];

/// What a subscriber received from one channel.
#[derive(Clone, Debug)]
pub(crate) struct ChannelLog {
    /// The name of the channel.
    pub(crate) channel: String,
    /// The subscribed topics.
    pub(crate) wanted: Wanted,
    /// Whether the subscription was ready at least once.
    pub(crate) ready: bool,
    pub(crate) entries: Vec<Entry>,
}

impl ChannelLog {
    /// Creates an empty log.
    pub(crate) fn new(channel: String, wanted: Wanted) -> Self {
        Self { channel, wanted, ready: false, entries: Vec::new() }
    }

    /// Returns `true` if the topic is subscribed.
    pub(crate) fn wants(&self, topic: u8) -> bool {
        self.wanted.get(usize::from(topic)).copied().unwrap_or(false)
    }

    fn last_message(&self) -> Option<&Message> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Message(message) => Some(message),
            Entry::Gap(_) => None,
        })
    }

    /// Returns `true` if the last message of the subscribed topics was received.
    pub(crate) fn is_complete(&self, published: &[Message]) -> bool {
        let last = published.iter().rev().find(|message| self.wants(message.topic));
        last.is_none_or(|last| self.last_message() == Some(last))
    }
}

/// Everything that one subscriber received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// The name of the subscriber.
    pub(crate) subscriber: String,
    pub(crate) channels: Vec<ChannelLog>,
    /// The number of messages that arrived twice and that the client dropped.
    pub(crate) duplicates: u64,
    /// Unexpected frames and errors.
    pub(crate) violations: Vec<String>,
}

impl Log {
    /// Returns `true` if every subscription was ready at least once.
    pub(crate) fn is_ready(&self) -> bool {
        self.channels.iter().all(|channel| channel.ready)
    }
}
