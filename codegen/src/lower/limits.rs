//! Limits of numbers, strings and arrays, and the grammars of strings.

use fanfare_pattern::{Error, Regex};
use serde_json::Value;

use super::{is_of_kind, kinds};
use crate::definition::{Keywords, TypeNames};
use crate::diagnostics::{Code, Diagnostic, Location, closest};
use crate::model::{Format, Kinds, MAX_INTEGER, Number, Text};

/// Formats that narrow an integer, with their limits in JSON.
pub(crate) const INTEGER_FORMATS: [(&str, i64, i64); 10] = [
    ("int8", i8::MIN as i64, i8::MAX as i64),
    ("uint8", 0, u8::MAX as i64),
    ("int16", i16::MIN as i64, i16::MAX as i64),
    ("uint16", 0, u16::MAX as i64),
    ("int32", i32::MIN as i64, i32::MAX as i64),
    ("uint32", 0, u32::MAX as i64),
    ("int", -MAX_INTEGER, MAX_INTEGER),
    ("uint", 0, MAX_INTEGER),
    ("int64", -MAX_INTEGER, MAX_INTEGER),
    ("uint64", 0, MAX_INTEGER),
];

/// The formats whose integers do not all fit a JSON number.
const WIDE_FORMATS: [&str; 4] = ["int", "uint", "int64", "uint64"];

/// The limits that a `format` sets, if the `type` is integer.
pub(super) fn integer_format(keywords: &Keywords) -> Option<(f64, f64)> {
    keywords.type_.as_ref().filter(|names| is_integer(names))?;
    let format = keywords.format.as_deref()?;
    let (_, least, most) = INTEGER_FORMATS.iter().find(|(name, ..)| *name == format)?;
    #[expect(clippy::cast_precision_loss, reason = "within ±(2^53−1)")]
    let limits = (*least as f64, *most as f64);
    // Every integer is within the widest limits.
    Some(limits).filter(|_| format != "int" && format != "int64")
}

fn is_integer(names: &TypeNames) -> bool {
    let kinds = kinds(names);
    kinds.contains(Kinds::INTEGER) && !kinds.contains(Kinds::NUMBER)
}

/// Reports limits that exclude each other, and limits without effect.
pub(super) fn check(keywords: &Keywords, location: &Location, diagnostics: &mut Vec<Diagnostic>) {
    refuse_no_value(keywords, location, diagnostics);
    let kinds = keywords.type_.as_ref().map_or(Kinds::NONE, kinds);
    if kinds.contains(Kinds::STRING) {
        let names = ("minLength", "maxLength");
        refuse_empty_range(keywords.min_length, keywords.max_length, names, location, diagnostics);
    }
    if kinds.contains(Kinds::ARRAY) {
        let names = ("minItems", "maxItems");
        refuse_empty_range(keywords.min_items, keywords.max_items, names, location, diagnostics);
    }
    if kinds.contains(Kinds::INTEGER) {
        check_numbers(keywords, kinds.contains(Kinds::NUMBER), location, diagnostics);
    }
    if let Some(wide @ ("int64" | "uint64")) = keywords.format.as_deref()
        && kinds.contains(Kinds::STRING)
        && !of_text(keywords).is_plain()
    {
        let message = format!("`format: {wide}` cannot be combined with other limits");
        diagnostics.push(
            Diagnostic::at(Code::Limit, location, message)
                .help("remove `minLength`, `maxLength` and `pattern`"),
        );
    }
}

fn check_numbers(
    keywords: &Keywords,
    fractions: bool,
    location: &Location,
    diagnostics: &mut Vec<Diagnostic>,
) {
    #[expect(clippy::cast_precision_loss, reason = "2^53−1 is exact")]
    let bound = if fractions { f64::INFINITY } else { MAX_INTEGER as f64 };
    let ((least, above), (most, below)) = (keywords.lower_limits(), keywords.upper_limits());
    let limits =
        [("minimum", least), ("exclusiveMinimum", above), ("maximum", most), ("exclusiveMaximum", below)];
    for (keyword, limit) in limits {
        let Some(limit) = limit.filter(|limit| limit.abs() > bound) else { continue };
        let excludes_all = keyword.to_lowercase().ends_with("minimum") == (limit > 0.0);
        let location = location.join(keyword);
        diagnostics.push(if excludes_all {
            Diagnostic::at(Code::Unsatisfiable, &location, "no integer in JSON satisfies this limit")
                .note("integers are within ±(2^53−1), which JavaScript represents exactly")
        } else {
            Diagnostic::at_key(
                Code::WideInteger,
                &location,
                "this limit has no effect: it is outside ±(2^53−1)",
            )
            .note("integers outside ±(2^53−1) are rejected, because JavaScript cannot represent them exactly")
            .help("remove the limit, or write `type: string` with `format: int64` for 64-bit integers")
        });
    }
    let whole = |limit: Option<f64>, round: fn(f64) -> f64| if fractions { limit } else { limit.map(round) };
    let lower = [whole(least, f64::ceil), whole(above, |limit| limit.floor() + 1.0)];
    let upper = [whole(most, f64::floor), whole(below, |limit| limit.ceil() - 1.0)];
    let (least, most) = integer_format(keywords).unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let lowest = lower.into_iter().flatten().fold(least, f64::max);
    let highest = upper.into_iter().flatten().fold(most, f64::min);
    let touches = fractions && lowest >= highest && (above == Some(highest) || below == Some(lowest));
    if lowest > highest || touches {
        let what = if fractions { "number" } else { "integer" };
        diagnostics.push(Diagnostic::at(
            Code::Unsatisfiable,
            location,
            format!("no {what} satisfies these limits"),
        ));
    }
    let Some(format) = keywords.format.as_deref().filter(|format| WIDE_FORMATS.contains(format)) else {
        return;
    };
    let is_limited = highest < bound && (lowest > -bound || format.starts_with('u'));
    if !fractions && !is_limited {
        let text = if format.starts_with('u') { "uint64" } else { "int64" };
        diagnostics.push(
            Diagnostic::at(
                Code::WideInteger,
                &location.join("format"),
                format!("integers of `format: {format}` outside ±(2^53−1) are rejected"),
            )
            .note("JavaScript represents integers exactly only up to 2^53−1")
            .help(format!(
                "add a `maximum`, or write `type: string` with `format: {text}`, which becomes a bigint in TypeScript"
            )),
        );
    }
}

/// Reports a `const` or an `enum` without any value of the schema's `type`.
fn refuse_no_value(keywords: &Keywords, location: &Location, diagnostics: &mut Vec<Diagnostic>) {
    let (key, values) = match (&keywords.constant, &keywords.enumeration) {
        (Some(value), _) => ("const", std::slice::from_ref(value)),
        (None, Some(values)) => ("enum", values.as_slice()),
        (None, None) => return,
    };
    let allowed = keywords.type_.as_ref().map_or(Kinds::ANY, kinds);
    if values.iter().any(|value: &Value| is_of_kind(value, allowed)) {
        return;
    }
    let location = location.join(key);
    diagnostics.push(if values.is_empty() {
        Diagnostic::at(Code::Unsatisfiable, &location, "empty `enum`: no value is valid")
            .help("list the allowed values")
    } else {
        let message = format!("no value of `{key}` has the schema's `type`");
        Diagnostic::at(Code::Unsatisfiable, &location, message).help("correct the values or the type")
    });
}

/// The limits of a number, as written.
pub(super) fn of_number(keywords: &Keywords) -> Number {
    let ((minimum, exclusive_minimum), (maximum, exclusive_maximum)) =
        (keywords.lower_limits(), keywords.upper_limits());
    Number { minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of: keywords.multiple_of }
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
pub(super) fn refused_pattern(pattern: &str, error: &Error, location: &Location) -> Diagnostic {
    let at = |message: String| Diagnostic::at(Code::Pattern, location, message);
    let linear = "patterns must match in linear time, so that a long text cannot keep a server busy";
    let grammar = "patterns are ECMA-262 regular expressions with the `u` flag, in Rust too";
    match error {
        Error::BackReference => at(format!("unsupported pattern: {error}"))
            .note(linear)
            .help("write out the alternatives, or check this part in your own code"),
        Error::Modifier | Error::Syntax(_) => {
            let kind =
                if *error == Error::Modifier { "unsupported pattern" } else { "invalid regular expression" };
            let diagnostic = at(format!("{kind}: {error}")).note(grammar);
            match suggest_replacement(pattern) {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            }
        }
        _ => at(format!("unsupported pattern: {error}"))
            .note(linear)
            .help("use smaller repetition counts, and limit lengths with `minLength` and `maxLength`"),
    }
}

/// Syntax of other regular expression engines, with its replacement in ECMA-262.
const FOREIGN_SYNTAX: [(&str, &str); 15] = [
    ("(?P<", "write `(?<name>…)`, or `(…)`: names of groups have no effect"),
    ("(?i", "write both cases, such as `[aA]`"),
    ("(?m", r"remove the flag, and write `(^|\n)` and `($|\n)` for the ends of a line"),
    ("(?s", "remove the flag, and write `[^]` for a `.` that matches line breaks too"),
    ("(?x", "remove the flag, and the spaces and comments in the pattern"),
    ("(?u", "remove the flag: patterns read code points"),
    ("(?U", "remove the flag: greedy and lazy quantifiers match the same texts"),
    ("(?-", "write `(?:…)`: no flag is set"),
    ("(?>", "write `(?:…)`"),
    ("(?#", "remove the comment"),
    (r"\A", "write `^`, which matches only at the start of the text"),
    (r"\z", "write `$`, which matches only at the end of the text"),
    (r"\Z", "write `$`, which matches only at the end of the text"),
    (r"\h", r"write `[ \t]`"),
    (r"\Q", r"escape each special character with `\`"),
];

/// Suggests a replacement for the first foreign syntax in a pattern.
fn suggest_replacement(pattern: &str) -> Option<&'static str> {
    suffixes(pattern).find_map(|rest| {
        let part = FOREIGN_SYNTAX.iter().find(|(part, _)| rest.starts_with(part));
        part.map(|(_, help)| *help)
    })
}

/// A pattern from each character to its end. An escape counts as one character.
fn suffixes(pattern: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(pattern), |rest| {
        let mut characters = rest.chars();
        if characters.next()? == '\\' {
            characters.next();
        }
        Some(characters.as_str())
    })
}

/// The POSIX character classes, with their replacements between brackets.
const POSIX_CLASSES: [(&str, &str); 13] = [
    ("alnum", "A-Za-z0-9"),
    ("alpha", "A-Za-z"),
    ("blank", r" \t"),
    ("cntrl", r"\p{Cc}"),
    ("digit", "0-9"),
    ("graph", "!-~"),
    ("lower", "a-z"),
    ("print", " -~"),
    ("punct", r"\p{P}\p{S}"),
    ("space", r"\s"),
    ("upper", "A-Z"),
    ("word", r"\w"),
    ("xdigit", "0-9A-Fa-f"),
];

/// The Unicode properties that correspond to a POSIX character class.
const PROPERTIES: [(&str, &str); 4] =
    [("alnum", r"\p{L}\p{N}"), ("alpha", r"\p{L}"), ("lower", r"\p{Ll}"), ("upper", r"\p{Lu}")];

/// Warns about a POSIX character class, which ECMA-262 reads as a set of the characters in its name.
pub(super) fn posix_class(pattern: &str, location: &Location) -> Option<Diagnostic> {
    let (written, name, characters) = suffixes(pattern).find_map(|rest| {
        let written = rest.strip_prefix("[:")?.split_once(":]")?.0;
        let name = written.trim_start_matches('^');
        let (_, characters) = POSIX_CLASSES.iter().find(|(known, _)| *known == name)?;
        Some((written, name, characters))
    })?;
    let not = if written == name { "" } else { "^" };
    let mut letters: Vec<String> = Vec::new();
    for letter in written.chars().map(|letter| format!("`{letter}`")) {
        if !letters.contains(&letter) {
            letters.push(letter);
        }
    }
    let help = match PROPERTIES.iter().find(|(known, _)| *known == name) {
        Some((_, property)) => {
            format!("write `[{not}{characters}]`, or `[{not}{property}]` for all scripts of Unicode")
        }
        None => format!("write `[{not}{characters}]`"),
    };
    let message = format!("`[:{written}:]` is not a character class in ECMA-262");
    let note = format!("`[[:{written}:]]` matches one of `[`, `:`, {} and then a `]`", letters.join(", "));
    Some(Diagnostic::at(Code::OtherSyntax, location, message).note(note).help(help))
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

fn refuse_empty_range(
    least: Option<u32>,
    most: Option<u32>,
    (least_name, most_name): (&str, &str),
    location: &Location,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if least.zip(most).is_some_and(|(least, most)| least > most) {
        let message = format!("`{least_name}` is greater than `{most_name}`, so no value is valid");
        diagnostics.push(Diagnostic::at(Code::Unsatisfiable, &location.join(least_name), message));
    }
}

/// Returns a warning for an unchecked format, or an error for one that looks like a misspelt checked format.
pub(super) fn unchecked_format(format: &str, is_foreign: bool, location: &Location) -> Option<Diagnostic> {
    let checked = Format::STRING_FORMATS.iter().map(|format| format.name());
    let known: Vec<&str> = checked.chain(INTEGER_FORMATS.map(|(name, ..)| name)).collect();
    if known.contains(&format) {
        return None;
    }
    let location = location.join("format");
    Some(
        match closest(format, known.iter().copied())
            .filter(|_| !is_foreign && !UNCHECKED_FORMATS.contains(&format))
        {
            Some(near) => Diagnostic::at(Code::Format, &location, format!("unknown format `{format}`"))
                .note("unknown formats are not checked")
                .help(format!("did you mean `{near}`?")),
            None => {
                let message = format!("`format: {format}` is not checked");
                Diagnostic::at(Code::UncheckedFormat, &location, message).help("add a `pattern` to check it")
            }
        },
    )
}

/// Well-known formats that Fanfare treats as annotations and does not check.
pub(crate) const UNCHECKED_FORMATS: [&str; 15] = [
    "binary",
    "byte",
    "double",
    "duration",
    "float",
    "idn-email",
    "idn-hostname",
    "iri",
    "iri-reference",
    "json-pointer",
    "password",
    "regex",
    "relative-json-pointer",
    "uri-reference",
    "uri-template",
];
