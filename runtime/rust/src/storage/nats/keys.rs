//! The idempotency keys of a channel.
//!
//! A stream accepts a block only after the channel's last one, so a process that can append has read all blocks, and
//! knows all keys.

use std::collections::{HashMap, VecDeque};

use crate::clock::milliseconds;
use crate::history::{IdempotencyKey, KeyReused, MAX_KEY_AGE, MAX_KEYS};

#[derive(Clone, Debug, Default)]
pub(super) struct UsedKeys {
    offsets: HashMap<[u8; 16], UsedKey>,
    in_order: VecDeque<[u8; 16]>,
}

/// A key, the offset of its message, and when it was published, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct UsedKey {
    pub(super) key: IdempotencyKey,
    pub(super) offset: u64,
    pub(super) time: i64,
}

impl UsedKeys {
    /// Returns the offset of the message that was published under a key.
    pub(super) fn find(&self, key: IdempotencyKey, now: i64) -> Result<Option<u64>, KeyReused> {
        match self.offsets.get(&key.hash).filter(|used| used.is_remembered(now)) {
            None => Ok(None),
            Some(used) if used.key.content_hash == key.content_hash => Ok(Some(used.offset)),
            Some(_) => Err(KeyReused),
        }
    }

    /// Adds a key. Forgets the oldest if there are too many, and those that are too old.
    pub(super) fn add(&mut self, used: UsedKey) {
        let hash = used.key.hash;
        if self.offsets.insert(hash, used).is_some() {
            self.in_order.retain(|known| *known != hash);
        }
        self.in_order.push_back(hash);
        while let Some(first) = self.in_order.front()
            && (self.in_order.len() > MAX_KEYS
                || !self.offsets.get(first).is_some_and(|oldest| oldest.is_remembered(used.time)))
        {
            self.offsets.remove(first);
            self.in_order.pop_front();
        }
    }

    /// Returns the keys up to an offset that are still remembered at `now`, the oldest first.
    pub(super) fn list(&self, last: u64, now: i64) -> impl Iterator<Item = &UsedKey> {
        let keys = self.in_order.iter().filter_map(|hash| self.offsets.get(hash));
        keys.filter(move |used| used.offset <= last && used.is_remembered(now))
    }
}

impl UsedKey {
    fn is_remembered(&self, now: i64) -> bool {
        now.saturating_sub(self.time) <= milliseconds(MAX_KEY_AGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_keys_are_forgotten_and_the_number_is_limited() {
        let mut keys = UsedKeys::default();
        let hour = milliseconds(MAX_KEY_AGE);
        let key = |number: usize| IdempotencyKey::new(&number.to_string(), "t", b"");
        for number in 0..=MAX_KEYS {
            keys.add(UsedKey { key: key(number), offset: number as u64, time: 0 });
        }
        assert_eq!(keys.find(key(0), 0), Ok(None), "there are too many");
        assert_eq!(keys.find(key(1), hour), Ok(Some(1)));
        assert_eq!(keys.find(IdempotencyKey::new("1", "t", b"other"), hour), Err(KeyReused));
        assert_eq!(keys.find(key(1), hour + 1), Ok(None), "it is too old");
        keys.add(UsedKey { key: key(1), offset: 5_000, time: hour + 1 });
        assert_eq!(keys.find(key(1), hour + 1), Ok(Some(5_000)));
        assert_eq!((keys.offsets.len(), keys.in_order.len()), (1, 1), "old ones take no memory");
    }
}
