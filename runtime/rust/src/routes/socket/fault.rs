//! What a connection that cannot be read is closed with.

use tokio_tungstenite::tungstenite::Error;

use super::End;
use crate::wire::close;

/// axum does not tell errors apart; the layer below it does.
pub(super) fn close_code(error: axum::Error) -> End {
    match error.into_inner().downcast_ref::<Error>() {
        Some(Error::Capacity(_)) => {
            End::Close { code: close::TOO_LARGE, reason: "a frame larger than 32 KiB" }
        }
        Some(Error::Utf8(_)) => End::Close { code: close::PROTOCOL, reason: "text that is not UTF-8" },
        Some(Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_)) => End::Gone("the client left"),
        _ => End::Close { code: close::PROTOCOL, reason: "not the WebSocket protocol" },
    }
}
