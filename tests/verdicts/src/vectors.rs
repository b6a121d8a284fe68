//! The vectors that people wrote: a schema, and texts with the verdict that both languages must give.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One trap and the decision about it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trap {
    /// What the trap is.
    pub trap: String,
    /// The payload's schema.
    pub schema: Value,
    /// Accepted texts, each with the value that is read.
    #[serde(default)]
    pub valid: BTreeMap<String, String>,
    /// Refused texts.
    #[serde(default)]
    pub invalid: Vec<String>,
    /// How deeply nested arrays are accepted and refused.
    pub nested: Option<Nested>,
    /// The rule of the wire profile by which a verdict differs from JSON Schema's.
    pub profile: Option<String>,
    /// The code of the diagnostic, where the schema is refused.
    pub refused: Option<String>,
}

/// Depths of nesting.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nested {
    /// As deep as this is accepted.
    pub valid: usize,
    /// As deep as this is refused.
    pub invalid: usize,
}

impl Trap {
    /// Every text with the value that is read, or `None` where it is refused.
    #[must_use]
    pub fn texts(&self) -> Vec<(String, Option<String>)> {
        let valid = self.valid.iter().map(|(text, value)| (text.clone(), Some(value.clone())));
        let invalid = self.invalid.iter().map(|text| (text.clone(), None));
        let nested = self.nested.iter().flat_map(|nested| {
            let arrays = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            [(arrays(nested.valid), Some(arrays(nested.valid))), (arrays(nested.invalid), None)]
        });
        valid.chain(invalid).chain(nested).collect()
    }
}

/// All traps.
///
/// # Panics
/// When the file is not as it should be.
#[must_use]
pub fn read() -> Vec<Trap> {
    let text = include_str!("../../vectors/values/traps.yaml");
    serde_yaml::from_str(text).expect("tests/vectors/values/traps.yaml is a list of traps")
}

/// The types that vectors refer to.
#[must_use]
pub fn definitions() -> Value {
    serde_json::json!({ "Nest": { "type": "array", "items": { "$ref": "#/$defs/Nest" } } })
}
