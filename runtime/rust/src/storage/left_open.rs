//! Text streams whose process ended before they did.

use std::sync::Arc;

use super::{AppendError, Engine, Entry, Opened, StorageError};
use crate::history::{Key, Log, OpenStream};
use crate::wire::{DataFrame, Envelope, LogKind};

/// Ends the streams that are open in a log that was just brought from the storage: nobody goes on
/// with them, and whoever reads one must not wait for the rest.
pub(crate) async fn end_left_open(
    engine: &dyn Engine,
    opened: Opened,
    is_written: impl Fn(&str) -> bool,
) -> Result<Arc<Log>, StorageError> {
    let Opened { log, left_open } = opened;
    // The log may have been closed while its channel was idle, and this process goes on with a stream.
    for stream in left_open.into_iter().filter(|stream| !is_written(&stream.id)) {
        let entry = end_of(&log, &stream);
        if stream.is_of_run() {
            // The journal knows whether the stream has ended since, by the process that ended its run.
            engine.end_stream(stream.id, entry).await?;
            continue;
        }
        if let Err(AppendError::Storage(error)) = engine.append(entry).await {
            return Err(error);
        }
    }
    Ok(log)
}

/// Returns the end of a stream that nobody goes on with. Several processes may append it: it has a key, so it is kept
/// once.
pub(super) fn end_of(log: &Arc<Log>, stream: &OpenStream) -> Entry {
    let topic = log.channel().definition().topics[stream.topic].name;
    let envelope = Envelope {
        kind: LogKind::StreamEnd { error: Some("the server was restarted"), is_stopped: false },
        channel: log.channel().name(),
        topic,
        run_id: stream.run_id.as_deref(),
    };
    let frame = DataFrame::of_text(envelope, &stream.id);
    let key = Key::new(&format!("the end of {}", stream.id), topic, frame.payload());
    Entry { log: Arc::clone(log), topic: stream.topic, frame, key: Some(key) }
}
