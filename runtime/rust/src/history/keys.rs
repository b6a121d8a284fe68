//! Keys of idempotent publishing: what was published under which.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::memory::Usage;

/// How many keys a channel remembers, and for how long.
pub(crate) const MAX_KEYS: usize = 1000;
pub(crate) const KEY_AGE: Duration = Duration::from_secs(3600);

/// A key and what was published under it, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) key: [u8; 16],
    pub(crate) content: [u8; 16],
}

impl Key {
    pub(crate) fn new(key: &str, topic: &str, payload: &[u8]) -> Self {
        // Topics have no NUL in their names, so no two contents look the same.
        let content = Sha256::new().chain_update(topic).chain_update([0]).chain_update(payload);
        Self { key: short(Sha256::new().chain_update(key)), content: short(content) }
    }
}

fn short(hash: Sha256) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&hash.finalize()[..16]);
    short
}

/// The key was used before, for another message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyReused;

/// What one key takes, about.
const BYTES: usize = 128;

/// The keys that a log in memory remembers.
#[derive(Default)]
pub(super) struct Keys {
    used: HashMap<[u8; 16], Used>,
    in_order: VecDeque<(Instant, [u8; 16])>,
}

struct Used {
    content: [u8; 16],
    offset: u64,
}

impl Keys {
    pub(super) fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    /// The offset of the message that was published under the key.
    pub(super) fn find(
        &mut self,
        key: Key,
        now: Instant,
        bytes: &mut Usage,
    ) -> Result<Option<u64>, KeyReused> {
        self.forget_old(now, bytes);
        match self.used.get(&key.key) {
            None => Ok(None),
            Some(used) if used.content == key.content => Ok(Some(used.offset)),
            Some(_) => Err(KeyReused),
        }
    }

    pub(super) fn remember(&mut self, key: Key, offset: u64, now: Instant, bytes: &mut Usage) {
        if self.in_order.len() == MAX_KEYS {
            self.forget_first(bytes);
        }
        self.used.insert(key.key, Used { content: key.content, offset });
        self.in_order.push_back((now, key.key));
        bytes.add(BYTES);
    }

    pub(super) fn forget_old(&mut self, now: Instant, bytes: &mut Usage) {
        while let Some((used, _)) = self.in_order.front()
            && now.saturating_duration_since(*used) > KEY_AGE
        {
            self.forget_first(bytes);
        }
    }

    fn forget_first(&mut self, bytes: &mut Usage) {
        if let Some((_, key)) = self.in_order.pop_front() {
            self.used.remove(&key);
            bytes.remove(BYTES);
        }
    }
}
