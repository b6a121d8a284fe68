//! A log as administrators see it: its size and its frames.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::topic::Held;
use super::{Log, Message};
use crate::wire::SharedText;

/// Counts a subscriber of a log until it is dropped.
pub(crate) struct SubscriberCount(Arc<AtomicUsize>);

impl Drop for SubscriberCount {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The contents of a log in short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogSummary {
    /// Messages and chunks.
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    pub(crate) idle: Duration,
}

/// A message of a log, or a chunk of a text stream.
pub(crate) struct LoggedFrame {
    pub(crate) offset: u64,
    pub(crate) topic: usize,
    pub(crate) frame: SharedText,
}

impl From<&Message> for LoggedFrame {
    fn from(message: &Message) -> Self {
        let Message { offset, topic, frame, .. } = message;
        Self { offset: *offset, topic: *topic, frame: frame.clone() }
    }
}

impl Log {
    /// Counts a subscriber.
    pub(crate) fn count_subscriber(&self) -> SubscriberCount {
        self.subscribers.fetch_add(1, Ordering::Relaxed);
        SubscriberCount(Arc::clone(&self.subscribers))
    }

    /// Returns the number of subscribers in this process.
    pub(crate) fn subscribers(&self) -> usize {
        self.subscribers.load(Ordering::Relaxed)
    }

    pub(crate) fn summarize(&self) -> LogSummary {
        let state = self.lock();
        let held: usize = state.topics.iter().map(|topic| topic.held_frames).sum();
        LogSummary {
            messages: state.recent.len() + held,
            bytes: state.bytes.get(),
            idle: state.last_used.elapsed(),
        }
    }

    /// Returns the first `limit` frames after an offset, in order.
    pub(crate) fn frames_after(&self, offset: u64, limit: usize) -> Vec<LoggedFrame> {
        let state = self.lock();
        let mut frames = Vec::new();
        for (index, topic) in state.topics.iter().enumerate() {
            let from = topic.held.partition_point(|held| held.last() <= offset);
            let held = topic.held.range(from..);
            let offsets = held.flat_map(|held| held.offsets().map(move |offset| (held, offset)));
            let later = offsets.skip_while(|(_, held)| *held <= offset).take(limit);
            frames.extend(later.filter_map(|(held, offset)| self.read_held(index, held, offset)));
        }
        let from = state.recent.partition_point(|message| message.offset <= offset);
        frames.extend(state.recent.range(from..).take(limit).map(LoggedFrame::from));
        drop(state);
        frames.sort_unstable_by_key(|frame| frame.offset);
        frames.truncate(limit);
        frames
    }

    /// Returns the last `limit` frames before an offset, the newest first.
    pub(crate) fn frames_before(&self, offset: u64, limit: usize) -> Vec<LoggedFrame> {
        let state = self.lock();
        let mut frames = Vec::new();
        for (index, topic) in state.topics.iter().enumerate() {
            let until = topic.held.partition_point(|held| held.first() < offset);
            let offsets = topic.held.range(..until).rev().flat_map(|held| {
                let offsets: Vec<u64> = held.offsets().collect();
                offsets.into_iter().rev().map(move |offset| (held, offset))
            });
            let earlier = offsets.skip_while(|(_, held)| *held >= offset).take(limit);
            frames.extend(earlier.filter_map(|(held, offset)| self.read_held(index, held, offset)));
        }
        let until = state.recent.partition_point(|message| message.offset < offset);
        frames.extend(state.recent.range(..until).rev().take(limit).map(LoggedFrame::from));
        drop(state);
        frames.sort_unstable_by_key(|frame| std::cmp::Reverse(frame.offset));
        frames.truncate(limit);
        frames
    }

    /// Returns the frame at an offset of a held message.
    fn read_held(&self, topic: usize, held: &Held, offset: u64) -> Option<LoggedFrame> {
        match held {
            Held::Message(message) => Some(message.into()),
            Held::Text(text) => {
                let (_, frame) = text.join_range(offset - 1, offset + 1, self.epoch)?;
                Some(LoggedFrame { offset, topic, frame })
            }
        }
    }
}
