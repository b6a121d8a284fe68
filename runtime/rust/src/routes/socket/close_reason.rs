//! The close reason of a connection that cannot be read.

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;

use crate::routes::connection::CloseReason;
use crate::wire::close;

/// Returns the close reason for an error.
pub(super) fn close_reason(error: &Error) -> CloseReason {
    match error {
        Error::Capacity(_) => {
            CloseReason::with_code(close::TOO_LARGE, "too_large", "frame larger than 32 KiB")
        }
        Error::Utf8(_) => CloseReason::with_code(close::PROTOCOL, "protocol", "text frame is not UTF-8"),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            CloseReason::without_code("left", "the client disconnected")
        }
        _ => CloseReason::with_code(close::PROTOCOL, "protocol", "WebSocket protocol error"),
    }
}
