//! A subscriber's cursor into a log: where it starts, and reading on from there.

use std::sync::Arc;

use super::{Inbox, Log, Message, State};
use crate::channel::Retain;
use crate::wire::{Cursor, MessageId, SharedText};

/// Where a subscriber is in a log.
pub(crate) struct Place {
    /// All up to here has been read.
    cursor: u64,
    /// The head of the log when the subscriber was new. Until the cursor is there,
    /// what topics retain is being read.
    position: u64,
    /// For each topic that is subscribed, the offset after which its messages are wanted.
    wanted_after: Box<[Option<u64>]>,
    /// A gap that is known but not yet read.
    owed: Option<Gap>,
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
    pub(crate) messages: Vec<SharedText>,
}

impl Read {
    pub(crate) fn is_empty(&self) -> bool {
        self.gap.is_none() && self.messages.is_empty()
    }
}

impl Log {
    /// A place for a new subscription, and the cursor that stands for it.
    pub(crate) fn start(&self, topics: &[usize], cursor: Cursor) -> (Place, Cursor) {
        let mut state = self.lock();
        self.expire(&mut state, tokio::time::Instant::now());
        let mut place = Place {
            cursor: state.head,
            position: state.head,
            wanted_after: vec![None; state.topics.len()].into(),
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
        for wanted in place.wanted_after.iter_mut().flatten() {
            *wanted = (*wanted).max(place.cursor);
        }
        let known = cursor.is_none_or(|cursor| self.knows(state, cursor));
        for &topic in topics {
            let Some(wanted) = place.wanted_after.get_mut(topic) else { continue };
            let start = || self.start_of(state, topic, cursor.filter(|_| known));
            *wanted = match (*wanted, cursor) {
                (Some(current), None) => Some(current),
                (Some(current), Some(_)) => Some(current.min(start())),
                (None, _) => Some(start()),
            };
        }
        let oldest = place.wanted_after.iter().flatten().min().copied();
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
        let topics = topics.iter().filter_map(|topic| state.topics.get(*topic));
        self.id(topics.map(|topic| topic.gone).max().unwrap_or(0) + 1)
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

    /// Whether a cursor is one of this log's. Of another life it is not, nor is one
    /// that this log has not come to.
    fn knows(&self, state: &State, cursor: Cursor) -> bool {
        match cursor {
            Cursor::Now | Cursor::Start => true,
            Cursor::After(id) | Cursor::Replaying { position: id, .. } => {
                id.life() == self.life && id.offset() <= state.head
            }
        }
    }

    /// The offset after which a topic's messages are wanted. No cursor means one that
    /// this log does not know: all that is left is wanted.
    fn start_of(&self, state: &State, topic: usize, cursor: Option<Cursor>) -> u64 {
        let Some(topic_state) = state.topics.get(topic) else { return state.head };
        let retain = self.channel.definition().topics.get(topic).map(|topic| topic.retain);
        let gone = topic_state.gone;
        let retained = topic_state.retained.as_ref().map(|message| message.offset);
        match cursor {
            None | Some(Cursor::Start) => gone,
            Some(Cursor::After(id)) => id.offset(),
            Some(Cursor::Now) => match retain {
                Some(Retain::Last) => retained.map_or(state.head, |offset| offset - 1),
                Some(Retain::All) => gone,
                Some(Retain::None) | None => state.head,
            },
            Some(Cursor::Replaying { position, replayed }) => {
                let position = position.offset();
                match retain {
                    Some(Retain::Last) => {
                        // A later message has taken the place of the one at the position.
                        let retained = retained.filter(|offset| *offset <= position);
                        let replayed = replayed.map_or(0, MessageId::offset);
                        retained.map_or(position, |offset| replayed.max(offset - 1))
                    }
                    Some(Retain::All) => replayed.map_or(gone.min(position), MessageId::offset),
                    Some(Retain::None) | None => position,
                }
            }
        }
    }

    /// Reads on, about `max_bytes` at a time and always at least one message. Where
    /// there is nothing to read, the log will put `key` into the inbox once there is.
    pub(crate) fn read(&self, place: &mut Place, max_bytes: usize, inbox: &Arc<Inbox>, key: u64) -> Read {
        let mut state = self.lock();
        let gap = place.owed.take().or_else(|| self.gap(&state, place));
        let mut read = Read { gap, messages: Vec::new() };
        let first = state.first();
        let mut bytes = 0;
        let unread = (place.cursor + 1).max(first) - first;
        let history =
            state.messages.range(usize::try_from(unread).unwrap_or(usize::MAX).min(state.messages.len())..);
        let outside = place.retained_before(&state, first);
        for message in outside.into_iter().chain(history) {
            if bytes >= max_bytes {
                break;
            }
            let wanted = place.wants(message);
            place.cursor = message.offset;
            if wanted {
                bytes += message.frame.as_str().len();
                read.messages.push(message.frame.clone());
            }
        }
        if bytes < max_bytes {
            place.cursor = state.head;
        }
        if read.is_empty() {
            state.parked.push((Arc::clone(inbox), key));
        }
        read
    }

    /// What of the subscribed topics was lost since the place was last read from.
    fn gap(&self, state: &State, place: &mut Place) -> Option<Gap> {
        let mut lost: Option<(u64, u64)> = None;
        for (topic, wanted) in state.topics.iter().zip(&mut place.wanted_after) {
            let Some(wanted) = wanted else { continue };
            let read = (*wanted).max(place.cursor);
            if topic.gone > read {
                let (after, gone) = lost.unwrap_or((read, topic.gone));
                lost = Some((after.min(read), gone.max(topic.gone)));
                *wanted = topic.gone;
            }
        }
        lost.map(|(after, gone)| Gap { after: self.id(after), before: self.id(gone + 1) })
    }
}

impl Place {
    fn wants(&self, message: &Message) -> bool {
        let wanted = self.wanted_after.get(message.topic).copied().flatten();
        message.offset > self.cursor && wanted.is_some_and(|after| message.offset > after)
    }

    /// What topics retain that history has moved past, in order.
    fn retained_before<'s>(&self, state: &'s State, first: u64) -> Vec<&'s Message> {
        if self.cursor + 1 >= first {
            return Vec::new();
        }
        let retained = state.topics.iter().filter_map(|topic| topic.retained.as_ref());
        let mut outside: Vec<_> =
            retained.filter(|message| message.offset < first && self.wants(message)).collect();
        outside.sort_by_key(|message| message.offset);
        outside
    }
}
