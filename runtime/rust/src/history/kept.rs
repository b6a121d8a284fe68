//! A log as its storage kept it.

use std::time::SystemTime;

use serde_json::Value;
use tokio::time::Instant;

use super::{Limits, Log, Message, State};
use crate::channel::{Channel, ChannelDefinition};
use crate::schema;
use crate::wire::SharedText;

/// What a storage kept of a channel.
pub(crate) struct Kept {
    /// What the storage calls the channel.
    pub(crate) row: i64,
    pub(crate) life: u64,
    pub(crate) head: u64,
    /// All messages from here on are there; before it those that topics retain.
    pub(crate) first: u64,
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
        let definition = channel.definition();
        let is_refused =
            |message: &&KeptMessage| kept.is_of_another_definition && !is_accepted(definition, message);
        let refused = kept.messages.iter().filter(is_refused).map(|message| message.offset);
        let refused: Vec<u64> = refused.collect();
        // All before a message that the definition no longer accepts goes with it: so the hole is
        // told as one gap, and nobody is sent what the definition refuses.
        let refused_until = refused.last().copied().unwrap_or(0);
        let log = Self::new(channel.clone(), kept.life, limits).of_row(kept.row);
        let (now, time) = (Instant::now(), kept.now);
        let mut state = log.lock();
        state.head = kept.head;
        for (topic, gone) in kept.gone {
            state.topics[topic].gone = gone;
        }
        for message in &kept.messages {
            let (offset, topic) = (message.offset, message.topic);
            let age = time.duration_since(message.published).unwrap_or_default();
            // A machine that has not run for so long cannot say when that was.
            let published = now.checked_sub(age).unwrap_or(now);
            log.hold(&mut state, Message { offset, topic, published, frame: message.frame.clone() });
            if offset < kept.first || offset <= refused_until || age > definition.history.age {
                state.drop_first();
            }
            if refused.binary_search(&offset).is_ok() {
                state.forget_retained(topic);
            }
        }
        log.make_room(&mut state, 0, now);
        drop(state);
        log
    }
}

impl State {
    fn forget_retained(&mut self, topic: usize) {
        let topic = &mut self.topics[topic];
        if let Some(message) = topic.retained.take() {
            topic.lose(message.offset);
            self.bytes.remove(message.frame.as_str().len());
        }
    }
}

/// Whether a message that was published under an earlier definition could be under this one.
fn is_accepted(definition: &ChannelDefinition, message: &KeptMessage) -> bool {
    if definition.logged(message.topic).is_run_news() {
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
