//! Numbers and strings with their limits.

use crate::definition::{Keywords, listed};
use crate::diagnostics::{Code, Diagnostic, Place, closest};
use crate::model::{Format, Integer, LARGEST_INTEGER, Number, Text, Type};

/// Formats that narrow an integer, with their limits.
const INTEGER_FORMATS: [(&str, i64, i64); 6] = [
    ("int8", i8::MIN as i64, i8::MAX as i64),
    ("uint8", 0, u8::MAX as i64),
    ("int16", i16::MIN as i64, i16::MAX as i64),
    ("uint16", 0, u16::MAX as i64),
    ("int32", i32::MIN as i64, i32::MAX as i64),
    ("uint32", 0, u32::MAX as i64),
];

pub(super) fn integer(keywords: &Keywords, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Type {
    let (mut minimum, mut maximum) = (-LARGEST_INTEGER, LARGEST_INTEGER);
    match keywords.format.as_deref() {
        None => {}
        Some(wide @ ("int64" | "uint64")) => diagnostics.push(
            Diagnostic::at(
                Code::IntegerRange,
                &place.join("format"),
                format!("an integer of format `{wide}` does not fit a JSON number"),
            )
            .note("JavaScript holds whole numbers exactly only up to 2^53−1")
            .help(format!("write `type: string` with `format: {wide}`: it becomes a bigint in TypeScript")),
        ),
        Some(format) => match INTEGER_FORMATS.iter().find(|(name, ..)| *name == format) {
            Some((_, least, most)) => (minimum, maximum) = (*least, *most),
            None => diagnostics.push(unknown_format(format, place, &INTEGER_FORMATS.map(|(name, ..)| name))),
        },
    }
    let lower = [
        ("minimum", keywords.minimum.map(f64::ceil)),
        ("exclusiveMinimum", keywords.exclusive_minimum.map(|limit| limit.floor() + 1.0)),
    ];
    for (keyword, limit) in lower {
        if let Some(limit) = whole(keyword, limit, place, diagnostics) {
            minimum = minimum.max(limit);
        }
    }
    let upper = [
        ("maximum", keywords.maximum.map(f64::floor)),
        ("exclusiveMaximum", keywords.exclusive_maximum.map(|limit| limit.ceil() - 1.0)),
    ];
    for (keyword, limit) in upper {
        if let Some(limit) = whole(keyword, limit, place, diagnostics) {
            maximum = maximum.min(limit);
        }
    }
    if minimum > maximum {
        diagnostics.push(Diagnostic::at(Code::Unsatisfiable, place, "no integer satisfies these limits"));
    }
    Type::Integer(Integer { minimum, maximum, multiple_of: multiple_of(keywords, place, diagnostics) })
}

/// A limit as an integer, where it is within ±(2^53−1).
fn whole(keyword: &str, limit: Option<f64>, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Option<i64> {
    let limit = limit?;
    #[expect(clippy::cast_precision_loss, reason = "2^53−1 is exact")]
    if limit.abs() > LARGEST_INTEGER as f64 {
        diagnostics.push(
            Diagnostic::at(Code::IntegerRange, &place.join(keyword), "this limit is beyond ±(2^53−1)")
                .note("JavaScript holds whole numbers exactly only up to 2^53−1; unbounded integers stop there anyway")
                .help("remove the limit, or write `type: string` with `format: int64` for 64-bit integers"),
        );
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "within ±(2^53−1), as checked above")]
    Some(limit as i64)
}

pub(super) fn number(keywords: &Keywords, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Type {
    if let Some(format) = keywords.format.as_deref().filter(|format| *format != "double") {
        diagnostics.push(unknown_format(format, place, &["double"]));
    }
    let lower =
        keywords.minimum.into_iter().chain(keywords.exclusive_minimum).fold(f64::NEG_INFINITY, f64::max);
    let upper = keywords.maximum.into_iter().chain(keywords.exclusive_maximum).fold(f64::INFINITY, f64::min);
    let touches = keywords.exclusive_minimum == Some(upper) || keywords.exclusive_maximum == Some(lower);
    if lower > upper || (lower >= upper && touches) {
        diagnostics.push(Diagnostic::at(Code::Unsatisfiable, place, "no number satisfies these limits"));
    }
    Type::Number(Number {
        minimum: keywords.minimum,
        maximum: keywords.maximum,
        exclusive_minimum: keywords.exclusive_minimum,
        exclusive_maximum: keywords.exclusive_maximum,
        multiple_of: multiple_of(keywords, place, diagnostics),
    })
}

fn multiple_of(keywords: &Keywords, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Option<f64> {
    let divisor = keywords.multiple_of?;
    if divisor > 0.0 {
        return Some(divisor);
    }
    diagnostics.push(Diagnostic::at(
        Code::Limit,
        &place.join("multipleOf"),
        "`multipleOf` must be larger than 0",
    ));
    None
}

pub(super) fn text(keywords: &Keywords, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Type {
    refuse_empty_range(
        keywords.min_length,
        keywords.max_length,
        ("minLength", "maxLength"),
        place,
        diagnostics,
    );
    let mut text = Text {
        min_length: keywords.min_length.filter(|least| *least > 0),
        max_length: keywords.max_length,
        pattern: keywords.pattern.clone(),
        format: None,
    };
    if let Some(pattern) = &keywords.pattern {
        check_pattern(pattern, &place.join("pattern"), diagnostics);
    }
    let Some(format) = keywords.format.as_deref() else { return Type::Text(text) };
    if let wide @ ("int64" | "uint64") = format {
        if !text.is_plain() {
            let message = format!("`format: {wide}` cannot have other limits");
            diagnostics.push(
                Diagnostic::at(Code::Limit, place, message)
                    .help("remove `minLength`, `maxLength` and `pattern`"),
            );
        }
        return if wide == "int64" { Type::Int64 } else { Type::Uint64 };
    }
    text.format = Format::ALL.into_iter().find(|known| known.keyword() == format);
    if text.format.is_none() {
        let known: Vec<&str> =
            Format::ALL.iter().map(|format| format.keyword()).chain(["int64", "uint64"]).collect();
        diagnostics.push(unknown_format(format, place, &known));
    }
    Type::Text(text)
}

fn check_pattern(pattern: &str, place: &Place, diagnostics: &mut Vec<Diagnostic>) {
    if let Err(error) = regress::Regex::with_flags(pattern, "u") {
        diagnostics.push(
            Diagnostic::at(Code::Pattern, place, format!("this is not a regular expression: {error}"))
                .note("patterns are ECMA-262 regular expressions with the `u` flag, in Rust too"),
        );
    }
}

pub(super) fn refuse_empty_range(
    least: Option<u32>,
    most: Option<u32>,
    (least_name, most_name): (&str, &str),
    place: &Place,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if least.zip(most).is_some_and(|(least, most)| least > most) {
        let message = format!("`{least_name}` is larger than `{most_name}`, so no value is valid");
        diagnostics.push(Diagnostic::at(Code::Unsatisfiable, &place.join(least_name), message));
    }
}

fn unknown_format(format: &str, place: &Place, known: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::at(
        Code::Format,
        &place.join("format"),
        format!("the format `{format}` is not supported here"),
    )
    .note("a format that both sides do not check alike is refused");
    match closest(format, known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("the formats here are {}", listed(known))),
    }
}
