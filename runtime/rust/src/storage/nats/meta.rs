//! The state that the processes of a cluster share besides messages: the running processes and the revoked tokens.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Subscriber;
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::jetstream::{
    PAUSE, Publish, RequestFailure, Stored, StreamState, deleted, no_connection, parse_stored,
};
use super::tail::Missing;
use super::{OnRevoked, Shared, StorageError, subjects};
use crate::clock::{milliseconds, to_milliseconds};
use crate::storage::remote_clock::{Reading, steady_milliseconds};
use crate::token::REVOKED_FOR;
use crate::wire::parse_timestamp;

/// The interval at which a process reports that it is running.
pub(super) const BEAT_INTERVAL: Duration = Duration::from_secs(2);

/// The time within which the servers must answer a report.
const BEAT_TIMEOUT: Duration = Duration::from_secs(6);

/// A process that has not reported for this long is regarded as ended.
pub(super) const MAX_BEAT_AGE: Duration = Duration::from_secs(15);

/// The processes that are running, as far as this one knows.
#[derive(Default)]
pub(super) struct Running {
    owners: BTreeSet<u32>,
    /// Whether this process has reported.
    has_reported: bool,
    /// Until this time, no process is regarded as ended: the servers were unreachable, or the report of this process is
    /// gone, so the reports of all processes may be gone.
    uncertain_until: Option<Instant>,
    missing: Missing,
}

/// A report of this process.
pub(super) struct Beat {
    began: Instant,
    ended: Instant,
    outcome: Result<(), StorageError>,
}

/// The listener for revocations, and what this process knows of the stream.
#[derive(Default)]
pub(super) struct Revoked {
    pub(super) listener: Option<OnRevoked>,
    /// The sequence up to which all revocations were read.
    latest: u64,
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

impl Running {
    /// Regards no process as ended for some time, because reports may be missing.
    fn distrust(&mut self) {
        self.uncertain_until = Some(Instant::now() + 2 * MAX_BEAT_AGE);
    }
}

impl Revoked {
    /// Begins again with the messages of a stream that has lost some, and now has this last sequence.
    fn lose(&mut self, last: u64) {
        (self.latest, self.last, self.has_lost) = (0, last, true);
    }

    fn update(&mut self, state: &StreamState) {
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
    /// Reports that this process is running, and reads which others are running.
    pub(super) async fn beat(&self) -> Result<(), StorageError> {
        let asked = Instant::now();
        let mut last = self.last_beat.lock().await;
        // If another report has begun meanwhile, its outcome counts for this call, too. If one has failed, do not wait
        // for another failure.
        if let Some(Beat { began, ended, outcome }) = &*last
            && (*began >= asked || *ended >= asked && outcome.is_err())
        {
            return outcome.clone();
        }
        let began = Instant::now();
        let outcome = timeout(BEAT_TIMEOUT, self.try_beat()).await.unwrap_or_else(|_| {
            Err(StorageError::new("the NATS servers did not answer the report of this process in time"))
        });
        if outcome.is_err() {
            self.lock_running().distrust();
        }
        *last = Some(Beat { began, ended: Instant::now(), outcome: outcome.clone() });
        outcome
    }

    async fn try_beat(&self) -> Result<(), StorageError> {
        let own = self.process_subject(&self.owner.to_string());
        let sent = steady_milliseconds();
        let info = self.jetstream.find_stream(&self.meta_stream, Some(&own)).await?;
        let received = steady_milliseconds();
        let Some(info) = info else {
            let is_deleted = self.lock_running().missing.lasts();
            if is_deleted {
                self.recreate_meta().await?;
            }
            return Err(deleted(&self.meta_stream));
        };
        self.lock_running().missing = Missing::default();
        if let Some(time) = parse_time(&info.ts) {
            self.clock.refresh(&Reading { time, sent, received });
        }
        let was_missing = !info.state.subjects.contains_key(&own);
        let publish = Publish {
            subject: own,
            follows: None,
            kept_for: MAX_BEAT_AGE,
            replaces: false,
            payload: Bytes::from_static(b"{}"),
        };
        let known = self.last_meta_sequence();
        let sequence = self.jetstream.publish(publish).await.map_err(RequestFailure::into_error)?;
        let has_lost = sequence <= known;
        if has_lost {
            tracing::error!(stream = self.meta_stream, "the NATS stream has lost messages");
            self.lock_revoked().lose(sequence);
        }
        let state = self.read_processes(sequence).await?;
        self.lock_revoked().update(&state);
        let owners = state.subjects.keys().filter_map(|subject| subject.rsplit('.').next()?.parse().ok());
        let mut running = self.lock_running();
        running.owners = owners.collect();
        running.owners.insert(self.owner);
        if std::mem::replace(&mut running.has_reported, true) && was_missing || has_lost {
            running.distrust();
        }
        Ok(())
    }

    /// Reads the subjects of the running processes, from a server that has stored everything up to a sequence. A server
    /// that was suspended or cut off may answer as the leader, although it does not have the latest reports.
    async fn read_processes(&self, at_least: u64) -> Result<StreamState, StorageError> {
        let subjects = self.process_subject("*");
        loop {
            let state = self.jetstream.stream_info(&self.meta_stream, Some(&subjects)).await?.state;
            if state.last_seq >= at_least {
                return Ok(state);
            }
            sleep(PAUSE).await;
        }
    }

    fn lock_running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_revoked(&self) -> MutexGuard<'_, Revoked> {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the greatest known sequence of the stream of the processes and the revocations.
    pub(super) fn last_meta_sequence(&self) -> u64 {
        self.lock_revoked().last
    }

    /// Removes this process from those that are running.
    pub(super) async fn unregister(&self) {
        let subject = self.process_subject(&self.owner.to_string());
        // If this fails, the registration expires.
        let _ = self.jetstream.purge(&self.meta_stream, &subject, None).await;
    }

    /// Returns whether a process may be running.
    pub(super) fn may_run(&self, owner: Option<u32>) -> bool {
        let running = self.lock_running();
        let is_uncertain = running.uncertain_until.is_some_and(|until| Instant::now() < until);
        owner.is_some_and(|owner| is_uncertain || running.owners.contains(&owner))
    }

    fn process_subject(&self, owner: &str) -> String {
        format!("{}.meta.process.{owner}", self.space)
    }

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
            let (first, has_lost) = (revoked.first, std::mem::take(&mut revoked.has_lost));
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
            match self.store_revoked(&id, at, Some(0)).await {
                // It is read again with its new sequence.
                Ok(_) => {}
                // It is not lost, or another process has just stored it.
                Err(failure) if failure.is_wrong_sequence() => {}
                Err(failure) => {
                    self.lock_revoked().has_lost |= has_lost;
                    return Err(failure.into_error());
                }
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
            let latest = self.lock_revoked().latest;
            let read = self.jetstream.read_from(&self.meta_stream, &subject, latest + 1).await?;
            let Some(last) = read.last() else { return Ok(revoked) };
            let mut followed = self.lock_revoked();
            // Meanwhile, another task has read the same, or the stream has lost messages.
            if followed.latest != latest {
                continue;
            }
            followed.latest = last.sequence;
            for (id, at) in read.iter().filter_map(|stored| followed.add(stored)) {
                revoked.push((id, self.age(at)));
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
}

/// Returns the id of a revoked token, and when it was revoked, in milliseconds since 1970.
fn parse_revoked(payload: &[u8]) -> Option<(String, i64)> {
    let revoked: Value = serde_json::from_slice(payload).ok()?;
    Some((revoked["id"].as_str()?.to_owned(), revoked["at"].as_i64()?))
}

/// Converts a server's time to milliseconds since 1970. It has up to nine digits after the second.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.strip_suffix('Z')?.split_at_checked("2026-01-01T00:00:00".len())?;
    let fraction = fraction.strip_prefix('.').unwrap_or_default();
    let milliseconds = format!("{seconds}.{}Z", format!("{fraction:0<3}").get(..3)?);
    parse_timestamp(&milliseconds).map(to_milliseconds)
}

#[cfg(test)]
mod tests;
