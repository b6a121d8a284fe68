//! Streams the draft.

use crate::summarise::pieces;
use fanfare::{RunError, RunStreamWriter};
use std::time::Duration;
use tokio::time::sleep;

/// Writes the draft in chunks, as a model would. Skips the text that readers already have from before the server was
/// killed.
pub(crate) async fn write(stream: RunStreamWriter, draft: &str, pause: Duration) -> Result<(), RunError> {
    let written = stream.text().len();
    let mut end = 0;
    for piece in pieces(draft) {
        end += piece.len();
        if end > written {
            stream.write(piece).await?;
            sleep(pause).await;
        }
    }
    Ok(())
}
