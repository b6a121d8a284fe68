//! The revoked tokens, which processes store in the stream of the reports.

use std::collections::{HashMap, HashSet};
use std::mem::take;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Subscriber;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::jetstream::{Publish, RequestFailure, Stored, StreamState, no_connection, parse_stored};
use super::tail::MAX_LAG;
use super::{OnRevoked, Shared, StorageError, subjects};
use crate::clock::milliseconds;
use crate::token::REVOKED_FOR;

/// The age up to which a revocation is compared with the stream. The servers delete it somewhat later.
const COMPARED_FOR: Duration = Duration::from_secs(REVOKED_FOR.as_secs() - 600);

/// The listener for revocations, and what this process knows of the stream.
#[derive(Default)]
pub(super) struct Revoked {
    pub(super) listener: Option<OnRevoked>,
    /// The sequence up to which all revocations were read.
    latest: u64,
    /// The greatest sequence of a known revocation that no read has returned since this time. The servers that answered
    /// may not have had it yet.
    missing: Option<(u64, Instant)>,
    /// The greatest known sequence of the stream. The next message gets a greater one, unless the stream has lost
    /// messages.
    last: u64,
    /// Whether the stream has lost messages since the revocations were last stored again.
    has_lost: bool,
    /// The revocations that are stored: for each id, the sequence and the time in milliseconds since 1970.
    stored: HashMap<String, (u64, i64)>,
    /// The first sequence of the stream at the last report, and when the revocations were last compared with it.
    first: u64,
    compared: u64,
}

impl Revoked {
    /// Begins again with the messages of a stream that has lost some, and now has this last sequence.
    pub(super) fn lose(&mut self, stream: &str, last: u64) {
        tracing::error!(stream, "the NATS stream has lost messages");
        (self.latest, self.missing, self.last, self.has_lost) = (0, None, last, true);
    }

    /// Compares the known revocations with the ids that were just read from a sequence on, and returns whether the stream
    /// has lost some. `last` is the last sequence that was read, or 0. This does not find a loss if the last revocation
    /// was made again meanwhile, because the earlier ones are not read again.
    fn notice_loss(&mut self, found: &HashSet<String>, from: u64, last: u64, now: i64) -> bool {
        let mut missing = None;
        for (id, (sequence, at)) in &self.stored {
            if *sequence >= from && !found.contains(id) && now - at < milliseconds(COMPARED_FOR) {
                if *sequence <= last {
                    return true;
                }
                missing = missing.max(Some(*sequence));
            }
        }
        let same = self.missing.filter(|(sequence, _)| Some(*sequence) == missing);
        self.missing = same.or_else(|| missing.map(|sequence| (sequence, Instant::now())));
        // If something new was read, there may be more.
        last <= from && self.missing.is_some_and(|(_, since)| since.elapsed() > MAX_LAG)
    }

    pub(super) fn update(&mut self, state: &StreamState) {
        self.first = state.first_seq;
        self.last = self.last.max(state.last_seq);
    }

    /// Adds a stored revocation, and returns its id and its time in milliseconds since 1970.
    fn add(&mut self, stored: &Stored) -> Option<(String, i64)> {
        let (id, at) = parse_revoked(&stored.payload)?;
        self.last = self.last.max(stored.sequence);
        self.stored.insert(id.clone(), (stored.sequence, at));
        Some((id, at))
    }
}

impl Shared {
    pub(super) async fn revoke(&self, id: &str) -> Result<(), StorageError> {
        let stored = self.store_revoked(id, self.now(), None).await;
        stored.map(drop).map_err(RequestFailure::into_error)
    }

    async fn store_revoked(&self, id: &str, at: i64, follows: Option<u64>) -> Result<u64, RequestFailure> {
        let publish = Publish {
            subject: format!("{}.meta.revoked.{}", self.space, subjects::encode(id)),
            follows,
            kept_for: REVOKED_FOR.saturating_sub(self.age(at)),
            replaces: false,
            payload: json!({ "id": id, "at": at }).to_string().into(),
        };
        self.jetstream.publish(publish).await
    }

    /// Stores revocations again that the stream has lost, or that were deleted together with it or its messages.
    pub(super) async fn restore_revoked(&self) -> Result<(), StorageError> {
        let now = self.now();
        let mut lost = Vec::new();
        let (first, has_lost) = {
            let revoked = &mut *self.lock_revoked();
            let (first, has_lost) = (revoked.first, take(&mut revoked.has_lost));
            if revoked.compared == first && !has_lost {
                return Ok(());
            }
            revoked.stored.retain(|_, (_, at)| now - *at < milliseconds(REVOKED_FOR));
            for (id, (sequence, at)) in &revoked.stored {
                // Other messages may have the sequences of lost ones now.
                if *sequence < first || has_lost {
                    lost.push((id.clone(), *at));
                }
            }
            (first, has_lost)
        };
        for (id, at) in lost {
            let sequence = match self.store_revoked(&id, at, Some(0)).await {
                Ok(sequence) => sequence,
                // It is not lost, or another process has just stored it.
                Err(failure) if failure.is_wrong_sequence() => failure.last_sequence(),
                Err(failure) => {
                    self.lock_revoked().has_lost |= has_lost;
                    return Err(failure.into_error());
                }
            };
            if sequence > 0
                && let Some(known) = self.lock_revoked().stored.get_mut(&id)
            {
                known.0 = sequence;
            }
        }
        self.lock_revoked().compared = first;
        Ok(())
    }

    /// Returns the revocations that this process has not read yet, each with its age.
    pub(super) async fn read_revoked(&self) -> Result<Vec<(String, Duration)>, StorageError> {
        let subject = format!("{}.meta.revoked.*", self.space);
        let mut revoked = Vec::new();
        loop {
            // The last revocation that was read is read again: the stream may have lost it.
            let latest = self.lock_revoked().latest;
            let read = self.jetstream.read_from(&self.meta_stream, &subject, latest).await?;
            let last = read.last().map_or(0, |stored| stored.sequence);
            let mut known = self.lock_revoked();
            // Meanwhile, another task has read the same, or the stream has lost messages.
            if known.latest != latest {
                continue;
            }
            let mut found = HashSet::new();
            for stored in &read {
                let Some((id, at)) = known.add(stored) else { continue };
                if stored.sequence > latest {
                    revoked.push((id.clone(), self.age(at)));
                }
                found.insert(id);
            }
            if !known.has_lost && known.notice_loss(&found, latest, last, self.now()) {
                let last = known.last;
                known.lose(&self.meta_stream, last);
            } else if last > latest {
                known.latest = last;
            } else {
                return Ok(revoked);
            }
        }
    }

    fn age(&self, at: i64) -> Duration {
        Duration::from_millis(u64::try_from(self.now() - at).unwrap_or(0))
    }

    /// Hands the hub the revocations that it has not received.
    pub(super) async fn report_revoked(&self) -> Result<(), StorageError> {
        if self.lock_revoked().listener.is_some() {
            let revoked = self.read_revoked().await?;
            self.notify_revoked(&revoked);
        }
        Ok(())
    }

    fn notify_revoked(&self, revoked: &[(String, Duration)]) {
        if let Some(on_revoked) = &self.lock_revoked().listener {
            for (id, age) in revoked {
                on_revoked(id, *age);
            }
        }
    }

    pub(super) async fn subscribe_to_revoked(&self) -> Result<Subscriber, StorageError> {
        let subject = format!("{}-live.meta.revoked.*", self.space);
        self.jetstream.client.subscribe(subject).await.map_err(no_connection)
    }

    /// Hands the hub revocations as they arrive. Revocations that do not arrive are read with the next report of this
    /// process.
    pub(super) async fn follow_revoked(self: Arc<Self>, mut messages: Subscriber) {
        while let Some(message) = messages.next().await {
            let Ok(stored) = parse_stored(message) else { continue };
            let revoked = self.lock_revoked().add(&stored).map(|(id, at)| (id, self.age(at)));
            self.notify_revoked(revoked.as_slice());
        }
    }

    pub(super) fn lock_revoked(&self) -> MutexGuard<'_, Revoked> {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the greatest known sequence of the stream of the processes and the revocations.
    pub(super) fn last_meta_sequence(&self) -> u64 {
        self.lock_revoked().last
    }
}

/// Returns the id of a revoked token, and when it was revoked, in milliseconds since 1970.
fn parse_revoked(payload: &[u8]) -> Option<(String, i64)> {
    let revoked: Value = serde_json::from_slice(payload).ok()?;
    Some((revoked["id"].as_str()?.to_owned(), revoked["at"].as_i64()?))
}

#[cfg(test)]
mod tests;
