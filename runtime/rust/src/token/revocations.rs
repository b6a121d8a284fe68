//! The ids of revoked tokens.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use super::{MAX_CLOCK_SKEW, MAX_LIFETIME};

/// How long an id stays revoked. A token lasts at most a day by the wall clock and cannot be issued in the future, so
/// no token outlasts its revocation. The second day allows for a wall clock that is set back meanwhile.
pub(crate) const REVOKED_FOR: Duration = Duration::from_secs(2 * MAX_LIFETIME.as_secs());

const _: () = assert!(REVOKED_FOR.as_secs() > MAX_LIFETIME.as_secs() + MAX_CLOCK_SKEW);

/// The revoked ids.
#[derive(Default)]
pub(crate) struct Revocations {
    revoked: RwLock<Revoked>,
}

#[derive(Default)]
struct Revoked {
    /// Each id, with the time when it was last revoked.
    ids: HashMap<Arc<str>, Instant>,
    in_order: VecDeque<(Instant, Arc<str>)>,
}

impl Revocations {
    /// Restores revocations from ids and how long ago each was revoked.
    pub(crate) fn restore(revoked: impl Iterator<Item = (String, Duration)>) -> Self {
        let mut in_order: Vec<_> = revoked.collect();
        in_order.sort_by_key(|(_, age)| std::cmp::Reverse(*age));
        let revocations = Self::default();
        for (id, age) in in_order {
            revocations.add(&id, age);
        }
        revocations
    }

    /// Adds an id that was revoked `age` ago.
    pub(crate) fn add(&self, id: &str, age: Duration) {
        let now = Instant::now();
        // On some systems an `Instant` cannot be earlier than the start of the machine.
        let at = now.checked_sub(age).unwrap_or(now);
        let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        let id: Arc<str> = id.into();
        revoked.ids.insert(Arc::clone(&id), at);
        revoked.in_order.push_back((at, id));
        revoked.forget(now);
    }

    /// Returns the ids, and how long ago each was revoked.
    pub(crate) fn list(&self) -> Vec<(String, Duration)> {
        let now = Instant::now();
        let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        revoked.forget(now);
        let ids = revoked.ids.iter();
        ids.map(|(id, at)| (id.to_string(), now.saturating_duration_since(*at))).collect()
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).ids.contains_key(id)
    }
}

impl Revoked {
    fn forget(&mut self, now: Instant) {
        while let Some((at, id)) = self.in_order.front() {
            if now.saturating_duration_since(*at) <= REVOKED_FOR {
                return;
            }
            // Keep an id that was revoked again.
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

    #[tokio::test(start_paused = true)]
    async fn an_id_is_forgotten_two_days_after_it_was_last_revoked() {
        let seconds = Duration::from_secs;
        let earlier = [("b", seconds(20)), ("a", seconds(30))].map(|(id, age)| (id.to_owned(), age));
        let revocations = Revocations::restore(earlier.into_iter());
        revocations.add("a", Duration::ZERO);
        assert!(["a", "b"].iter().all(|id| revocations.contains(id)));
        tokio::time::advance(REVOKED_FOR.saturating_sub(seconds(10))).await;
        revocations.add("c", Duration::ZERO);
        assert!(!revocations.contains("b"));
        assert!(["a", "c"].iter().all(|id| revocations.contains(id)));
        tokio::time::advance(seconds(11)).await;
        revocations.add("d", Duration::ZERO);
        assert!(!revocations.contains("a"));
        assert_eq!(revocations.revoked.read().unwrap().in_order.len(), 2);
    }
}
