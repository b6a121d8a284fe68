//! The periodic work: reporting that this process is running, ending the text streams of others, deleting old data.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_postgres::types::Type;

use super::beat::{BEAT_INTERVAL, Beat, MAX_BEAT_AGE, beat};
use super::connection::{FailureKind, RequestError};
use super::logs::Trim;
use super::writer::Append;
use super::{Shared, TailCommand};
use crate::history::{Log, OpenStream};
use crate::storage::abandoned_streams::end_entry;
use crate::storage::queue::Queue;

pub(super) mod sweep;

const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

/// How often to look for channels whose use must be recorded again. Other processes do not delete a channel whose use
/// was recorded within the week.
const USE_RECORD_INTERVAL: Duration = Duration::from_secs(86_400);

/// It does not wait for channels that a transaction has locked: publishing to them records their use, too.
const RECORD_USE: &str = "
    UPDATE fanfare.channels SET used = greatest(used, fanfare.now_ms()) WHERE id = ANY(array(
        SELECT id FROM fanfare.channels WHERE id = ANY($1) FOR NO KEY UPDATE SKIP LOCKED
    ))
";

/// The most rows that one statement deletes.
const MAX_DELETED: i64 = 1_000;

pub(super) struct Upkeep {
    shared: Arc<Shared>,
    writer: mpsc::WeakUnboundedSender<Append>,
    trims: mpsc::UnboundedReceiver<Trim>,
    /// When this process last reported.
    reported_at: Instant,
}

impl Upkeep {
    pub(super) fn new(
        shared: Arc<Shared>,
        writer: mpsc::WeakUnboundedSender<Append>,
        trims: mpsc::UnboundedReceiver<Trim>,
    ) -> Self {
        Self { shared, writer, trims, reported_at: Instant::now() }
    }

    /// Works until the storage is dropped.
    pub(super) async fn run(mut self) {
        let (mut beats, mut sweeps) = (interval(BEAT_INTERVAL), interval(SWEEP_INTERVAL));
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                biased;
                _ = beats.tick() => self.report().await,
                _ = sweeps.tick() => self.sweep().await,
                Some(trim) = self.trims.recv() => self.trim(trim).await,
            };
            // Other failures are logged with the storage's health.
            if let Err(failure) = done
                && failure.kind == FailureKind::RolledBack
            {
                tracing::error!(error = %failure.error, "failed to maintain the storage");
            }
        }
    }

    /// Reports that this process is running, and ends the text streams of those that are not.
    async fn report(&mut self) -> Result<(), RequestError> {
        let Beat { clock, running } = beat(&self.shared.link, self.shared.owner).await?;
        self.shared.clock.refresh(&clock);
        // A process that started and ended meanwhile may have been missed.
        let missed_some = self.reported_at.elapsed() > MAX_BEAT_AGE;
        self.reported_at = Instant::now();
        let mut known = self.shared.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.retain(|owner| !running.contains(owner));
        if missed_some || !known.is_empty() {
            let (reply, caught_up) = oneshot::channel();
            // They may have ended their streams themselves.
            let _ = self.shared.tail.send(TailCommand::CatchUp { reply });
            let _ = caught_up.await;
            // Processes may have started since the report. They registered before they wrote what was just read.
            let running = beat(&self.shared.link, self.shared.owner).await?.running;
            let is_ended = |owner: u32| !running.contains(&owner) && (missed_some || known.contains(&owner));
            for log in self.shared.logs.list() {
                self.end_streams(&log, is_ended);
            }
        }
        *self.shared.running.lock().unwrap_or_else(PoisonError::into_inner) = running;
        Ok(())
    }

    /// Ends the text streams of processes that have ended, so that their readers do not wait for more.
    fn end_streams(&self, log: &Arc<Log>, is_ended: impl Fn(u32) -> bool) {
        let is_abandoned = |stream: &OpenStream| !stream.is_of_run() && stream.owner().is_some_and(&is_ended);
        let Some(writer) = self.writer.upgrade() else { return };
        let queue = Queue::default();
        for stream in log.open_streams().into_iter().filter(is_abandoned) {
            let _ = writer.send(Append::new(end_entry(log, &stream), queue.reserve(0)).0);
        }
    }

    /// Deletes evicted messages, in batches.
    async fn trim(&self, trim: Trim) -> Result<(), RequestError> {
        sweep::delete_evicted(&self.shared.link, &trim).await?;
        self.shared.logs.record_trim(trim);
        Ok(())
    }

    async fn sweep(&self) -> Result<(), RequestError> {
        for log in self.shared.logs.list() {
            if let Some(trim) = self.shared.logs.take_evicted(&log, 1) {
                self.trim(trim).await?;
            }
        }
        if let Some(before) = Instant::now().checked_sub(USE_RECORD_INTERVAL) {
            let channels = self.shared.logs.take_unrecorded(before);
            if !channels.is_empty() {
                self.shared.link.query(RECORD_USE, &[(&channels, Type::INT8_ARRAY)]).await?;
            }
        }
        sweep::sweep(&self.shared).await
    }
}
