//! What numbers and strings must be. Nearly all are, so that only those that are
//! not are held against the limits one by one, to tell which they break.

use super::decimal::is_multiple;
use super::place::{Place, Report, Stop};
use super::shown::{counted, one_of, quoted, rule_of_choices, written};
use super::visit::Found;
use super::{Integer, MAX_SAFE_INTEGER, Number, Schema, Text};

/// Reports that a value has another type than the schema says.
#[cold]
pub(super) fn refuse(
    schema: &Schema,
    found: Found<'_>,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    let (rule, message) = match schema {
        Schema::Null => ("type", "must be null"),
        Schema::Boolean => ("type", "must be a boolean"),
        Schema::Integer(_) => ("type", "must be an integer"),
        Schema::Number(_) => ("type", "must be a number"),
        Schema::Text(_) => ("type", "must be a string"),
        Schema::Int64 => ("format", "must be a 64-bit integer in a string"),
        Schema::Uint64 => ("format", "must be an unsigned 64-bit integer in a string"),
        Schema::Array(_) | Schema::Tuple(_) => ("type", "must be an array"),
        Schema::Map(_) | Schema::Object(_) | Schema::Tagged(_) => ("type", "must be an object"),
        Schema::Enum(names) => {
            return report.add(place, found, rule_of_choices(names.len()), || one_of_names(*names));
        }
        Schema::Any
        | Schema::Never
        | Schema::Literals(_)
        | Schema::AnyOf(_)
        | Schema::OneOf(_)
        | Schema::Rules(_) => ("not", "is not allowed"),
    };
    report.add(place, found, rule, || message.to_owned())
}

pub(super) fn one_of_names<'a>(names: impl IntoIterator<Item = &'a &'a str>) -> String {
    one_of(&names.into_iter().map(|name| quoted(name)).collect::<Vec<_>>())
}

#[inline]
pub(super) fn integer(
    limits: &Integer,
    value: f64,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    if is_integer_within(limits, value) { Ok(()) } else { refuse_integer(limits, value, place, report) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "that is what is asked")]
#[expect(clippy::float_cmp, reason = "a number is whole if it stays itself as an integer")]
fn is_integer_within(limits: &Integer, value: f64) -> bool {
    let whole = value as i64;
    whole as f64 == value
        && (limits.minimum.max(-MAX_SAFE_INTEGER)..=limits.maximum.min(MAX_SAFE_INTEGER)).contains(&whole)
        && limits.multiple_of.is_none_or(|divisor| is_multiple(value, divisor))
}

#[cold]
#[expect(clippy::cast_precision_loss, reason = "the limits are safe integers, which doubles hold")]
fn refuse_integer(limits: &Integer, value: f64, place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
    let found = Found::Number(value);
    if value.fract() != 0.0 {
        return report.add(place, found, "type", || "must be an integer".to_owned());
    }
    let minimum = limits.minimum.max(-MAX_SAFE_INTEGER);
    let maximum = limits.maximum.min(MAX_SAFE_INTEGER);
    if value < minimum as f64 {
        report.add(place, found, "minimum", || format!("must be at least {minimum}"))?;
    }
    if value > maximum as f64 {
        report.add(place, found, "maximum", || format!("must be at most {maximum}"))?;
    }
    refuse_multiple(limits.multiple_of, value, place, report)
}

#[inline]
pub(super) fn number(
    limits: &Number,
    value: f64,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    if is_number_within(limits, value) { Ok(()) } else { refuse_number(limits, value, place, report) }
}

fn is_number_within(limits: &Number, value: f64) -> bool {
    limits.minimum.is_none_or(|limit| value >= limit)
        && limits.maximum.is_none_or(|limit| value <= limit)
        && limits.exclusive_minimum.is_none_or(|limit| value > limit)
        && limits.exclusive_maximum.is_none_or(|limit| value < limit)
        && limits.multiple_of.is_none_or(|divisor| is_multiple(value, divisor))
}

#[cold]
fn refuse_number(limits: &Number, value: f64, place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
    let found = Found::Number(value);
    if let Some(limit) = limits.minimum.filter(|limit| value < *limit) {
        report.add(place, found, "minimum", || format!("must be at least {}", written(limit)))?;
    }
    if let Some(limit) = limits.maximum.filter(|limit| value > *limit) {
        report.add(place, found, "maximum", || format!("must be at most {}", written(limit)))?;
    }
    if let Some(limit) = limits.exclusive_minimum.filter(|limit| value <= *limit) {
        let message = || format!("must be greater than {}", written(limit));
        report.add(place, found, "exclusiveMinimum", message)?;
    }
    if let Some(limit) = limits.exclusive_maximum.filter(|limit| value >= *limit) {
        let message = || format!("must be less than {}", written(limit));
        report.add(place, found, "exclusiveMaximum", message)?;
    }
    refuse_multiple(limits.multiple_of, value, place, report)
}

fn refuse_multiple(
    divisor: Option<f64>,
    value: f64,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    match divisor {
        Some(divisor) if !is_multiple(value, divisor) => {
            let message = || format!("must be a multiple of {}", written(divisor));
            report.add(place, Found::Number(value), "multipleOf", message)
        }
        _ => Ok(()),
    }
}

#[inline]
pub(super) fn text(limits: &Text, value: &str, place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
    let found = TextFaults::of(limits, value);
    if found.any() { refuse_text(limits, &found, value, place, report) } else { Ok(()) }
}

/// Which limits a text breaks. Patterns and formats are looked at once.
struct TextFaults {
    is_length_wrong: bool,
    is_unmatched: bool,
    is_misformatted: bool,
}

impl TextFaults {
    #[inline]
    fn of(limits: &Text, value: &str) -> Self {
        let is_long = is_long(limits, value);
        Self {
            is_length_wrong: is_long || is_short(limits, value),
            // What is too long already is not worth the time that a match takes.
            is_unmatched: !is_long && limits.pattern.is_some_and(|pattern| !pattern.matches(value)),
            is_misformatted: !is_long && limits.format.is_some_and(|format| !format.accepts(value)),
        }
    }

    fn any(&self) -> bool {
        self.is_length_wrong || self.is_unmatched || self.is_misformatted
    }
}

/// The length in bytes is at least the length in code points, and at most four
/// times it, so that most texts need no counting.
fn is_short(limits: &Text, value: &str) -> bool {
    let minimum = limits.min_length as usize;
    value.len() < minimum.saturating_mul(4) && value.chars().count() < minimum
}

fn is_long(limits: &Text, value: &str) -> bool {
    let maximum = limits.max_length as usize;
    value.len() > maximum && value.chars().count() > maximum
}

#[cold]
fn refuse_text(
    limits: &Text,
    faults: &TextFaults,
    value: &str,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    let found = Found::Text(value);
    if is_short(limits, value) {
        let least = counted(limits.min_length, "character");
        report.add(place, found, "minLength", || format!("must have at least {least}"))?;
    }
    if is_long(limits, value) {
        let most = counted(limits.max_length, "character");
        report.add(place, found, "maxLength", || format!("must have at most {most}"))?;
    }
    if let Some(pattern) = limits.pattern.filter(|_| faults.is_unmatched) {
        let message = || format!("must match the pattern {}", pattern.source());
        report.add(place, found, "pattern", message)?;
    }
    if let Some(format) = limits.format.filter(|_| faults.is_misformatted) {
        report.add(place, found, "format", || format!("must be a valid {}", format.name()))?;
    }
    Ok(())
}
