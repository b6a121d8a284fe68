//! Messages as subscribers receive them.

use std::fmt;
use std::time::SystemTime;

use serde_json::Value;

use crate::wire::MessageId;

/// A message: a payload with its envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message<T> {
    /// The message id.
    pub id: MessageId,
    /// When it was published, by the server's clock, in milliseconds.
    pub published_at: SystemTime,
    /// The run that it belongs to, if its publisher set one.
    pub run_id: Option<String>,
    /// The payload, or a part of a text stream.
    pub data: T,
}

/// A part of a text stream. The parts of several streams may alternate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextPart {
    /// A text stream begins.
    Start {
        /// The id of the text stream.
        stream_id: String,
    },
    /// The text continues.
    Chunk {
        /// The id of the text stream.
        stream_id: String,
        /// The next part of the text. It may consist of several chunks that were published.
        text: String,
    },
    /// The text is complete.
    End {
        /// The id of the text stream.
        stream_id: String,
    },
    /// The text ends incomplete.
    Failed {
        /// The id of the text stream.
        stream_id: String,
        /// The reason.
        error: TextStreamError,
    },
}

/// The reason why a text is incomplete.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextStreamError {
    /// The cause.
    pub failure: TextStreamFailure,
    /// The reason, as a sentence.
    pub message: String,
}

/// The reason why a text ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextStreamFailure {
    /// Its publisher failed, or the server was restarted.
    Failed,
    /// It was stopped on purpose: by its publisher, or because the run that wrote it was cancelled or continued
    /// without it.
    Stopped,
    /// A gap: some of its text is no longer in the history.
    Gap,
}

impl fmt::Display for TextStreamError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the text is incomplete: {}", self.message)
    }
}

impl std::error::Error for TextStreamError {}

/// The data of a message before it has its type.
#[derive(Debug)]
pub enum Content {
    /// A payload that its schema accepts.
    Payload(Value),
    Text(TextPart),
}
