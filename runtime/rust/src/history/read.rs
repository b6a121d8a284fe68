//! Reading from a log.

use std::sync::Arc;

use super::batch::Range;
use super::{Batch, Log, ReadCursor, State};
use crate::wire::{SharedText, with_topic};

impl State {
    /// Reads from the cursor and moves it. Readers of the same messages share a batch.
    pub(super) fn read(
        &mut self,
        log: &Log,
        read_cursor: &mut ReadCursor,
        max_bytes: usize,
    ) -> Option<Arc<Batch>> {
        let after = read_cursor.offset;
        let topics = if after + 1 < self.first() { None } else { read_cursor.fully_wanted_topics() };
        let range = topics.map(|topics| Range { after, topics });
        if let Some((batch, last)) = range.and_then(|range| self.batches.find(range, self.head, max_bytes)) {
            read_cursor.offset = last;
            return Some(batch);
        }
        let mut messages = self.collect_held(log.epoch, read_cursor, max_bytes);
        self.collect_recent(read_cursor, max_bytes, &mut messages);
        if messages.list.is_empty() {
            return None;
        }
        let batch = Arc::new(Batch::new(log.channel.shared_name(), messages.list));
        if let Some(range) = range {
            self.batches.keep(range, read_cursor.offset, &batch);
        }
        Some(batch)
    }

    /// Reads held messages in order. A text is read up to the next message of another topic, so that one cursor
    /// describes what was read.
    fn collect_held(&self, epoch: u64, read_cursor: &mut ReadCursor, max_bytes: usize) -> Collected {
        let mut messages = Collected::default();
        let until = self.first();
        while read_cursor.offset + 1 < until && messages.bytes < max_bytes {
            let Some((after, before, topic)) = self.next_held(read_cursor, until) else {
                read_cursor.offset = until - 1;
                break;
            };
            let Some((offset, frame)) = self.topics[topic].read(after, before, epoch) else { break };
            read_cursor.offset = offset;
            self.collect(read_cursor, topic, offset, &frame, &mut messages);
        }
        messages
    }

    /// Returns the topic whose held message is next, the offset after which to read it, and the offset of the next
    /// message of another topic, or of this one under another name.
    fn next_held(&self, read_cursor: &ReadCursor, until: u64) -> Option<(u64, u64, usize)> {
        let mut next: Option<(u64, u64, usize)> = None;
        let mut before = until;
        for (name, wanted) in read_cursor.wanted.iter().enumerate() {
            let Some(wanted) = wanted else { continue };
            let topic = self.topic_of(name);
            let after = wanted.after.max(read_cursor.offset);
            let Some(offset) = self.topics[topic].next_after(after) else { continue };
            match next {
                // The same message under another name.
                Some((first, ..)) if first == offset => {}
                Some((first, ..)) if first < offset => before = before.min(offset),
                _ => {
                    before = next.map_or(before, |(second, ..)| before.min(second));
                    next = Some((offset, after, topic));
                }
            }
        }
        next.map(|(_, after, topic)| (after, before, topic))
    }

    fn collect_recent(&self, read_cursor: &mut ReadCursor, max_bytes: usize, messages: &mut Collected) {
        if messages.bytes >= max_bytes {
            return;
        }
        let unread = self.first_after(read_cursor.offset);
        for message in self.recent.range(unread..) {
            if messages.bytes >= max_bytes {
                return;
            }
            read_cursor.offset = message.offset;
            self.collect(read_cursor, message.topic, message.offset, &message.frame, messages);
        }
        if messages.bytes < max_bytes {
            read_cursor.offset = self.head;
        }
    }

    /// Adds a message under each name that the subscriber wants. Only aliases need another text.
    fn collect(
        &self,
        read_cursor: &ReadCursor,
        topic: usize,
        offset: u64,
        frame: &SharedText,
        messages: &mut Collected,
    ) {
        if read_cursor.wants(topic, offset) {
            messages.push(frame.clone());
        }
        for (name, (_, alias)) in (self.topics.len()..).zip(&self.aliases).filter(|(_, (of, _))| *of == topic)
        {
            if read_cursor.wants(name, offset) {
                messages.push(with_topic(frame.as_str(), alias).into());
            }
        }
    }
}

/// The messages of one turn.
#[derive(Default)]
struct Collected {
    list: Vec<SharedText>,
    bytes: usize,
}

impl Collected {
    fn push(&mut self, frame: SharedText) {
        self.bytes += frame.as_str().len();
        self.list.push(frame);
    }
}
