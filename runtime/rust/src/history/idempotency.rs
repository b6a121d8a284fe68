//! Idempotency keys of publishing.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::memory_budget::Usage;

/// The maximum number of keys that a channel remembers, and for how long.
pub(crate) const MAX_KEYS: usize = 1000;
pub(crate) const MAX_KEY_AGE: Duration = Duration::from_secs(3600);

/// The hashes of an idempotency key and of the request that used it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdempotencyKey {
    pub(crate) hash: [u8; 16],
    pub(crate) content_hash: [u8; 16],
}

impl IdempotencyKey {
    pub(crate) fn new(key: &str, topic: &str, payload: &[u8]) -> Self {
        // Topic names contain no NUL, so different requests never hash the same text.
        let content = Sha256::new().chain_update(topic).chain_update([0]).chain_update(payload);
        Self { hash: truncate(Sha256::new().chain_update(key)), content_hash: truncate(content) }
    }
}

fn truncate(hash: Sha256) -> [u8; 16] {
    let mut truncated = [0; 16];
    truncated.copy_from_slice(&hash.finalize()[..16]);
    truncated
}

/// The key was used before, for another message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyReused;

/// The approximate bytes of one key.
const KEY_BYTES: usize = 128;

/// The keys that a log remembers. If a durable storage appends the messages, it remembers them itself.
#[derive(Default)]
pub(super) struct UsedKeys {
    used: HashMap<[u8; 16], Used>,
    in_order: VecDeque<(Instant, [u8; 16])>,
}

struct Used {
    content: [u8; 16],
    offset: u64,
}

impl UsedKeys {
    pub(super) fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    /// Returns the offset of the message that was published under the key.
    pub(super) fn find(
        &mut self,
        key: IdempotencyKey,
        now: Instant,
        bytes: &mut Usage,
    ) -> Result<Option<u64>, KeyReused> {
        self.forget_old(now, bytes);
        match self.used.get(&key.hash) {
            None => Ok(None),
            Some(used) if used.content == key.content_hash => Ok(Some(used.offset)),
            Some(_) => Err(KeyReused),
        }
    }

    pub(super) fn remember(&mut self, key: IdempotencyKey, offset: u64, now: Instant, bytes: &mut Usage) {
        if self.in_order.len() == MAX_KEYS {
            self.forget_first(bytes);
        }
        self.used.insert(key.hash, Used { content: key.content_hash, offset });
        self.in_order.push_back((now, key.hash));
        bytes.add(KEY_BYTES);
    }

    /// Takes all keys for another log, whose use of memory is `bytes`.
    pub(super) fn take(&mut self, bytes: &mut Usage) -> Self {
        bytes.add(KEY_BYTES * self.in_order.len());
        std::mem::take(self)
    }

    pub(super) fn forget_old(&mut self, now: Instant, bytes: &mut Usage) {
        while let Some((used, _)) = self.in_order.front()
            && now.saturating_duration_since(*used) > MAX_KEY_AGE
        {
            self.forget_first(bytes);
        }
    }

    fn forget_first(&mut self, bytes: &mut Usage) {
        if let Some((_, key)) = self.in_order.pop_front() {
            self.used.remove(&key);
            bytes.remove(KEY_BYTES);
        }
    }
}
