//! The command line.

use crate::protocol::Protocol;
use bench_hub::{argument, message, number};
use std::time::Duration;

/// How messages are published and received.
pub(crate) enum Mode {
    /// The server publishes in-process, at most `window` messages ahead of what subscribers have received on
    /// average, or as fast as it accepts.
    InProcess { window: Option<u64> },
    /// The client publishes over HTTP, or in the server's own protocol, at a steady rate.
    Steady { rate: u64 },
    /// The client publishes in the server's own protocol, or in batches over HTTP, at most `window` messages ahead.
    Native { window: u64 },
    /// A number of messages is published without subscribers.
    Fill { messages: u64 },
    /// Subscribers read a number of messages from the history.
    Replay { messages: u64 },
    /// Nothing is published.
    Idle,
}

pub(crate) struct Arguments {
    pub(crate) mode: Mode,
    pub(crate) protocol: Protocol,
    /// Host and port of the server.
    pub(crate) server: String,
    pub(crate) control: String,
    /// The process of the server, to measure its CPU time and memory.
    pub(crate) process: Option<u64>,
    /// The process of the storage that the server uses.
    pub(crate) storage: Option<u64>,
    pub(crate) subscribers: usize,
    /// Subscribers that never read.
    pub(crate) deaf: usize,
    pub(crate) size: u64,
    /// The number of channels that messages are published to in turn.
    pub(crate) channels: u64,
    pub(crate) time: Duration,
}

impl Arguments {
    pub(crate) fn read() -> Self {
        let (window, messages) = (number("window", 0), number("messages", 0));
        let mode = match argument("mode").as_deref() {
            Some("steady") => Mode::Steady { rate: number("rate", 500) },
            Some("native") => Mode::Native { window },
            Some("fill") => Mode::Fill { messages },
            Some("replay") => Mode::Replay { messages },
            Some("idle") => Mode::Idle,
            _ => Mode::InProcess { window: Some(window).filter(|window| *window > 0) },
        };
        Self {
            mode,
            protocol: Protocol::named(&argument("protocol").unwrap_or_default()),
            server: format!("127.0.0.1:{}", number("port", 0)),
            control: format!("127.0.0.1:{}", number("control", 0)),
            process: argument("process").and_then(|process| process.parse().ok()),
            storage: argument("storage").and_then(|process| process.parse().ok()),
            subscribers: usize::try_from(number("subscribers", 1)).unwrap_or(1),
            deaf: usize::try_from(number("deaf", 0)).unwrap_or(0),
            size: number("size", message::USUAL_SIZE as u64),
            channels: number("channels", 1),
            time: Duration::from_millis(number("milliseconds", 3_000)),
        }
    }
}
