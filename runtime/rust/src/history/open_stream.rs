//! Text streams that have begun and not ended.

use serde::Deserialize;

use super::{Held, IdempotencyKey, Log, StoredMessage};
use crate::channel::ChannelDefinition;
use crate::random;
use crate::wire::{ChunkParts, LogKind};

/// The prefix of the ids of streams that runs write. The ids of other streams start with a hexadecimal number.
const RUN_STREAM: &str = "run-";

/// A text stream that has not ended. `topic` is an index in the channel's definition or, in a storage, the name of the
/// topic.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "nats", derive(serde::Serialize, Deserialize))]
pub(crate) struct OpenStream<T = usize> {
    pub(crate) topic: T,
    pub(crate) id: String,
    pub(crate) run_id: Option<String>,
}

impl OpenStream {
    /// Returns a new id for a stream that a process writes.
    pub(crate) fn new_id(owner: u32) -> String {
        format!("{owner:08x}{:08x}", random::number())
    }

    /// Returns the text streams that have begun in these messages and not ended.
    pub(crate) fn among(definition: &ChannelDefinition, messages: &[StoredMessage]) -> Vec<Self> {
        let mut open = Vec::new();
        for message in messages {
            Self::follow_message(&mut open, definition, message);
        }
        open
    }

    /// Applies a message to the streams that are open before it.
    pub(crate) fn follow_message(
        open: &mut Vec<Self>,
        definition: &ChannelDefinition,
        message: &StoredMessage,
    ) {
        if definition.log_topic(message.topic).is_stream() {
            Self::follow(open, message.topic, &message.frame);
        }
    }

    /// Returns the id of a stream that a run writes. It is the same in every process that executes the run.
    pub(crate) fn id_for_run(run_id: &str, site: &str) -> String {
        let IdempotencyKey { hash, .. } = IdempotencyKey::new(&format!("{run_id}\n{site}"), "", &[]);
        format!("{RUN_STREAM}{:032x}", u128::from_be_bytes(hash))
    }

    /// Returns whether a run writes the stream, rather than one process.
    pub(crate) fn is_of_run(&self) -> bool {
        self.id.starts_with(RUN_STREAM)
    }

    /// Returns the process that writes the stream.
    pub(crate) fn owner(&self) -> Option<u32> {
        u32::from_str_radix(self.id.get(..8)?, 16).ok()
    }
}

impl<T> OpenStream<T> {
    /// Applies a frame of a topic to the list of open streams: one begins, continues or ends.
    pub(crate) fn follow(open: &mut Vec<Self>, topic: T, frame: &str) {
        if let Some(ChunkParts { head, stream_id, .. }) = ChunkParts::of(frame) {
            return Self::follow_chunk(open, topic, head, stream_id);
        }
        let is_start = LogKind::StreamStart.is_of(frame);
        if !is_start && !is_end(frame) {
            return;
        }
        let Ok(StreamFrame { id, run_id }) = serde_json::from_str(frame) else { return };
        open.retain(|stream| stream.id != id);
        if is_start {
            open.push(Self { topic, id, run_id });
        }
    }

    /// Removes the stream that a frame ends.
    #[cfg(feature = "nats")]
    pub(crate) fn remove_ended(streams: &mut Vec<Self>, frame: &str) {
        if !streams.is_empty()
            && is_end(frame)
            && let Ok(StreamFrame { id, .. }) = serde_json::from_str(frame)
        {
            streams.retain(|stream| stream.id != id);
        }
    }

    /// Returns `true` if a frame continues or ends a stream that is not open.
    #[cfg(feature = "nats")]
    pub(crate) fn is_ended(open: &[Self], frame: &str) -> bool {
        let is_open = |id: &str| open.iter().any(|stream| stream.id == id);
        if let Some(chunk) = ChunkParts::of(frame) {
            return !is_open(chunk.stream_id);
        }
        is_end(frame) && serde_json::from_str(frame).is_ok_and(|end: StreamFrame| !is_open(&end.id))
    }

    /// Adds the stream of a chunk if it is not open yet. Its start may have been evicted.
    fn follow_chunk(open: &mut Vec<Self>, topic: T, head: &str, stream_id: &str) {
        if open.iter().any(|stream| stream.id == stream_id) {
            return;
        }
        let run_id =
            serde_json::from_str(&format!("{head}\"}}")).ok().and_then(|frame: StreamFrame| frame.run_id);
        open.push(Self { topic, id: stream_id.to_owned(), run_id });
    }
}

fn is_end(frame: &str) -> bool {
    LogKind::StreamEnd { error: None, is_stopped: false }.is_of(frame)
}

/// The members of a stream's first or last frame that identify it.
#[derive(Deserialize)]
struct StreamFrame {
    #[serde(rename = "data")]
    id: String,
    run_id: Option<String>,
}

impl Log {
    /// Returns the text streams that have begun and not ended.
    pub(crate) fn open_streams(&self) -> Vec<OpenStream> {
        let mut open = Vec::new();
        let state = self.lock();
        for (index, topic) in state.topics.iter().enumerate().filter(|(_, topic)| topic.is_stream) {
            for held in &topic.held {
                match held {
                    Held::Message(message) => OpenStream::follow(&mut open, index, &message.frame),
                    Held::Text(text) => {
                        OpenStream::follow_chunk(&mut open, index, text.head(), text.stream_id())
                    }
                }
            }
            for message in state.recent.iter().filter(|message| message.topic == index) {
                OpenStream::follow(&mut open, index, &message.frame);
            }
        }
        open
    }
}
