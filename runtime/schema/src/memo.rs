//! Remembered outcomes of earlier visits.
//!
//! Each alternative visits the value again, and so do nested alternatives. Without a memo, the time doubles with every
//! level of nesting. The same applies to `allOf`, `if` and everything else that visits a value several times. So after
//! some visits inside nested tables of this kind, each table checks each position once.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

use super::index_set::IndexSet;
use super::path::Path;

/// At fewer levels, a position is visited only a few times, so nothing is remembered.
pub(super) const MIN_NESTING: u32 = 2;

/// The number of visits at nested levels before outcomes are remembered. Most payloads need fewer.
pub(super) const MIN_VISITS: u32 = 64;

/// The outcomes of earlier visits.
#[derive(Default)]
pub(super) struct Memo {
    /// Randomly keyed, so that no attacker can construct a value whose positions collide.
    hasher: RandomState,
    verdicts: HashMap<MemoKey, Verdict, BuildHasherDefault<MemoKeyHasher>>,
}

/// Identifies a visit: the table, by its address, and the position, by its hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct MemoKey {
    role: Role,
    table: usize,
    path: u64,
}

impl Hash for MemoKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The hash of the position is already random; the rest only has to differ.
        let table = (self.table as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state.write_u64(self.path ^ table ^ self.role as u64);
    }
}

/// Uses the key's hash unchanged.
#[derive(Default)]
struct MemoKeyHasher(u64);

impl Hasher for MemoKeyHasher {
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

/// The use of a table. The compiler may give equal tables the same address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    AnyOf,
    OneOf,
    /// The first rules for a value, which also check the wire profile inside it.
    Rules,
    /// Rules that other rules apply to the same value.
    Applied,
    /// No schema: only the wire profile is checked.
    Ignored,
}

pub(super) enum Verdict {
    /// Accepted, with the evaluated positions if they were recorded.
    Accepted(Option<IndexSet>),
    /// Rejected. The issues were not described.
    Refused,
    /// Rejected, and every issue is in this list of the report.
    Reported(u32),
}

impl Memo {
    pub(super) fn key<T: ?Sized>(&self, role: Role, table: &'static T, path: &Path<'_>) -> MemoKey {
        let path = path.hash(&|parent, position| self.hasher.hash_one((parent, position)));
        MemoKey { role, table: std::ptr::from_ref(table).addr(), path }
    }

    pub(super) fn recall(&self, key: MemoKey) -> Option<&Verdict> {
        self.verdicts.get(&key)
    }

    pub(super) fn remember(&mut self, key: MemoKey, verdict: Verdict) {
        self.verdicts.insert(key, verdict);
    }
}
