//! Finds where a path of keys stands in a YAML or JSON text.
//!
//! serde gives no positions for values, so the text is read once more, as
//! parser events, and only when there is something to report.

use std::ops::Range;

use saphyr_parser::{Event, Input, Parser, Span};

/// The span of the key that leads to `path`, or of the nearest parent found.
pub(super) fn key(text: &str, path: &[String]) -> Range<usize> {
    find(text, path, Wanted::Key)
}

/// The span of the value at `path`, or of the nearest parent found.
pub(super) fn value(text: &str, path: &[String]) -> Range<usize> {
    find(text, path, Wanted::Value)
}

/// The span of the word at a line and column, both from 1.
pub(super) fn position(text: &str, line: usize, column: usize) -> Range<usize> {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let line = text[start..].lines().next().unwrap_or_default();
    let offset = line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
    let rest = &line[offset..];
    let length = rest.find(|c: char| c.is_whitespace() || ",:{}[]".contains(c)).unwrap_or(rest.len());
    start + offset..start + offset + length.max(usize::from(!rest.is_empty() && rest.is_char_boundary(1)))
}

/// The second of two equal keys in one mapping, if there is one.
pub(crate) fn second_of_equal_keys(text: &str) -> Option<(usize, usize, String)> {
    let mut open: Vec<Container> = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(Ok((event, span))) = parser.next_event() {
        match event {
            Event::Scalar(key, ..) => {
                if let Some(Container::Mapping { keys, expects_key }) = open.last_mut() {
                    if *expects_key {
                        if keys.contains(key.as_ref()) {
                            return Some((span.start.line(), span.start.col() + 1, key.into_owned()));
                        }
                        keys.insert(key.into_owned());
                    }
                    *expects_key = !*expects_key;
                }
            }
            Event::Alias(_) => value_ended(&mut open),
            Event::MappingStart(..) => open.push(Container::Mapping { keys: Default::default(), expects_key: true }),
            Event::SequenceStart(..) => open.push(Container::Sequence),
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop();
                value_ended(&mut open);
            }
            _ => {}
        }
    }
    None
}

/// The line and column at which a second document of one text begins.
pub(crate) fn second_document(text: &str) -> Option<(usize, usize)> {
    let mut starts = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(Ok((event, span))) = parser.next_event() {
        if matches!(event, Event::DocumentStart(_)) {
            starts.push((span.start.line(), span.start.col() + 1));
        }
    }
    starts.get(1).copied()
}

enum Container {
    Mapping { keys: std::collections::HashSet<String>, expects_key: bool },
    Sequence,
}

fn value_ended(open: &mut [Container]) {
    if let Some(Container::Mapping { expects_key, .. }) = open.last_mut() {
        *expects_key = !*expects_key;
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    Key,
    Value,
}

/// A container on the way down: where it stands and what comes next in it.
struct Frame {
    mapping: bool,
    next_index: usize,
    pending_key: Option<(String, Span)>,
    /// How many segments of the path lead to this container, if it is on the path.
    matched: Option<usize>,
}

fn find(text: &str, path: &[String], wanted: Wanted) -> Range<usize> {
    let mut nearest: Option<Span> = None;
    let mut frames: Vec<Frame> = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(Ok((event, span))) = parser.next_event() {
        let starts_container = matches!(event, Event::MappingStart(..) | Event::SequenceStart(..));
        match &event {
            Event::Scalar(scalar, ..) if awaits_key(frames.last()) => {
                if let Some(frame) = frames.last_mut() {
                    frame.pending_key = Some((scalar.to_string(), span));
                }
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                frames.pop();
                continue;
            }
            Event::Scalar(..) | Event::Alias(_) | Event::MappingStart(..) | Event::SequenceStart(..) => {}
            _ => continue,
        }
        let (matched, key_span) = enter(frames.last_mut(), path);
        if let Some(count) = matched {
            nearest = Some(if wanted == Wanted::Key || count < path.len() { key_span.unwrap_or(span) } else { span });
            if count == path.len() {
                if starts_container {
                    nearest = Some(key_span.unwrap_or_else(|| up_to_its_end(&mut parser, span)));
                }
                break;
            }
        }
        if starts_container {
            let mapping = matches!(event, Event::MappingStart(..));
            frames.push(Frame { mapping, next_index: 0, pending_key: None, matched });
        }
    }
    nearest.map_or(0..0, |span| byte_range(text, span))
}

/// A mapping or sequence from its first character, which the parser has read, to its last.
fn up_to_its_end(parser: &mut Parser<'_, impl Input>, start: Span) -> Span {
    let mut depth = 1;
    while let Some(Ok((event, span))) = parser.next_event() {
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Span::new(start.start, span.end);
        }
    }
    start
}

fn awaits_key(frame: Option<&Frame>) -> bool {
    frame.is_some_and(|frame| frame.mapping && frame.pending_key.is_none())
}

/// Steps over one value of a container: how far the path is matched by it, and the key it stands at.
fn enter(frame: Option<&mut Frame>, path: &[String]) -> (Option<usize>, Option<Span>) {
    let Some(frame) = frame else { return (Some(0), None) };
    let (segment, key_span) = match frame.pending_key.take() {
        Some((key, span)) => (key, Some(span)),
        None => (frame.next_index.to_string(), None),
    };
    frame.next_index += 1;
    let matched = frame.matched.filter(|count| path.get(*count) == Some(&segment)).map(|count| count + 1);
    (matched, key_span)
}

/// Markers count characters; spans in a text count bytes.
fn byte_range(text: &str, span: Span) -> Range<usize> {
    let byte_at = |index: usize| text.char_indices().nth(index).map_or(text.len(), |(at, _)| at);
    let (start, end) = (byte_at(span.start.index()), byte_at(span.end.index()));
    let trimmed = text[start..end].trim_end();
    start..start + trimmed.len()
}
