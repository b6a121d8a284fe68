//! Compares two versions of the definitions: whom a change breaks, with a value that shows it, and in which order servers
//! and pages can be deployed.

mod channels;
mod declared;
mod deployment;
mod graph;
mod ignores;
mod inclusion;
mod levels;
mod print;
mod releases;
mod sarif;
mod types;
mod validator;

use std::path::PathBuf;

use serde_json::Value;

pub use deployment::Deployment;
pub use levels::{Level, Levels};
pub(crate) use releases::add as add_release;

use crate::breaking::Rule;
use crate::compiled::Compiled;
use crate::diagnostics::{Location, Sources};

/// Finds everything that a change from one version of the definitions to another breaks.
///
/// `today` is a date such as `2026-12-31`, for findings that are ignored until a date.
pub(crate) fn compare(old: &Compiled, new: &Compiled, levels: &Levels, today: &str) -> Comparison {
    let mut findings = channels::compare(old, new);
    let changes = types::compare(&old.model, &new.model);
    for change in &changes {
        let rules =
            [(Rule::RustChanged, change.breaks_rust), (Rule::TypescriptChanged, change.breaks_typescript)];
        for (rule, _) in rules.into_iter().filter(|(_, breaks)| *breaks) {
            let named = new.model.types.iter().find(|named| named.typescript == change.name);
            let location = named.map(|named| SourceLocation::new(&new.report.sources, &named.location));
            let example = Some(Example::TypeChange(change.text.clone()));
            findings.push(Finding { example, ..Finding::new(rule, change.name.clone(), location) });
        }
    }
    for finding in &mut findings {
        finding.level = levels.of(finding.rule);
    }
    findings.retain(|finding| finding.level != Level::Off);
    let ignored = ignores::apply(&mut findings, &new.model, today);
    findings.sort_by(|one, other| {
        (one.level, &one.subject, one.rule).cmp(&(other.level, &other.subject, other.rule))
    });
    let changes = changes.into_iter().map(|change| format!("{}: {}", change.name, change.text)).collect();
    Comparison { findings, changes, ignored }
}

/// The difference between two versions of the definitions.
#[derive(Clone, Debug)]
pub struct Comparison {
    findings: Vec<Finding>,
    /// The changes of the generated types, one per line.
    changes: Vec<String>,
    /// The number of findings that the definitions ignore.
    ignored: usize,
}

impl Comparison {
    /// Returns everything that the change breaks, the most severe first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns the changes of the generated types, one per line, such as ``PipelineStatus: the property `eta` is new``.
    #[must_use]
    pub fn changes(&self) -> &[String] {
        &self.changes
    }

    /// Returns the order in which servers and pages can be deployed.
    #[must_use]
    pub fn deployment(&self) -> Deployment {
        Deployment::of(&self.findings)
    }

    /// Returns `true` if nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.changes.is_empty()
    }

    /// Returns `true` if a finding has the level `error`.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.level == Level::Error)
    }
}

/// Something that a change breaks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The kind of change.
    pub rule: Rule,
    /// How severe it is.
    pub level: Level,
    /// A channel, such as `pipeline`, a part of one, such as `pipeline/status`, or a type, such as `PipelineStatus`.
    pub subject: String,
    /// The location in the new definitions, or of the channel if the part is gone. `None` if there is none.
    pub location: Option<SourceLocation>,
    /// The reason, if the rule is about values or types.
    pub example: Option<Example>,
    /// The date after which the definitions no longer ignore the finding, if it has passed.
    pub ignored_until: Option<String>,
}

impl Finding {
    fn new(rule: Rule, subject: String, location: Option<SourceLocation>) -> Self {
        Self { rule, level: Level::Error, subject, location, example: None, ignored_until: None }
    }
}

/// A location in a definition file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceLocation {
    /// The path of the file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl SourceLocation {
    fn new(sources: &Sources, location: &Location) -> Self {
        Self { path: sources.get(location.source).path.clone(), line: sources.line(location) }
    }
}

/// Why a change breaks something.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Example {
    /// A value that one side sends, and the issues that the other side reports.
    Value {
        /// The value.
        value: Value,
        /// The issues, such as `/step must be one of "split" or "write", got "pause"`.
        issues: Vec<String>,
    },
    /// A change of a generated type, such as ``the property `eta` is gone``.
    TypeChange(String),
    /// Neither a proof nor such a value was found, because of this keyword.
    Undecided(&'static str),
}
