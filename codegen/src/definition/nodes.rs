//! Turns parts of a document into typed nodes, and reports keys and values that do not fit.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::diagnostics::{Code, Diagnostic, Location, closest};

/// Deserializes a value, or returns a diagnostic for the part with the wrong shape.
#[expect(clippy::result_large_err, reason = "it is the end of the reading of this file")]
pub(crate) fn node<T: DeserializeOwned>(location: &Location, value: &Value) -> Result<T, Diagnostic> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let mut at = location.clone();
        for segment in error.path() {
            match segment {
                serde_path_to_error::Segment::Seq { index } => at = at.join(index),
                serde_path_to_error::Segment::Map { key } => at = at.join(key),
                _ => {}
            }
        }
        let message = error.inner().to_string();
        let keys = || value.as_object().into_iter().flat_map(|members| members.keys().map(String::as_str));
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        if let Some((missing, misspelt)) =
            missing.and_then(|missing| Some((missing, closest(missing, keys())?)))
        {
            let message = format!("unknown key `{misspelt}`");
            return Diagnostic::at_key(Code::UnknownKey, &location.join(misspelt), message)
                .help(format!("did you mean `{missing}`?"));
        }
        let diagnostic = Diagnostic::at(Code::Shape, &at, in_words_of_yaml(&message));
        if message == "missing field `version`" {
            diagnostic.help("start the file with `version: 1`")
        } else {
            diagnostic
        }
    })
}

/// Replaces the terms of Rust in serde's messages with those of YAML.
fn in_words_of_yaml(message: &str) -> String {
    let message = match message.strip_suffix(", expected a map") {
        Some(found) => format!("{found}, expected a mapping"),
        None => message.to_owned(),
    };
    let words = [
        ("expected u32", "expected a whole number"),
        ("invalid type: map", "invalid type: mapping"),
        ("unknown variant", "unknown value"),
        ("missing field", "missing key"),
    ];
    words.iter().fold(message, |message, (rust, yaml)| message.replacen(rust, yaml, 1))
}

/// Reports unknown keys.
pub(crate) fn refuse_unknown<'k>(
    location: &Location,
    unknown: impl IntoIterator<Item = &'k String>,
    known: &[&str],
    diagnostics: &mut Vec<Diagnostic>,
) {
    for key in unknown {
        let diagnostic =
            Diagnostic::at_key(Code::UnknownKey, &location.join(key), format!("unknown key `{key}`"));
        diagnostics.push(match closest(key, known.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("the allowed keys are {}", listed(known))),
        });
    }
}

/// Joins words as in "`a`, `b` and `c`".
pub(crate) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => "none".to_owned(),
    }
}
