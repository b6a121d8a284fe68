//! Values in words, as issues tell them.

use std::borrow::Cow;

use serde_json::Value;

use super::place::Stop;
use super::visit::{Found, Visit, Visitor};

/// What an issue is about.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// Something that is missing.
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
    /// What stands there, in short.
    pub(super) fn shown(self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Found(found) => Some(shown(found)),
            Self::Value(value) => {
                let mut first = Shown(None);
                // Stops at the first piece of an array or object.
                let _ = value.visit(&mut first);
                first.0
            }
        }
    }
}

struct Shown(Option<String>);

impl Visitor for Shown {
    fn found(&mut self, found: Found<'_>) -> Result<(), Stop> {
        self.0 = Some(shown(found));
        Err(Stop::Enough)
    }
}

fn shown(found: Found<'_>) -> String {
    match found {
        Found::Null => "null".to_owned(),
        Found::Boolean(value) => value.to_string(),
        Found::Number(number) => written(number),
        Found::Text(text) => shortened(text),
        Found::Array => "an array".to_owned(),
        Found::Object => "an object".to_owned(),
    }
}

/// A text as JSON writes it, cut where it is long.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        None => quoted(text),
        Some((end, _)) => {
            let mut short = quoted(&text[..end]);
            short.insert(short.len() - 1, '…');
            short
        }
    }
}

/// A text of at most so many code points; `…` stands for the rest.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// A text as JSON writes it.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A number as JavaScript writes it.
pub(super) fn written(number: f64) -> String {
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

/// A JSON value as JavaScript writes it.
pub(super) fn json(value: &Value) -> String {
    match value {
        Value::Number(number) => written(number.as_f64().unwrap_or(f64::NAN)),
        Value::Array(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(",")),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("{}:{}", quoted(name), json(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// `1 item`, `2 items`.
pub(super) fn counted(count: u32, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// `1 property`, `2 properties`.
pub(super) fn counted_properties(count: u32) -> String {
    if count == 1 { "1 property".to_owned() } else { format!("{count} properties") }
}

/// `must be 1` or `must be one of 1, 2`.
pub(super) fn one_of(choices: &[String]) -> String {
    match choices {
        [] => "is not allowed".to_owned(),
        [only] => format!("must be {only}"),
        _ => format!("must be one of {}", choices.join(", ")),
    }
}

/// The rule of a list of choices.
pub(super) const fn rule_of_choices(count: usize) -> &'static str {
    if count == 1 { "const" } else { "enum" }
}
