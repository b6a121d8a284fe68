//! What the verdicts are held against: vectors that people wrote, and random schemas with random values. The channels
//! here are compiled by the build script, from the same definitions that the test hands to zod and to the reference.

pub mod random;
pub mod vectors;

use fanfare::{Read, Value};
use serde::Serialize;

#[allow(missing_docs, clippy::all, clippy::pedantic, reason = "names and docs are random")]
mod generated {
    fanfare::include_channels!();
}

pub use generated::channels;

/// What a generated type reads from a value that its schema accepted, written as JSON again. `None` where it cannot
/// be read.
#[must_use]
#[allow(clippy::match_same_arms, reason = "several payloads may refer to one type")]
pub fn read(channel: &str, topic: &str, value: Value) -> Option<Value> {
    include!(concat!(env!("OUT_DIR"), "/dispatch.rs"))
}

fn read_as<T: Read + Serialize>(value: Value) -> Option<Value> {
    serde_json::to_value(T::read(value).ok()?).ok()
}

/// Where the build script put the definitions.
#[must_use]
pub fn schemas() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("OUT_DIR"), "/schemas"))
}
