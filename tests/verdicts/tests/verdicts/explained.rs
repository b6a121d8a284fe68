//! Differences from the suite that a rule of the wire profile explains. `explained.yaml` lists them, and this module
//! checks that the rule applies.

use std::fmt;
use std::sync::OnceLock;

use fanfare::schema::{MAX_DEPTH, MAX_SAFE_INTEGER};
use fanfare_verdicts::suite::{Group, Instance};
use serde::Deserialize;
use serde_json::Value;

use crate::validators::Verdict;

/// A rule of the wire profile that refuses what JSON Schema accepts.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    #[serde(rename = "format is asserted")]
    Format,
    #[serde(rename = "safe integers")]
    SafeIntegers,
    #[serde(rename = "lone surrogates")]
    LoneSurrogates,
    #[serde(rename = "depth")]
    Depth,
    #[serde(rename = "big numbers")]
    BigNumbers,
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Format => "`format` is asserted",
            Self::SafeIntegers => "integers stay within ±(2^53 − 1)",
            Self::LoneSurrogates => "strings hold no lone surrogates",
            Self::Depth => "at most 127 levels",
            Self::BigNumbers => "numbers are doubles",
        })
    }
}

/// Returns the rule that explains why an instance is refused although the suite accepts it.
pub(crate) fn explanation(group: &Group, instance: &Instance, verdict: &Verdict) -> Option<Rule> {
    let refused = instance.valid && verdict.accepts() == Some(false);
    let named = entries().iter().find(|entry| refused && entry.names(group, instance))?;
    named.rule.applies(&instance.data, verdict).then_some(named.rule)
}

impl Rule {
    fn applies(self, data: &Value, verdict: &Verdict) -> bool {
        match (self, verdict) {
            (Self::Format, Verdict::Refused(issues)) => issues.iter().all(|issue| issue.rule == "format"),
            (Self::SafeIntegers | Self::BigNumbers, _) => holds_unsafe_number(data),
            // No instance has lone surrogates, as their files could not be read.
            (Self::Format | Self::LoneSurrogates, _) => false,
            (Self::Depth, _) => depth(data) > MAX_DEPTH,
        }
    }
}

fn holds_unsafe_number(value: &Value) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "the limit is the last integer before the loss")]
    let limit = MAX_SAFE_INTEGER as f64;
    match value {
        Value::Number(number) => number.as_f64().is_none_or(|number| number.abs() > limit),
        Value::Array(items) => items.iter().any(holds_unsafe_number),
        Value::Object(members) => members.values().any(holds_unsafe_number),
        _ => false,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// An entry of `explained.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    rule: Rule,
    file: String,
    #[serde(default = "anything")]
    group: String,
    test: String,
}

fn anything() -> String {
    "*".to_owned()
}

impl Entry {
    fn names(&self, group: &Group, instance: &Instance) -> bool {
        fits(&self.file, &group.file)
            && fits(&self.group, &group.description)
            && fits(&self.test, &instance.description)
    }
}

fn entries() -> &'static [Entry] {
    static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();
    ENTRIES.get_or_init(|| {
        serde_yaml::from_str(include_str!("../../explained.yaml"))
            .expect("tests/verdicts/explained.yaml is valid")
    })
}

/// Returns whether a text matches a template, in which `*` matches any text.
fn fits(template: &str, text: &str) -> bool {
    match template.split_once('*') {
        None => template == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let mut cuts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            cuts.any(|at| fits(rest, &text[at..]))
        }),
    }
}

#[test]
fn a_star_matches_any_text() {
    assert!(fits("invalid * string", "invalid é string"));
    assert!(fits("*", ""));
    assert!(!fits("invalid * string", "valid e string"));
    assert!(!fits("a*b", "abc"));
}
