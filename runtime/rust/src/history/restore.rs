//! Rebuilding a log from what its storage has.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::time::Instant;

use super::topic::Held;
use super::{ChannelHandle, Limits, Log, State, Topic, age, wake_parked};
use crate::channel::{Channel, ChannelDefinition};
use crate::clock;
use crate::schema;
use crate::wire::{MessageId, SharedText};

/// The stored state of a channel's log.
pub(crate) struct StoredLog {
    pub(crate) channel: ChannelHandle,
    pub(crate) epoch: u64,
    /// The last message of the previous epoch that this one has, too. Cursors up to it are valid.
    pub(crate) continues: Option<MessageId>,
    pub(crate) head: u64,
    /// Ordered by offset.
    pub(crate) messages: Vec<StoredMessage>,
    /// For each topic, the offset of the latest evicted message.
    pub(crate) evicted: Vec<(usize, u64)>,
    /// The messages were published under another definition of the channel.
    pub(crate) has_other_definition: bool,
    /// The time of the read, by the same clock as `published_at`.
    pub(crate) now: SystemTime,
}

/// A message in a storage.
#[derive(Clone)]
pub(crate) struct StoredMessage {
    pub(crate) offset: u64,
    pub(crate) topic: usize,
    pub(crate) published_at: SystemTime,
    pub(crate) frame: SharedText,
    /// The payload is invalid, and only a reader could check it.
    pub(crate) is_refused: bool,
}

impl Log {
    /// Creates the log of a channel from its stored state, without the messages that the current definition does not
    /// keep or accept.
    pub(crate) fn restore(channel: &Channel, stored: StoredLog, limits: &Limits) -> Self {
        let new = Self::new(channel.clone(), stored.epoch, limits);
        let log = Self { handle: Some(stored.channel), continues: stored.continues, ..new };
        log.reload(stored);
        log
    }

    /// Returns the log of the same channel under another definition, without the messages that it does not keep or
    /// accept. Takes the idempotency keys, so this log must not be used any more.
    pub(crate) fn redefine(&self, channel: &Channel, limits: &Limits) -> Self {
        let new = Self::new(channel.clone(), self.epoch, limits);
        let log = Self { continues: self.continues, ..new };
        let now = Instant::now();
        let mut state = self.lock();
        log.reload(self.store_as(&state, channel.definition(), now));
        let mut new = log.lock();
        let State { keys, bytes, .. } = &mut *new;
        *keys = state.keys.take(bytes);
        drop(new);
        log
    }

    /// Returns the state of the log with the topics of another definition.
    fn store_as(&self, state: &State, definition: &ChannelDefinition, now: Instant) -> StoredLog {
        let wall_time = clock::wall_time();
        let earlier = self.channel.definition();
        let name = |topic: usize| earlier.log_topic(topic).name;
        let message = |offset, topic, published, frame: SharedText| {
            let new_topic = definition.stored_topic(name(topic))?;
            let published_at = wall_time.checked_sub(age(published, now)).unwrap_or(UNIX_EPOCH);
            let frame = definition.with_current_names(new_topic, name(topic), frame.to_string()).into();
            Some(StoredMessage { offset, topic: new_topic, published_at, frame, is_refused: false })
        };
        let mut messages = Vec::new();
        for (topic, state) in state.topics.iter().enumerate() {
            for held in &state.held {
                let read = |offset| match held {
                    Held::Message(message) => Some(message.frame.clone()),
                    Held::Text(text) => Some(text.join_range(offset - 1, offset + 1, self.epoch)?.1),
                };
                let frames = held.offsets().filter_map(|offset| Some((offset, read(offset)?)));
                messages.extend(
                    frames.filter_map(|(offset, frame)| message(offset, topic, held.published(), frame)),
                );
            }
        }
        let recent = state.recent.iter();
        messages.extend(recent.filter_map(|recent| {
            message(recent.offset, recent.topic, recent.published, recent.frame.clone())
        }));
        messages.sort_unstable_by_key(|message| message.offset);
        let evicted = state.topics.iter().enumerate().filter_map(|(topic, state)| {
            Some((definition.stored_topic(name(topic))?, state.evicted)).filter(|(_, offset)| *offset > 0)
        });
        StoredLog {
            channel: ChannelHandle::default(),
            epoch: self.epoch,
            continues: self.continues,
            head: state.head,
            messages,
            evicted: evicted.collect(),
            has_other_definition: definition.fingerprint != earlier.fingerprint,
            now: wall_time,
        }
    }

    /// Replaces the log's messages with the stored ones. Subscribers continue from their cursors.
    pub(crate) fn reload(&self, stored: StoredLog) {
        let definition = self.channel.definition();
        let is_refused = |message: &StoredMessage| {
            message.is_refused || stored.has_other_definition && !is_accepted(definition, message)
        };
        let refused: Vec<bool> = stored.messages.iter().map(is_refused).collect();
        let now = Instant::now();
        let mut state = self.lock();
        state.clear();
        for (topic, evicted) in stored.evicted {
            // A renamed topic has an entry for each name.
            state.topics[topic].evicted = evicted.max(state.topics[topic].evicted);
        }
        let mut refused_topics = BTreeSet::new();
        for (message, is_refused) in stored.messages.into_iter().zip(refused) {
            let StoredMessage { offset, topic, published_at, frame, .. } = message;
            if is_refused {
                state.refuse(offset, topic);
                refused_topics.insert(topic);
                continue;
            }
            let age = stored.now.duration_since(published_at).unwrap_or_default();
            state.admit(offset, topic, now.checked_sub(age), frame);
        }
        state.head = stored.head;
        for topic in refused_topics {
            state.drop_before_evicted(topic);
        }
        self.evict_excess(&mut state, now);
        wake_parked(state, true);
    }
}

impl State {
    fn clear(&mut self) {
        self.recent.clear();
        self.recent_bytes = 0;
        self.count = 0;
        self.evicted = 0;
        self.batches.clear();
        self.topics.iter_mut().for_each(Topic::clear);
        self.bytes.remove(self.bytes.get());
    }
}

/// Returns whether a message that was published under an earlier definition is valid under this one.
fn is_accepted(definition: &ChannelDefinition, message: &StoredMessage) -> bool {
    if definition.log_topic(message.topic).is_run_events() {
        return true;
    }
    let Ok(frame) = serde_json::from_str::<Value>(&message.frame) else { return false };
    let is_payload = frame["kind"] == "data";
    match definition.topics[message.topic].schema() {
        Some(schema) => is_payload && schema::check(schema, &frame["data"]).is_ok(),
        // A topic that carries streams now may have carried payloads before.
        None => !is_payload,
    }
}
