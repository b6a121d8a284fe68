//! Searches for strings.

use std::rc::Rc;

use fanfare_pattern::{Regex, Search, find_text};
use serde_json::{Value, json};

use super::cases::{Case, Violation};
use super::{Outcome, Solver};
use crate::model::Format;

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
        if let Some(format) = limits.formats.first() {
            let sample = samples(*format).iter().find(|sample| fits(self, sample));
            return sample.map_or(Outcome::Undecided("format"), |sample| Outcome::Value(json!(sample)));
        }
        if limits.matching.is_empty() && limits.not_matching.is_empty() {
            let plain = plain_texts(limits.min, limits.excluded.len());
            let found = plain.into_iter().find(|text| fits(self, text));
            return match found {
                Some(text) => Outcome::Value(json!(text)),
                None if limits.max == Some(0) => Outcome::Nothing,
                None => Outcome::Undecided(if limits.not_formats.is_empty() { "enum" } else { "format" }),
            };
        }
        let excluded = limits.excluded.iter().map(|text| exactly(text));
        let not_matching: Vec<Rc<Regex>> = limits
            .not_matching
            .iter()
            .cloned()
            .chain(excluded)
            .map(|source| self.regex(&source))
            .collect::<Option<_>>()
            .unwrap_or_default();
        let matching: Option<Vec<Rc<Regex>>> =
            limits.matching.iter().map(|source| self.regex(source)).collect();
        let matching = matching.unwrap_or_default();
        let search = |lookarounds: bool| {
            let usable = |regexes: &'_ [Rc<Regex>]| -> Vec<Rc<Regex>> {
                regexes.iter().filter(|regex| lookarounds || !regex.has_lookarounds()).cloned().collect()
            };
            let (matching, others) = (usable(&matching), usable(&not_matching));
            let (matching, others): (Vec<&Regex>, Vec<&Regex>) = (
                matching.iter().map(|regex| &**regex).collect(),
                others.iter().map(|regex| &**regex).collect(),
            );
            find_text(&matching, &others, limits.min)
        };
        match search(true) {
            Search::Nothing => Outcome::Nothing,
            Search::Found(text) if limits.max.is_some_and(|max| text.chars().count() > max) => {
                Outcome::Nothing
            }
            Search::Found(text) if fits(self, &text) => Outcome::Value(json!(text)),
            Search::Found(_) => Outcome::Undecided("format"),
            // A text that the other patterns allow may fit all the same.
            Search::Undecided => match search(false) {
                Search::Nothing => Outcome::Nothing,
                Search::Found(text) if fits(self, &text) => Outcome::Value(json!(text)),
                Search::Found(_) | Search::Undecided => Outcome::Undecided("pattern"),
            },
        }
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
            length(text.max_length).into_iter().for_each(|max| limits.at_most(max));
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

/// Returns a pattern that only one text matches.
fn exactly(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|character| {
            let is_syntax = r"^$\.*+?()[]{}|/".contains(character);
            is_syntax.then_some('\\').into_iter().chain([character])
        })
        .collect();
    format!("^{escaped}$")
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
