//! A log as its storage kept it.

use std::time::SystemTime;

use serde_json::Value;
use tokio::time::Instant;

use super::{Limits, Log, State, Topic, wake};
use crate::channel::{Channel, ChannelDefinition};
use crate::schema;
use crate::wire::SharedText;

/// What a storage kept of a channel.
pub(crate) struct Kept {
    /// What the storage calls the channel.
    pub(crate) row: i64,
    pub(crate) life: u64,
    pub(crate) head: u64,
    /// In the order of their offsets.
    pub(crate) messages: Vec<KeptMessage>,
    /// For each topic the offset of the latest message that is gone.
    pub(crate) gone: Vec<(usize, u64)>,
    /// The messages were published under another definition of the channel.
    pub(crate) is_of_another_definition: bool,
    /// When this was read, by the clock that `published` is of.
    pub(crate) now: SystemTime,
}

/// A message that a storage keeps.
#[derive(Clone)]
pub(crate) struct KeptMessage {
    pub(crate) offset: u64,
    pub(crate) topic: usize,
    pub(crate) published: SystemTime,
    pub(crate) frame: SharedText,
}

impl Log {
    /// The log of a channel with what is kept of it, as far as its definition still wants it.
    pub(crate) fn restore(channel: &Channel, kept: Kept, limits: &Limits) -> Self {
        let log = Self::new(channel.clone(), kept.life, limits).of_row(kept.row);
        log.reload(kept);
        log
    }

    /// Replaces what the log holds by what is kept. Subscribers go on from where they are.
    pub(crate) fn reload(&self, kept: Kept) {
        let definition = self.channel.definition();
        let is_refused =
            |message: &KeptMessage| kept.is_of_another_definition && !is_accepted(definition, message);
        let refused: Vec<bool> = kept.messages.iter().map(is_refused).collect();
        // All before a message that the definition no longer accepts goes with it: so the hole is
        // told as one gap, and nobody is sent what the definition refuses.
        let refused_until = refused.iter().rposition(|refused| *refused).map(|at| kept.messages[at].offset);
        let refused_until = refused_until.unwrap_or(0);
        let now = Instant::now();
        let mut state = self.lock();
        state.clear();
        for (topic, gone) in kept.gone {
            state.topics[topic].gone = gone;
        }
        for (message, is_refused) in kept.messages.into_iter().zip(refused) {
            let KeptMessage { offset, topic, published, frame } = message;
            if is_refused {
                state.refuse(offset, topic);
                continue;
            }
            let age = kept.now.duration_since(published).unwrap_or_default();
            let age = if offset <= refused_until { age.max(definition.history.age * 2) } else { age };
            state.admit(offset, topic, now.checked_sub(age), frame);
        }
        state.head = kept.head;
        self.make_room(&mut state, now);
        let parked = std::mem::take(&mut state.parked);
        drop(state);
        wake(parked);
    }
}

impl State {
    fn clear(&mut self) {
        self.recent.clear();
        self.recent_bytes = 0;
        self.count = 0;
        self.lost = 0;
        self.batches.clear();
        self.topics.iter_mut().for_each(Topic::clear);
        self.bytes.remove(self.bytes.get());
    }

    /// Loses a message before it is held. It counts, so that no earlier one takes its place.
    fn refuse(&mut self, offset: u64, topic: usize) {
        self.count += 1;
        self.lost += 1;
        self.topics[topic].begin_lost(offset);
    }
}

/// Whether a message that was published under an earlier definition could be under this one.
fn is_accepted(definition: &ChannelDefinition, message: &KeptMessage) -> bool {
    if definition.log_topic(message.topic).is_run_events() {
        return true;
    }
    let Ok(frame) = serde_json::from_str::<Value>(&message.frame) else { return false };
    let is_payload = frame["kind"] == "data";
    match definition.topics[message.topic].schema() {
        Some(schema) => is_payload && schema::check(schema, &frame["data"]).is_ok(),
        // A topic that carries streams now may have carried payloads.
        None => !is_payload,
    }
}
