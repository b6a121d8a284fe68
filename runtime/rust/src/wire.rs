//! The wire protocol: frames, ids, cursors and close codes, as `PROTOCOL.md` specifies them.
//!
//! A server uses it through [`routes`](crate::routes()). It is public for clients and tests in Rust.
//!
//! ```
//! use fanfare::wire::{ServerFrame, read_server_frames};
//!
//! let message = read_server_frames(r#"{"kind":"closing"}"#).unwrap();
//! assert_eq!(message.frames, [ServerFrame::Closing { reconnect_in: None }]);
//! ```

mod data;
mod frame;
mod id;
mod time;

#[cfg(any(feature = "nats", feature = "postgres"))]
pub(crate) use data::stamped;
pub(crate) use data::{ChunkParts, DataFrame, Envelope, LogKind, id_of, with_id, with_topic};
pub use frame::{
    ClientFrame, Drift, DriftChange, DriftKind, EndCode, ErrorCode, FrameError, ServerFrame, ServerFrames,
    Since, read_client_frame, read_server_frames,
};
pub(crate) use frame::{client_frame, is_short};
pub use id::{Cursor, MessageId, ParseCursorError, ParseMessageIdError};
pub(crate) use time::{parse_timestamp, timestamp};

/// Text that many connections write from without copying it.
pub(crate) type SharedText = axum::extract::ws::Utf8Bytes;

/// The subprotocol of clients that understand every kind of frame.
pub const SUBPROTOCOL: &str = "fanfare.v1";

/// The prefix of a token that a client sends as a subprotocol.
pub const BEARER_SUBPROTOCOL: &str = "bearer.";

/// The prefix of the default issuer of tokens. The id of the key follows (`kid`).
pub const ISSUER_PREFIX: &str = "fanfare:";

/// The largest payload, in bytes of JSON.
pub const MAX_PAYLOAD: usize = 1024 * 1024;

/// The maximum size of a frame from a client, in bytes.
pub const MAX_CLIENT_FRAME: usize = 32 * 1024;

/// A connection with this many bad frames is closed.
pub const MAX_BAD_FRAMES: u32 = 16;

/// The maximum number of channels on one connection. A channel counts once per subscription.
pub const MAX_CHANNELS: usize = 1000;

/// The maximum number of frames from a client that are read at once.
pub const FRAME_BURST: u32 = 1200;

/// The maximum number of frames from a client that are read per second, on average.
pub const FRAMES_PER_SECOND: u32 = 100;

/// The maximum size of the request body of `POST sse`, in bytes.
pub const MAX_SSE_BODY: usize = 256 * 1024;

/// The maximum length of a token's `sub` or `jti`, in characters.
pub const MAX_TOKEN_NAME: usize = 256;

/// The maximum number of topics and signals that a token may grant.
pub const MAX_GRANT_ENTRIES: usize = 64;

/// Close codes, and whether a client reconnects.
pub mod close {
    /// The server is going away; reconnect.
    pub const GOING_AWAY: u16 = 1001;
    /// A violation of the WebSocket protocol.
    pub const PROTOCOL: u16 = 1002;
    /// A binary frame: frames must be text.
    pub const BINARY: u16 = 1003;
    /// A frame larger than [`MAX_CLIENT_FRAME`](super::MAX_CLIENT_FRAME).
    pub const TOO_LARGE: u16 = 1009;
    /// An internal error of the server; reconnect.
    pub const INTERNAL: u16 = 1011;
    /// Too many bad frames.
    pub const BAD_FRAMES: u16 = 4400;
    /// A token expired; reconnect with a new one.
    pub const EXPIRED: u16 = 4401;
    /// A token was revoked.
    pub const REVOKED: u16 = 4403;
    /// Nothing was subscribed for a while; reconnect when there is something to subscribe to.
    pub const IDLE: u16 = 4408;
}
