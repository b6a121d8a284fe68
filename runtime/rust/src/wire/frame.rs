//! Frames from the server and from the client.

use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

mod client;
mod server;

pub use client::{ClientFrame, ErrorCode, Since, read_client_frame};
pub(crate) use client::{client_frame, is_short};
pub use server::{Drift, DriftChange, DriftKind, EndCode, ServerFrame, ServerFrames, read_server_frames};

/// An error from parsing a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// What is wrong with it.
    pub message: String,
    /// The frame's `ref`, if it has a valid one.
    pub subscription_id: Option<String>,
}

impl fmt::Display for FrameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for FrameError {}

fn read_json(text: &str) -> Result<Value, FrameError> {
    serde_json::from_str(text).map_err(|error| FrameError {
        message: format!("the frame is not JSON: {error}"),
        subscription_id: None,
    })
}

/// Deserializes a field that may be absent, but not `null`.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
