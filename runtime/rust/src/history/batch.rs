//! Messages that are read in one turn. Most subscribers of a channel are at the same offset, so they share a batch.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;

use super::TURN_BYTES;
use crate::wire::SharedText;

/// The number of batches that are kept: the number of offsets at which most subscribers are.
const KEPT: usize = 4;

/// One or more messages of one channel, in order.
pub(crate) struct Batch {
    channel: Arc<str>,
    messages: Box<[SharedText]>,
    bytes: usize,
    array: OnceLock<SharedText>,
    encoded: OnceLock<Bytes>,
}

impl Batch {
    pub(crate) fn new(channel: Arc<str>, messages: Vec<SharedText>) -> Self {
        let bytes = messages.iter().map(|message| message.as_str().len()).sum();
        Self { channel, messages: messages.into(), bytes, array: OnceLock::new(), encoded: OnceLock::new() }
    }

    /// Returns the name of the channel.
    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }

    pub(crate) fn messages(&self) -> &[SharedText] {
        &self.messages
    }

    /// Returns the total length of the messages.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn bytes_before_last(&self) -> usize {
        self.bytes - self.messages.last().map_or(0, |message| message.as_str().len())
    }

    /// Returns all messages as one frame: a single message as it is, several as an array.
    pub(crate) fn frame(&self) -> SharedText {
        match &*self.messages {
            [message] => message.clone(),
            _ => self.array.get_or_init(|| self.array_after(None)).clone(),
        }
    }

    /// Returns all messages as an array, after a first JSON item if there is one.
    pub(crate) fn array_after(&self, first: Option<&str>) -> SharedText {
        let mut text = String::with_capacity(self.array_length(first));
        self.write_array(first, |part| text.push_str(part));
        text.into()
    }

    /// Writes the text that [`array_after`](Self::array_after) returns, in parts.
    pub(crate) fn write_array(&self, first: Option<&str>, mut write: impl FnMut(&str)) {
        let mut separator = "[";
        for item in first.into_iter().chain(self.messages.iter().map(SharedText::as_str)) {
            write(separator);
            write(item);
            separator = ",";
        }
        write("]");
    }

    /// Returns the length of the text that [`write_array`](Self::write_array) writes.
    pub(crate) fn array_length(&self, first: Option<&str>) -> usize {
        self.bytes + self.messages.len() + 1 + first.map_or(0, |first| first.len() + 1)
    }

    /// Returns the batch as its first reader has encoded it. All readers must encode it in the same way.
    pub(crate) fn encoded_once(&self, encode: impl FnOnce(&Self) -> Bytes) -> Bytes {
        self.encoded.get_or_init(|| encode(self)).clone()
    }
}

/// The read of a subscriber that receives all messages of some topics after an offset.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) after: u64,
    /// A bit for each topic name.
    pub(super) topics: u64,
}

/// The latest batches, each with the offset up to which it was read.
#[derive(Default)]
pub(super) struct Batches(VecDeque<(Range, u64, Arc<Batch>)>);

impl Batches {
    /// Returns the batch that another subscriber got for the same read, and the offset up to which it was read.
    pub(super) fn find(&self, range: Range, head: u64, max_bytes: usize) -> Option<(Arc<Batch>, u64)> {
        let (_, last, batch) = self.0.iter().find(|(known, ..)| *known == range)?;
        let is_whole = *last == head || batch.bytes >= max_bytes;
        (is_whole && batch.bytes_before_last() < max_bytes).then(|| (Arc::clone(batch), *last))
    }

    pub(super) fn keep(&mut self, range: Range, last: u64, batch: &Arc<Batch>) {
        // A cached batch with a huge message would keep it in memory after the history has evicted it.
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
