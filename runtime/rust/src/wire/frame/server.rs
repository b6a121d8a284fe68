//! Frames from the server.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FrameError, present, read_json};
use crate::wire::{Cursor, MessageId};

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
    /// A text stream begins.
    #[serde(rename = "datastream-start")]
    DatastreamStart {
        /// The name of its channel.
        channel: String,
        /// The name of its topic.
        topic: String,
        /// The identity of this frame.
        id: MessageId,
        /// When it was published.
        created_at: String,
        /// The run that it belongs to.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        run_id: Option<String>,
        /// The stream.
        data: String,
    },
    /// A text stream goes on.
    Chunk {
        /// The name of its channel.
        channel: String,
        /// The name of its topic.
        topic: String,
        /// The identity of this frame.
        id: MessageId,
        /// When it was published.
        created_at: String,
        /// The run that it belongs to.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        run_id: Option<String>,
        /// The stream.
        stream_id: String,
        /// The next piece of its text.
        data: String,
    },
    /// A text stream ends.
    #[serde(rename = "datastream-end")]
    DatastreamEnd {
        /// The name of its channel.
        channel: String,
        /// The name of its topic.
        topic: String,
        /// The identity of this frame.
        id: MessageId,
        /// When it was published.
        created_at: String,
        /// The run that it belongs to.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        run_id: Option<String>,
        /// The stream.
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
        /// The identity of this frame.
        id: MessageId,
        /// When it happened.
        created_at: String,
        /// The run.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        run_id: Option<String>,
        /// The status, and the result if there is one.
        data: Value,
    },
    /// The subscription to a channel stands.
    Ready {
        /// The subscription.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// The name of the channel.
        channel: String,
        /// Where to resume until a message arrives.
        position: Cursor,
        /// The server's definition of the channel.
        fingerprint: String,
    },
    /// Messages that the subscriber missed are gone.
    Gap {
        /// The subscription.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// The name of the channel.
        channel: String,
        /// The last message before the gap.
        after: MessageId,
        /// Where delivery goes on.
        before: MessageId,
    },
    /// A frame from the client was refused.
    Error {
        /// Why, as an [`ErrorCode`](crate::wire::ErrorCode) or one of a later version.
        code: String,
        /// What is wrong and how to mend it.
        message: String,
        /// The `ref` of the frame that was refused.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    },
    /// The answer to [`ClientFrame::Sub`](crate::wire::ClientFrame::Sub).
    Subscribed {
        /// The subscription.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// The names of the channels.
        channels: Vec<String>,
    },
    /// The answer to [`ClientFrame::Unsub`](crate::wire::ClientFrame::Unsub), or a subscription ended
    /// by itself.
    Unsubscribed {
        /// The subscription.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// The names of the channels.
        channels: Vec<String>,
        /// Why it ended by itself, as an [`EndCode`] or one of a later version.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
    /// The token of a subscription is about to end.
    Expiring {
        /// The subscription.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// In how many milliseconds.
        r#in: u64,
    },
    /// The answer to [`ClientFrame::Renew`](crate::wire::ClientFrame::Renew).
    Renewed {
        /// The subscription.
        #[serde(rename = "ref", default, deserialize_with = "present")]
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// In how many milliseconds the new token ends.
        expires_in: u64,
    },
    /// The server is there, whether there is something to tell or not.
    Alive {
        /// In how many milliseconds it tells so again.
        next_in: u64,
    },
    /// The server is about to stop.
    Closing {
        /// In how many milliseconds to connect again.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        reconnect_in: Option<u64>,
    },
}

/// The kinds that [`ServerFrame`] has; frames of any other are ignored.
const SERVER_KINDS: [&str; 14] = [
    "data",
    "datastream-start",
    "chunk",
    "datastream-end",
    "run",
    "ready",
    "gap",
    "error",
    "subscribed",
    "unsubscribed",
    "expiring",
    "renewed",
    "alive",
    "closing",
];

/// Why a subscription ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndCode {
    /// Its token's time is over.
    Expired,
    /// Its token was revoked.
    Revoked,
}

impl EndCode {
    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// What the server sent in one WebSocket frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerMessage {
    /// The subscription that all of `frames` belong to, where they came in an array that says so. Frames
    /// that come alone say it themselves.
    pub reference: Option<String>,
    /// The frames, without those of a kind that this version does not know.
    pub frames: Vec<ServerFrame>,
}

/// Reads what the server sent in one WebSocket frame: one frame, or several as an array, which
/// the `ref` of a subscription may lead.
///
/// # Errors
/// When it is neither.
pub fn read_server_frames(text: &str) -> Result<ServerMessage, FrameError> {
    let mut frames = match read_json(text)? {
        Value::Array(frames) => frames.into_iter().peekable(),
        frame => {
            let frames = read_server_frame(frame)?.into_iter().collect();
            return Ok(ServerMessage { reference: None, frames });
        }
    };
    let reference = match frames.next_if(Value::is_string) {
        Some(Value::String(reference)) => Some(reference),
        _ => None,
    };
    let frames = frames.filter_map(|frame| read_server_frame(frame).transpose());
    Ok(ServerMessage { reference, frames: frames.collect::<Result<_, _>>()? })
}

fn read_server_frame(frame: Value) -> Result<Option<ServerFrame>, FrameError> {
    let bad = |message: String| FrameError { message, reference: None };
    let Some(kind) = frame.get("kind").and_then(Value::as_str) else {
        return Err(bad("the frame is not an object with a kind".into()));
    };
    if !SERVER_KINDS.contains(&kind) {
        return Ok(None);
    }
    ServerFrame::deserialize(frame).map(Some).map_err(|error| bad(error.to_string()))
}
