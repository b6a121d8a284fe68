//! Frames from the server and from the client.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use super::{Cursor, MessageId};

/// A frame from the server.
///
/// Messages are written from text that is encoded once, not from this type; reading
/// gives it for them too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ServerFrame {
    /// A message.
    Data {
        /// The name of its channel.
        channel: String,
        /// The name of its topic.
        topic: String,
        /// Its identity.
        id: MessageId,
        /// When it was published.
        created_at: String,
        /// The run that it belongs to.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        run_id: Option<String>,
        /// The payload.
        data: Value,
    },
    /// A change in the lifecycle of a run.
    Run {
        /// The name of the run's channel.
        channel: String,
        /// When it happened.
        created_at: String,
        /// The status, and the result if there is one.
        data: Value,
    },
    /// The subscription to a channel stands.
    Ready {
        /// The name of the channel.
        channel: String,
        /// Where to resume until a message arrives.
        position: Cursor,
        /// The server's definition of the channel.
        fingerprint: String,
    },
    /// Messages that the subscriber missed are gone.
    Gap {
        /// The name of the channel.
        channel: String,
        /// The last message before the gap.
        after: MessageId,
        /// Where delivery goes on.
        before: MessageId,
    },
    /// A frame from the client was refused.
    Error {
        /// Why, as an [`ErrorCode`] or one of a later version.
        code: String,
        /// What is wrong and how to mend it.
        message: String,
        /// The `ref` of the frame that was refused.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    },
    /// The answer to [`ClientFrame::Sub`].
    Subscribed {
        /// The `ref` of the frame.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// The names of the channels.
        channels: Vec<String>,
    },
    /// The answer to [`ClientFrame::Unsub`].
    Unsubscribed {
        /// The `ref` of the frame.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// The names of the channels.
        channels: Vec<String>,
    },
    /// The server is there, whether there is something to tell or not.
    Alive {
        /// In how many milliseconds it tells so again.
        next_in: u64,
    },
    /// The server is about to stop.
    Closing,
}

/// The kinds that [`ServerFrame`] has; frames of any other are ignored.
const SERVER_KINDS: [&str; 9] =
    ["data", "run", "ready", "gap", "error", "subscribed", "unsubscribed", "alive", "closing"];

/// Where each channel starts, by its name.
pub type Since = BTreeMap<String, Cursor>;

/// A frame from the client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ClientFrame {
    /// Subscribes also to the channels and topics of a token.
    Sub {
        /// What the answer repeats.
        #[serde(rename = "ref", default, deserialize_with = "reference")]
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// The token.
        data: String,
        /// Where each channel starts.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        since: Option<Since>,
    },
    /// Ends the subscription to a channel.
    Unsub {
        /// What the answer repeats.
        #[serde(rename = "ref", default, deserialize_with = "reference")]
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// The name of the channel.
        channel: String,
    },
}

/// Why a frame from the client was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// Not JSON, not of a known kind, or a field of another shape.
    BadFrame,
    /// The token of a `sub` is not valid.
    Unauthorized,
    /// No definition knows the channel or topic.
    UnknownChannel,
    /// An `unsub` of a channel that is not subscribed.
    NotSubscribed,
    /// More than [`MAX_CHANNELS`](super::MAX_CHANNELS) channels.
    TooManyChannels,
}

impl ErrorCode {
    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadFrame => "bad_frame",
            Self::Unauthorized => "unauthorized",
            Self::UnknownChannel => "unknown_channel",
            Self::NotSubscribed => "not_subscribed",
            Self::TooManyChannels => "too_many_channels",
        }
    }
}

/// A frame that its reader refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFrame {
    /// What is wrong with it.
    pub message: String,
    /// The frame's own `ref`, where it has a readable one.
    pub reference: Option<String>,
}

impl fmt::Display for BadFrame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for BadFrame {}

/// Reads a frame from a client.
///
/// # Errors
/// When it is none.
pub fn read_client_frame(text: &str) -> Result<ClientFrame, BadFrame> {
    let frame = read_json(text)?;
    let reference = frame.get("ref").and_then(Value::as_str).filter(|text| is_reference(text));
    let reference = reference.map(str::to_owned);
    if !frame.is_object() {
        return Err(BadFrame { message: "the frame is not an object".into(), reference });
    }
    ClientFrame::deserialize(frame)
        .map_err(|error| BadFrame { message: format!("the frame is not known: {error}"), reference })
}

/// Reads what the server sent in one WebSocket frame: one frame, or several as an array.
/// Those of an unknown kind are left out.
///
/// # Errors
/// When it is neither.
pub fn read_server_frames(text: &str) -> Result<Vec<ServerFrame>, BadFrame> {
    match read_json(text)? {
        Value::Array(frames) => {
            frames.into_iter().filter_map(|frame| read_server_frame(frame).transpose()).collect()
        }
        frame => Ok(read_server_frame(frame)?.into_iter().collect()),
    }
}

fn read_server_frame(frame: Value) -> Result<Option<ServerFrame>, BadFrame> {
    let bad = |message: String| BadFrame { message, reference: None };
    let Some(kind) = frame.get("kind").and_then(Value::as_str) else {
        return Err(bad("the frame is not an object with a kind".into()));
    };
    if !SERVER_KINDS.contains(&kind) {
        return Ok(None);
    }
    ServerFrame::deserialize(frame).map(Some).map_err(|error| bad(error.to_string()))
}

fn read_json(text: &str) -> Result<Value, BadFrame> {
    serde_json::from_str(text)
        .map_err(|error| BadFrame { message: format!("the frame is not JSON: {error}"), reference: None })
}

/// A field that may be absent, and is not `null` where it is there.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
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
