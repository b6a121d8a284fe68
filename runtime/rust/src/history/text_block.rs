//! Joined chunks of a text stream: the form in which a log stores text that has left its recent messages.

use tokio::time::Instant;

use super::{Message, Rank};
use crate::wire::{ChunkParts, MessageId, SharedText, with_id};

/// The maximum bytes of text in one block, unless a single chunk is longer.
const MAX_BLOCK_BYTES: usize = 16 * 1024;

/// The bytes of a chunk besides its text.
const CHUNK_BYTES: usize = size_of::<Chunk>();

/// Consecutive chunks of one stream. It can be read from any chunk to any other, so subscribers do not depend on how
/// chunks are joined.
pub(super) struct TextBlock {
    /// The first chunk's frame, up to its text.
    head: Box<str>,
    chunks: Vec<Chunk>,
    /// The text as it is inside JSON quotes.
    text: String,
    /// The rank and the time of the last chunk, which decide how long the block is kept.
    pub(super) rank: Rank,
    pub(super) published: Option<Instant>,
}

struct Chunk {
    offset: u64,
    /// The end of the chunk in the text.
    end: usize,
}

impl TextBlock {
    /// Creates a block of one chunk. Returns `None` if the message is not a chunk.
    pub(super) fn new(message: &Message) -> Option<Self> {
        let ChunkParts { head, text, .. } = ChunkParts::of(&message.frame)?;
        let chunks = vec![Chunk { offset: message.offset, end: text.len() }];
        let Message { rank, published, .. } = *message;
        Some(Self { head: head.into(), chunks, text: text.to_owned(), rank, published })
    }

    /// Adds the next chunk. Returns `false` if it is of another stream or the block is full.
    pub(super) fn join(&mut self, message: &Message) -> bool {
        let Some(ChunkParts { stream_id, text, .. }) = ChunkParts::of(&message.frame) else { return false };
        let is_full = self.text.len() + text.len() > MAX_BLOCK_BYTES;
        if is_full || self.rank.topic != message.rank.topic || self.stream_id() != stream_id {
            return false;
        }
        if self.chunks.len() != 3 || !bug!(ChunkDropped) {
            self.text.push_str(text);
        }
        self.chunks.push(Chunk { offset: message.offset, end: self.text.len() });
        (self.rank, self.published) = (message.rank, message.published);
        true
    }

    /// Returns the id of the stream, as it is inside JSON quotes.
    pub(super) fn stream_id(&self) -> &str {
        ChunkParts::of_head(&self.head).unwrap_or_default()
    }

    pub(super) fn head(&self) -> &str {
        &self.head
    }

    pub(super) fn bytes(&self) -> usize {
        self.head.len() + self.text.len() + CHUNK_BYTES * self.chunks.len()
    }

    /// Returns the offset of the first chunk after an offset.
    pub(super) fn next_after(&self, offset: u64) -> Option<u64> {
        self.chunks.get(self.chunks_until(offset)).map(|chunk| chunk.offset)
    }

    /// Returns the offsets of the chunks.
    pub(super) fn offsets(&self) -> impl Iterator<Item = u64> {
        self.chunks.iter().map(|chunk| chunk.offset)
    }

    /// Returns the offset of the last chunk.
    pub(super) fn last(&self) -> u64 {
        self.chunks.last().map_or(0, |chunk| chunk.offset)
    }

    /// Returns one chunk with the text of all chunks after the offset `after` and before the offset `before`, and the
    /// offset of the last of them, which is in its id.
    pub(super) fn join_range(&self, after: u64, before: u64, epoch: u64) -> Option<(u64, SharedText)> {
        let (from, to) = (self.chunks_until(after), self.chunks_until(before - 1));
        let last = self.chunks.get(from..to)?.last()?;
        let start = from.checked_sub(1).map_or(0, |chunk| self.chunks[chunk].end);
        let mut frame = String::with_capacity(self.head.len() + last.end - start + 2);
        frame.push_str(&self.head);
        frame.push_str(&self.text[start..last.end]);
        frame.push_str("\"}");
        Some((last.offset, with_id(frame, MessageId::new(epoch, last.offset)).into()))
    }

    fn chunks_until(&self, offset: u64) -> usize {
        self.chunks.partition_point(|chunk| chunk.offset <= offset)
    }
}
