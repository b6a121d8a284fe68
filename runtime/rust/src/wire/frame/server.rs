//! Frames from the server.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FrameError, present, read_json};
use crate::wire::{Cursor, MessageId};

/// A frame from the server.
///
/// The server encodes messages directly as text, not from this type. [`read_server_frames`] parses all frames into it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ServerFrame {
    /// A message.
    Data {
        /// The name of its channel.
        channel: String,
        /// The name of its topic.
        topic: String,
        /// The message id.
        id: MessageId,
        /// When it was published.
        created_at: String,
        /// The run that it belongs to.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        run_id: Option<String>,
        /// The payload.
        data: Value,
    },
    /// A text stream begins.
    #[serde(rename = "datastream-start")]
    DatastreamStart {
        /// The name of its channel.
        channel: String,
        /// The name of its topic.
        topic: String,
        /// The message id of this frame.
        id: MessageId,
        /// When it was published.
        created_at: String,
        /// The run that it belongs to.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        run_id: Option<String>,
        /// The id of the stream.
        data: String,
    },
    /// A chunk of a text stream.
    Chunk {
        /// The name of its channel.
        channel: String,
        /// The name of its topic.
        topic: String,
        /// The message id of this frame.
        id: MessageId,
        /// When it was published.
        created_at: String,
        /// The run that it belongs to.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        run_id: Option<String>,
        /// The id of the stream.
        stream_id: String,
        /// The text of the chunk.
        data: String,
    },
    /// A text stream ends.
    #[serde(rename = "datastream-end")]
    DatastreamEnd {
        /// The name of its channel.
        channel: String,
        /// The name of its topic.
        topic: String,
        /// The message id of this frame.
        id: MessageId,
        /// When it was published.
        created_at: String,
        /// The run that it belongs to.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        run_id: Option<String>,
        /// The id of the stream.
        data: String,
        /// Why its text is not complete, if it is not.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Whether it was stopped on purpose.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stopped: bool,
    },
    /// A change in the lifecycle of a run.
    Run {
        /// The name of the run's channel.
        channel: String,
        /// The message id of this frame.
        id: MessageId,
        /// When it happened.
        created_at: String,
        /// The run.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        run_id: Option<String>,
        /// The status, and the result if there is one.
        data: Value,
    },
    /// A channel was subscribed.
    Ready {
        /// The id of the subscription. `None` is the default subscription.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        subscription_id: Option<String>,
        /// The name of the channel.
        channel: String,
        /// Where to resume until a message arrives.
        position: Cursor,
        /// The definition hash of the channel.
        fingerprint: String,
        /// How the definition of the client's page differs, if that matters.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        drift: Option<Drift>,
    },
    /// The subscriber missed messages that are no longer in the history.
    Gap {
        /// The id of the subscription. `None` is the default subscription.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        subscription_id: Option<String>,
        /// The name of the channel.
        channel: String,
        /// The last message before the gap.
        after: MessageId,
        /// The first message after the gap.
        before: MessageId,
    },
    /// Every message that the channel had for the subscriber when it subscribed has been sent.
    #[serde(rename = "caught-up")]
    CaughtUp {
        /// The id of the subscription. `None` is the default subscription.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        subscription_id: Option<String>,
        /// The name of the channel.
        channel: String,
    },
    /// A frame from the client was rejected.
    Error {
        /// Why, as an [`ErrorCode`](crate::wire::ErrorCode) or one of a later version.
        code: String,
        /// What is wrong and how to fix it.
        message: String,
        /// The subscription id of the rejected frame.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        subscription_id: Option<String>,
        /// The definition hash of a channel without the requested topic, if the client sent the hash of its page.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        fingerprint: Option<String>,
        /// How the definition of the client's page differs, if that matters.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        drift: Option<Drift>,
    },
    /// The answer to [`ClientFrame::Sub`](crate::wire::ClientFrame::Sub).
    Subscribed {
        /// The id of the subscription. `None` is the default subscription.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        subscription_id: Option<String>,
        /// The names of the channels.
        channels: Vec<String>,
    },
    /// The answer to [`ClientFrame::Unsub`](crate::wire::ClientFrame::Unsub), or the end of a subscription whose token
    /// expired or was revoked.
    Unsubscribed {
        /// The id of the subscription. `None` is the default subscription.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        subscription_id: Option<String>,
        /// The names of the channels.
        channels: Vec<String>,
        /// Why the server ended it, as an [`EndCode`] or one of a later version.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
    /// The token of a subscription is about to expire.
    Expiring {
        /// The id of the subscription. `None` is the default subscription.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        subscription_id: Option<String>,
        /// The time until then, in milliseconds.
        r#in: u64,
    },
    /// The answer to [`ClientFrame::Renew`](crate::wire::ClientFrame::Renew).
    Renewed {
        /// The id of the subscription. `None` is the default subscription.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        subscription_id: Option<String>,
        /// The time until the new token expires, in milliseconds.
        expires_in: u64,
    },
    /// A heartbeat.
    Alive {
        /// The time until the next heartbeat, in milliseconds.
        next_in: u64,
    },
    /// The server is shutting down.
    Closing {
        /// When to reconnect, in milliseconds from now.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        reconnect_in: Option<u64>,
    },
}

impl ServerFrame {
    /// Returns the id of a frame of a channel's log, or `None` for other frames.
    pub(crate) fn log_id(&self) -> Option<MessageId> {
        match self {
            Self::Data { id, .. }
            | Self::DatastreamStart { id, .. }
            | Self::Chunk { id, .. }
            | Self::DatastreamEnd { id, .. }
            | Self::Run { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// Returns the topic of a message or of a frame of a text stream, or `None` for other frames.
    #[cfg(feature = "client")]
    pub(crate) fn topic(&self) -> Option<&str> {
        match self {
            Self::Data { topic, .. }
            | Self::DatastreamStart { topic, .. }
            | Self::Chunk { topic, .. }
            | Self::DatastreamEnd { topic, .. } => Some(topic),
            _ => None,
        }
    }
}

/// The kinds of [`ServerFrame`]. Frames of other kinds are ignored.
const SERVER_KINDS: [&str; 15] = [
    "data",
    "datastream-start",
    "chunk",
    "datastream-end",
    "run",
    "ready",
    "gap",
    "caught-up",
    "error",
    "subscribed",
    "unsubscribed",
    "expiring",
    "renewed",
    "alive",
    "closing",
];

/// How the definition of a client's page differs from the server's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The kind of drift: a [`DriftKind`] or one of a later version.
    pub kind: String,
    /// The changes that break the page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<DriftChange>,
}

/// A change of a definition that breaks a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftChange {
    /// The name of the topic, if the change is about one.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The name of the signal, if the change is about one.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// The reason why the page does not work.
    pub message: String,
}

/// The relation of a page's definition to the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DriftKind {
    /// The page is of an earlier release and does not work with the server.
    Breaking,
    /// No release has the definition of the page.
    Unknown,
}

impl DriftKind {
    /// Returns the kind on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Unknown => "unknown",
        }
    }
}

/// Why the server ended a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndCode {
    /// The token expired.
    Expired,
    /// The token was revoked.
    Revoked,
}

impl EndCode {
    /// Returns the code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// The frames in one WebSocket message from the server. Returned by [`read_server_frames`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerFrames {
    /// The `ref` at the beginning of the array: the id of the subscription that all `frames` belong to. A frame outside
    /// of an array has its own `ref`.
    pub subscription_id: Option<String>,
    /// The frames, without those of unknown kinds.
    pub frames: Vec<ServerFrame>,
}

/// Parses the text of one WebSocket message from the server: a frame, or an array of frames that may begin with a
/// `ref`.
///
/// # Errors
/// Returns an error if the text is neither.
pub fn read_server_frames(text: &str) -> Result<ServerFrames, FrameError> {
    let mut frames = match read_json(text)? {
        Value::Array(frames) => frames.into_iter().peekable(),
        frame => {
            let frames = read_server_frame(frame)?.into_iter().collect();
            return Ok(ServerFrames { subscription_id: None, frames });
        }
    };
    let subscription_id = match frames.next_if(Value::is_string) {
        Some(Value::String(subscription_id)) => Some(subscription_id),
        _ => None,
    };
    let frames = frames.filter_map(|frame| read_server_frame(frame).transpose());
    Ok(ServerFrames { subscription_id, frames: frames.collect::<Result<_, _>>()? })
}

fn read_server_frame(frame: Value) -> Result<Option<ServerFrame>, FrameError> {
    let bad = |message: String| FrameError { message, subscription_id: None };
    let Some(kind) = frame.get("kind").and_then(Value::as_str) else {
        return Err(bad("the frame is not an object with a kind".into()));
    };
    if !SERVER_KINDS.contains(&kind) {
        return Ok(None);
    }
    ServerFrame::deserialize(frame).map(Some).map_err(|error| bad(error.to_string()))
}
