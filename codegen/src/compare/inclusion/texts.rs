//! Searches for strings.

use std::collections::HashMap;
use std::rc::Rc;

use fanfare_pattern::{Regex, Search, find_text};
use serde_json::{Value, json};

use super::cases::{Case, Violation};
use super::formats::Patterns;
use super::{Outcome, Solver};
use crate::model::Format;

/// Searches for texts and their results: the patterns that match, those that do not, the excluded texts, and the minimum
/// length.
pub(super) type Texts = HashMap<(Vec<String>, Vec<String>, Vec<String>, usize), Search>;

/// The limits of the strings of a case.
#[derive(Debug, Default)]
struct Limits {
    min: usize,
    max: Option<usize>,
    matching: Vec<String>,
    not_matching: Vec<String>,
    formats: Vec<Format>,
    not_formats: Vec<Format>,
    excluded: Vec<String>,
}

impl Limits {
    fn at_most(&mut self, length: usize) {
        self.max = Some(self.max.map_or(length, |max| max.min(length)));
    }

    /// Returns `true` if nothing but lengths and excluded texts matters.
    fn has_no_pattern(&self) -> bool {
        self.matching.is_empty()
            && self.not_matching.is_empty()
            && self.formats.is_empty()
            && self.not_formats.is_empty()
    }

    /// Returns `true` if patterns describe all formats exactly.
    fn is_regular(&self) -> bool {
        self.formats.iter().chain(&self.not_formats).all(|format| {
            let Patterns { inner, outer } = Patterns::of(*format);
            inner == outer
        })
    }

    /// Returns `true` if no string of a format has an allowed length, or a format must both match and not match.
    fn contradict(&self) -> bool {
        let max = self.max.unwrap_or(usize::MAX);
        self.min > max
            || self.formats.iter().any(|format| {
                let (shortest, longest) = lengths(*format);
                self.not_formats.contains(format) || longest < self.min || shortest > max
            })
    }
}

impl Solver<'_> {
    pub(super) fn text(&mut self, case: &Case) -> Outcome {
        let Some(limits) = self.text_limits(case) else { return Outcome::Nothing };
        if limits.contradict() {
            return Outcome::Nothing;
        }
        let fits = |solver: &Self, text: &str| {
            solver.fits(&case.claims, &json!(text))
                && case.name_limits.allow(text, |source| solver.regex(source))
        };
        if limits.has_no_pattern() {
            let plain = plain_texts(limits.min, limits.excluded.len());
            if let Some(text) = plain.into_iter().find(|text| fits(self, text)) {
                return Outcome::Value(json!(text));
            }
        }
        // Texts that are of the formats, or are not, for sure; and then all that may be.
        for is_certain in [true, false] {
            match self.find_text(&limits, is_certain) {
                Search::Nothing if is_certain && !limits.is_regular() => {}
                Search::Nothing => return Outcome::Nothing,
                Search::Found(text) if limits.max.is_some_and(|max| text.chars().count() > max) => {
                    if !is_certain || limits.is_regular() {
                        return Outcome::Nothing;
                    }
                }
                Search::Found(text) if fits(self, &text) => return Outcome::Value(json!(text)),
                Search::Found(_) | Search::Undecided => {}
            }
        }
        let samples = limits.formats.iter().flat_map(|format| samples(*format));
        let sample = samples.copied().find(|sample| fits(self, sample));
        let keyword = if limits.is_regular() { "pattern" } else { "format" };
        sample.map_or(Outcome::Undecided(keyword), |sample| Outcome::Value(json!(sample)))
    }

    /// Searches for a shortest text with all limits but the maximum length. If `is_certain`, only texts that patterns prove
    /// to be of a format, or not to be, are considered.
    fn find_text(&self, limits: &Limits, is_certain: bool) -> Search {
        let patterns = |formats: &[Format], is_inner: bool| -> Vec<String> {
            let patterns = formats.iter().map(|format| Patterns::of(*format));
            patterns.map(|patterns| if is_inner { patterns.inner } else { patterns.outer }).collect()
        };
        let matching = [limits.matching.clone(), patterns(&limits.formats, is_certain)].concat();
        let others = [limits.not_matching.clone(), patterns(&limits.not_formats, !is_certain)].concat();
        let question = (matching, others, limits.excluded.clone(), limits.min);
        if let Some(known) = self.texts.borrow().get(&question) {
            return known.clone();
        }
        let compiled = |sources: &[String]| -> Vec<Rc<Regex>> {
            sources.iter().filter_map(|source| self.regex(source)).collect()
        };
        let (matching, others) = (compiled(&question.0), compiled(&question.1));
        let matching: Vec<&Regex> = matching.iter().map(|regex| &**regex).collect();
        let others: Vec<&Regex> = others.iter().map(|regex| &**regex).collect();
        let excluded: Vec<&str> = limits.excluded.iter().map(String::as_str).collect();
        let found = find_text(&matching, &others, &excluded, limits.min);
        self.texts.borrow_mut().insert(question, found.clone());
        found
    }

    /// Returns `None` if no string has an allowed length.
    fn text_limits(&self, case: &Case) -> Option<Limits> {
        let names = &case.name_limits;
        let mut limits = Limits {
            matching: names.matching.clone(),
            not_matching: names.not_matching.clone(),
            excluded: names.excluded.clone(),
            ..Limits::default()
        };
        let length = |length: Option<u32>| length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        for id in &case.nodes {
            let text = &self.graph[*id].text;
            limits.min = limits.min.max(length(text.min_length).unwrap_or(0));
            if let Some(max) = length(text.max_length) {
                limits.at_most(max);
            }
            limits.matching.extend(text.pattern.clone());
            limits.formats.extend(text.format);
        }
        for violation in &case.violations {
            match violation {
                Violation::MinLength(id) => {
                    limits.at_most(length(self.graph[*id].text.min_length).unwrap_or(0).checked_sub(1)?);
                }
                Violation::MaxLength(id) => {
                    let max = length(self.graph[*id].text.max_length).unwrap_or(usize::MAX);
                    limits.min = limits.min.max(max.checked_add(1)?);
                }
                Violation::Pattern(id) => limits.not_matching.extend(self.graph[*id].text.pattern.clone()),
                Violation::Format(id) => limits.not_formats.extend(self.graph[*id].text.format),
                Violation::Values(id) => {
                    let values = self.graph[*id].values.iter().flatten();
                    limits.excluded.extend(values.filter_map(Value::as_str).map(str::to_owned));
                }
                _ => {}
            }
        }
        Some(limits)
    }

    /// Returns a compiled pattern.
    pub(super) fn regex(&self, source: &str) -> Option<Rc<Regex>> {
        let mut regexes = self.regexes.borrow_mut();
        let compiled =
            regexes.entry(source.to_owned()).or_insert_with(|| Regex::new(source).ok().map(Rc::new));
        compiled.clone()
    }
}

/// Returns short texts of at least a length, more than there are excluded ones.
fn plain_texts(min: usize, excluded: usize) -> Vec<String> {
    let letters = ('a'..='z').map(String::from);
    let numbered = (0..=excluded).map(|number| format!("value{number}"));
    let ends = std::iter::once(String::new()).chain(letters.take(excluded + 2)).chain(numbered);
    ends.map(|end| format!("{}{end}", "a".repeat(min.saturating_sub(end.len())))).collect()
}

/// Returns valid strings of a format.
fn samples(format: Format) -> &'static [&'static str] {
    match format {
        Format::Uuid => &["0190c7a4-1b2c-7def-8abc-0123456789ab", "00000000-0000-0000-0000-000000000000"],
        Format::DateTime => {
            &["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05+02:00"]
        }
        Format::Date => &["2026-01-02", "1999-12-31"],
        Format::Time => &["03:04:05Z", "03:04:05.678+02:00"],
        Format::Email => &["a@example.com", "someone.else+tag@mail.example.org"],
        Format::Uri => {
            &["https://example.com/a", "urn:a", "mailto:a@example.com", "http://example.com/?q=1#top"]
        }
        Format::Ipv4 => &["192.0.2.1", "10.0.0.1"],
        Format::Ipv6 => &["2001:db8::1", "::1"],
        Format::Hostname => &["example.com", "a", "mail.example.org"],
        Format::Int64 => &["0", "-1", "42", "9223372036854775807"],
        Format::Uint64 => &["0", "42", "18446744073709551615"],
    }
}

/// Returns the shortest and the longest length of a format's strings.
fn lengths(format: Format) -> (usize, usize) {
    match format {
        Format::Uuid => (36, 36),
        Format::DateTime => (20, usize::MAX),
        Format::Date => (10, 10),
        Format::Time => (9, usize::MAX),
        Format::Email => (3, 320),
        Format::Uri => (2, usize::MAX),
        Format::Ipv4 => (7, 15),
        Format::Ipv6 => (2, 45),
        Format::Hostname => (1, 253),
        Format::Int64 | Format::Uint64 => (1, 20),
    }
}
