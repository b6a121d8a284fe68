//! Periodic work: reports that this process is running, ends the text streams of ended processes, deletes old data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::append::Append;
use super::channel::TrackedChannel;
use super::processes::BEAT_INTERVAL;
use super::tail::skip_unreadable;
use super::writer::AppendFailure;
use super::{AppendError, Shared, StorageError};
use crate::history::OpenStream;
use crate::storage::abandoned_streams::end_entry;

const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

/// The time after which a process that cannot report connects to another NATS server, short enough to report again
/// before others regard it as ended. The time doubles with each attempt.
const RECONNECT_AFTER: Duration = Duration::from_secs(5);

/// The maximum of that time. After it, a process connects to another server even if the current one stores messages:
/// the other may reach the stream of the reports.
const MAX_RECONNECT_AFTER: Duration = Duration::from_secs(60);

/// The time within which a shard must store a mark to show that the connection works.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The number of open channels that are compared with the stream at each report. A deleted channel is noticed at its
/// turn, or when it is used.
const CHECKED_AT_ONCE: usize = 50;

pub(super) struct Upkeep {
    shared: Arc<Shared>,
    /// The handle of the channel that was compared last.
    checked: i64,
}

impl Upkeep {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, checked: 0 }
    }

    /// Works until the storage is dropped.
    pub(super) async fn run(self) {
        // Reports must not wait for anything else: without them, others regard this process as ended.
        let shared = Arc::clone(&self.shared);
        tokio::join!(shared.report_at_intervals(), self.maintain());
    }

    async fn maintain(mut self) {
        let (mut checks, mut sweeps) = (interval(BEAT_INTERVAL), interval(SWEEP_INTERVAL));
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                _ = checks.tick() => self.check().await,
                _ = sweeps.tick() => self.sweep().await,
            };
            if let Err(error) = done {
                tracing::warn!(%error, "failed to maintain the storage");
            }
        }
    }

    /// Does each part of the work even if another one fails, because streams fail one by one.
    async fn check(&mut self) -> Result<(), StorageError> {
        let revoked = self.check_revoked().await;
        let channels = self.check_channels().await;
        let streams = self.end_abandoned_streams().await;
        revoked.and(channels).and(streams)
    }

    async fn check_revoked(&self) -> Result<(), StorageError> {
        self.shared.restore_revoked().await?;
        self.shared.report_revoked().await
    }

    /// Compares some of the open channels with their streams.
    async fn check_channels(&mut self) -> Result<(), StorageError> {
        let next = self.shared.channels.list_open_after(self.checked, CHECKED_AT_ONCE);
        self.checked = next.last().map_or(0, |channel| channel.handle);
        let mut failed = BTreeMap::new();
        for channel in &next {
            if !failed.contains_key(&channel.shard)
                && let Err(error) =
                    skip_unreadable(self.shared.refresh(channel, 0).await, channel.channel.name())
            {
                failed.insert(channel.shard, error);
            }
        }
        failed.into_values().next().map_or(Ok(()), Err)
    }

    async fn end_abandoned_streams(&self) -> Result<(), StorageError> {
        let abandoned = self.list_abandoned_streams();
        if abandoned.is_empty() {
            return Ok(());
        }
        let shards: BTreeSet<usize> = abandoned.iter().map(|(channel, _)| channel.shard).collect();
        // Since the last report, these streams may have ended, and processes may have started. They register before
        // they write, so reading both again is exact.
        let (mut caught_up, mut outcome) = (BTreeSet::new(), Ok(()));
        for shard in shards {
            match self.shared.catch_up(shard).await {
                Ok(()) => drop(caught_up.insert(shard)),
                Err(error) => outcome = Err(error),
            }
        }
        self.shared.beat().await?;
        for (channel, stream) in self.list_abandoned_streams() {
            if caught_up.contains(&channel.shard) {
                self.end_stream(&channel, stream);
            }
        }
        outcome
    }

    /// Returns the text streams that no process can continue.
    fn list_abandoned_streams(&self) -> Vec<(Arc<TrackedChannel>, OpenStream)> {
        let is_abandoned = |stream: &OpenStream| !stream.is_of_run() && !self.shared.may_run(stream.owner());
        self.shared.channels.list_streams(is_abandoned)
    }

    /// Ends a text stream, so that its readers do not wait for more. If that fails, the next report tries again.
    fn end_stream(&self, channel: &Arc<TrackedChannel>, stream: OpenStream) {
        let Some(log) = channel.log() else { return };
        let (append, outcome) = Append::new(end_entry(&log, &stream), None);
        self.shared.enqueue(append);
        let channel = Arc::clone(channel);
        tokio::spawn(async move {
            if matches!(outcome.await, Ok(Ok(_) | Err(AppendError::KeyReused | AppendError::StreamEnded)))
                && let Some(position) = &mut channel.lock().position
            {
                position.streams.remove(&stream.id);
            }
        });
    }

    async fn sweep(&self) -> Result<(), StorageError> {
        for channel in self.shared.channels.list_open() {
            self.shared.request_trim(&channel, 1);
            self.shared.keep(&channel).await.map_err(AppendFailure::into_error)?;
        }
        Ok(())
    }
}

impl Shared {
    /// Reports at intervals that this process is running. If that fails for a while, connects to another of the NATS
    /// servers: the current one may be cut off from the others.
    async fn report_at_intervals(&self) {
        let mut beats = interval(BEAT_INTERVAL);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut since, mut pause) = (Instant::now(), RECONNECT_AFTER);
        loop {
            beats.tick().await;
            let Err(error) = self.beat().await else {
                (since, pause) = (Instant::now(), RECONNECT_AFTER);
                continue;
            };
            tracing::warn!(%error, "failed to report to the storage that this process is running");
            let failing_for = since.elapsed();
            // Reconnecting loses messages in transit, and does not help if only the stream of the reports has failed.
            if failing_for > pause && (failing_for > MAX_RECONNECT_AFTER || !self.can_store().await) {
                (since, pause) = (Instant::now(), (2 * pause).min(MAX_RECONNECT_AFTER));
                // An error means that the connection is closed for good.
                let _ = self.jetstream.client.force_reconnect().await;
            }
        }
    }

    /// Returns whether the stream of any shard stores what this process sends.
    async fn can_store(&self) -> bool {
        let marks = (0..self.shard_count()).map(|shard| timeout(PROBE_TIMEOUT, self.store_mark(shard)));
        join_all(marks).await.iter().any(|stored| matches!(stored, Ok(Ok(_))))
    }
}
