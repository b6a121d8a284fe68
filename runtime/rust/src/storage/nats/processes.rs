//! The running processes, which report to each other through a stream.

use std::collections::BTreeSet;
use std::mem::replace;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout};

use super::jetstream::{PAUSE, Publish, RequestFailure, StreamState, deleted, parse_time};
use super::tail::Missing;
use super::{Shared, StorageError};
use crate::storage::remote_clock::{Reading, steady_milliseconds};

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

impl Running {
    /// Regards no process as ended for some time, because reports may be missing.
    fn distrust(&mut self) {
        self.uncertain_until = Some(Instant::now() + 2 * MAX_BEAT_AGE);
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
            self.lock_revoked().lose(&self.meta_stream, sequence);
        }
        let state = self.read_processes(sequence).await?;
        self.lock_revoked().update(&state);
        let owners = state.subjects.keys().filter_map(|subject| subject.rsplit('.').next()?.parse().ok());
        let mut running = self.lock_running();
        running.owners = owners.collect();
        running.owners.insert(self.owner);
        if replace(&mut running.has_reported, true) && was_missing || has_lost {
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
}

#[cfg(test)]
mod tests;
