//! Numbers and strings, and their limits.

use fanfare_pattern::{Error, Regex};

use crate::definition::{Keywords, TypeNames};
use crate::diagnostics::{Code, Diagnostic, Place, closest};
use crate::model::{Format, Integer, Kinds, MAX_INTEGER, Number, Text, Type};

/// Formats that narrow an integer, with their limits.
pub(crate) const INTEGER_FORMATS: [(&str, i32, u32); 6] = [
    ("int8", i8::MIN as i32, i8::MAX as u32),
    ("uint8", 0, u8::MAX as u32),
    ("int16", i16::MIN as i32, i16::MAX as u32),
    ("uint16", 0, u16::MAX as u32),
    ("int32", i32::MIN, i32::MAX as u32),
    ("uint32", 0, u32::MAX),
];

/// The limits that a `format` sets, if the `type` is integer.
pub(super) fn integer_format(keywords: &Keywords) -> Option<(f64, f64)> {
    let is_integer = |names: &TypeNames| {
        let kinds = super::rules::kinds(names);
        kinds.contains(Kinds::INTEGER) && !kinds.contains(Kinds::NUMBER)
    };
    keywords.type_.as_ref().filter(|names| is_integer(names))?;
    let format = keywords.format.as_deref()?;
    let (_, least, most) = INTEGER_FORMATS.iter().find(|(name, ..)| *name == format)?;
    Some((f64::from(*least), f64::from(*most)))
}

pub(super) fn integer(keywords: &Keywords, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Type {
    let (mut minimum, mut maximum) = (-MAX_INTEGER, MAX_INTEGER);
    if let Some(wide @ ("int64" | "uint64")) = keywords.format.as_deref() {
        diagnostics.push(
            Diagnostic::at(
                Code::IntegerRange,
                &place.join("format"),
                format!("`format: {wide}` does not fit a JSON number"),
            )
            .note("JavaScript represents integers exactly only up to 2^53−1")
            .help(format!(
                "write `type: string` with `format: {wide}`, which becomes a bigint in TypeScript"
            )),
        );
    }
    #[expect(clippy::cast_possible_truncation, reason = "the limits of a format are whole")]
    if let Some((least, most)) = integer_format(keywords) {
        (minimum, maximum) = (least as i64, most as i64);
    }
    let (inclusive, exclusive) = keywords.lower_limits();
    let lower = [
        ("minimum", inclusive.map(f64::ceil)),
        ("exclusiveMinimum", exclusive.map(|limit| limit.floor() + 1.0)),
    ];
    for (keyword, limit) in lower {
        if let Some(limit) = whole(keyword, limit, place, diagnostics) {
            minimum = minimum.max(limit);
        }
    }
    let (inclusive, exclusive) = keywords.upper_limits();
    let upper = [
        ("maximum", inclusive.map(f64::floor)),
        ("exclusiveMaximum", exclusive.map(|limit| limit.ceil() - 1.0)),
    ];
    for (keyword, limit) in upper {
        if let Some(limit) = whole(keyword, limit, place, diagnostics) {
            maximum = maximum.min(limit);
        }
    }
    if minimum > maximum {
        diagnostics.push(Diagnostic::at(Code::Unsatisfiable, place, "no integer satisfies these limits"));
    }
    Type::Integer(Integer { minimum, maximum, multiple_of: keywords.multiple_of })
}

/// Returns a limit as an integer, or reports it if it is outside ±(2^53−1).
fn whole(keyword: &str, limit: Option<f64>, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Option<i64> {
    let limit = limit?;
    #[expect(clippy::cast_precision_loss, reason = "2^53−1 is exact")]
    if limit.abs() > MAX_INTEGER as f64 {
        diagnostics.push(
            Diagnostic::at(Code::IntegerRange, &place.join(keyword), "limit outside ±(2^53−1)")
                .note("JavaScript represents integers exactly only up to 2^53−1, which also bounds integers without limits")
                .help("remove the limit, or write `type: string` with `format: int64` for 64-bit integers"),
        );
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "within ±(2^53−1), as checked above")]
    Some(limit as i64)
}

pub(super) fn number(keywords: &Keywords, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Type {
    let number = of_number(keywords);
    let lower = number.minimum.into_iter().chain(number.exclusive_minimum).fold(f64::NEG_INFINITY, f64::max);
    let upper = number.maximum.into_iter().chain(number.exclusive_maximum).fold(f64::INFINITY, f64::min);
    let touches = number.exclusive_minimum == Some(upper) || number.exclusive_maximum == Some(lower);
    if lower > upper || (lower >= upper && touches) {
        diagnostics.push(Diagnostic::at(Code::Unsatisfiable, place, "no number satisfies these limits"));
    }
    Type::Number(number)
}

/// The limits of a number, as written.
pub(super) fn of_number(keywords: &Keywords) -> Number {
    let ((minimum, exclusive_minimum), (maximum, exclusive_maximum)) =
        (keywords.lower_limits(), keywords.upper_limits());
    Number { minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of: keywords.multiple_of }
}

pub(super) fn text(keywords: &Keywords, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Type {
    refuse_empty_range(
        keywords.min_length,
        keywords.max_length,
        ("minLength", "maxLength"),
        place,
        diagnostics,
    );
    let mut text = of_text(keywords);
    let Some(format) = keywords.format.as_deref() else { return Type::Text(text) };
    if let wide @ ("int64" | "uint64") = format {
        if !text.is_plain() {
            let message = format!("`format: {wide}` cannot be combined with other limits");
            diagnostics.push(
                Diagnostic::at(Code::Limit, place, message)
                    .help("remove `minLength`, `maxLength` and `pattern`"),
            );
        }
        return if wide == "int64" { Type::Int64 } else { Type::Uint64 };
    }
    text.format = Format::of_keyword(format);
    Type::Text(text)
}

/// The limits of a string, as written, without its format.
pub(super) fn of_text(keywords: &Keywords) -> Text {
    Text {
        min_length: keywords.min_length.filter(|least| *least > 0),
        max_length: keywords.max_length,
        pattern: keywords.pattern.as_deref().and_then(|pattern| with_unicode(pattern).ok()),
        format: None,
    }
}

/// Returns the pattern in the grammar with the `u` flag, which both languages use. Without the flag, patterns may escape
/// ordinary characters and leave braces unescaped; both are rewritten.
///
/// # Errors
/// Returns the pattern's error if it cannot be rewritten.
pub(super) fn with_unicode(pattern: &str) -> Result<String, Error> {
    match Regex::new(pattern) {
        Ok(_) => Ok(pattern.to_owned()),
        Err(error @ Error::Syntax(_)) => {
            let strict = strict(pattern);
            match Regex::new(&strict) {
                Err(Error::Syntax(_)) => Err(error),
                Err(other) => Err(other),
                Ok(_) => Ok(strict),
            }
        }
        Err(error) => Err(error),
    }
}

/// Returns the diagnostic for a rejected pattern.
pub(super) fn refused_pattern(error: &Error, place: &Place) -> Diagnostic {
    let at = |message: String| Diagnostic::at(Code::Pattern, place, message);
    let linear = "patterns must match in linear time, so that a long text cannot keep a server busy";
    match error {
        Error::BackReference => at(format!("unsupported pattern: {error}"))
            .note(linear)
            .help("write out the alternatives, or check this part in your own code"),
        Error::Modifier => at(format!("unsupported pattern: {error}"))
            .note("patterns are ECMA-262 regular expressions with the `u` flag, in Rust too")
            .help("write both cases, such as `[aA]`"),
        Error::Syntax(_) => at(format!("invalid regular expression: {error}"))
            .note("patterns are ECMA-262 regular expressions with the `u` flag, in Rust too"),
        _ => at(format!("unsupported pattern: {error}"))
            .note(linear)
            .help("use smaller repetition counts, and limit lengths with `minLength` and `maxLength`"),
    }
}

fn strict(pattern: &str) -> String {
    let mut strict = String::new();
    let mut in_class = false;
    let mut characters = pattern.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, escaped)) if is_needlessly_escaped(escaped, in_class) => strict.push(escaped),
                Some((_, escaped)) => strict.extend(['\\', escaped]),
                None => strict.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                strict.push('[');
            }
            ']' if in_class => {
                in_class = false;
                strict.push(']');
            }
            '{' if !in_class => match quantifier(&pattern[at..]) {
                Some(text) => {
                    strict.push_str(text);
                    // The quantifier is ASCII, so one character per byte. The brace is consumed already.
                    characters.by_ref().take(text.len() - 1).for_each(drop);
                }
                None => strict.push_str("\\{"),
            },
            ']' | '}' if !in_class => strict.extend(['\\', character]),
            other => strict.push(other),
        }
    }
    strict
}

/// Returns `true` for ordinary characters, which the `u` flag forbids escaping.
fn is_needlessly_escaped(escaped: char, in_class: bool) -> bool {
    let is_syntax = "^$\\.*+?()[]{}|/".contains(escaped) || (in_class && escaped == '-');
    !is_syntax && !escaped.is_ascii_alphanumeric()
}

/// `{2}`, `{2,}` or `{2,5}` at the start of a text.
fn quantifier(text: &str) -> Option<&str> {
    let end = text.find('}')?;
    let inside = &text[1..end];
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (!least.is_empty() && digits(least) && digits(most)).then(|| &text[..=end])
}

pub(super) fn refuse_empty_range(
    least: Option<u32>,
    most: Option<u32>,
    (least_name, most_name): (&str, &str),
    place: &Place,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if least.zip(most).is_some_and(|(least, most)| least > most) {
        let message = format!("`{least_name}` is greater than `{most_name}`, so no value is valid");
        diagnostics.push(Diagnostic::at(Code::Unsatisfiable, &place.join(least_name), message));
    }
}

/// Returns a warning for an unchecked format, or an error for one that looks like a misspelt checked format.
pub(super) fn unchecked_format(format: &str, place: &Place) -> Option<Diagnostic> {
    let checked = Format::ALL.iter().map(|format| format.keyword());
    let known: Vec<&str> =
        checked.chain(INTEGER_FORMATS.map(|(name, ..)| name)).chain(["int64", "uint64"]).collect();
    if known.contains(&format) {
        return None;
    }
    let place = place.join("format");
    Some(match closest(format, known.iter().copied()).filter(|_| !UNCHECKED_FORMATS.contains(&format)) {
        Some(near) => Diagnostic::at(Code::Format, &place, format!("unknown format `{format}`"))
            .note("unknown formats are not checked")
            .help(format!("did you mean `{near}`?")),
        None => {
            let message = format!("`format: {format}` is not checked");
            Diagnostic::at(Code::UncheckedFormat, &place, message).help("add a `pattern` to check it")
        }
    })
}

/// Well-known formats that Fanfare treats as annotations and does not check.
pub(crate) const UNCHECKED_FORMATS: [&str; 17] = [
    "binary",
    "byte",
    "double",
    "duration",
    "float",
    "idn-email",
    "idn-hostname",
    "int",
    "iri",
    "iri-reference",
    "json-pointer",
    "password",
    "regex",
    "relative-json-pointer",
    "uint",
    "uri-reference",
    "uri-template",
];
