//! The parts of a schema that restrict no value.

use serde_json::Value;

use crate::definition::Keywords;
use crate::diagnostics::Location;
use crate::model::{Docs, Notes};

/// Returns the notes of a schema.
pub(super) fn read(keywords: &Keywords, location: &Location) -> Notes {
    Notes {
        title: keywords.title.clone(),
        docs: Docs {
            description: keywords.description.clone(),
            deprecated: (keywords.deprecated == Some(Value::Bool(true))).then(String::new),
        },
        closed: keywords.open == Some(false),
        declares_properties: keywords.properties.is_some(),
        ..Notes::at(location)
    }
}
