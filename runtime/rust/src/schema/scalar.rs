//! What numbers and strings must be.

use super::decimal::is_multiple;
use super::place::{Place, Report, Stop};
use super::{Integer, MAX_SAFE_INTEGER, Number, Schema, Text};

/// Reports that a value has another type than the schema says.
pub(super) fn refuse(schema: &Schema, place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
    let (rule, message) = match schema {
        Schema::Null => ("type", "must be null"),
        Schema::Boolean => ("type", "must be a boolean"),
        Schema::Integer(_) => ("type", "must be an integer"),
        Schema::Number(_) => ("type", "must be a number"),
        Schema::Text(_) => ("type", "must be a string"),
        Schema::Int64 => ("format", INT64),
        Schema::Uint64 => ("format", UINT64),
        Schema::Array(_) | Schema::Tuple(_) => ("type", "must be an array"),
        Schema::Map(_) | Schema::Object(_) | Schema::Tagged(_) => ("type", "must be an object"),
        Schema::Enum(names) => return report.add(place, choice(names.len()), || one_of_names(*names)),
        Schema::Any | Schema::Never | Schema::Literals(_) | Schema::AnyOf(_) | Schema::OneOf(_) => {
            ("not", "is not allowed")
        }
    };
    report.add(place, rule, || message.to_owned())
}

/// The rule of a list of choices.
pub(super) const fn choice(count: usize) -> &'static str {
    if count == 1 { "const" } else { "enum" }
}

const INT64: &str = "must be a 64-bit integer in a string";
const UINT64: &str = "must be an unsigned 64-bit integer in a string";

pub(super) fn one_of_names<'a>(names: impl IntoIterator<Item = &'a &'a str>) -> String {
    let names: Vec<String> =
        names.into_iter().map(|name| serde_json::Value::from(*name).to_string()).collect();
    listed(&names)
}

/// `must be 1` or `must be one of 1, 2`.
pub(super) fn listed(choices: &[String]) -> String {
    match choices {
        [] => "is not allowed".to_owned(),
        [only] => format!("must be {only}"),
        _ => format!("must be one of {}", choices.join(", ")),
    }
}

/// Checks a number.
pub(super) fn number(
    schema: &Schema,
    value: f64,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    if !value.is_finite() {
        return report.add(place, "type", || "must be a finite number".to_owned());
    }
    match schema {
        Schema::Any => Ok(()),
        Schema::Integer(limits) => integer_in(limits, value, place, report),
        Schema::Number(limits) => number_in(limits, value, place, report),
        _ => refuse(schema, place, report),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the limits are safe integers, which doubles hold")]
fn integer_in(limits: &Integer, value: f64, place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
    if value.fract() != 0.0 {
        return report.add(place, "type", || "must be an integer".to_owned());
    }
    let minimum = limits.minimum.max(-MAX_SAFE_INTEGER);
    let maximum = limits.maximum.min(MAX_SAFE_INTEGER);
    if value < minimum as f64 {
        report.add(place, "minimum", || format!("must be at least {minimum}"))?;
    }
    if value > maximum as f64 {
        report.add(place, "maximum", || format!("must be at most {maximum}"))?;
    }
    multiple_of(limits.multiple_of, value, place, report)
}

fn number_in(limits: &Number, value: f64, place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
    if let Some(limit) = limits.minimum.filter(|limit| value < *limit) {
        report.add(place, "minimum", || format!("must be at least {}", written(limit)))?;
    }
    if let Some(limit) = limits.maximum.filter(|limit| value > *limit) {
        report.add(place, "maximum", || format!("must be at most {}", written(limit)))?;
    }
    if let Some(limit) = limits.exclusive_minimum.filter(|limit| value <= *limit) {
        report.add(place, "exclusiveMinimum", || format!("must be greater than {}", written(limit)))?;
    }
    if let Some(limit) = limits.exclusive_maximum.filter(|limit| value >= *limit) {
        report.add(place, "exclusiveMaximum", || format!("must be less than {}", written(limit)))?;
    }
    multiple_of(limits.multiple_of, value, place, report)
}

fn multiple_of(divisor: Option<f64>, value: f64, place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
    match divisor {
        Some(divisor) if !is_multiple(value, divisor) => {
            report.add(place, "multipleOf", || format!("must be a multiple of {}", written(divisor)))
        }
        _ => Ok(()),
    }
}

/// A number as JavaScript writes it.
fn written(number: f64) -> String {
    let is_tiny = number != 0.0 && number.abs() < 1e-6;
    if is_tiny || number.abs() >= 1e21 {
        format!("{number:e}").replace('e', if is_tiny { "e" } else { "e+" })
    } else {
        number.to_string()
    }
}

/// Checks a string.
pub(super) fn text(schema: &Schema, value: &str, place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
    match schema {
        Schema::Any => Ok(()),
        Schema::Text(limits) => text_in(limits, value, place, report),
        Schema::Enum(names) if names.contains(&value) => Ok(()),
        Schema::Int64 if is_decimal::<i64>(value) => Ok(()),
        Schema::Uint64 if is_decimal::<u64>(value) => Ok(()),
        _ => refuse(schema, place, report),
    }
}

/// Whether a text is how an integer writes itself: no sign but `-`, no leading
/// zeros, within range.
fn is_decimal<N: std::str::FromStr + ToString>(text: &str) -> bool {
    text.len() <= 20 && text.parse::<N>().is_ok_and(|number| number.to_string() == text)
}

fn text_in(limits: &Text, value: &str, place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
    // The length in bytes is at least the length in code points, and at most
    // four times it, so that most texts need no counting.
    let (minimum, maximum) = (limits.min_length as usize, limits.max_length as usize);
    if value.len() < minimum.saturating_mul(4) && value.chars().count() < minimum {
        let least = counted(limits.min_length, "character");
        report.add(place, "minLength", || format!("must have at least {least}"))?;
    }
    if value.len() > maximum && value.chars().count() > maximum {
        let most = counted(limits.max_length, "character");
        report.add(place, "maxLength", || format!("must have at most {most}"))?;
    }
    if let Some(pattern) = limits.pattern.filter(|pattern| !pattern.matches(value)) {
        report.add(place, "pattern", || format!("must match the pattern {}", pattern.source()))?;
    }
    if let Some(format) = limits.format.filter(|format| !format.accepts(value)) {
        report.add(place, "format", || format!("must be a valid {}", format.name()))?;
    }
    Ok(())
}

/// `1 item`, `2 items`.
pub(super) fn counted(count: u32, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
