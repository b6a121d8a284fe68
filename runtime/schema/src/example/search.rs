//! The bounds of a search for examples.

use serde_json::Value;

/// The maximum number of candidates per table.
pub(super) const MAX_CANDIDATES: usize = 8;

/// The maximum number of tables that a search visits.
const MAX_STEPS: usize = 5_000;

/// The maximum number of searches for texts that match patterns.
const MAX_PATTERN_SEARCHES: usize = 32;

/// The maximum size of an example, in values and bytes of strings.
const MAX_SIZE: usize = 100_000;

/// A search, which visits tables inside of each other.
pub(super) struct Search {
    steps: usize,
    pattern_searches: usize,
    repeats: usize,
    /// The tables that are being visited, outer ones first.
    open: Vec<*const ()>,
}

impl Search {
    /// Starts a search in which a table may contain itself up to `repeats` times.
    pub(super) fn new(repeats: usize) -> Self {
        Self { steps: 0, pattern_searches: 0, repeats, open: Vec::new() }
    }

    /// Enters a table. Returns `false` if it must not be visited (again).
    pub(super) fn enter(&mut self, table: *const ()) -> bool {
        self.steps += 1;
        let repeats = self.open.iter().filter(|open| **open == table).count();
        if self.steps > MAX_STEPS || repeats > self.repeats {
            return false;
        }
        self.open.push(table);
        true
    }

    /// Leaves the table that was entered last.
    pub(super) fn leave(&mut self) {
        self.open.pop();
    }

    /// Returns `true` if there may be another search for a text.
    pub(super) fn may_search_text(&mut self) -> bool {
        self.pattern_searches += 1;
        self.pattern_searches <= MAX_PATTERN_SEARCHES
    }
}

/// Returns an array with an item several times, unless it would be too large.
pub(super) fn repeat(item: &Value, count: u32) -> Option<Value> {
    let size = size(item).saturating_mul(count as usize);
    (size <= MAX_SIZE).then(|| vec![item.clone(); count as usize].into())
}

/// Returns `true` if a text of this length may be part of an example.
pub(super) fn is_small(length: u32) -> bool {
    length as usize <= MAX_SIZE
}

fn size(value: &Value) -> usize {
    1 + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + size(value)).sum(),
        _ => 0,
    }
}

/// Adds new candidates, up to the limit.
pub(super) fn add(found: &mut Vec<Value>, candidates: impl Iterator<Item = Value>) {
    for value in candidates {
        if found.len() < MAX_CANDIDATES && !found.contains(&value) {
            found.push(value);
        }
    }
}

/// Combines one candidate per part: first the first of each, and then others of one part at a time. Returns nothing if a
/// part has no candidate.
pub(super) fn combinations(parts: &[Vec<Value>], combine: impl Fn(Vec<Value>) -> Value) -> Vec<Value> {
    let Some(first) = parts.iter().map(|part| part.first().cloned()).collect::<Option<Vec<Value>>>() else {
        return Vec::new();
    };
    if first.iter().map(size).sum::<usize>() > MAX_SIZE {
        return Vec::new();
    }
    let mut found = vec![combine(first.clone())];
    for (index, part) in parts.iter().enumerate() {
        for other in part.iter().skip(1) {
            if found.len() >= MAX_CANDIDATES {
                return found;
            }
            let mut values = first.clone();
            values[index] = other.clone();
            found.push(combine(values));
        }
    }
    found
}
