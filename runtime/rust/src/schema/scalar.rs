//! What numbers and strings must be.

use super::decimal::is_multiple;
use super::place::{Place, Report, Stop};
use super::shown::{Subject, counted, one_of, quoted, rule_of_choices, written};
use super::visit::Found;
use super::{Integer, MAX_SAFE_INTEGER, Number, Schema, Text};

/// Reports that a value has another type than the schema says.
pub(super) fn refuse(
    schema: &Schema,
    subject: Subject<'_>,
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
            return report.add(place, subject, rule_of_choices(names.len()), || one_of_names(*names));
        }
        Schema::Any
        | Schema::Never
        | Schema::Literals(_)
        | Schema::AnyOf(_)
        | Schema::OneOf(_)
        | Schema::Rules(_) => ("not", "is not allowed"),
    };
    report.add(place, subject, rule, || message.to_owned())
}

pub(super) fn one_of_names<'a>(names: impl IntoIterator<Item = &'a &'a str>) -> String {
    one_of(&names.into_iter().map(|name| quoted(name)).collect::<Vec<_>>())
}

#[expect(clippy::cast_precision_loss, reason = "the limits are safe integers, which doubles hold")]
pub(super) fn integer(
    limits: &Integer,
    value: f64,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    let subject = Subject::Found(Found::Number(value));
    if value.fract() != 0.0 {
        return report.add(place, subject, "type", || "must be an integer".to_owned());
    }
    let minimum = limits.minimum.max(-MAX_SAFE_INTEGER);
    let maximum = limits.maximum.min(MAX_SAFE_INTEGER);
    if value < minimum as f64 {
        report.add(place, subject, "minimum", || format!("must be at least {minimum}"))?;
    }
    if value > maximum as f64 {
        report.add(place, subject, "maximum", || format!("must be at most {maximum}"))?;
    }
    multiple_of(limits.multiple_of, value, place, report)
}

pub(super) fn number(
    limits: &Number,
    value: f64,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    let subject = Subject::Found(Found::Number(value));
    if let Some(limit) = limits.minimum.filter(|limit| value < *limit) {
        report.add(place, subject, "minimum", || format!("must be at least {}", written(limit)))?;
    }
    if let Some(limit) = limits.maximum.filter(|limit| value > *limit) {
        report.add(place, subject, "maximum", || format!("must be at most {}", written(limit)))?;
    }
    if let Some(limit) = limits.exclusive_minimum.filter(|limit| value <= *limit) {
        report
            .add(place, subject, "exclusiveMinimum", || format!("must be greater than {}", written(limit)))?;
    }
    if let Some(limit) = limits.exclusive_maximum.filter(|limit| value >= *limit) {
        report.add(place, subject, "exclusiveMaximum", || format!("must be less than {}", written(limit)))?;
    }
    multiple_of(limits.multiple_of, value, place, report)
}

fn multiple_of(divisor: Option<f64>, value: f64, place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
    match divisor {
        Some(divisor) if !is_multiple(value, divisor) => {
            report.add(place, Subject::Found(Found::Number(value)), "multipleOf", || {
                format!("must be a multiple of {}", written(divisor))
            })
        }
        _ => Ok(()),
    }
}

pub(super) fn text(limits: &Text, value: &str, place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
    let subject = Subject::Found(Found::Text(value));
    // The length in bytes is at least the length in code points, and at most
    // four times it, so that most texts need no counting.
    let (minimum, maximum) = (limits.min_length as usize, limits.max_length as usize);
    if value.len() < minimum.saturating_mul(4) && value.chars().count() < minimum {
        let least = counted(limits.min_length, "character");
        report.add(place, subject, "minLength", || format!("must have at least {least}"))?;
    }
    if value.len() > maximum && value.chars().count() > maximum {
        let most = counted(limits.max_length, "character");
        report.add(place, subject, "maxLength", || format!("must have at most {most}"))?;
    }
    if let Some(pattern) = limits.pattern.filter(|pattern| !pattern.matches(value)) {
        report.add(place, subject, "pattern", || format!("must match the pattern {}", pattern.source()))?;
    }
    if let Some(format) = limits.format.filter(|format| !format.accepts(value)) {
        report.add(place, subject, "format", || format!("must be a valid {}", format.name()))?;
    }
    Ok(())
}
