//! The schemas and values of the tests: vectors written by hand, random schemas with random values, and the official
//! test suite. The build script compiles the channels from the same definitions that zod and the reference use.

pub mod catalogue;
pub mod deep;
pub mod mixed;
pub mod random;
pub mod serde_types;
pub mod suite;
pub mod vectors;

use fanfare::schema::accepts;
use fanfare::{Payload, Topic, Value, decode};

#[allow(missing_docs, clippy::all, clippy::pedantic, reason = "names and docs are random")]
mod generated {
    fanfare::include_channels!();
}

pub use generated::channels;

/// Reads a text as its generated type, and returns the type as JSON. Returns `None` if it is refused.
///
/// # Panics
/// If the text is not read in one pass as it is through a tree.
#[must_use]
#[allow(clippy::too_many_lines, reason = "one line per payload")]
pub fn read(channel: &str, topic: &str, text: &str) -> Option<Value> {
    include!(concat!(env!("OUT_DIR"), "/dispatch.rs"))
}

fn read_as<P: Payload>(_: &Topic<'_, P>, text: &str) -> Option<Value> {
    let tree = serde_json::from_str(text).ok().filter(|value: &Value| accepts(P::SCHEMA, value));
    let read = tree.and_then(|value| write(&P::from_value(value).ok()?));
    let in_one_pass = decode::<P>(text.as_bytes()).ok().and_then(|payload| write(&payload));
    assert_eq!(in_one_pass, read, "in one pass, and through a tree: {text}");
    read
}

fn write<P: Payload>(payload: &P) -> Option<Value> {
    serde_json::to_value(payload).ok()
}

/// Returns the folder of the definitions that the build script wrote.
#[must_use]
pub fn schemas() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("OUT_DIR"), "/schemas"))
}

/// Returns the schemas that the build script compiled one by one.
///
/// # Panics
/// If the catalogue is invalid.
#[must_use]
pub fn catalogue() -> catalogue::Catalogue {
    let text = include_str!(concat!(env!("OUT_DIR"), "/catalogue.json"));
    serde_json::from_str(text).expect("the build script writes a valid catalogue")
}
