//! Checking numbers and strings. Nearly all values are valid, so the limits are checked one by one only for those that
//! are not.

use super::decimal::is_multiple;
use super::display::{choices_keyword, describe_choices, format_number, pluralize, quote};
use super::path::Path;
use super::report::{Report, Stop};
use super::visit::Found;
use super::{Integer, MAX_SAFE_INTEGER, Number, Schema, Text};

/// Reports that a value has another type than the schema allows.
#[cold]
pub(super) fn report_wrong_type(
    schema: &Schema,
    found: Found<'_>,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    let allows_null = report.allows_null(path);
    if let Schema::Enum(names) = schema {
        let keyword = choices_keyword(names.len() + usize::from(allows_null));
        return report.add(path, found, keyword, || {
            describe_choices(names.iter().map(|name| quote(name)), allows_null)
        });
    }
    let Some(name) = schema.type_name() else {
        return report.add(path, found, "not", || "is not allowed".to_owned());
    };
    let rule = if matches!(schema, Schema::Int64 | Schema::Uint64) { "format" } else { "type" };
    report.add(path, found, rule, || {
        if allows_null { format!("must be null or {name}") } else { format!("must be {name}") }
    })
}

#[inline]
pub(super) fn check_integer(
    limits: &Integer,
    value: f64,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    if is_integer_within(limits, value) { Ok(()) } else { report_integer(limits, value, path, report) }
}

#[inline]
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "that is what is asked")]
#[expect(clippy::float_cmp, reason = "a number is whole if it stays itself as an integer")]
pub(super) fn is_integer_within(limits: &Integer, value: f64) -> bool {
    let whole = value as i64;
    whole as f64 == value
        && (limits.minimum.max(-MAX_SAFE_INTEGER)..=limits.maximum.min(MAX_SAFE_INTEGER)).contains(&whole)
        && limits.multiple_of.is_none_or(|divisor| is_multiple(value, divisor))
}

#[cold]
#[expect(clippy::cast_precision_loss, reason = "the limits are safe integers, which doubles hold")]
fn report_integer(limits: &Integer, value: f64, path: &Path<'_>, report: &mut Report) -> Result<(), Stop> {
    let found = Found::Number(value);
    if value.fract() != 0.0 {
        return report_wrong_type(&Schema::Integer(*limits), found, path, report);
    }
    let minimum = limits.minimum.max(-MAX_SAFE_INTEGER);
    let maximum = limits.maximum.min(MAX_SAFE_INTEGER);
    if value < minimum as f64 {
        report.add(path, found, "minimum", || format!("must be at least {minimum}"))?;
    }
    if value > maximum as f64 {
        report.add(path, found, "maximum", || format!("must be at most {maximum}"))?;
    }
    report_multiple(limits.multiple_of, value, path, report)
}

#[inline]
pub(super) fn check_number(
    limits: &Number,
    value: f64,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    if is_number_within(limits, value) { Ok(()) } else { report_number(limits, value, path, report) }
}

#[inline]
pub(super) fn is_number_within(limits: &Number, value: f64) -> bool {
    limits.minimum.is_none_or(|limit| value >= limit)
        && limits.maximum.is_none_or(|limit| value <= limit)
        && limits.exclusive_minimum.is_none_or(|limit| value > limit)
        && limits.exclusive_maximum.is_none_or(|limit| value < limit)
        && limits.multiple_of.is_none_or(|divisor| is_multiple(value, divisor))
}

#[cold]
fn report_number(limits: &Number, value: f64, path: &Path<'_>, report: &mut Report) -> Result<(), Stop> {
    let found = Found::Number(value);
    if let Some(limit) = limits.minimum.filter(|limit| value < *limit) {
        report.add(path, found, "minimum", || format!("must be at least {}", format_number(limit)))?;
    }
    if let Some(limit) = limits.maximum.filter(|limit| value > *limit) {
        report.add(path, found, "maximum", || format!("must be at most {}", format_number(limit)))?;
    }
    if let Some(limit) = limits.exclusive_minimum.filter(|limit| value <= *limit) {
        let message = || format!("must be greater than {}", format_number(limit));
        report.add(path, found, "exclusiveMinimum", message)?;
    }
    if let Some(limit) = limits.exclusive_maximum.filter(|limit| value >= *limit) {
        let message = || format!("must be less than {}", format_number(limit));
        report.add(path, found, "exclusiveMaximum", message)?;
    }
    report_multiple(limits.multiple_of, value, path, report)
}

fn report_multiple(
    divisor: Option<f64>,
    value: f64,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    match divisor {
        Some(divisor) if !is_multiple(value, divisor) => {
            let message = || format!("must be a multiple of {}", format_number(divisor));
            report.add(path, Found::Number(value), "multipleOf", message)
        }
        _ => Ok(()),
    }
}

#[inline]
pub(super) fn check_text(
    limits: &Text,
    value: &str,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    let found = TextViolations::find(limits, value);
    if found.any() { report_text(limits, &found, value, path, report) } else { Ok(()) }
}

/// Returns `true` if a text is within limits.
#[inline]
pub(super) fn is_text_within(limits: &Text, value: &str) -> bool {
    !TextViolations::find(limits, value).any()
}

/// The limits that a text violates. Patterns and formats are checked once.
struct TextViolations {
    is_length_wrong: bool,
    is_unmatched: bool,
    is_misformatted: bool,
}

impl TextViolations {
    #[inline]
    fn find(limits: &Text, value: &str) -> Self {
        let is_long = is_long(limits, value);
        Self {
            is_length_wrong: is_long || is_short(limits, value),
            // A text that is too long is not worth the time of a match.
            is_unmatched: !is_long && limits.pattern.is_some_and(|pattern| !pattern.matches(value)),
            is_misformatted: !is_long && limits.format.is_some_and(|format| !format.accepts(value)),
        }
    }

    fn any(&self) -> bool {
        self.is_length_wrong || self.is_unmatched || self.is_misformatted
    }
}

/// The length in bytes is between once and four times the length in code points, so most texts need no counting.
fn is_short(limits: &Text, value: &str) -> bool {
    let minimum = limits.min_length as usize;
    value.len() < minimum.saturating_mul(4) && value.chars().count() < minimum
}

fn is_long(limits: &Text, value: &str) -> bool {
    let maximum = limits.max_length as usize;
    value.len() > maximum && value.chars().count() > maximum
}

#[cold]
fn report_text(
    limits: &Text,
    violations: &TextViolations,
    value: &str,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    let found = Found::Text(value);
    if is_short(limits, value) {
        let min = pluralize(limits.min_length, "character");
        report.add(path, found, "minLength", || format!("must have at least {min}"))?;
    }
    if is_long(limits, value) {
        let max = pluralize(limits.max_length, "character");
        report.add(path, found, "maxLength", || format!("must have at most {max}"))?;
    }
    if let Some(pattern) = limits.pattern.filter(|_| violations.is_unmatched) {
        let message = || format!("must match the pattern {}", pattern.source());
        report.add(path, found, "pattern", message)?;
    }
    if let Some(format) = limits.format.filter(|_| violations.is_misformatted) {
        report.add(path, found, "format", || format!("must be a valid {}", format.name()))?;
    }
    Ok(())
}
