//! Reading a log on from a place.

use std::sync::Arc;

use super::batch::Range;
use super::{Batch, Log, Place, State, Topic};
use crate::wire::SharedText;

impl State {
    /// Reads on and moves the place, and shares what is read with who reads the same.
    pub(super) fn read(&mut self, log: &Log, place: &mut Place, max_bytes: usize) -> Option<Arc<Batch>> {
        let after = place.cursor;
        let topics = if after + 1 < self.first() { None } else { place.wants_all_of() };
        let range = topics.map(|topics| Range { after, topics });
        if let Some((batch, last)) = range.and_then(|range| self.batches.find(range, self.head, max_bytes)) {
            place.cursor = last;
            return Some(batch);
        }
        let mut messages = self.collect_held(log.life, place, max_bytes);
        self.collect_recent(place, max_bytes, &mut messages);
        if messages.list.is_empty() {
            return None;
        }
        let batch = Arc::new(Batch::new(log.channel.shared_name(), messages.list));
        if let Some(range) = range {
            self.batches.keep(range, place.cursor, &batch);
        }
        Some(batch)
    }

    /// Reads what the recent messages have moved past, in order. A text is read up to the next message of another
    /// topic, so that one cursor says what was read.
    fn collect_held(&self, epoch: u64, place: &mut Place, max_bytes: usize) -> Collected {
        let mut messages = Collected::default();
        let until = self.first();
        while place.cursor + 1 < until && messages.bytes < max_bytes {
            let Some((after, before, topic)) = self.next_held(place, until) else {
                place.cursor = until - 1;
                break;
            };
            let Some((offset, frame)) = topic.read(after, before, epoch) else { break };
            place.cursor = offset;
            messages.push(frame);
        }
        messages
    }

    /// The topic whose held message is next, with the offset after which to read it and the one before which another
    /// topic's comes.
    fn next_held(&self, place: &Place, until: u64) -> Option<(u64, u64, &Topic)> {
        let mut next: Option<(u64, u64, &Topic)> = None;
        let mut before = until;
        for (topic, wanted) in self.topics.iter().zip(&place.wanted) {
            let Some(wanted) = wanted else { continue };
            let after = wanted.after.max(place.cursor);
            let Some(offset) = topic.next_after(after) else { continue };
            match next {
                Some((first, ..)) if first < offset => before = before.min(offset),
                _ => {
                    before = next.map_or(before, |(second, ..)| before.min(second));
                    next = Some((offset, after, topic));
                }
            }
        }
        next.map(|(_, after, topic)| (after, before, topic))
    }

    fn collect_recent(&self, place: &mut Place, max_bytes: usize, messages: &mut Collected) {
        if messages.bytes >= max_bytes {
            return;
        }
        let unread = self.recent.partition_point(|message| message.offset <= place.cursor);
        for message in self.recent.range(unread..) {
            if messages.bytes >= max_bytes {
                return;
            }
            place.cursor = message.offset;
            if place.wants(message) {
                messages.push(message.frame.clone());
            }
        }
        if messages.bytes < max_bytes {
            place.cursor = self.head;
        }
    }
}

/// What is read in one turn.
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
