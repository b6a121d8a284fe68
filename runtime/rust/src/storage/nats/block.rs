//! Blocks: NATS messages with the messages that a channel receives together.
//!
//! A block is a line of JSON, then the frames without their ids and times. NATS stores all of it or nothing.

use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::StorageError;
use crate::channel::ChannelDefinition;
use crate::clock::from_milliseconds;
use crate::history::{IdempotencyKey, StoredMessage};
use crate::wire::{MessageId, stamped};

/// The approximate bytes of a block's JSON: without messages, and for each message.
pub(super) const HEAD_BYTES: usize = 512;
pub(super) const MESSAGE_HEAD_BYTES: usize = 192;

/// The JSON of a block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct BlockHead {
    pub(super) epoch: u64,
    /// The offset of the first message. A block without messages begins an epoch, or keeps the channel from expiring.
    pub(super) first: u64,
    /// The sequence of the channel's previous block, and its nonce. Both are 0 for the first block. If the stream loses
    /// a block, it may assign its sequence to another one, which has another nonce.
    pub(super) previous: u64,
    pub(super) previous_nonce: u64,
    /// For a block that begins an epoch, the offset up to which ids of the previous epoch remain valid. Omitted if it
    /// is the offset before the first message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) continues: Option<u64>,
    /// When the messages were published, in milliseconds since 1970.
    pub(super) time: i64,
    /// Identifies the block if the answer to its publish is lost.
    pub(super) nonce: u64,
    /// The fingerprint of the channel's definition.
    pub(super) definition: String,
    pub(super) messages: Vec<MessageHead>,
}

/// The JSON of a message. It is short, because every message has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MessageHead {
    #[serde(rename = "t")]
    pub(super) topic: String,
    #[serde(rename = "b")]
    pub(super) bytes: usize,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<StoredKey>,
}

/// An idempotency key: its hash and that of the content, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredKey(String, String);

impl From<IdempotencyKey> for StoredKey {
    fn from(key: IdempotencyKey) -> Self {
        let hexadecimal = |hash: [u8; 16]| format!("{:032x}", u128::from_be_bytes(hash));
        Self(hexadecimal(key.hash), hexadecimal(key.content_hash))
    }
}

impl StoredKey {
    pub(super) fn to_key(&self) -> Option<IdempotencyKey> {
        let hash = |text: &str| u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes);
        Some(IdempotencyKey { hash: hash(&self.0)?, content_hash: hash(&self.1)? })
    }
}

/// A block as it is stored.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) head: BlockHead,
    /// The frames without their ids and times.
    pub(super) frames: Vec<String>,
}

impl BlockHead {
    /// Returns whether the block follows another one than the stored one with the same sequence, because the stream had
    /// lost that other one. `last` is the sequence and the nonce of the stored one.
    pub(super) fn is_fork_of(&self, last: (u64, u64)) -> bool {
        self.previous == last.0 && self.previous_nonce != last.1
    }

    /// Returns the offset up to which ids of the previous epoch remain valid, for a block that begins an epoch.
    pub(super) fn last_continued(&self) -> u64 {
        self.continues.unwrap_or(self.first - 1)
    }
}

impl Block {
    /// Returns the offset of the last message. A block without messages has the offset before its first one.
    pub(super) fn last(&self) -> u64 {
        self.head.first + self.frames.len() as u64 - 1
    }

    pub(super) fn decode_head(payload: &[u8]) -> Result<BlockHead, StorageError> {
        split(payload).map(|(head, _)| head)
    }

    pub(super) fn decode(payload: &[u8]) -> Result<Self, StorageError> {
        let (head, frames) = split(payload)?;
        let head: BlockHead = head;
        let frames = split_frames(frames, head.messages.iter().map(|message| message.bytes))?;
        if head.first == 0 {
            return Err(invalid("its first offset is 0"));
        }
        Ok(Self { head, frames })
    }

    /// Returns the messages of topics that the definition has, with ids of the given epoch.
    pub(super) fn messages(&self, epoch: u64, definition: &ChannelDefinition) -> Vec<StoredMessage> {
        let offsets = self.head.first..;
        let messages = offsets.zip(self.head.messages.iter().zip(&self.frames));
        let published_at = from_milliseconds(self.head.time);
        messages
            .filter_map(|(offset, (message, frame))| {
                let id = MessageId::new(epoch, offset);
                stored_message(definition, id, &message.topic, published_at, frame.clone())
            })
            .collect()
    }
}

/// Returns a message with its id and time, or `None` if the definition does not have its topic.
pub(super) fn stored_message(
    definition: &ChannelDefinition,
    id: MessageId,
    topic_name: &str,
    published_at: SystemTime,
    frame: String,
) -> Option<StoredMessage> {
    let topic = definition.stored_topic(topic_name)?;
    let frame = stamped(frame, id, published_at);
    let frame = definition.with_current_names(topic, topic_name, frame).into();
    Some(StoredMessage { offset: id.offset(), topic, published_at, frame, is_refused: false })
}

/// Joins a head and frames into a payload.
pub(super) fn join<'f>(
    head: &impl Serialize,
    frames: impl Iterator<Item = &'f str>,
) -> Result<Bytes, StorageError> {
    let mut payload = serde_json::to_vec(head).map_err(|error| StorageError::new(error.to_string()))?;
    payload.push(b'\n');
    for frame in frames {
        payload.extend_from_slice(frame.as_bytes());
    }
    Ok(payload.into())
}

/// Splits a payload into its head and its frames.
pub(super) fn split<H: for<'h> Deserialize<'h>>(payload: &[u8]) -> Result<(H, &str), StorageError> {
    let end = payload.iter().position(|byte| *byte == b'\n').ok_or_else(|| invalid("it has no head"))?;
    let head = serde_json::from_slice(&payload[..end]).map_err(|error| invalid(&error.to_string()))?;
    let frames = std::str::from_utf8(&payload[end + 1..]).map_err(|error| invalid(&error.to_string()))?;
    Ok((head, frames))
}

/// Splits frames by their sizes.
pub(super) fn split_frames(
    mut frames: &str,
    sizes: impl Iterator<Item = usize>,
) -> Result<Vec<String>, StorageError> {
    let mut split = Vec::new();
    for size in sizes {
        let (frame, rest) = frames.split_at_checked(size).ok_or_else(|| invalid("a frame is cut off"))?;
        split.push(frame.to_owned());
        frames = rest;
    }
    if frames.is_empty() { Ok(split) } else { Err(invalid("it has more text than frames")) }
}

/// Returns the error of a message that is neither a block nor a checkpoint.
fn invalid(why: &str) -> StorageError {
    StorageError::unreadable(format!("the NATS stream has a message that Fanfare cannot read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read_as_it_was_written() {
        let key = IdempotencyKey::new("k", "said", b"1");
        let frames = ["{\"é\n\"}", "", "x"];
        let message = |(frame, key): (&&str, Option<IdempotencyKey>)| MessageHead {
            topic: "said".into(),
            bytes: frame.len(),
            key: key.map(StoredKey::from),
        };
        let head = BlockHead {
            epoch: 7,
            first: 3,
            previous: 9,
            previous_nonce: 8,
            continues: None,
            time: 1,
            nonce: u64::MAX,
            definition: "a".into(),
            messages: frames.iter().zip([None, Some(key), None]).map(message).collect(),
        };
        let payload = join(&head, frames.into_iter()).unwrap();
        let block = Block::decode(&payload).unwrap();
        assert_eq!((block.last(), block.head.nonce), (5, u64::MAX));
        assert_eq!(block.frames, frames);
        let keys: Vec<_> = block.head.messages.iter().map(|message| message.key.as_ref()?.to_key()).collect();
        assert_eq!(keys, [None, Some(key), None]);
        for end in 0..payload.len() {
            assert!(Block::decode(&payload[..end]).is_err(), "{end}");
        }
    }
}
