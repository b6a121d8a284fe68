//! Text streams whose process ended before they did.

use std::sync::Arc;

use super::{AppendError, Engine, Entry, Opened, StorageError};
use crate::history::{Log, OpenStream};
use crate::wire::{DataFrame, Envelope, LogKind};

/// Ends the streams that are open in a log that was just brought from the storage: nobody goes on
/// with them, and whoever reads one must not wait for the rest.
pub(crate) async fn end_left_open(engine: &dyn Engine, opened: Opened) -> Result<Arc<Log>, StorageError> {
    let Opened { log, left_open } = opened;
    for stream in left_open {
        let is_of_run = stream.is_of_run();
        let OpenStream { topic, id, run_id } = stream;
        let envelope = Envelope {
            kind: LogKind::StreamEnd { error: Some("the server was restarted"), is_stopped: false },
            channel: log.channel().name(),
            topic: log.channel().definition().topics[topic].name,
            run_id: run_id.as_deref(),
        };
        let frame = DataFrame::of_text(envelope, &id);
        let entry = Entry { log: Arc::clone(&log), topic, frame, key: None };
        if is_of_run {
            // The journal knows whether the stream has ended since, by the process that ended its run.
            engine.end_stream(id, entry).await?;
            continue;
        }
        if let Err(AppendError::Storage(error)) = engine.append(entry).await {
            return Err(error);
        }
    }
    Ok(log)
}
