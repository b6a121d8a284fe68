//! Errors of subscriptions.

use std::fmt;

use serde_json::Value;

use super::End;
use super::message::TextStreamError;
use crate::channel::Channel;
use crate::history::Gap;
use crate::hub::OpenError;
use crate::payload::ShapeError;
use crate::schema::Issue;
use crate::storage::StorageError;
use crate::wire::MessageId;

/// An error from subscribing in this process, or from reading a channel's position.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The hub has no definition of the channel.
    UnknownChannel {
        /// The channel's name.
        channel: String,
    },
    /// The storage failed.
    Storage(StorageError),
    /// The hub is shut down.
    Closed,
}

impl SubscribeError {
    pub(super) fn from_open_error(error: OpenError, channel: &Channel) -> Self {
        match error {
            OpenError::Unknown => Self::UnknownChannel { channel: channel.name().to_owned() },
            OpenError::Storage(error) => Self::Storage(error),
        }
    }
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownChannel { channel } => write!(
                formatter,
                "the hub has no definition of the channel {channel:?}: build it with the registry that has the channel"
            ),
            Self::Storage(error) => write!(formatter, "failed to read the channel's log: {error}"),
            Self::Closed => formatter.write_str("the hub is shut down and delivers no more messages"),
        }
    }
}

impl std::error::Error for SubscribeError {}

/// An error from receiving a message.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ReceiveError {
    /// Messages of the topic are lost, because the subscriber was too slow or resumed too late. The subscription
    /// continues after them.
    Gap(Gap),
    /// A message does not match the topic's definition: it was published under another one. The subscription
    /// continues after it.
    Invalid(Box<InvalidMessage>),
    /// The topic's Rust type cannot represent a payload that the topic's schema accepts: the two do not belong together.
    /// Cannot happen with generated code. The subscription continues after the message.
    Shape(ShapeError),
    /// The text of [`Subscription::recv_text`](super::Subscription::recv_text) is not complete.
    IncompleteText(TextStreamError),
    /// The hub was shut down. The subscription has ended.
    Closed,
    /// The server of a [`Client`](crate::client::Client) refuses the subscription for good. It has ended.
    #[cfg(feature = "client")]
    Refused {
        /// The code of the error, such as `unknown_topic`, if it has one.
        code: Option<String>,
        /// The reason.
        message: String,
    },
}

impl ReceiveError {
    /// Returns `true` if the subscription has ended, so that it has no more messages.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Gap(_) | Self::Invalid(_) | Self::Shape(_) | Self::IncompleteText(_) => false,
            Self::Closed => true,
            #[cfg(feature = "client")]
            Self::Refused { .. } => true,
        }
    }
}

impl From<End> for ReceiveError {
    fn from(end: End) -> Self {
        match end {
            End::Closed => Self::Closed,
            #[cfg(feature = "client")]
            End::Refused { code, message } => Self::Refused { code, message },
        }
    }
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap(Gap { after, before }) => write!(
                formatter,
                "messages between {after} and {before} are no longer in the history: read the current state, then continue"
            ),
            Self::Invalid(invalid) => invalid.fmt(formatter),
            Self::Shape(error) => {
                write!(formatter, "the topic's type does not belong to its schema: {error}")
            }
            Self::IncompleteText(error) => error.fmt(formatter),
            Self::Closed => formatter.write_str("the subscription has ended: the hub was shut down"),
            #[cfg(feature = "client")]
            Self::Refused { message, .. } => write!(formatter, "the subscription has ended: {message}"),
        }
    }
}

impl std::error::Error for ReceiveError {}

/// A message that does not match the definition of its topic.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InvalidMessage {
    /// The channel's name.
    pub channel: String,
    /// The topic's name.
    pub topic: String,
    /// The message id.
    pub id: MessageId,
    /// The issues of the payload. Empty if the topic carries text streams and this is a payload, or the reverse.
    pub issues: Vec<Issue>,
    /// The payload.
    pub payload: Value,
}

impl fmt::Display for InvalidMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { channel, topic, id, issues, .. } = self;
        write!(
            formatter,
            "the message {id} on topic {topic:?} of {channel:?} does not match its definition:"
        )?;
        if issues.is_empty() {
            formatter.write_str(" text streams and payloads have different topics")?;
        }
        issues.iter().try_for_each(|issue| write!(formatter, "\n  {issue}"))
    }
}

impl std::error::Error for InvalidMessage {}
