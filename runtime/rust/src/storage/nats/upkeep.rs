//! Periodic work: reports that this process is running, ends the text streams of ended processes, deletes old data.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::append::Append;
use super::channel::TrackedChannel;
use super::meta::BEAT_INTERVAL;
use super::writer::AppendFailure;
use super::{AppendError, Shared, StorageError};
use crate::history::OpenStream;
use crate::storage::abandoned_streams::end_entry;
use crate::storage::queue::Queue;

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

    async fn check(&mut self) -> Result<(), StorageError> {
        self.shared.restore_revoked().await?;
        self.shared.report_revoked().await?;
        self.check_channels().await?;
        if self.list_abandoned_streams().is_empty() {
            return Ok(());
        }
        // Since the last report, these streams may have ended, and processes may have started. They register before
        // they write, so reading both again is exact.
        self.shared.catch_up().await?;
        self.shared.beat().await?;
        for (channel, stream) in self.list_abandoned_streams() {
            self.end_stream(&channel, stream);
        }
        Ok(())
    }

    /// Compares some of the open channels with their streams.
    async fn check_channels(&mut self) -> Result<(), StorageError> {
        let next = self.shared.channels.list_open_after(self.checked, CHECKED_AT_ONCE);
        self.checked = next.last().map_or(0, |channel| channel.handle);
        for channel in &next {
            self.shared.refresh(channel, 0).await?;
        }
        Ok(())
    }

    /// Returns the text streams of processes that no longer run.
    fn list_abandoned_streams(&self) -> Vec<(Arc<TrackedChannel>, OpenStream)> {
        let is_abandoned = |stream: &OpenStream| !stream.is_of_run() && !self.shared.may_run(stream.owner());
        self.shared.channels.list_streams(is_abandoned)
    }

    /// Ends a text stream, so that its readers do not wait for more. If that fails, the next report tries again.
    fn end_stream(&self, channel: &Arc<TrackedChannel>, stream: OpenStream) {
        let Some(log) = channel.log() else { return };
        let (append, outcome) = Append::new(end_entry(&log, &stream), Queue::default().reserve(0));
        self.shared.enqueue(append);
        let channel = Arc::clone(channel);
        tokio::spawn(async move {
            if matches!(outcome.await, Ok(Ok(_) | Err(AppendError::KeyReused | AppendError::StreamEnded)))
                && let Some(position) = &mut channel.lock().position
            {
                position.open_streams.retain(|open| open.id != stream.id);
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
