//! A subscriber's cursor into a log: where it starts, and what it missed.

use std::sync::Arc;

use super::{Batch, Inbox, Log, Message, Rank, State};
use crate::wire::{Cursor, MessageId};

/// Where a subscriber is in a log.
pub(crate) struct Place {
    /// All up to here has been read.
    pub(super) cursor: u64,
    /// The head of the log when the subscriber was new. Until the cursor is there,
    /// what topics retain is being read.
    position: u64,
    /// The topics that are subscribed.
    pub(super) wanted: Box<[Option<Wanted>]>,
    /// A gap that is known but not yet read.
    owed: Option<Gap>,
}

/// Which messages of a topic are wanted.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Those after this offset.
    pub(super) after: u64,
    /// The offset of the latest one that was not in history any more when the subscriber came,
    /// though the log may still have had it.
    gone: u64,
}

/// What a subscriber missed, by the last id before it and the first after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) after: MessageId,
    pub(crate) before: MessageId,
}

/// What one turn of reading gives: the gap comes before the messages.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) gap: Option<Gap>,
    pub(crate) messages: Option<Arc<Batch>>,
    /// How many offsets the subscriber was behind the log before it.
    pub(crate) lag: u64,
    /// There is more to read at once. Else the log will tell when there is.
    pub(crate) more: bool,
}

impl Read {
    pub(crate) fn is_empty(&self) -> bool {
        self.gap.is_none() && self.messages.is_none()
    }
}

impl Log {
    /// A place for a new subscription, and the cursor that stands for it.
    pub(crate) fn start(&self, topics: &[usize], cursor: Cursor) -> (Place, Cursor) {
        let mut state = self.lock();
        self.make_room(&mut state, tokio::time::Instant::now());
        let mut place = Place {
            cursor: state.head,
            position: state.head,
            wanted: vec![None; state.topics.len()].into(),
            owed: None,
        };
        let position = self.widen_place(&state, &mut place, topics, Some(cursor));
        (place, position)
    }

    /// Adds topics to a subscription. Those that it already has start again where a
    /// cursor says so, without skipping anything; else they just go on.
    pub(crate) fn widen(&self, place: &mut Place, topics: &[usize], cursor: Option<Cursor>) -> Cursor {
        let state = self.lock();
        self.widen_place(&state, place, topics, cursor)
    }

    fn widen_place(
        &self,
        state: &State,
        place: &mut Place,
        topics: &[usize],
        cursor: Option<Cursor>,
    ) -> Cursor {
        place.position = place.position.max(place.cursor);
        // What was subscribed resumes where it is, wherever the cursor goes back to.
        for wanted in place.wanted.iter_mut().flatten() {
            wanted.after = wanted.after.max(place.cursor);
        }
        let known = cursor.is_none_or(|cursor| self.knows(state, cursor));
        // Whoever may read a channel is told of its runs.
        for topic in topics.iter().copied().chain([self.channel.definition().run_events_index()]) {
            let Some(wanted) = place.wanted.get_mut(topic) else { continue };
            if wanted.is_some() && cursor.is_none() {
                continue;
            }
            let after = self.start_of(state, topic, cursor.filter(|_| known));
            let after = wanted.map_or(after, |current| current.after.min(after));
            *wanted = Some(Wanted { after, gone: self.gone(state, topic) });
        }
        let oldest = place.wanted.iter().flatten().map(|wanted| wanted.after).min();
        place.cursor = oldest.unwrap_or(place.cursor);
        match cursor {
            Some(Cursor::Now) | None => return self.position(place),
            Some(Cursor::Replaying { position, .. }) if known => place.position = position.offset(),
            Some(_) => place.position = place.cursor,
        }
        match cursor {
            Some(given @ (Cursor::After(id) | Cursor::Replaying { position: id, .. })) => {
                if !known {
                    place.owed = Some(Gap { after: id, before: self.oldest_left(state, topics) });
                }
                given
            }
            _ => self.position(place),
        }
    }

    /// The id after the latest message of these topics that is gone.
    fn oldest_left(&self, state: &State, topics: &[usize]) -> MessageId {
        self.id(topics.iter().map(|topic| self.gone(state, *topic)).max().unwrap_or(0) + 1)
    }

    /// The offset of a topic's latest message that a new subscriber cannot have, though subscribers that were there
    /// may still read it.
    fn gone(&self, state: &State, index: usize) -> u64 {
        let Some(topic) = state.topics.get(index).filter(|topic| !topic.is_run_events) else { return 0 };
        let history = self.channel.definition().history;
        let beyond = state.recent.partition_point(|message| !message.rank.is_within(history, state.count));
        let is_gone = |message: &&Message| message.topic == index && !topic.retains(message.rank);
        let latest = state.recent.range(..beyond).rev().find(is_gone);
        latest.map_or(topic.gone, |message| message.offset)
    }

    /// The cursor that continues from a place.
    fn position(&self, place: &Place) -> Cursor {
        let cursor = self.id(place.cursor);
        if place.cursor < place.position {
            Cursor::Replaying { position: self.id(place.position), replayed: Some(cursor) }
        } else {
            Cursor::After(cursor)
        }
    }

    /// Returns whether the log has come to a cursor. Another process that shares the storage may have come further.
    pub(crate) fn has_come_to(&self, cursor: Cursor) -> bool {
        self.knows(&self.lock(), cursor)
    }

    /// Whether a cursor is one of this log's. Of another life it is not, nor is one
    /// that this log has not come to.
    fn knows(&self, state: &State, cursor: Cursor) -> bool {
        match cursor {
            Cursor::Now | Cursor::Start => true,
            Cursor::After(id) | Cursor::Replaying { position: id, .. } => {
                id.epoch() == self.life && id.offset() <= state.head
            }
        }
    }

    /// The offset after which a topic's messages are wanted. No cursor means one that
    /// this log does not know: all that is left is wanted.
    fn start_of(&self, state: &State, topic: usize, cursor: Option<Cursor>) -> u64 {
        match cursor {
            None | Some(Cursor::Start) => self.gone(state, topic),
            Some(Cursor::After(id)) => id.offset(),
            Some(Cursor::Now) => state.topics[topic].before_retained().unwrap_or(state.head),
            Some(Cursor::Replaying { position, replayed }) => {
                state.start_of_rest(topic, position.offset(), replayed.map_or(0, MessageId::offset))
            }
        }
    }

    /// Reads on, about `max_bytes` at a time and always at least one message. Where all
    /// is read, the log will put `key` into the inbox once there is more.
    pub(crate) fn read(&self, place: &mut Place, max_bytes: usize, inbox: &Arc<Inbox>, key: u64) -> Read {
        let mut state = self.lock();
        let lost = self.gap(&state, place);
        let gap = match place.owed.take() {
            // The gap also covers what was lost since.
            Some(owed) => {
                Some(Gap { before: lost.map_or(owed.before, |lost| lost.before.max(owed.before)), ..owed })
            }
            None => lost,
        };
        let lag = state.head.saturating_sub(place.cursor);
        let messages = state.read(self, place, max_bytes);
        let more = place.cursor < state.head;
        if !more {
            state.parked.push((Arc::clone(inbox), key));
        }
        Read { gap, messages, lag, more }
    }

    /// What of the subscribed topics was lost since the place was last read from.
    fn gap(&self, state: &State, place: &mut Place) -> Option<Gap> {
        let mut lost: Option<(u64, u64)> = None;
        for (topic, wanted) in state.topics.iter().zip(&mut place.wanted) {
            let Some(wanted) = wanted.as_mut().filter(|_| !topic.is_run_events) else { continue };
            let read = wanted.after.max(place.cursor);
            let gone = topic.gone.max(wanted.gone);
            if gone > read {
                let (after, latest) = lost.unwrap_or((read, gone));
                lost = Some((after.min(read), latest.max(gone)));
                wanted.after = gone;
            }
        }
        lost.filter(|_| !bug!(GapUntold))
            .map(|(after, gone)| Gap { after: self.id(after), before: self.id(gone + 1) })
    }
}

/// The first offset of what is held of a topic, and its rank.
struct Start {
    offset: u64,
    rank: Rank,
}

impl State {
    /// Returns the offset after which to read a topic, for a subscriber that joined at `position` and has received what
    /// was retained then, up to `replayed`.
    fn start_of_rest(&self, index: usize, position: u64, replayed: u64) -> u64 {
        let topic = &self.topics[index];
        if topic.retained == 0 {
            return position;
        }
        if topic.retained == 1 && !topic.is_stream {
            // A later message takes the place of the one that was retained.
            return topic.before_retained().map_or(position, |before| before.min(position).max(replayed));
        }
        let latest = self.of_topic(index).take_while(|start| start.offset <= position).last();
        let Some(latest) = latest else { return if topic.gone > 0 { replayed } else { position } };
        // The messages retained at `position` are the last `retained` ones up to this rank.
        let rank = latest.rank.topic;
        if topic.has_lost_within(topic.retained, rank) {
            return replayed;
        }
        let first = self.of_topic(index).find(|start| start.rank.topic + topic.retained > rank);
        first.map_or(position, |first| (first.offset - 1).max(replayed))
    }

    /// What is held of a topic and its recent messages, in order.
    fn of_topic(&self, index: usize) -> impl Iterator<Item = Start> {
        let held = self.topics.get(index).into_iter().flat_map(|topic| &topic.held);
        let held = held.map(|held| Start { offset: held.next_after(0).unwrap_or(0), rank: held.rank() });
        let recent = self.recent.iter().filter(move |message| message.topic == index);
        held.chain(recent.map(|message| Start { offset: message.offset, rank: message.rank }))
    }
}

impl Place {
    /// The topics of which all is wanted from here on, a bit for each, where nothing else is wanted.
    pub(super) fn wants_all_of(&self) -> Option<u64> {
        let mut topics = 0;
        for (index, wanted) in self.wanted.iter().enumerate() {
            let Some(wanted) = wanted else { continue };
            let topic = u32::try_from(index).ok().and_then(|index| 1_u64.checked_shl(index))?;
            if wanted.after > self.cursor {
                return None;
            }
            topics |= topic;
        }
        Some(topics)
    }

    pub(super) fn wants(&self, message: &Message) -> bool {
        let wanted = self.wanted.get(message.topic).copied().flatten();
        wanted.is_some_and(|wanted| message.offset > wanted.after)
    }
}
