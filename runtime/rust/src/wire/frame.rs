//! Frames from the server and from the client.

use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

mod client;
mod server;

pub(crate) use client::client_frame;
pub use client::{ClientFrame, ErrorCode, Since, read_client_frame};
pub use server::{EndCode, ServerFrame, ServerMessage, read_server_frames};

/// A frame that its reader refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// What is wrong with it.
    pub message: String,
    /// The frame's own `ref`, where it has a readable one.
    pub reference: Option<String>,
}

impl fmt::Display for FrameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for FrameError {}

fn read_json(text: &str) -> Result<Value, FrameError> {
    serde_json::from_str(text)
        .map_err(|error| FrameError { message: format!("the frame is not JSON: {error}"), reference: None })
}

/// A field that may be absent, and is not `null` where it is there.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
