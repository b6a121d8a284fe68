//! The schemas and values of the tests: vectors written by hand, random schemas with random values, and the official
//! test suite. The build script compiles the channels from the same definitions that zod and the reference use.

pub mod catalogue;
pub mod deep;
pub mod mixed;
pub mod random;
pub mod serde_types;
pub mod suite;
pub mod vectors;

use fanfare::__private::{JsonReader, Unread};
use fanfare::schema::{Schema, accepts};
use fanfare::{Decode, Topic, Value};
use serde::Serialize;

#[allow(missing_docs, clippy::all, clippy::pedantic, reason = "names and docs are random")]
mod generated {
    fanfare::include_channels!();
}

pub use generated::channels;

/// Reads a text as its generated type, and returns the type as JSON. Returns `None` if it is refused.
///
/// # Panics
/// If reading in one pass gives another value than reading through a tree.
#[must_use]
#[allow(clippy::too_many_lines, reason = "one line per payload")]
pub fn read(channel: &str, topic: &str, text: &str) -> Option<Value> {
    include!(concat!(env!("OUT_DIR"), "/dispatch.rs"))
}

fn read_as<P: Decode + Serialize>(topic: &Topic<'_, P>, text: &str) -> Option<Value> {
    let schema = topic.definition().schema()?;
    let tree = serde_json::from_str(text).ok().filter(|value: &Value| accepts(schema, value));
    let read = tree.and_then(|value| write(&P::from_value(value).ok()?));
    if let Ok(payload) = read_in_one_pass::<P>(text, schema) {
        assert_eq!(write(&payload), read, "in one pass, and through a tree: {text}");
    }
    read
}

fn read_in_one_pass<P: Decode>(text: &str, schema: &'static Schema) -> Result<P, Unread> {
    let mut reader = JsonReader::new(text.as_bytes())?;
    let payload = P::read_json(&mut reader, schema)?;
    reader.end().map(|()| payload)
}

fn write<P: Serialize>(payload: &P) -> Option<Value> {
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
