//! The state that a client needs to resume a channel, as `PROTOCOL.md` specifies.

use crate::log::{Gap, Id};
use crate::plan::TOPICS;
use std::fmt;

/// The index of run events, after those of the topics.
pub(crate) const RUN_EVENTS: usize = TOPICS.len();

/// The `since` of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    After(Id),
    /// Retained messages are being replayed to a subscriber that was new at `position`.
    Replaying {
        position: Id,
        replayed: Option<Id>,
    },
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(id) => write!(formatter, "{id}"),
            Self::Replaying { position, replayed: None } => write!(formatter, "{position}~"),
            Self::Replaying { position, replayed: Some(id) } => write!(formatter, "{position}~{id}"),
        }
    }
}

/// The maximum number of topics per channel.
const MAX_TOPICS: usize = 6;

/// A client's state in one channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResumeState {
    cursor: Option<Cursor>,
    /// The last message of each topic, and the last run event.
    last_ids: [Option<Id>; MAX_TOPICS],
}

impl ResumeState {
    /// Returns the cursor to resume from, if any.
    pub(crate) fn since(&self) -> Option<String> {
        self.cursor.map(|cursor| cursor.to_string())
    }

    /// Handles `ready`, which sets the cursor to its position. Returns `false` if the position is invalid.
    pub(crate) fn ready(&mut self, position: &str) -> bool {
        let cursor = match position.split_once('~') {
            None => Id::new(position).map(Cursor::After),
            Some((position, replayed)) => {
                Id::new(position).map(|position| Cursor::Replaying { position, replayed: Id::new(replayed) })
            }
        };
        self.cursor = cursor.or(self.cursor);
        cursor.is_some()
    }

    /// Handles a message, which sets the cursor to its id, except during a replay. Returns `true` if the message is
    /// new.
    pub(crate) fn message(&mut self, topic: usize, id: Id) -> bool {
        self.cursor = Some(match self.cursor {
            Some(Cursor::Replaying { position, .. }) if id <= position => {
                Cursor::Replaying { position, replayed: Some(id) }
            }
            _ => Cursor::After(id),
        });
        let is_new = self.last_ids[topic].is_none_or(|last| id > last);
        if is_new {
            self.last_ids[topic] = Some(id);
        }
        is_new
    }

    /// Handles a gap. After a gap into another log, ids may be smaller.
    pub(crate) fn gap(&mut self, gap: Gap) {
        if self.last_ids.iter().flatten().any(|last| *last >= gap.before) {
            self.last_ids = Default::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    #[test]
    fn a_replayed_message_keeps_the_position() {
        let mut resume_state = ResumeState::default();
        assert!(resume_state.ready("5~"));
        assert!(resume_state.message(0, id("3")));
        assert_eq!(resume_state.since().unwrap(), "5~3");
        assert!(resume_state.message(1, id("6")));
        assert_eq!(resume_state.since().unwrap(), "6");
        assert!(!resume_state.message(1, id("6")));
    }

    #[test]
    fn after_a_gap_into_another_log_smaller_ids_are_new() {
        let mut resume_state = ResumeState::default();
        resume_state.message(0, id("5"));
        resume_state.gap(Gap { after: id("5"), before: id("7") });
        assert!(!resume_state.message(0, id("4")));
        resume_state.gap(Gap { after: id("5"), before: id("2") });
        assert!(resume_state.message(0, id("2")));
    }
}
