//! Checkpoints, which replace the older blocks of channels.
//!
//! A channel has at most one checkpoint. It contains the messages that the history or `retain` still requires, the
//! idempotency keys, the text streams that have not ended, and the offsets up to which messages are missing. The state
//! of a channel is its checkpoint and the blocks after it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::StorageError;
use super::block::{BlockHead, StoredKey, join, split, split_frames};
use super::text_streams::TextStreams;

/// The JSON of a checkpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct CheckpointHead {
    pub(super) epoch: u64,
    /// The last message that this epoch shares with the previous one: its epoch and offset.
    pub(super) continues: Option<(u64, u64)>,
    /// The offset of the last message that the checkpoint covers, and the sequence and the nonce of the last block.
    pub(super) last: u64,
    pub(super) sequence: u64,
    pub(super) nonce: u64,
    /// Whether a block of the epoch follows another block than the stored one that has its sequence.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_forked: bool,
    /// For each topic, the offset of the latest message that is gone.
    pub(super) evicted: Vec<(String, u64)>,
    /// The idempotency keys: key, offset and time in milliseconds since 1970. The oldest is first.
    pub(super) keys: Vec<(StoredKey, u64, i64)>,
    /// The text streams that have not ended, with the names of their topics.
    pub(super) streams: TextStreams<String>,
    pub(super) messages: Vec<KeptMessage>,
    /// The deleted blocks of the last minute. Their writers may still check whether they are stored.
    pub(super) recent: Vec<RecentBlock>,
}

/// A block that a checkpoint has replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecentBlock {
    pub(super) nonce: u64,
    pub(super) epoch: u64,
    pub(super) first: u64,
    /// In milliseconds since 1970.
    pub(super) time: i64,
}

impl From<&BlockHead> for RecentBlock {
    fn from(head: &BlockHead) -> Self {
        Self { nonce: head.nonce, epoch: head.epoch, first: head.first, time: head.time }
    }
}

/// The JSON of a message in a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptMessage {
    pub(super) offset: u64,
    pub(super) topic: String,
    /// When it was published, in milliseconds since 1970.
    pub(super) time: i64,
    /// The fingerprint of the channel's definition.
    pub(super) definition: String,
    pub(super) bytes: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoint {
    pub(super) head: CheckpointHead,
    /// The frames of the messages, without their ids and times.
    pub(super) frames: Vec<String>,
}

impl Checkpoint {
    pub(super) fn encode(&self) -> Result<Bytes, StorageError> {
        join(&self.head, self.frames.iter().map(String::as_str))
    }

    pub(super) fn decode(payload: &[u8]) -> Result<Self, StorageError> {
        let (head, frames) = split(payload)?;
        let head: CheckpointHead = head;
        let frames = split_frames(frames, head.messages.iter().map(|message| message.bytes))?;
        Ok(Self { head, frames })
    }
}
