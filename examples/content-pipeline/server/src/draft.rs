//! Showing the draft as it is written.

use crate::summarise::pieces;
use channels::pipeline::Pipeline;
use fanfare::{PublishError, Run};
use std::time::Duration;
use tokio::time::sleep;

/// Publishes the draft piece by piece, as a model would write it.
///
/// A text stream is not durable. When the server is killed on the way, subscribers are told that
/// the text is not complete, and the next attempt starts another stream. So it belongs into a step,
/// and pages show the latest.
pub(crate) async fn publish(run: &Run<Pipeline>, draft: &str, pause: Duration) -> Result<(), PublishError> {
    let mut stream = run.hub().stream(run.channel().draft()).await?;
    for piece in pieces(draft) {
        stream.write(piece).await?;
        sleep(pause).await;
    }
    stream.end().await?;
    Ok(())
}
