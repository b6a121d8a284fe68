//! The state that the processes of a cluster share besides messages: the running processes and the revoked tokens.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_nats::Subscriber;
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::jetstream::{Publish, RequestFailure, no_connection};
use super::{OnRevoked, Shared, StorageError, subjects};
use crate::clock::to_milliseconds;
use crate::storage::remote_clock::{Reading, steady_milliseconds};
use crate::token::REVOKED_FOR;
use crate::wire::parse_timestamp;

/// The interval at which a process reports that it is running.
pub(super) const BEAT_INTERVAL: Duration = Duration::from_secs(2);

/// A process that has not reported for this long is regarded as ended.
pub(super) const MAX_BEAT_AGE: Duration = Duration::from_secs(15);

/// The processes that are running, as far as this one knows.
#[derive(Default)]
pub(super) struct Running {
    owners: BTreeSet<u32>,
    /// Until this time, no process is regarded as ended: the servers were unreachable, and the reports of all processes
    /// may have expired meanwhile.
    uncertain_until: Option<Instant>,
}

/// The listener for revocations, and the sequence of the latest one that it has received.
#[derive(Default)]
pub(super) struct Revoked {
    pub(super) listener: Option<OnRevoked>,
    latest: u64,
}

impl Shared {
    /// Reports that this process is running, and reads which others are running.
    pub(super) async fn beat(&self) -> Result<(), StorageError> {
        let outcome = self.try_beat().await;
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match &outcome {
            Ok(owners) => running.owners.clone_from(owners),
            Err(_) => running.uncertain_until = Some(Instant::now() + 2 * MAX_BEAT_AGE),
        }
        outcome.map(drop)
    }

    async fn try_beat(&self) -> Result<BTreeSet<u32>, StorageError> {
        let publish = Publish {
            subject: self.process_subject(&self.owner.to_string()),
            follows: None,
            kept_for: MAX_BEAT_AGE,
            replaces: false,
            payload: Bytes::from_static(b"{}"),
        };
        self.jetstream.publish(publish).await.map_err(RequestFailure::into_error)?;
        let sent = steady_milliseconds();
        let info = self.jetstream.stream_info(&self.meta_stream, Some(&self.process_subject("*"))).await?;
        let received = steady_milliseconds();
        if let Some(time) = parse_time(&info.ts) {
            self.clock.refresh(&Reading { time, sent, received });
        }
        let owners =
            info.state.subjects.keys().filter_map(|subject| subject.rsplit('.').next()?.parse().ok());
        Ok(owners.collect())
    }

    /// Removes this process from those that are running.
    pub(super) async fn unregister(&self) {
        let subject = self.process_subject(&self.owner.to_string());
        // If it fails, others notice after a while that this process does not report.
        let _ = self.jetstream.purge(&self.meta_stream, &subject, None).await;
    }

    /// Returns whether a process may be running.
    pub(super) fn may_run(&self, owner: Option<u32>) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let is_uncertain = running.uncertain_until.is_some_and(|until| Instant::now() < until);
        owner.is_some_and(|owner| is_uncertain || running.owners.contains(&owner))
    }

    fn process_subject(&self, owner: &str) -> String {
        format!("{}.meta.process.{owner}", self.space)
    }

    pub(super) async fn revoke(&self, id: &str) -> Result<(), StorageError> {
        let publish = Publish {
            subject: format!("{}.meta.revoked.{}", self.space, subjects::encode(id)),
            follows: None,
            kept_for: REVOKED_FOR,
            replaces: false,
            payload: json!({ "id": id, "at": self.now() }).to_string().into(),
        };
        self.jetstream.publish(publish).await.map(drop).map_err(RequestFailure::into_error)
    }

    /// Returns the revocations that this process has not read yet, each with the time since then.
    pub(super) async fn read_revoked(&self) -> Result<Vec<(String, Duration)>, StorageError> {
        let subject = format!("{}.meta.revoked.*", self.space);
        let mut revoked = Vec::new();
        loop {
            let latest = self.revoked.lock().unwrap_or_else(PoisonError::into_inner).latest;
            let read = self.jetstream.read_from(&self.meta_stream, &subject, latest + 1).await?;
            let Some(last) = read.last() else { return Ok(revoked) };
            let mut followed = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
            followed.latest = followed.latest.max(last.sequence);
            revoked.extend(read.iter().filter_map(|stored| self.parse_revoked(&stored.payload)));
        }
    }

    fn parse_revoked(&self, payload: &[u8]) -> Option<(String, Duration)> {
        let revoked: Value = serde_json::from_slice(payload).ok()?;
        let age = u64::try_from(self.now() - revoked["at"].as_i64()?).unwrap_or(0);
        Some((revoked["id"].as_str()?.to_owned(), Duration::from_millis(age)))
    }

    /// Hands the hub the revocations that it has not received.
    pub(super) async fn report_revoked(&self) -> Result<(), StorageError> {
        if self.revoked.lock().unwrap_or_else(PoisonError::into_inner).listener.is_some() {
            let revoked = self.read_revoked().await?;
            self.notify_revoked(&revoked);
        }
        Ok(())
    }

    fn notify_revoked(&self, revoked: &[(String, Duration)]) {
        if let Some(on_revoked) = &self.revoked.lock().unwrap_or_else(PoisonError::into_inner).listener {
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
            let revoked = self.parse_revoked(&message.payload);
            self.notify_revoked(revoked.as_slice());
        }
    }
}

/// Converts a server's time to milliseconds since 1970. It has up to nine digits after the second.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.strip_suffix('Z')?.split_at_checked("2026-01-01T00:00:00".len())?;
    let fraction = fraction.strip_prefix('.').unwrap_or_default();
    let milliseconds = format!("{seconds}.{}Z", format!("{fraction:0<3}").get(..3)?);
    parse_timestamp(&milliseconds).map(to_milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_servers_have_any_number_of_digits() {
        let expected = [1_767_225_600_000, 1_767_225_600_500, 1_767_225_600_123, 1_767_225_600_120];
        for (fraction, expected) in ["", ".5", ".123456789", ".12"].into_iter().zip(expected) {
            assert_eq!(parse_time(&format!("2026-01-01T00:00:00{fraction}Z")), Some(expected));
        }
        assert_eq!(parse_time(""), None);
        assert_eq!(parse_time("2026-01-01T00:00:00+01:00"), None);
    }
}
