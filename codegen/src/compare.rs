//! Compares two versions of the definitions: whom a change breaks, with a value that shows it, and in which order servers
//! and pages can be deployed.

mod channels;
mod deployment;
mod graph;
mod inclusion;
mod rules;
mod validator;

use std::path::PathBuf;

use serde_json::Value;

pub use deployment::Deployment;
pub use rules::{Category, Rule};

use crate::Compiled;
use crate::diagnostics::{Location, Sources};

/// Finds everything that a change from one version of the definitions to another breaks.
pub(crate) fn compare(old: &Compiled, new: &Compiled) -> Comparison {
    let mut findings = channels::compare(old, new);
    findings.sort_by(|one, other| (&one.subject, one.rule).cmp(&(&other.subject, other.rule)));
    Comparison { findings }
}

/// The difference between two versions of the definitions.
#[derive(Clone, Debug)]
pub struct Comparison {
    findings: Vec<Finding>,
}

impl Comparison {
    /// Returns everything that the change breaks, sorted by subject.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns the order in which servers and pages can be deployed.
    #[must_use]
    pub fn deployment(&self) -> Deployment {
        Deployment::of(&self.findings)
    }
}

/// Something that a change breaks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The kind of change.
    pub rule: Rule,
    /// A channel, such as `pipeline`, or a part of one, such as `pipeline/status`.
    pub subject: String,
    /// The location in the new definitions, or of the channel if the part is gone. `None` if the channel is gone.
    pub location: Option<SourceLocation>,
    /// The reason, if the rule is about values.
    pub example: Option<Example>,
}

impl Finding {
    fn new(rule: Rule, subject: String, location: Option<SourceLocation>) -> Self {
        Self { rule, subject, location, example: None }
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

/// Why a schema is not compatible with another.
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
    /// Neither a proof nor such a value was found, because of this keyword.
    Undecided(&'static str),
}
