//! What the verdicts are held against: vectors that people wrote, random schemas with random values, and the
//! official test suite. The channels here are compiled by the build script, from the same definitions that
//! the tests hand to zod and to the reference.

pub mod catalogue;
pub mod deep;
pub mod mixed;
pub mod random;
pub mod suite;
pub mod vectors;

use fanfare::{Decode, Topic, Value};
use serde::Serialize;

#[allow(missing_docs, clippy::all, clippy::pedantic, reason = "names and docs are random")]
mod generated {
    fanfare::include_channels!();
}

pub use generated::channels;

/// What a generated type reads from a value that its schema accepted, written as JSON again. `None` where it
/// cannot be read.
#[must_use]
#[allow(clippy::too_many_lines, reason = "one line a payload")]
pub fn read(channel: &str, topic: &str, value: Value) -> Option<Value> {
    include!(concat!(env!("OUT_DIR"), "/dispatch.rs"))
}

fn read_as<P: Decode + Serialize>(_: &Topic<'_, P>, value: Value) -> Option<Value> {
    serde_json::to_value(P::from_value(value).ok()?).ok()
}

/// Where the build script put the definitions.
#[must_use]
pub fn schemas() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("OUT_DIR"), "/schemas"))
}

/// What the build script compiled one by one.
///
/// # Panics
/// When the build script wrote something else.
#[must_use]
pub fn catalogue() -> catalogue::Catalogue {
    let text = include_str!(concat!(env!("OUT_DIR"), "/catalogue.json"));
    serde_json::from_str(text).expect("the build script wrote its catalogue")
}
