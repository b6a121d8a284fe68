//! `Rules`: JSON Schema, keyword by keyword.

#![allow(clippy::needless_pass_by_value, reason = "schemas and values are written where they are used")]

use fanfare_schema::{Rules, Schema, accepts, check};
use serde::Serialize;
use serde_json::Value;

use compile::compile;

mod compile;
mod keywords;
mod profile;
mod recursion;
mod repeats;
mod unevaluated;
mod words;

/// Formats each issue as `path rule: message, got value`.
fn issues_of<T: Serialize + ?Sized>(rules: &'static Rules, value: &T) -> Vec<String> {
    let schema = Schema::Rules(rules);
    let issues = check(&schema, value).err().unwrap_or_default();
    assert_eq!(issues.is_empty(), accepts(&schema, value), "check and accepts must agree");
    let got = |value: &Option<String>| value.as_ref().map(|value| format!(", got {value}"));
    let line = |issue: &fanfare_schema::Issue| {
        format!("{} {}: {}{}", issue.path, issue.rule, issue.message, got(&issue.value).unwrap_or_default())
    };
    issues.iter().map(line).collect()
}

fn issues(schema: Value, value: Value) -> Vec<String> {
    issues_of(compile(&schema), &value)
}

/// Asserts which texts a schema accepts and rejects.
#[track_caller]
fn verdicts(schema: Value, valid: &[&str], invalid: &[&str]) {
    let rules = compile(&schema);
    for (texts, expected) in [(valid, true), (invalid, false)] {
        for text in texts {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(issues_of(rules, &value).is_empty(), expected, "{schema} on {text}");
        }
    }
}
