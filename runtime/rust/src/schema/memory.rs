//! What was judged before.
//!
//! Alternatives look at a value once each, and alternatives inside of them do so
//! again: what is nested in such a way would take time that doubles with every
//! level. So what lies deep is judged once by each table, and remembered.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::place::Place;

/// Places with less nesting are judged as often as need be, which costs less than remembering.
pub(super) const SHALLOW: usize = 4;

/// How the judgements of tables on places ended.
#[derive(Default)]
pub(super) struct Memory {
    /// Keyed at random, so that no value can be made whose places are taken for each other.
    hasher: RandomState,
    judgements: HashMap<Judged, Judgement>,
}

/// A table, by its address, and a place, by its hash.
pub(super) type Judged = (usize, u64);

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Judgement {
    Accepted,
    /// Refused, and only that is known.
    Refused,
    /// Refused, with every issue told.
    Told,
}

impl Memory {
    pub(super) fn key<T: ?Sized>(&self, table: &'static T, place: &Place<'_>) -> Judged {
        (std::ptr::from_ref(table).addr(), self.hasher.hash_one(place))
    }

    pub(super) fn recall(&self, key: Judged) -> Option<Judgement> {
        self.judgements.get(&key).copied()
    }

    pub(super) fn keep(&mut self, key: Judged, judgement: Judgement) {
        self.judgements.insert(key, judgement);
    }
}
