//! Judgements of earlier visits.
//!
//! Each alternative visits the value again, and so do alternatives inside of alternatives: without a
//! memory, the time doubles with every level of nesting. The same holds for `allOf`, `if` and whatever
//! else looks at one value several times. So after a few judgements inside of nested tables of this kind,
//! each table judges each place once.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

use super::place::Place;
use super::positions::Positions;

/// At fewer levels, places are judged only a few times, so nothing is remembered.
pub(super) const SHALLOW: u32 = 2;

/// How many judgements are made at nested levels before the first is remembered: most payloads need fewer.
pub(super) const UNREMEMBERED: u32 = 64;

/// How judgements ended.
#[derive(Default)]
pub(super) struct Memory {
    /// Keyed at random, so that nobody can make a value with places that collide.
    hasher: RandomState,
    judgements: HashMap<Key, Judgement, BuildHasherDefault<KeyHasher>>,
}

/// What was judged: which table, by its address, at which place, by its hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    role: Role,
    table: usize,
    place: u64,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The hash of the place is random already, and the rest only has to differ.
        let table = (self.table as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state.write_u64(self.place ^ table ^ self.role as u64);
    }
}

/// Takes a key's hash as it is.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What a table is used as. The compiler may give equal tables one address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    AnyOf,
    OneOf,
    /// The first rules for a value, which also check the wire profile inside of it.
    Rules,
    /// Rules that other rules apply to the same value.
    Applied,
    /// No schema: only the wire profile counts.
    Ignored,
}

pub(super) enum Judgement {
    /// Accepted; which positions that evaluated, if somebody asked.
    Accepted(Option<Positions>),
    /// Refused, without a description of the issues.
    Refused,
    /// Refused, and every issue is in the report.
    Reported,
}

impl Memory {
    pub(super) fn key<T: ?Sized>(&self, role: Role, table: &'static T, place: &Place<'_>) -> Key {
        let place = place.hash(&|parent, position| self.hasher.hash_one((parent, position)));
        Key { role, table: std::ptr::from_ref(table).addr(), place }
    }

    pub(super) fn recall(&self, key: Key) -> Option<&Judgement> {
        self.judgements.get(&key)
    }

    pub(super) fn keep(&mut self, key: Key, judgement: Judgement) {
        self.judgements.insert(key, judgement);
    }
}
