//! A subscriber's cursor into a log: where it starts, and what it missed.

use std::sync::Arc;

use super::{Batch, Inbox, Log, Message, Rank, State, Topic};
use crate::wire::{Cursor, MessageId};

/// A subscriber's cursor into a log.
pub(crate) struct ReadCursor {
    /// Everything up to here has been read.
    pub(super) offset: u64,
    /// The head of the log when the subscription began. Until the cursor reaches it, the subscriber reads retained
    /// messages.
    joined_at: u64,
    /// The subscribed topic names.
    pub(super) wanted: Box<[Option<Wanted>]>,
    /// A gap that the subscriber has not been sent yet.
    pending_gap: Option<Gap>,
    /// The head of the log when topics were last added, until the cursor has reached it.
    behind: Option<u64>,
}

/// The messages of a topic that the subscriber wants under a name.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Messages after this offset.
    pub(super) after: u64,
    /// The offset of the topic's latest message that was no longer in the history when the subscription began, even if
    /// the log still had it.
    evicted: u64,
}

/// Messages that a subscriber missed for good, because they are no longer in the history. They are between two ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The id before them. The server does not know it if the channel's history was replaced.
    pub after: MessageId,
    /// The id after them.
    pub before: MessageId,
}

/// The result of one turn of reading. The gap comes before the messages.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) gap: Option<Gap>,
    pub(crate) messages: Option<Arc<Batch>>,
    /// How many offsets the cursor was behind the log before the read.
    pub(crate) lag: u64,
    /// The cursor has reached the head that the log had when topics were added. Reported once, after the messages.
    pub(crate) caught_up: bool,
    /// There is more to read now. Otherwise the reader is parked and woken when there is.
    pub(crate) more: bool,
}

impl ReadCursor {
    /// Returns the offset up to which everything was read.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }
}

impl Read {
    pub(crate) fn is_empty(&self) -> bool {
        self.gap.is_none() && self.messages.is_none() && !self.caught_up
    }
}

impl Log {
    /// Creates a cursor for a new subscription to topic names, and returns it with its wire form.
    pub(crate) fn start(&self, names: &[usize], cursor: Cursor) -> (ReadCursor, Cursor) {
        let mut state = self.lock();
        self.evict_excess(&mut state, tokio::time::Instant::now());
        let mut read_cursor = ReadCursor {
            offset: state.head,
            joined_at: state.head,
            wanted: vec![None; state.topics.len() + state.aliases.len()].into(),
            pending_gap: None,
            behind: None,
        };
        let position = self.add_topics_from(&state, &mut read_cursor, names, Some(cursor));
        (read_cursor, position)
    }

    /// Adds topic names to a subscription. Those that it already has restart from `cursor` if there is one, without
    /// skipping anything; otherwise they continue.
    pub(crate) fn add_topics(
        &self,
        read_cursor: &mut ReadCursor,
        names: &[usize],
        cursor: Option<Cursor>,
    ) -> Cursor {
        let state = self.lock();
        self.add_topics_from(&state, read_cursor, names, cursor)
    }

    fn add_topics_from(
        &self,
        state: &State,
        read_cursor: &mut ReadCursor,
        names: &[usize],
        cursor: Option<Cursor>,
    ) -> Cursor {
        read_cursor.joined_at = read_cursor.joined_at.max(read_cursor.offset);
        // Adding topics may move the offset back. The current topics must not be sent again what they have received.
        for wanted in read_cursor.wanted.iter_mut().flatten() {
            wanted.after = wanted.after.max(read_cursor.offset);
        }
        let known = cursor.is_none_or(|cursor| self.knows(state, cursor));
        // Every subscriber of a channel receives its run events.
        for name in names.iter().copied().chain([self.channel.definition().run_events_index()]) {
            let topic = state.topic_of(name);
            let Some(wanted) = read_cursor.wanted.get_mut(name) else { continue };
            if wanted.is_some() && cursor.is_none() {
                continue;
            }
            let after = self.start_offset(state, topic, cursor.filter(|_| known));
            let after = wanted.map_or(after, |current| current.after.min(after));
            *wanted = Some(Wanted { after, evicted: self.last_unavailable(state, topic) });
        }
        let oldest = read_cursor.wanted.iter().flatten().map(|wanted| wanted.after).min();
        read_cursor.offset = oldest.unwrap_or(read_cursor.offset);
        read_cursor.behind = (!known || read_cursor.offset < state.head).then_some(state.head);
        match cursor {
            Some(Cursor::Now) | None => return self.position(read_cursor),
            Some(Cursor::Replaying { position, .. }) if known => read_cursor.joined_at = position.offset(),
            Some(_) => read_cursor.joined_at = read_cursor.offset,
        }
        match cursor {
            Some(given @ (Cursor::After(id) | Cursor::Replaying { position: id, .. })) => {
                if !known {
                    read_cursor.pending_gap =
                        Some(Gap { after: id, before: self.first_not_evicted(state, names) });
                }
                given
            }
            _ => self.position(read_cursor),
        }
    }

    /// Returns the id after the latest evicted message of these topics.
    fn first_not_evicted(&self, state: &State, names: &[usize]) -> MessageId {
        let last = names.iter().map(|name| self.last_unavailable(state, state.topic_of(*name))).max();
        self.id(last.unwrap_or(0).max(self.continues.map_or(0, MessageId::offset)) + 1)
    }

    /// Returns the offset of a topic's latest message that a new subscriber cannot receive. Earlier subscribers may
    /// still read it.
    fn last_unavailable(&self, state: &State, index: usize) -> u64 {
        let Some(topic) = state.topics.get(index).filter(|topic| !topic.is_run_events) else { return 0 };
        let history = self.channel.definition().history;
        let beyond = state.recent.partition_point(|message| !message.rank.is_within(history, state.count));
        let is_unavailable = |message: &&Message| message.topic == index && !topic.retains(message.rank);
        let latest = state.recent.range(..beyond).rev().find(is_unavailable);
        latest.map_or(topic.evicted, |message| message.offset)
    }

    /// Returns the wire cursor that continues from a read cursor.
    fn position(&self, read_cursor: &ReadCursor) -> Cursor {
        let cursor = self.id(read_cursor.offset);
        if read_cursor.offset < read_cursor.joined_at {
            Cursor::Replaying { position: self.id(read_cursor.joined_at), replayed: Some(cursor) }
        } else {
            Cursor::After(cursor)
        }
    }

    /// Returns whether the log has reached a cursor. Another process that shares the storage may be ahead.
    pub(crate) fn has_reached(&self, cursor: Cursor) -> bool {
        self.knows(&self.lock(), cursor)
    }

    /// Returns whether a cursor belongs to this log: it is of the same epoch and not ahead of the head, or of the part of
    /// the previous epoch that this one continues.
    fn knows(&self, state: &State, cursor: Cursor) -> bool {
        match cursor {
            Cursor::Now | Cursor::Start => true,
            Cursor::After(id) | Cursor::Replaying { position: id, .. } => {
                let is_current = id.epoch() == self.epoch && id.offset() <= state.head;
                let is_earlier = |last: MessageId| id.epoch() == last.epoch() && id.offset() <= last.offset();
                is_current || self.continues.is_some_and(is_earlier)
            }
        }
    }

    /// Returns the offset after which to read a topic. Without a cursor that this log knows, that is everything left,
    /// except messages of the previous epoch that are not retained: the subscriber may have received them.
    fn start_offset(&self, state: &State, topic: usize, cursor: Option<Cursor>) -> u64 {
        match cursor {
            None => {
                let start = self.continues.map_or(0, |last| {
                    let retained = state.topics.get(topic).and_then(Topic::before_retained);
                    retained.map_or(last.offset(), |before| before.min(last.offset()))
                });
                self.last_unavailable(state, topic).max(start)
            }
            Some(Cursor::Start) => self.last_unavailable(state, topic),
            Some(Cursor::After(id)) => id.offset(),
            Some(Cursor::Now) => state.topics[topic].before_retained().unwrap_or(state.head),
            Some(Cursor::Replaying { position, replayed }) => {
                state.replay_start_offset(topic, position.offset(), replayed.map_or(0, MessageId::offset))
            }
        }
    }

    /// Reads about `max_bytes`, but at least one message. If everything is read, parks the reader: the log puts `key`
    /// into the inbox once there is more.
    pub(crate) fn read(
        &self,
        read_cursor: &mut ReadCursor,
        max_bytes: usize,
        inbox: &Arc<Inbox>,
        key: u64,
    ) -> Read {
        let mut state = self.lock();
        let lost = self.gap(&state, read_cursor);
        let gap = match read_cursor.pending_gap.take() {
            // The gap also covers what was evicted since.
            Some(pending) => Some(Gap {
                before: lost.map_or(pending.before, |lost| lost.before.max(pending.before)),
                ..pending
            }),
            None => lost,
        };
        let lag = state.head.saturating_sub(read_cursor.offset);
        let messages = state.read(self, read_cursor, max_bytes);
        let caught_up = read_cursor.behind.take_if(|head| *head <= read_cursor.offset).is_some();
        let more = read_cursor.offset < state.head;
        if !more {
            state.parked.push((Arc::clone(inbox), key));
        }
        Read { gap, messages, lag, caught_up, more }
    }

    /// Returns the gap of the subscribed topics since the last read.
    fn gap(&self, state: &State, read_cursor: &mut ReadCursor) -> Option<Gap> {
        let mut lost: Option<(u64, u64)> = None;
        for (name, wanted) in read_cursor.wanted.iter_mut().enumerate() {
            let topic = &state.topics[state.topic_of(name)];
            let Some(wanted) = wanted.as_mut().filter(|_| !topic.is_run_events) else { continue };
            let read = wanted.after.max(read_cursor.offset);
            let evicted = topic.evicted.max(wanted.evicted);
            if evicted > read {
                let (after, latest) = lost.unwrap_or((read, evicted));
                lost = Some((after.min(read), latest.max(evicted)));
                wanted.after = evicted;
            }
        }
        lost.filter(|_| !bug!(GapNotSent))
            .map(|(after, evicted)| Gap { after: self.id(after), before: self.id(evicted + 1) })
    }
}

/// The first offset of a held block or a recent message, and its rank.
struct Start {
    offset: u64,
    rank: Rank,
}

impl State {
    /// Returns the offset after which to read a topic, for a subscriber that joined at `position` and has received the
    /// messages that were retained then, up to `replayed`.
    fn replay_start_offset(&self, index: usize, position: u64, replayed: u64) -> u64 {
        let topic = &self.topics[index];
        if topic.retained == 0 {
            return position;
        }
        if topic.retained == 1 && !topic.is_stream {
            // A later message takes the place of the retained one.
            return topic.before_retained().map_or(position, |before| before.min(position).max(replayed));
        }
        let latest = self.of_topic(index).take_while(|start| start.offset <= position).last();
        let Some(latest) = latest else { return if topic.evicted > 0 { replayed } else { position } };
        // The messages retained at `position` are the last `retained` ones up to this rank.
        let rank = latest.rank.topic;
        if topic.has_evicted_within(topic.retained, rank) {
            return replayed;
        }
        let first = self.of_topic(index).find(|start| start.rank.topic + topic.retained > rank);
        first.map_or(position, |first| (first.offset - 1).max(replayed))
    }

    /// Iterates over the held and recent messages of a topic, in order.
    fn of_topic(&self, index: usize) -> impl Iterator<Item = Start> {
        let held = self.topics.get(index).into_iter().flat_map(|topic| &topic.held);
        let held = held.map(|held| Start { offset: held.first(), rank: held.rank() });
        let recent = self.recent.iter().filter(move |message| message.topic == index);
        held.chain(recent.map(|message| Start { offset: message.offset, rank: message.rank }))
    }
}

impl ReadCursor {
    /// Returns whether nothing was left to read when topics were last added, or all of it has been read.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.behind.is_none()
    }

    /// Returns the topic names, one bit each, if the subscriber wants all of their messages from here on. Returns `None` if
    /// it skips some.
    pub(super) fn fully_wanted_topics(&self) -> Option<u64> {
        let mut topics = 0;
        for (index, wanted) in self.wanted.iter().enumerate() {
            let Some(wanted) = wanted else { continue };
            let topic = u32::try_from(index).ok().and_then(|index| 1_u64.checked_shl(index))?;
            if wanted.after > self.offset {
                return None;
            }
            topics |= topic;
        }
        Some(topics)
    }

    /// Returns whether the subscriber wants the message at an offset under a name of its topic.
    pub(super) fn wants(&self, name: usize, offset: u64) -> bool {
        self.wanted.get(name).copied().flatten().is_some_and(|wanted| offset > wanted.after)
    }
}
