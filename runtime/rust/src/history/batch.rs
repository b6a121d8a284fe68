//! Messages that are read in one turn. Subscribers of a channel are mostly at the same place, and
//! then take the same batch from there.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use super::TURN_BYTES;
use crate::wire::SharedText;

/// How many batches are kept: as many as there are places where most subscribers are.
const KEPT: usize = 4;

/// Messages of one channel, in order: one at least.
pub(crate) struct Batch {
    channel: Arc<str>,
    messages: Box<[SharedText]>,
    bytes: usize,
    array: OnceLock<SharedText>,
}

impl Batch {
    pub(super) fn new(channel: Arc<str>, messages: Vec<SharedText>) -> Self {
        let bytes = messages.iter().map(|message| message.as_str().len()).sum();
        Self { channel, messages: messages.into(), bytes, array: OnceLock::new() }
    }

    /// The name of the channel.
    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }

    pub(crate) fn messages(&self) -> &[SharedText] {
        &self.messages
    }

    /// How long the messages are together.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn bytes_before_last(&self) -> usize {
        self.bytes - self.messages.last().map_or(0, |message| message.as_str().len())
    }

    /// One frame of all: a message as it is, several as an array.
    pub(crate) fn frame(&self) -> SharedText {
        match &*self.messages {
            [message] => message.clone(),
            _ => self.array.get_or_init(|| self.array_after(None)).clone(),
        }
    }

    /// An array of all, after an item of JSON where there is one.
    pub(crate) fn array_after(&self, first: Option<&str>) -> SharedText {
        let room = self.bytes + self.messages.len() + first.map_or(0, str::len) + 2;
        let mut text = String::with_capacity(room);
        for item in first.into_iter().chain(self.messages.iter().map(SharedText::as_str)) {
            text.push(if text.is_empty() { '[' } else { ',' });
            text.push_str(item);
        }
        text.push(']');
        text.into()
    }
}

/// What a subscriber reads that gets all of some topics from here on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) after: u64,
    /// A bit for each topic.
    pub(super) topics: u64,
}

/// The latest batches, each with the offset up to which it was read.
#[derive(Default)]
pub(super) struct Batches(VecDeque<(Range, u64, Arc<Batch>)>);

impl Batches {
    /// What another subscriber took that is just what this one would, and up to which offset.
    pub(super) fn find(&self, range: Range, head: u64, max_bytes: usize) -> Option<(Arc<Batch>, u64)> {
        let (_, last, batch) = self.0.iter().find(|(known, ..)| *known == range)?;
        let is_whole = *last == head || batch.bytes >= max_bytes;
        (is_whole && batch.bytes_before_last() < max_bytes).then(|| (Arc::clone(batch), *last))
    }

    pub(super) fn keep(&mut self, range: Range, last: u64, batch: &Arc<Batch>) {
        // What is longer than two turns has a long message, which is not to outlive its history.
        if batch.bytes > 2 * TURN_BYTES {
            return;
        }
        self.0.retain(|(known, ..)| *known != range);
        self.0.truncate(KEPT - 1);
        self.0.push_front((range, last, Arc::clone(batch)));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
