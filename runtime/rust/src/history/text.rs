//! Pieces of a text stream, joined: the form in which a log holds text that has left its recent messages.

use tokio::time::Instant;

use super::{Message, Rank};
use crate::wire::{ChunkParts, MessageId, SharedText, with_id};

/// The most bytes of text in one block, unless a single piece is longer.
const BLOCK: usize = 16 * 1024;

/// What a piece takes beside its text.
const PIECE: usize = size_of::<Piece>();

/// Consecutive pieces of one stream. It can be read from any piece to any other, so no subscriber needs to know
/// how pieces are joined.
pub(super) struct Text {
    /// The first piece's frame, up to its text.
    head: Box<str>,
    pieces: Vec<Piece>,
    /// The text as JSON has it between the quotes.
    text: String,
    /// The rank and the time of the last piece: the block is held for as long as that is.
    pub(super) rank: Rank,
    pub(super) published: Option<Instant>,
}

struct Piece {
    offset: u64,
    /// Where the text of the piece ends.
    end: usize,
}

impl Text {
    /// A block of one piece; `None` if the message is no piece of a text.
    pub(super) fn new(message: &Message) -> Option<Self> {
        let ChunkParts { head, text, .. } = ChunkParts::of(&message.frame)?;
        let pieces = vec![Piece { offset: message.offset, end: text.len() }];
        let Message { rank, published, .. } = *message;
        Some(Self { head: head.into(), pieces, text: text.to_owned(), rank, published })
    }

    /// Adds the next piece. Returns `false` if it is not of this stream, or the block is full.
    pub(super) fn join(&mut self, message: &Message) -> bool {
        let Some(ChunkParts { stream_id, text, .. }) = ChunkParts::of(&message.frame) else { return false };
        let is_full = self.text.len() + text.len() > BLOCK;
        if is_full || self.rank.topic != message.rank.topic || self.stream_id() != stream_id {
            return false;
        }
        if self.pieces.len() != 3 || !bug!(PieceDropped) {
            self.text.push_str(text);
        }
        self.pieces.push(Piece { offset: message.offset, end: self.text.len() });
        (self.rank, self.published) = (message.rank, message.published);
        true
    }

    /// The id of the stream, as JSON has it between the quotes.
    pub(super) fn stream_id(&self) -> &str {
        ChunkParts::of_head(&self.head).unwrap_or_default()
    }

    pub(super) fn head(&self) -> &str {
        &self.head
    }

    pub(super) fn bytes(&self) -> usize {
        self.head.len() + self.text.len() + PIECE * self.pieces.len()
    }

    /// The offset of the first piece after an offset.
    pub(super) fn next_after(&self, offset: u64) -> Option<u64> {
        self.pieces.get(self.pieces_until(offset)).map(|piece| piece.offset)
    }

    /// The offset of the last piece.
    pub(super) fn last(&self) -> u64 {
        self.pieces.last().map_or(0, |piece| piece.offset)
    }

    /// One chunk of all pieces after the offset `after` and before the offset `before`, with the offset of the last
    /// of them, which is in its id.
    pub(super) fn between(&self, after: u64, before: u64, epoch: u64) -> Option<(u64, SharedText)> {
        let (from, to) = (self.pieces_until(after), self.pieces_until(before - 1));
        let last = self.pieces.get(from..to)?.last()?;
        let start = from.checked_sub(1).map_or(0, |piece| self.pieces[piece].end);
        let mut frame = String::with_capacity(self.head.len() + last.end - start + 2);
        frame.push_str(&self.head);
        frame.push_str(&self.text[start..last.end]);
        frame.push_str("\"}");
        Some((last.offset, with_id(frame, MessageId::new(epoch, last.offset)).into()))
    }

    fn pieces_until(&self, offset: u64) -> usize {
        self.pieces.partition_point(|piece| piece.offset <= offset)
    }
}
