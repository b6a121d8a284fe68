//! Ends text streams whose process ended before they did.

use std::sync::Arc;

use super::{AppendError, Engine, Entry, OpenedLog, StorageError};
use crate::history::{IdempotencyKey, Log, OpenStream};
use crate::wire::{DataFrame, Envelope, LogKind};

/// Ends the abandoned streams of a log that was just opened, so that their readers do not wait for more text.
pub(crate) async fn end_abandoned_streams(
    engine: &dyn Engine,
    opened: OpenedLog,
    is_written: impl Fn(&str) -> bool,
) -> Result<Arc<Log>, StorageError> {
    let OpenedLog { log, abandoned } = opened;
    // Skip streams that this process still writes: the log may have been closed and reopened while its channel was
    // idle.
    for stream in abandoned.into_iter().filter(|stream| !is_written(&stream.id)) {
        let entry = end_entry(&log, &stream);
        if stream.is_of_run() {
            // The journal knows whether the process that ended the run has already ended the stream.
            engine.end_stream(stream.id, entry).await?;
            continue;
        }
        if let Err(AppendError::Storage(error)) = engine.append(entry).await {
            return Err(error);
        }
    }
    Ok(log)
}

/// Returns the message that ends an abandoned stream. Several processes may append it, but its idempotency key ensures
/// that it is stored once.
pub(super) fn end_entry(log: &Arc<Log>, stream: &OpenStream) -> Entry {
    let topic = log.channel().definition().topics[stream.topic].name;
    let error = Some("the server was restarted");
    let envelope = Envelope {
        kind: LogKind::StreamEnd { error, is_stopped: false },
        channel: log.channel().name(),
        topic,
        run_id: stream.run_id.as_deref(),
    };
    let frame = DataFrame::of_text(envelope, &stream.id);
    let key = IdempotencyKey::of_stream_end(&stream.id, topic, error);
    Entry { log: Arc::clone(log), topic: stream.topic, frame, key: Some(key), writer: None }
}
