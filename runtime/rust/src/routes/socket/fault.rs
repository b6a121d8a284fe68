//! What a connection that cannot be read is closed with.

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;

use crate::routes::session::End;
use crate::wire::close;

/// axum does not tell errors apart; the layer below it does.
pub(super) fn close_code(error: axum::Error) -> End {
    match error.into_inner().downcast_ref::<Error>() {
        Some(Error::Capacity(_)) => End::close(close::TOO_LARGE, "too_large", "frame larger than 32 KiB"),
        Some(Error::Utf8(_)) => End::close(close::PROTOCOL, "protocol", "text frame is not UTF-8"),
        Some(
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Io(_)
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake),
        ) => End::gone("left", "the client disconnected"),
        _ => End::close(close::PROTOCOL, "protocol", "WebSocket protocol error"),
    }
}
