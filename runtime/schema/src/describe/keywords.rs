//! The keywords of a schema, and those for numbers and strings.

use fanfare_pattern::Regex;
use serde_json::{Map, Value, json};

use super::super::{Format, Integer, MAX_SAFE_INTEGER, Number, Pattern, Text, scalar};

/// The largest integers of 64 bits, and the magnitude of the smallest one.
const MAX_INT64: &str = "9223372036854775807";
const MIN_INT64: &str = "9223372036854775808";
const MAX_UINT64: &str = "18446744073709551615";

/// A regular expression that matches no text.
const NOTHING: &str = "(?!)";

/// A schema under construction.
#[derive(Default)]
pub(super) struct Keywords {
    members: Map<String, Value>,
    all_of: Vec<Value>,
}

impl Keywords {
    pub(super) fn of_type(name: &str) -> Self {
        let mut keywords = Self::default();
        keywords.add("type", name);
        keywords
    }

    /// Adds a keyword. If the schema has the keyword already, both apply.
    pub(super) fn add(&mut self, keyword: &str, value: impl Into<Value>) {
        if self.members.contains_key(keyword) {
            self.all_of.push(json!({ keyword: value.into() }));
        } else {
            self.members.insert(keyword.to_owned(), value.into());
        }
    }

    /// Adds a schema to `allOf`.
    pub(super) fn add_schema(&mut self, schema: Value) {
        self.all_of.push(schema);
    }

    pub(super) fn finish(mut self) -> Value {
        if !self.all_of.is_empty() {
            self.members.insert("allOf".to_owned(), self.all_of.into());
        }
        if self.members.is_empty() { json!(true) } else { self.members.into() }
    }
}

/// Describes one of several values.
pub(super) fn choices(mut values: Vec<Value>) -> Value {
    match values.len() {
        0 => json!(false),
        1 => json!({ "const": values.remove(0) }),
        _ => json!({ "enum": values }),
    }
}

/// Adds `min…` and `max…` of a number of items or properties.
pub(super) fn count(keywords: &mut Keywords, of: &str, (min, max): (u32, u32)) {
    if min > 0 {
        keywords.add(&format!("min{of}"), min);
    }
    if max != u32::MAX {
        keywords.add(&format!("max{of}"), max);
    }
}

pub(super) fn integer(limits: &Integer) -> Value {
    let mut keywords = Keywords::of_type("integer");
    keywords.add("minimum", limits.minimum.max(-MAX_SAFE_INTEGER));
    keywords.add("maximum", limits.maximum.min(MAX_SAFE_INTEGER));
    number(&mut keywords, &Number { multiple_of: limits.multiple_of, ..Number::ANY });
    keywords.finish()
}

/// Adds the limits of safe integers, unless the limits are narrower.
#[expect(clippy::cast_precision_loss, reason = "the limit is a safe integer, which doubles hold")]
pub(super) fn safe_integers(keywords: &mut Keywords, limits: &Number) {
    let max = MAX_SAFE_INTEGER as f64;
    if limits.minimum.is_none_or(|limit| limit < -max) {
        keywords.add("minimum", -MAX_SAFE_INTEGER);
    }
    if limits.maximum.is_none_or(|limit| limit > max) {
        keywords.add("maximum", MAX_SAFE_INTEGER);
    }
}

/// Adds the limits of numbers. They do not restrict other values.
pub(super) fn number(keywords: &mut Keywords, limits: &Number) {
    let of_limits = [
        ("minimum", limits.minimum),
        ("maximum", limits.maximum),
        ("exclusiveMinimum", limits.exclusive_minimum),
        ("exclusiveMaximum", limits.exclusive_maximum),
    ];
    for (keyword, limit) in of_limits {
        if let Some(limit) = limit.filter(|limit| limit.is_finite()) {
            keywords.add(keyword, number_value(limit));
        }
    }
    // JSON has no such limits. They accept all numbers or none.
    let not_finite = |limit: Option<f64>| limit.filter(|limit| !limit.is_finite());
    let others = Number {
        minimum: not_finite(limits.minimum),
        maximum: not_finite(limits.maximum),
        exclusive_minimum: not_finite(limits.exclusive_minimum),
        exclusive_maximum: not_finite(limits.exclusive_maximum),
        multiple_of: None,
    };
    if !scalar::is_number_within(&others, 0.0) {
        keywords.add_schema(json!({ "not": { "type": "number" } }));
    }
    match limits.multiple_of {
        None => {}
        Some(divisor) if divisor.is_finite() && divisor != 0.0 => {
            keywords.add("multipleOf", number_value(divisor.abs()));
        }
        // Only 0 is a multiple.
        Some(_) => keywords.add_schema(json!({ "minimum": 0, "maximum": 0 })),
    }
}

/// Writes whole numbers as integers.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the number is a safe integer"
)]
fn number_value(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER as f64 {
        json!(number as i64)
    } else {
        json!(number)
    }
}

/// Adds the limits of strings. They do not restrict other values.
pub(super) fn text(keywords: &mut Keywords, limits: &Text) {
    count(keywords, "Length", (limits.min_length, limits.max_length));
    if let Some(source) = limits.pattern {
        keywords.add("pattern", pattern(source).unwrap_or(NOTHING));
    }
    if let Some(format) = limits.format {
        keywords.add("format", format.name());
        match format {
            Format::Int64 => keywords.add("pattern", int64_pattern()),
            Format::Uint64 => keywords.add("pattern", uint64_pattern()),
            _ => {}
        }
    }
}

/// Returns the source of a pattern, or `None` if it matches nothing because it is not valid.
pub(super) fn pattern(pattern: &Pattern) -> Option<&'static str> {
    Regex::new(pattern.source()).ok().map(|_| pattern.source())
}

pub(super) fn int64() -> Value {
    json!({ "type": "string", "format": "int64", "pattern": int64_pattern() })
}

pub(super) fn uint64() -> Value {
    json!({ "type": "string", "format": "uint64", "pattern": uint64_pattern() })
}

fn int64_pattern() -> String {
    format!("^(?:0|-?(?:{})|-{MIN_INT64})$", positive_up_to(MAX_INT64))
}

fn uint64_pattern() -> String {
    format!("^(?:0|{})$", positive_up_to(MAX_UINT64))
}

/// Returns a regular expression for the numbers from 1 to a maximum, without leading zeros.
fn positive_up_to(maximum: &str) -> String {
    let digits = maximum.len();
    let mut pattern = format!("[1-9][0-9]{{0,{}}}", digits - 2);
    // Numbers with as many digits are smaller if their first different digit is.
    for (index, digit) in maximum.char_indices() {
        let smallest = if index == 0 { '1' } else { '0' };
        let Some(smaller) = (smallest..digit).next_back() else { continue };
        let (same, rest) = (&maximum[..index], digits - index - 1);
        pattern.push_str(&format!("|{same}[{smallest}-{smaller}][0-9]{{{rest}}}"));
    }
    format!("{pattern}|{maximum}")
}

#[cfg(test)]
mod tests {
    use super::{int64_pattern, uint64_pattern};
    use crate::{Format, Pattern};

    #[test]
    fn the_patterns_of_64_bit_integers_accept_what_their_formats_accept() {
        let limits = [
            i128::from(i64::MIN),
            i128::from(i64::MAX),
            i128::from(u64::MAX),
            0,
            10,
            100,
            999_999_999_999_999_999,
            9_999_999_999_999_999_999,
        ];
        let near = limits.into_iter().flat_map(|limit| (-12..=12).map(move |offset| limit + offset));
        let mut texts: Vec<String> = near.map(|number| number.to_string()).collect();
        for place in 0..20 {
            let power = 10_i128.pow(place);
            let around = limits.iter().flat_map(|limit| [limit - power, limit + power, power - limit]);
            texts.extend(around.map(|number| number.to_string()));
        }
        texts.extend(["", "-", "-0", "00", "+1", "1.0", "1e3", " 1", "1\n", "٣"].map(str::to_owned));
        for (format, pattern) in [(Format::Int64, int64_pattern()), (Format::Uint64, uint64_pattern())] {
            let pattern = Pattern::new(pattern.leak());
            for text in &texts {
                assert_eq!(pattern.matches(text), format.accepts(text), "{} {text:?}", format.name());
            }
        }
    }
}
