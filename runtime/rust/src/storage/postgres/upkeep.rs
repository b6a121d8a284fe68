//! The periodic work: reporting that this process is running, ending the text streams of others, deleting old data.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_postgres::types::Type;

use super::beat::{BEAT_INTERVAL, Beat};
use super::connection::{FailureKind, RequestError};
use super::logs::{Trim, channel_id};
use super::writer::Append;
use super::{AppendError, Shared, TailCommand};
use crate::history::{Log, OpenStream};
use crate::storage::abandoned_streams::end_entry;

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
}

impl Upkeep {
    pub(super) fn new(
        shared: Arc<Shared>,
        writer: mpsc::WeakUnboundedSender<Append>,
        trims: mpsc::UnboundedReceiver<Trim>,
    ) -> Self {
        Self { shared, writer, trims }
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
        let Beat { clock, running } = self.shared.process.beat(&self.shared.link).await?;
        self.shared.clock.refresh(&clock);
        *self.shared.running.lock().unwrap_or_else(PoisonError::into_inner) = running;
        if self.list_abandoned_streams().is_empty() {
            return Ok(());
        }
        let (reply, caught_up) = oneshot::channel();
        // Their processes may have ended them, or others may have.
        let _ = self.shared.tail.send(TailCommand::CatchUp { reply });
        if !matches!(caught_up.await, Ok(Ok(()))) {
            // The next report tries again.
            return Ok(());
        }
        // Processes may have started since the report. They registered before they wrote what was just read.
        let running = self.shared.process.beat(&self.shared.link).await?.running;
        *self.shared.running.lock().unwrap_or_else(PoisonError::into_inner) = running;
        for (log, stream) in self.list_abandoned_streams() {
            self.end_stream(&log, stream);
        }
        Ok(())
    }

    /// Returns the text streams of processes that do not run.
    fn list_abandoned_streams(&self) -> Vec<(Arc<Log>, OpenStream)> {
        let running = self.shared.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.shared.logs.list_streams(|stream| {
            !stream.is_of_run() && !stream.owner().is_some_and(|owner| running.contains(&owner))
        })
    }

    /// Ends a text stream, so that its readers do not wait for more. If that fails, the next report tries again.
    fn end_stream(&self, log: &Arc<Log>, stream: OpenStream) {
        let Some(writer) = self.writer.upgrade() else { return };
        let (append, outcome) = Append::new(end_entry(log, &stream), None);
        let _ = writer.send(append);
        let (shared, channel) = (Arc::clone(&self.shared), channel_id(log));
        tokio::spawn(async move {
            if matches!(outcome.await, Ok(Ok(_) | Err(AppendError::KeyReused))) {
                shared.logs.forget_stream(channel, &stream.id);
            }
        });
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
