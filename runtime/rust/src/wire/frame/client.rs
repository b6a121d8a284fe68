//! Frames from the client.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use super::{FrameError, present, read_json};
use crate::wire::Cursor;

/// Where each channel starts, by its name.
pub type Since = BTreeMap<String, Cursor>;

/// A frame from the client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ClientFrame {
    /// Subscribes to what a token names.
    Sub {
        /// Makes it a subscription of its own, whose frames are marked with it. Without, it
        /// widens what the connection subscribed to when it opened.
        #[serde(rename = "ref", default, deserialize_with = "reference")]
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// The token. Without one, the session of the page that opened the connection decides.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        data: Option<String>,
        /// The one channel to subscribe to, of those that the token names.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        channel: Option<String>,
        /// The topics to subscribe to, of those that the token names.
        #[serde(default, deserialize_with = "topics", skip_serializing_if = "Option::is_none")]
        topics: Option<Vec<String>>,
        /// Where each channel starts.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        since: Option<Since>,
    },
    /// Ends a subscription, by its `ref`, or a channel of the one without.
    Unsub {
        /// The subscription.
        #[serde(rename = "ref", default, deserialize_with = "reference")]
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// The name of the channel.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        channel: Option<String>,
    },
    /// Goes on with another token.
    Renew {
        /// The subscription; absent for the one without.
        #[serde(rename = "ref", default, deserialize_with = "reference")]
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// The token. Without one, the session of the page that opened the connection decides.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        data: Option<String>,
    },
    /// Asks whether the server is there.
    Alive,
}

/// Why a frame from the client was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// Not JSON, not of a known kind, or a field of another shape.
    FrameError,
    /// The token of a `sub` or `renew` is not valid.
    Unauthorized,
    /// The token does not name the channel or a topic that was asked for, or that is to be renewed.
    NotGranted,
    /// No definition knows the channel or topic.
    UnknownChannel,
    /// An `unsub` or `renew` of what is not subscribed.
    NotSubscribed,
    /// A `sub` with the `ref` of a subscription that stands.
    RefInUse,
    /// More than [`MAX_CHANNELS`](crate::wire::MAX_CHANNELS) channels.
    TooManyChannels,
    /// The token is used by as many connections as it may be.
    TooManyConnections,
    /// The client did so too often.
    TooOften,
    /// The storage failed.
    Unavailable,
}

impl ErrorCode {
    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FrameError => "bad_frame",
            Self::Unauthorized => "unauthorized",
            Self::NotGranted => "not_granted",
            Self::UnknownChannel => "unknown_channel",
            Self::NotSubscribed => "not_subscribed",
            Self::RefInUse => "ref_in_use",
            Self::TooManyChannels => "too_many_channels",
            Self::TooManyConnections => "too_many_connections",
            Self::TooOften => "too_often",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Reads a frame from a client.
///
/// # Errors
/// When it is none.
pub fn read_client_frame(text: &str) -> Result<ClientFrame, FrameError> {
    client_frame(read_json(text)?)
}

/// Reads a frame that came as part of a larger JSON text.
pub(crate) fn client_frame(frame: Value) -> Result<ClientFrame, FrameError> {
    let reference = frame.get("ref").and_then(Value::as_str).filter(|text| is_reference(text));
    let reference = reference.map(str::to_owned);
    if !frame.is_object() {
        return Err(FrameError { message: "the frame is not an object".into(), reference });
    }
    match ClientFrame::deserialize(frame) {
        Ok(
            ClientFrame::Unsub { reference: Some(_), channel: Some(_) }
            | ClientFrame::Unsub { reference: None, channel: None },
        ) => Err(FrameError { message: "an unsub must have either a ref or a channel".into(), reference }),
        Ok(frame) => Ok(frame),
        Err(error) => Err(FrameError { message: format!("invalid frame: {error}"), reference }),
    }
}

fn reference<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if is_reference(&text) {
        Ok(Some(text))
    } else {
        Err(de::Error::custom("ref has more than 64 characters"))
    }
}

fn is_reference(text: &str) -> bool {
    text.chars().nth(64).is_none()
}

fn topics<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let topics = Vec::<String>::deserialize(deserializer)?;
    if topics.is_empty() {
        return Err(de::Error::custom("topics must not be empty"));
    }
    Ok(Some(topics))
}
