//! Where a client is in one channel, as `PROTOCOL.md` says under "Where to resume".

use crate::log::{Gap, Id};
use crate::plan::TOPICS;
use std::fmt;

/// Where a topic's place would be: news of runs are of none.
pub(crate) const NEWS: usize = TOPICS.len();

/// What a `since` holds for a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    After(Id),
    /// What topics retain is being sent, to a subscriber that was new at `position`.
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

/// The most topics that a channel of this test has.
const MAX_TOPICS: usize = 6;

/// A client's place in one channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    cursor: Option<Cursor>,
    /// The last message of each topic, and the last news of runs.
    last_ids: [Option<Id>; MAX_TOPICS],
}

impl Place {
    /// What to resume from, where there is something.
    pub(crate) fn since(&self) -> Option<String> {
        self.cursor.map(|cursor| cursor.to_string())
    }

    /// `ready` sets the cursor to its position. Tells whether it is one.
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

    /// A message sets the cursor to its id, with one exception. Tells whether it is news.
    pub(crate) fn message(&mut self, topic: usize, id: Id) -> bool {
        self.cursor = Some(match self.cursor {
            Some(Cursor::Replaying { position, .. }) if id <= position => {
                Cursor::Replaying { position, replayed: Some(id) }
            }
            _ => Cursor::After(id),
        });
        let is_news = self.last_ids[topic].is_none_or(|last| id > last);
        if is_news {
            self.last_ids[topic] = Some(id);
        }
        is_news
    }

    /// After a gap into another log its ids may be smaller.
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
    fn a_message_of_what_topics_retain_keeps_the_position() {
        let mut place = Place::default();
        assert!(place.ready("5~"));
        assert!(place.message(0, id("3")));
        assert_eq!(place.since().unwrap(), "5~3");
        assert!(place.message(1, id("6")));
        assert_eq!(place.since().unwrap(), "6");
        assert!(!place.message(1, id("6")));
    }

    #[test]
    fn a_gap_into_another_log_makes_smaller_ids_news() {
        let mut place = Place::default();
        place.message(0, id("5"));
        place.gap(Gap { after: id("5"), before: id("7") });
        assert!(!place.message(0, id("4")));
        place.gap(Gap { after: id("5"), before: id("2") });
        assert!(place.message(0, id("2")));
    }
}
