//! Locates paths of keys in a YAML or JSON text.
//!
//! serde reports no positions for values, so the text is parsed a second time, into events, if there is something to
//! report.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use saphyr_parser::{Event, Parser, Span};

/// The positions of the requested paths in one text.
#[derive(Default)]
pub(super) struct Index(HashMap<Vec<String>, Found>);

struct Found {
    key: Option<Range<usize>>,
    value: Range<usize>,
    holds_others: bool,
}

impl Index {
    /// Parses a text once, for all paths that will be looked up.
    pub(super) fn of(text: &str, paths: &[Vec<&str>]) -> Self {
        let mut asked = HashSet::new();
        for path in paths {
            // Include every parent: it is shown if an alias or a syntax error hides the rest.
            asked.extend((0..=path.len()).map(|length| owned(&path[..length])));
        }
        let mut walk = Walk { asked, path: Vec::new(), open: Vec::new(), found: HashMap::new() };
        let mut parser = Parser::new_from_str(text);
        while let Some(Ok((event, span))) = parser.next_event() {
            walk.step(&event, span);
        }
        Self(in_bytes(text, walk.found))
    }

    /// The span of the key at `path`, or of the nearest parent found.
    pub(super) fn key(&self, path: &[&str]) -> Range<usize> {
        self.nearest(path).map_or(0..0, |(found, _)| found.key.clone().unwrap_or_else(|| found.value.clone()))
    }

    /// The span of the value at `path`. A mapping or sequence is shown by its key, if it has one.
    pub(super) fn value(&self, path: &[&str]) -> Range<usize> {
        match self.nearest(path) {
            Some((found, true)) if !found.holds_others => found.value.clone(),
            _ => self.key(path),
        }
    }

    fn nearest(&self, path: &[&str]) -> Option<(&Found, bool)> {
        (0..=path.len())
            .rev()
            .find_map(|length| Some((self.0.get(&owned(&path[..length]))?, length == path.len())))
    }
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|segment| (*segment).to_owned()).collect()
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

/// The line, column and text of the first duplicate key, if any.
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
            Event::MappingStart(..) => {
                open.push(Container::Mapping { keys: HashSet::new(), expects_key: true })
            }
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

/// The line and column of the start of the second document, if any.
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
    Mapping { keys: HashSet<String>, expects_key: bool },
    Sequence,
}

fn value_ended(open: &mut [Container]) {
    if let Some(Container::Mapping { expects_key, .. }) = open.last_mut() {
        *expects_key = !*expects_key;
    }
}

/// A traversal of a text that records the positions of the requested paths.
struct Walk {
    asked: HashSet<Vec<String>>,
    /// The path to the current event.
    path: Vec<String>,
    open: Vec<Open>,
    found: HashMap<Vec<String>, CharacterSpans>,
}

/// A mapping or sequence that is still open.
struct Open {
    mapping: bool,
    next_index: usize,
    pending_key: Option<(String, Span)>,
}

struct CharacterSpans {
    key: Option<Span>,
    value: Span,
    holds_others: bool,
}

impl Walk {
    fn step(&mut self, event: &Event<'_>, span: Span) {
        match event {
            Event::Scalar(key, ..) if self.awaits_key() => {
                if let Some(open) = self.open.last_mut() {
                    open.pending_key = Some((key.to_string(), span));
                }
            }
            Event::Scalar(..) | Event::Alias(_) => {
                self.enter(span, false);
                self.path.pop();
            }
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                self.enter(span, true);
                let mapping = matches!(event, Event::MappingStart(..));
                self.open.push(Open { mapping, next_index: 0, pending_key: None });
            }
            Event::MappingEnd | Event::SequenceEnd => {
                self.open.pop();
                if let Some(found) = self.found.get_mut(&self.path) {
                    found.value = Span::new(found.value.start, span.end);
                }
                self.path.pop();
            }
            _ => {}
        }
    }

    fn awaits_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.mapping && open.pending_key.is_none())
    }

    /// Enters a value, and records it if it was requested.
    fn enter(&mut self, value: Span, holds_others: bool) {
        let mut key = None;
        if let Some(open) = self.open.last_mut() {
            let segment = match open.pending_key.take() {
                Some((segment, span)) => {
                    key = Some(span);
                    segment
                }
                // A key that is a mapping or a sequence cannot be part of a path. It is counted like an item.
                None => open.next_index.to_string(),
            };
            open.next_index += 1;
            self.path.push(segment);
        }
        if self.asked.contains(self.path.as_slice()) {
            self.found.entry(self.path.clone()).or_insert(CharacterSpans { key, value, holds_others });
        }
    }
}

/// Converts spans from characters, as the parser counts, to bytes.
fn in_bytes(text: &str, found: HashMap<Vec<String>, CharacterSpans>) -> HashMap<Vec<String>, Found> {
    let spans = found.values().flat_map(|found| found.key.iter().chain([&found.value]));
    let wanted: BTreeSet<usize> = spans.flat_map(|span| [span.start.index(), span.end.index()]).collect();
    let mut wanted = wanted.into_iter().peekable();
    let mut byte_at = HashMap::new();
    for (character, (byte, _)) in text.char_indices().enumerate() {
        if wanted.next_if_eq(&character).is_some() {
            byte_at.insert(character, byte);
        }
    }
    let range = |span: Span| {
        let at = |character: usize| byte_at.get(&character).copied().unwrap_or(text.len());
        let (start, end) = (at(span.start.index()), at(span.end.index()));
        start..start + text[start..end].trim_end().len()
    };
    let convert = |found: CharacterSpans| Found {
        key: found.key.map(range),
        value: range(found.value),
        holds_others: found.holds_others,
    };
    found.into_iter().map(|(path, found)| (path, convert(found))).collect()
}
