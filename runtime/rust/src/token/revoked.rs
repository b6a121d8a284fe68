//! The ids of tokens that were ended before their time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use super::MAX_LIFETIME;

/// Which ids are revoked. Each is forgotten after a day, which no token outlasts.
#[derive(Default)]
pub(crate) struct Revocations {
    revoked: RwLock<Revoked>,
}

#[derive(Default)]
struct Revoked {
    /// Until when each is.
    ids: HashMap<Arc<str>, SystemTime>,
    in_order: VecDeque<(SystemTime, Arc<str>)>,
}

impl Revocations {
    /// Takes over what an earlier process kept in mind: ids, and until when each is revoked.
    pub(crate) fn restore(&self, mut revoked: Vec<(String, SystemTime)>) {
        revoked.sort_by_key(|(_, until)| *until);
        let mut ours = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        for (id, until) in revoked.into_iter().rev() {
            // What was revoked since is revoked for longer.
            if !ours.ids.contains_key(id.as_str()) {
                let id: Arc<str> = id.into();
                ours.ids.insert(Arc::clone(&id), until);
                ours.in_order.push_front((until, id));
            }
        }
    }

    /// Revokes an id, and tells until when.
    pub(crate) fn add(&self, id: &str, now: SystemTime) -> SystemTime {
        let until = now + MAX_LIFETIME;
        let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        let id: Arc<str> = id.into();
        revoked.ids.insert(Arc::clone(&id), until);
        revoked.in_order.push_back((until, id));
        revoked.forget(now);
        until
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).ids.contains_key(id)
    }
}

impl Revoked {
    fn forget(&mut self, now: SystemTime) {
        while let Some((until, id)) = self.in_order.front() {
            if *until >= now {
                return;
            }
            // One that was revoked again since stays.
            if self.ids.get(id) == Some(until) {
                self.ids.remove(id);
            }
            self.in_order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn an_id_is_forgotten_a_day_after_it_was_last_revoked() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let day = MAX_LIFETIME.as_secs();
        let revocations = Revocations::default();
        revocations.add("a", at(40));
        revocations.restore([("b", 20), ("a", 10)].map(|(id, now)| (id.to_owned(), at(now + day))).into());
        assert!(["a", "b"].iter().all(|id| revocations.contains(id)));
        revocations.add("c", at(day + 30));
        assert!(!revocations.contains("b"));
        assert!(["a", "c"].iter().all(|id| revocations.contains(id)));
        revocations.add("d", at(day + 41));
        assert!(!revocations.contains("a"));
        assert_eq!(revocations.revoked.read().unwrap().in_order.len(), 2);
    }
}
