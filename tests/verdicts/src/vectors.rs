//! The vectors, written by hand: each is a schema with texts and the verdict that both languages must give.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A trap, which is a case that languages often handle differently, and the expected verdicts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trap {
    /// The description.
    pub trap: String,
    /// The payload's schema.
    pub schema: Value,
    /// The accepted texts, each with the value that is read.
    #[serde(default)]
    pub valid: BTreeMap<String, String>,
    /// The refused texts.
    #[serde(default)]
    pub invalid: Vec<String>,
    /// The depths at which nested arrays are accepted and refused.
    pub nested: Option<Nested>,
    /// The rule of the wire profile because of which a verdict differs from JSON Schema.
    pub profile: Option<String>,
    /// The code of the diagnostic, if the schema is refused.
    pub refused: Option<String>,
}

/// Depths of nesting.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nested {
    /// The depth that is accepted.
    pub valid: usize,
    /// The depth that is refused.
    pub invalid: usize,
}

impl Trap {
    /// Returns all texts, each with the value that is read, or `None` if it is refused.
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

/// Returns all traps.
///
/// # Panics
/// If the file is invalid.
#[must_use]
pub fn read() -> Vec<Trap> {
    let text = include_str!("../../vectors/values/traps.yaml");
    serde_yaml::from_str(text).expect("tests/vectors/values/traps.yaml is a list of traps")
}

/// Returns the types that vectors refer to.
#[must_use]
pub fn definitions() -> Value {
    serde_json::json!({ "Nest": { "type": "array", "items": { "$ref": "#/$defs/Nest" } } })
}
