//! Why something cannot be shown.

use std::fmt;

use crate::storage::StorageError;

/// An error from reading through [`Admin`](super::Admin).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdminError {
    /// No run has this id.
    UnknownRun,
    /// The channel has no history, and no definition has it.
    UnknownChannel,
    /// The channel's definition does not have the topic.
    UnknownTopic,
    /// The cursor is not one that this list has returned.
    InvalidCursor,
    /// The history of the channel was replaced since the cursor was returned. Start again without a cursor.
    StaleCursor,
    /// The storage failed.
    Storage(StorageError),
}

impl fmt::Display for AdminError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRun => formatter.write_str(
                "no run has this id: it was never started, or it ended longer ago than `RunsBuilder::run_retention`",
            ),
            Self::UnknownChannel => formatter.write_str(
                "unknown channel: it has no history, and its name does not match the address of a definition",
            ),
            Self::UnknownTopic => formatter
                .write_str("unknown topic: the channel's definition does not have it; run events are `$run`"),
            Self::InvalidCursor => {
                formatter.write_str("invalid cursor: pass the `next` of a page with the same parameters")
            }
            Self::StaleCursor => formatter
                .write_str("the history of the channel was replaced: start again without a cursor"),
            Self::Storage(error) => write!(formatter, "{error}"),
        }
    }
}

impl std::error::Error for AdminError {}

impl From<StorageError> for AdminError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}
