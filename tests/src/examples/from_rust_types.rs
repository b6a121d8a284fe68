//! Definitions that the examples in `docs/from-rust-types.md` use without showing them.

pub(crate) use std::error::Error;

pub(crate) use fanfare::{Hub, MessageId, Payload, Topic, decode};
pub(crate) use serde::Serialize;
