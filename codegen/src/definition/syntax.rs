//! Parses YAML and JSON to JSON values, and records the span of every key and value. Syntax errors are located, in the
//! words of YAML.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::{Map, Number, Value};

use crate::diagnostics::{Code, Diagnostic, SourceId, Sources, Spans, position};

/// The maximum nesting depth of a document.
const MAX_DEPTH: usize = 128;

/// The maximum number of values that aliases may add to a document.
const MAX_ALIASED: usize = 1_000_000;

/// Parses a file.
///
/// # Errors
/// Returns the syntax error, or a diagnostic for each value that JSON cannot represent.
pub(crate) fn parse(sources: &mut Sources, source: SourceId) -> Result<Value, Vec<Diagnostic>> {
    let file = sources.get(source);
    let is_json = file.path.extension().is_some_and(|extension| extension == "json");
    let json = if is_json { Some(parse_json(&file.text, source)?) } else { None };
    // YAML has no surrogate pairs.
    let text = if is_json { Cow::Owned(mask_surrogates(&file.text)) } else { Cow::Borrowed(&*file.text) };
    let mut reader = Reader::new(&text, source);
    let yaml = reader.read_document();
    let (mut diagnostics, spans) = (reader.diagnostics, reader.spans);
    sources.locate(source, spans.into());
    match (json, yaml) {
        (Some(value), _) if diagnostics.is_empty() => Ok(value),
        (None, Ok(value)) if diagnostics.is_empty() => Ok(value),
        (Some(_), _) | (None, Ok(_)) => Err(diagnostics),
        (None, Err(error)) => {
            diagnostics.push(*error);
            Err(diagnostics)
        }
    }
}

fn parse_json(text: &str, source: SourceId) -> Result<Value, Vec<Diagnostic>> {
    serde_json::from_str(text).map_err(|error| {
        let at = position(text, error.line(), error.column());
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message);
        vec![match message {
            "recursion limit exceeded" => too_deep(source, at),
            "number out of range" => Diagnostic::at_byte(Code::Syntax, source, at, "number too large")
                .note("JSON numbers are doubles: at most about 1.8e308"),
            message => Diagnostic::at_byte(Code::Syntax, source, at, format!("syntax error: {message}")),
        }]
    })
}

fn too_deep(source: SourceId, at: usize) -> Diagnostic {
    Diagnostic::at_byte(Code::Syntax, source, at, "nested too deeply")
        .note(format!("definitions may be nested up to {MAX_DEPTH} levels deep"))
        .help("move inner schemas to `$defs` and refer to them with `$ref`")
}

/// Replaces escaped surrogates by other escapes of the same length.
fn mask_surrogates(text: &str) -> String {
    let mut parts = text.split("\\u");
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_surrogate = part.get(..2).is_some_and(|digits| {
            u8::from_str_radix(digits, 16).is_ok_and(|high| (0xd8..=0xdf).contains(&high))
        });
        masked.push_str("\\u");
        masked.push_str(if is_surrogate { "00" } else { part.get(..2).unwrap_or_default() });
        masked.push_str(part.get(2..).unwrap_or(part));
    }
    masked
}

/// The reading stops at the first syntax error. It collects values that JSON cannot represent.
type Read<T> = Result<T, Box<Diagnostic>>;

struct Reader<'t> {
    text: &'t str,
    source: SourceId,
    parser: Parser<'t, StrInput<'t>>,
    bytes: Bytes<'t>,
    spans: Spans,
    diagnostics: Vec<Diagnostic>,
    /// The values that aliases can refer to, with their numbers of values.
    anchors: HashMap<usize, (Value, usize)>,
    aliased: usize,
    /// The starts of the collections that are still open.
    open: Vec<usize>,
    /// The end of the last value or bracket.
    end: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, source: SourceId) -> Self {
        Self {
            text,
            source,
            parser: Parser::new_from_str(text),
            bytes: Bytes::new(text),
            spans: Spans::default(),
            diagnostics: Vec::new(),
            anchors: HashMap::new(),
            aliased: 0,
            open: Vec::new(),
            end: 0,
        }
    }

    fn read_document(&mut self) -> Read<Value> {
        let mut document = None;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(document.unwrap_or_default()),
                (Event::DocumentStart(_), span) if document.is_some() => {
                    let message = "a file can contain only one YAML document";
                    let diagnostic = Diagnostic::at_byte(Code::Syntax, self.source, span.start, message);
                    return Err(diagnostic.help("move the text after `---` to a separate file").into());
                }
                (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => {}
                (event, span) => document = Some(self.value(event, span, None)?),
            }
        }
    }

    fn next(&mut self) -> Read<(Event<'t>, Range<usize>)> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.range(span))),
            Some(Err(error)) => Err(self.syntax_error(&error).into()),
            None => Ok((Event::StreamEnd, self.text.len()..self.text.len())),
        }
    }

    fn range(&mut self, span: Span) -> Range<usize> {
        let (start, end) = (self.bytes.at(span.start.index()), self.bytes.at(span.end.index()));
        let range = start..start + self.text[start..end.max(start)].trim_end().len();
        if !range.is_empty() {
            self.end = range.end;
        }
        range
    }

    fn value(
        &mut self,
        event: Event<'t>,
        span: Range<usize>,
        key: Option<(String, Range<usize>)>,
    ) -> Read<Value> {
        let is_collection = matches!(event, Event::MappingStart(..) | Event::SequenceStart(..));
        let node = self.spans.open(key, span.clone(), is_collection);
        let before = node + self.aliased;
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, self.scalar(&text, style, tag.as_deref(), &span))
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", &span);
                (anchor, self.sequence(span.start)?)
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", &span);
                (anchor, self.mapping(span.start)?)
            }
            Event::Alias(anchor) => (0, self.alias(anchor, &span)?),
            _ => (0, Value::Null),
        };
        self.spans.close(node, self.end);
        if anchor != 0 {
            let size = self.spans.len() + self.aliased - before;
            self.anchors.insert(anchor, (value.clone(), size));
        }
        Ok(value)
    }

    fn sequence(&mut self, start: usize) -> Read<Value> {
        self.enter(start)?;
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => break,
                (event, span) => items.push(self.value(event, span, None)?),
            }
        }
        self.open.pop();
        Ok(Value::Array(items))
    }

    fn mapping(&mut self, start: usize) -> Read<Value> {
        self.enter(start)?;
        let mut members = Map::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => break,
                (event, span) => self.key(event, span)?,
            };
            let (event, span) = self.next()?;
            let value = self.value(event, span, key.clone())?;
            let Some((name, span)) = key else { continue };
            let message = format!("duplicate key `{name}`");
            if members.insert(name, value).is_some() {
                self.diagnostics.push(
                    Diagnostic::at_span(Code::DuplicateKey, self.source, span, message)
                        .help("remove or rename one of them"),
                );
            }
        }
        self.open.pop();
        Ok(Value::Object(members))
    }

    fn enter(&mut self, start: usize) -> Read<()> {
        if self.open.len() == MAX_DEPTH {
            return Err(too_deep(self.source, start).into());
        }
        self.open.push(start);
        Ok(())
    }

    /// Returns the text of a key. Other keys are reported.
    fn key(&mut self, event: Event<'t>, span: Range<usize>) -> Read<Option<(String, Range<usize>)>> {
        let is_plain_text = matches!(&event, Event::Scalar(..));
        let node = self.spans.len();
        let key = self.value(event, span.clone(), None)?;
        // A key is not a value.
        self.spans.truncate(node);
        match key {
            Value::String(key) if is_plain_text => Ok(Some((key, span))),
            _ => {
                let message = "mapping keys must be strings";
                self.report(span, message, Some("put the key in quotes"));
                Ok(None)
            }
        }
    }

    fn alias(&mut self, anchor: usize, span: &Range<usize>) -> Read<Value> {
        let Some((value, size)) = self.anchors.get(&anchor) else {
            let message = "alias inside the value that it refers to";
            let diagnostic = Diagnostic::at_byte(Code::Syntax, self.source, span.start, message);
            return Err(diagnostic.help("write a recursive schema with `$ref`").into());
        };
        self.aliased += size;
        if self.aliased > MAX_ALIASED {
            let message = format!("aliases expand to more than {MAX_ALIASED} values");
            let diagnostic = Diagnostic::at_byte(Code::Syntax, self.source, span.start, message);
            return Err(diagnostic
                .help("move shared schemas to `$defs` and refer to them with `$ref`")
                .into());
        }
        Ok(value.clone())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: &Range<usize>) -> Value {
        if style != ScalarStyle::Plain || tag.is_some_and(|tag| is_core(tag, "str") || tag.suffix == "!") {
            self.check_tag(tag, "str", span);
            return Value::String(text.to_owned());
        }
        let value = plain_scalar(text).unwrap_or_else(|message| {
            self.report(span.clone(), &message, None);
            Value::Null
        });
        let kind = match &value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(number) if number.is_f64() => "float",
            Value::Number(_) => "int",
            _ => "str",
        };
        self.check_tag(tag, kind, span);
        value
    }

    /// Reports a tag, except the standard tag of the value's kind.
    fn check_tag(&mut self, tag: Option<&Tag>, kind: &str, span: &Range<usize>) {
        let Some(tag) = tag.filter(|tag| !is_core(tag, kind) && tag.suffix != "!") else { return };
        let name = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
        let message = format!("unsupported YAML tag `{name}`");
        self.report(span.clone(), &message, Some("remove the tag, or put the text in quotes"));
    }

    fn report(&mut self, span: Range<usize>, message: &str, help: Option<&str>) {
        let diagnostic = Diagnostic::at_span(Code::Shape, self.source, span, message);
        self.diagnostics.push(match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }

    fn syntax_error(&mut self, error: &ScanError) -> Diagnostic {
        let at = self.bytes.at(error.marker().index());
        let line = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
        let indentation = self.text[line..].len() - self.text[line..].trim_start_matches([' ', '\t']).len();
        if self.text[line..line + indentation].contains('\t') && at <= line + indentation {
            let message = "tabs are not allowed as YAML indentation";
            return Diagnostic::at_byte(Code::Syntax, self.source, line, message).help("indent with spaces");
        }
        if error.info() == "recursion limit exceeded" {
            return too_deep(self.source, at);
        }
        if self.text[at..].starts_with(['"', '\'']) {
            let message = "unterminated string starting here";
            return Diagnostic::at_byte(Code::Syntax, self.source, at, message);
        }
        let info = error.info().rsplit(", ").next().unwrap_or_default();
        let diagnostic = Diagnostic::at_byte(Code::Syntax, self.source, at, format!("syntax error: {info}"));
        let Some(start) = self.open.last().copied() else { return diagnostic };
        let close = match self.text[start..].chars().next() {
            Some('{') => '}',
            Some('[') => ']',
            _ => return diagnostic,
        };
        if self.text[at..].trim().is_empty() {
            let message = "unterminated collection starting here";
            return Diagnostic::at_byte(Code::Syntax, self.source, start, message);
        }
        let line = self.text[..start].matches('\n').count() + 1;
        diagnostic.help(format!("the collection that starts in line {line} may need a `{close}`"))
    }
}

/// Returns `true` for a standard tag, such as `!!str`.
fn is_core(tag: &Tag, kind: &str) -> bool {
    tag.is_yaml_core_schema() && tag.suffix == kind
}

/// Returns the value of an unquoted text, or why JSON cannot represent it.
fn plain_scalar(text: &str) -> Result<Value, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match plain_number(text)? {
            Some(number) => Value::Number(number),
            None => Value::String(text.to_owned()),
        },
    })
}

fn plain_number(text: &str) -> Result<Option<Number>, String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(format!("`{text}` is not a JSON number"));
    }
    let is_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // As in YAML 1.2, digits after a zero are text.
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || (unsigned.len() > 1 && unsigned.starts_with('0') && is_digits(unsigned))
    {
        return Ok(None);
    }
    let (radix, digits) = match unsigned.get(..2) {
        Some("0x") => (16, &unsigned[2..]),
        Some("0o") => (8, &unsigned[2..]),
        Some("0b") => (2, &unsigned[2..]),
        _ => (10, unsigned),
    };
    if let Ok(magnitude) = u64::from_str_radix(digits, radix)
        && !digits.starts_with('+')
    {
        if !text.starts_with('-') {
            return Ok(Some(magnitude.into()));
        }
        if let Ok(negative) = i64::try_from(-i128::from(magnitude)) {
            return Ok(Some(negative.into()));
        }
    }
    let number = text.parse::<f64>().ok();
    if number.is_some_and(f64::is_infinite) {
        return Err(format!("number too large: `{text}`; JSON numbers are doubles, at most about 1.8e308"));
    }
    Ok(number.and_then(Number::from_f64))
}

/// Converts positions from characters, which the parser counts, to bytes. Positions mostly ascend.
struct Bytes<'t> {
    text: &'t str,
    is_ascii: bool,
    character: usize,
    byte: usize,
}

impl<'t> Bytes<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, is_ascii: text.is_ascii(), character: 0, byte: 0 }
    }

    fn at(&mut self, character: usize) -> usize {
        if self.is_ascii {
            return character.min(self.text.len());
        }
        if character < self.character {
            (self.character, self.byte) = (0, 0);
        }
        let rest = &self.text[self.byte..];
        let skipped = rest.char_indices().nth(character - self.character).map_or(rest.len(), |(at, _)| at);
        (self.character, self.byte) = (character, self.byte + skipped);
        self.byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Value, Vec<Diagnostic>> {
        let mut sources = Sources::default();
        let source = sources.add(name.into(), text.into());
        parse(&mut sources, source)
    }

    #[test]
    fn scalars_are_what_serde_yaml_reads() {
        let numbers = [
            "0",
            "-0",
            "+1",
            "007",
            "-012",
            "1.",
            ".5",
            "+.5",
            "-.5",
            "1e3",
            "1E+3",
            "1e-3",
            "0x1F",
            "-0x1f",
            "0o17",
            "0b101",
            "0xg",
            "1_000",
            "--1",
            "+-1",
            "0x+1",
            "1.2.3",
            "1:30",
            "18446744073709551615",
            "-9223372036854775808",
            "0.1",
            "00.5",
            "1e",
            "e1",
            "infinity",
            "nan",
            "inf",
            "2026-11-22",
            "12e03",
        ];
        let words = [
            "~",
            "null",
            "Null",
            "NULL",
            "nUll",
            "true",
            "True",
            "TRUE",
            "yes",
            "no",
            "on",
            "y",
            "<<",
            "a b",
            "'1'",
            "\"1\"",
            "'it''s'",
            "\"\\x41\\u00e9\\U0001F600\\n\"",
            "|-\n  text\n   more\n",
            ">\n  folded\n  text\n",
            "!!str 1",
            "!!int 1",
            "!!float 1.5",
            "!!bool true",
            "!!null ~",
        ];
        for text in numbers.into_iter().chain(words) {
            let yaml: serde_yaml::Value = serde_yaml::from_str(text).expect(text);
            let expected = serde_json::to_value(yaml).expect(text);
            assert_eq!(read("a.yaml", text).expect(text), expected, "{text}");
        }
    }

    #[test]
    fn aliases_repeat_values_up_to_a_limit() {
        assert_eq!(read("a.yaml", "[&a {b: 1}, *a]").unwrap(), serde_json::json!([{ "b": 1 }, { "b": 1 }]));
        let levels = (1..10).map(|at| {
            let aliases = vec![format!("*a{}", at - 1); 10].join(", ");
            format!("a{at}: &a{at} [{aliases}]\n")
        });
        let bomb = format!("a0: &a0 [1]\n{}", levels.collect::<String>());
        assert!(read("a.yaml", &bomb).unwrap_err()[0].message().contains("aliases expand to more than"));
        assert!(read("a.yaml", "&a [*a]").unwrap_err()[0].message().contains("alias inside"));
    }

    #[test]
    fn json_is_strict_and_keeps_its_surrogates() {
        assert_eq!(read("a.json", r#"["\ud83d\ude00"]"#).unwrap(), serde_json::json!(["😀"]));
        for text in ["[1,]", "{a: 1}", "[1e400]", r#"{"\ud83d\ude00": 1, "\ud83d\ude00": 2}"#, "'a'"] {
            assert!(read("a.json", text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_beyond_doubles_are_errors() {
        for text in ["1e400", "-1e400", ".inf", "-.inf", ".nan"] {
            assert!(read("a.yaml", text).is_err(), "{text}");
        }
    }
}
