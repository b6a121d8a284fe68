//! Descriptions of values in issues.

use std::borrow::Cow;

use serde_json::Value;

use super::report::Stop;
use super::visit::{Found, Visit, Visitor};

/// The subject of an issue.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// A missing property.
    Absent,
    Found(Found<'a>),
    Value(&'a dyn Visit),
}

impl<'a> From<Found<'a>> for Subject<'a> {
    fn from(found: Found<'a>) -> Self {
        Self::Found(found)
    }
}

impl<'a> From<&'a dyn Visit> for Subject<'a> {
    fn from(value: &'a dyn Visit) -> Self {
        Self::Value(value)
    }
}

impl Subject<'_> {
    /// Describes the value in short.
    pub(super) fn describe(self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Found(found) => Some(describe(found)),
            Self::Value(value) => {
                let mut first = Describer(None);
                // Stops at the first part of an array or object.
                let _ = value.visit(&mut first);
                first.0
            }
        }
    }
}

struct Describer(Option<String>);

impl Visitor for Describer {
    fn found(&mut self, found: Found<'_>) -> Result<(), Stop> {
        self.0 = Some(describe(found));
        Err(Stop::Enough)
    }
}

fn describe(found: Found<'_>) -> String {
    match found {
        Found::Null => "null".to_owned(),
        Found::Boolean(value) => value.to_string(),
        Found::Number(number) => format_number(number),
        Found::Text(text) => abbreviate(text),
        Found::Array => "an array".to_owned(),
        Found::Object => "an object".to_owned(),
    }
}

/// The maximum number of code points of an abbreviated text.
const MAX_CHARACTERS: usize = 40;

/// Returns a text in JSON quotes, truncated if it is long, as in [`Issue::value`](super::Issue::value).
#[must_use]
pub fn abbreviate(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARACTERS) {
        None => quote(text),
        Some((end, _)) => {
            let mut short = quote(&text[..end]);
            short.insert(short.len() - 1, '…');
            short
        }
    }
}

/// Truncates a text to a number of code points, and appends `…` if it was longer.
pub(super) fn truncate(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// Returns a text in JSON quotes.
pub(super) fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

/// Formats a number as JavaScript does.
pub(super) fn format_number(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let is_tiny = number != 0.0 && number.abs() < 1e-6;
    if is_tiny || number.abs() >= 1e21 {
        format!("{number:e}").replace('e', if is_tiny { "e" } else { "e+" })
    } else {
        // Adding zero turns -0 into 0.
        (number + 0.0).to_string()
    }
}

/// Formats a JSON value as JavaScript does.
pub(super) fn format_json(value: &Value) -> String {
    match value {
        Value::Number(number) => format_number(number.as_f64().unwrap_or(f64::NAN)),
        Value::Array(items) => format!("[{}]", items.iter().map(format_json).collect::<Vec<_>>().join(",")),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("{}:{}", quote(name), format_json(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// Returns `1 item` or `2 items`.
pub(super) fn pluralize(count: u32, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// Returns `1 property` or `2 properties`.
pub(super) fn pluralize_properties(count: u32) -> String {
    if count == 1 { "1 property".to_owned() } else { format!("{count} properties") }
}

/// Returns a JSON value, truncated if it is long.
pub(super) fn shorten_json(value: &Value) -> String {
    match value {
        Value::String(text) => abbreviate(text),
        other => truncate(&format_json(other), MAX_CHARACTERS).into_owned(),
    }
}

/// Returns `a, b and c`, or `a, b and 2 others` if there are more than `max`.
pub(super) fn join(names: &[String], max: usize, conjunction: &str) -> String {
    let shown = &names[..names.len().min(max)];
    match (names.len() - shown.len(), shown) {
        (0, []) => String::new(),
        (0, [only]) => only.clone(),
        (0, [others @ .., last]) => format!("{} {conjunction} {last}", others.join(", ")),
        (1, shown) => format!("{} {conjunction} 1 other", shown.join(", ")),
        (count, shown) => format!("{} {conjunction} {count} others", shown.join(", ")),
    }
}

/// Returns `must be 1` or `must be one of 1, 2`. `null` comes first if it is also allowed.
pub(super) fn describe_choices(choices: impl Iterator<Item = String>, allows_null: bool) -> String {
    let null = allows_null.then(|| "null".to_owned());
    match null.into_iter().chain(choices).collect::<Vec<_>>().as_slice() {
        [] => "is not allowed".to_owned(),
        [only] => format!("must be {only}"),
        choices => format!("must be one of {}", choices.join(", ")),
    }
}

/// Returns the keyword for a number of choices.
pub(super) const fn choices_keyword(count: usize) -> &'static str {
    if count == 1 { "const" } else { "enum" }
}
