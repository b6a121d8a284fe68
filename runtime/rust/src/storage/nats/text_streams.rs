//! The text streams of a channel that have not ended.

use serde::{Deserialize, Serialize};

use crate::history::OpenStream;

/// Text streams that have not ended, even if the history no longer has their messages. `T` identifies a topic.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TextStreams<T = usize> {
    /// The streams that their writers can continue.
    pub(super) open: Vec<OpenStream<T>>,
    /// The streams that were open when an epoch began. They may have lost text, so they cannot continue. Every process
    /// that has the channel open ends them.
    pub(super) interrupted: Vec<OpenStream<T>>,
}

impl<T> Default for TextStreams<T> {
    fn default() -> Self {
        Self { open: Vec::new(), interrupted: Vec::new() }
    }
}

impl<T> TextStreams<T> {
    /// Applies a frame: a stream begins, continues or ends.
    pub(super) fn follow(&mut self, topic: T, frame: &str) {
        OpenStream::remove_ended(&mut self.interrupted, frame);
        OpenStream::follow(&mut self.open, topic, frame);
    }

    /// Interrupts the open streams, because a new epoch begins.
    pub(super) fn interrupt(&mut self) {
        self.interrupted.append(&mut self.open);
    }

    /// Returns `true` if a frame continues or ends a stream that its sender cannot continue or end.
    pub(super) fn refuses(&self, frame: &str, is_from_writer: bool) -> bool {
        OpenStream::is_ended(&self.open, frame)
            && (is_from_writer || OpenStream::is_ended(&self.interrupted, frame))
    }

    /// Removes a stream that has ended.
    pub(super) fn remove(&mut self, id: &str) {
        self.open.retain(|stream| stream.id != id);
        self.interrupted.retain(|stream| stream.id != id);
    }

    pub(super) fn len(&self) -> usize {
        self.open.len() + self.interrupted.len()
    }

    /// Converts the topics, and removes the streams whose topic has no counterpart.
    pub(super) fn convert<U>(self, convert: impl Fn(T) -> Option<U>) -> TextStreams<U> {
        let convert_all = |streams: Vec<OpenStream<T>>| {
            let converted = streams.into_iter().filter_map(|OpenStream { topic, id, run_id }| {
                Some(OpenStream { topic: convert(topic)?, id, run_id })
            });
            converted.collect()
        };
        TextStreams { open: convert_all(self.open), interrupted: convert_all(self.interrupted) }
    }
}
