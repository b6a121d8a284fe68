//! Frames from the client.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use super::{FrameError, present, read_json};
use crate::wire::Cursor;

/// The cursor of each channel, by its name.
pub type Since = BTreeMap<String, Cursor>;

/// A frame from the client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ClientFrame {
    /// Subscribes to what a token grants.
    Sub {
        /// The id of the new subscription, which its frames contain. If `None`, adds to the default subscription.
        #[serde(rename = "ref", default, deserialize_with = "subscription_id")]
        #[serde(skip_serializing_if = "Option::is_none")]
        subscription_id: Option<String>,
        /// The token. If `None`, the session of the page that opened the connection is used.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        data: Option<String>,
        /// The only channel to subscribe to, of those that the token grants.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        channel: Option<String>,
        /// The only topics to subscribe to, of those that the token grants.
        #[serde(default, deserialize_with = "topics", skip_serializing_if = "Option::is_none")]
        topics: Option<Vec<String>>,
        /// The cursors to resume from.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        since: Option<Since>,
        /// The definition hash that the client's page has for `channel`.
        #[serde(default, deserialize_with = "fingerprint", skip_serializing_if = "Option::is_none")]
        fingerprint: Option<String>,
    },
    /// Ends a subscription, or removes a channel from the default subscription.
    Unsub {
        /// The id of the subscription.
        #[serde(rename = "ref", default, deserialize_with = "subscription_id")]
        #[serde(skip_serializing_if = "Option::is_none")]
        subscription_id: Option<String>,
        /// The name of the channel.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        channel: Option<String>,
    },
    /// Replaces the token of a subscription.
    Renew {
        /// The id of the subscription. `None` is the default subscription.
        #[serde(rename = "ref", default, deserialize_with = "subscription_id")]
        #[serde(skip_serializing_if = "Option::is_none")]
        subscription_id: Option<String>,
        /// The token. If `None`, the session of the page that opened the connection is used.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        data: Option<String>,
    },
    /// Asks for a heartbeat.
    Alive,
}

/// Why a frame from the client was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// The frame is not JSON, not of a known kind, or has an invalid field.
    BadFrame,
    /// The token or session of a `sub` or `renew` is not valid.
    Unauthorized,
    /// The token or session does not grant a channel or topic that was requested, or that the renewed subscription has.
    NotGranted,
    /// The channel is not defined.
    UnknownChannel,
    /// The channel does not have the topic, or does not have it any more.
    UnknownTopic,
    /// The channel does not have the signal, or does not have it any more. Only in responses to `POST signal` and `POST
    /// token`.
    UnknownSignal,
    /// The subscription of an `unsub` or `renew` does not exist.
    NotSubscribed,
    /// Another subscription has the `ref` of a `sub`.
    RefInUse,
    /// The connection would have more than [`MAX_CHANNELS`](crate::wire::MAX_CHANNELS) channels.
    TooManyChannels,
    /// Too many connections use the token.
    TooManyConnections,
    /// The client exceeded a rate limit.
    RateLimited,
    /// The storage or the authorization hook failed.
    Unavailable,
}

impl ErrorCode {
    /// Returns the code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadFrame => "bad_frame",
            Self::Unauthorized => "unauthorized",
            Self::NotGranted => "not_granted",
            Self::UnknownChannel => "unknown_channel",
            Self::UnknownTopic => "unknown_topic",
            Self::UnknownSignal => "unknown_signal",
            Self::NotSubscribed => "not_subscribed",
            Self::RefInUse => "ref_in_use",
            Self::TooManyChannels => "too_many_channels",
            Self::TooManyConnections => "too_many_connections",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Parses a frame from a client.
///
/// # Errors
/// Returns an error if the text is not a valid frame.
pub fn read_client_frame(text: &str) -> Result<ClientFrame, FrameError> {
    client_frame(read_json(text)?)
}

/// Parses a frame that is part of a larger JSON text.
pub(crate) fn client_frame(frame: Value) -> Result<ClientFrame, FrameError> {
    let subscription_id = frame.get("ref").and_then(Value::as_str).filter(|text| is_short(text));
    let subscription_id = subscription_id.map(str::to_owned);
    if !frame.is_object() {
        return Err(FrameError { message: "the frame is not an object".into(), subscription_id });
    }
    match ClientFrame::deserialize(frame) {
        Ok(
            ClientFrame::Unsub { subscription_id: Some(_), channel: Some(_) }
            | ClientFrame::Unsub { subscription_id: None, channel: None },
        ) => Err(FrameError {
            message: "an unsub must have either a ref or a channel".into(),
            subscription_id,
        }),
        Ok(ClientFrame::Sub { fingerprint: Some(_), channel: None, .. }) => Err(FrameError {
            message: "a sub with a fingerprint must have a channel".into(),
            subscription_id,
        }),
        Ok(frame) => Ok(frame),
        Err(error) => Err(FrameError { message: format!("invalid frame: {error}"), subscription_id }),
    }
}

fn subscription_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    short("ref", deserializer)
}

fn fingerprint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    short("fingerprint", deserializer)
}

fn short<'de, D: Deserializer<'de>>(field: &str, deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if is_short(&text) {
        Ok(Some(text))
    } else {
        Err(de::Error::custom(format!("{field} has more than 64 characters")))
    }
}

/// Returns `true` if a text may be a `ref` or a fingerprint: it has at most 64 characters.
pub(crate) fn is_short(text: &str) -> bool {
    text.chars().nth(64).is_none()
}

fn topics<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let topics = Vec::<String>::deserialize(deserializer)?;
    if topics.is_empty() {
        return Err(de::Error::custom("topics must not be empty"));
    }
    Ok(Some(topics))
}
