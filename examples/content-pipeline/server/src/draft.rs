//! Showing the draft as it is written.

use crate::summarise::pieces;
use fanfare::{RunError, RunStreamWriter};
use std::time::Duration;
use tokio::time::sleep;

/// Writes the draft piece by piece, as a model would. Pieces that readers have from before the server was killed are
/// not written again.
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
