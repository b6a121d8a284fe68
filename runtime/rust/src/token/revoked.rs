//! The ids of tokens that were ended before their time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use super::MAX_LIFETIME;

/// Which ids are revoked. Each is forgotten after a day, which no token outlasts.
#[derive(Default)]
pub(crate) struct Revocations {
    revoked: RwLock<Revoked>,
}

#[derive(Default)]
struct Revoked {
    /// When each was last revoked, in seconds since 1970.
    ids: HashMap<Arc<str>, u64>,
    in_order: VecDeque<(u64, Arc<str>)>,
}

impl Revocations {
    /// Takes over what an earlier process remembered: ids, and when each was revoked in seconds since 1970.
    pub(crate) fn restore(revoked: impl Iterator<Item = (String, u64)>) -> Self {
        let mut in_order: Vec<_> = revoked.collect();
        in_order.sort_by_key(|(_, at)| *at);
        let revocations = Self::default();
        for (id, at) in in_order {
            revocations.add(&id, at);
        }
        revocations
    }

    /// Revokes an id, `at` seconds since 1970, which is not before the last one.
    pub(crate) fn add(&self, id: &str, at: u64) {
        let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        let id: Arc<str> = id.into();
        revoked.ids.insert(Arc::clone(&id), at);
        revoked.in_order.push_back((at, id));
        revoked.forget(at.saturating_sub(MAX_LIFETIME.as_secs()));
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).ids.contains_key(id)
    }
}

impl Revoked {
    fn forget(&mut self, before: u64) {
        while let Some((at, id)) = self.in_order.front() {
            if *at >= before {
                return;
            }
            // One that was revoked again since stays.
            if self.ids.get(id) == Some(at) {
                self.ids.remove(id);
            }
            self.in_order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_forgotten_a_day_after_it_was_last_revoked() {
        let day = MAX_LIFETIME.as_secs();
        let earlier = [("b", 20), ("a", 10)].map(|(id, at)| (id.to_owned(), at));
        let revocations = Revocations::restore(earlier.into_iter());
        revocations.add("a", 40);
        assert!(["a", "b"].iter().all(|id| revocations.contains(id)));
        revocations.add("c", day + 30);
        assert!(!revocations.contains("b"));
        assert!(["a", "c"].iter().all(|id| revocations.contains(id)));
        revocations.add("d", day + 41);
        assert!(!revocations.contains("a"));
        assert_eq!(revocations.revoked.read().unwrap().in_order.len(), 2);
    }
}
