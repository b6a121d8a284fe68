//! Prints a comparison for people, for programs, and for the log of a GitHub workflow.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Comparison, Example, Finding, Level, SourceLocation};
use crate::annotations;

/// The length of a value from which on it is cut for people.
const MAX_VALUE_LENGTH: usize = 300;
/// The length of a string in such a value from which on it is cut.
const MAX_TEXT_LENGTH: usize = 40;

impl Comparison {
    /// Prints the comparison for people: a summary, then each finding, then the order of deployment.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = self.summary();
        let mut findings = self.findings.as_slice();
        let mut advised = BTreeSet::new();
        while let Some((first, _)) = findings.split_first() {
            let same = findings.iter().take_while(|finding| has_same_reason(finding, first)).count();
            let (together, others) = findings.split_at(same);
            text.push('\n');
            let mut headings: Vec<String> = together
                .iter()
                .map(|finding| {
                    format!("{}[{}]: {}", finding.level, finding.rule.id(), finding.rule.description())
                })
                .collect();
            headings.dedup();
            for heading in &headings {
                let _ = writeln!(text, "{heading}");
            }
            write_details(&mut text, first);
            // The advice for a rule is the same each time.
            let advised = together
                .iter()
                .filter(|finding| finding.level == Level::Error && advised.insert(finding.rule));
            advised.for_each(|finding| text.push_str(&format!("   = help: {}\n", finding.rule.advice())));
            findings = others;
        }
        text.push('\n');
        for line in self.deployment().instructions() {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// Prints what changed, one line each, and how many findings there are.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut lines = self.changes.clone();
        let structural = self.findings.iter().filter(|finding| finding.example.is_none());
        lines.extend(
            structural.map(|finding| format!("{}: {}", finding.subject, finding.rule.id().replace('-', " "))),
        );
        if self.is_empty() {
            return "no changes\n".to_owned();
        }
        let count = |level: Level, noun: &str| {
            let count = self.findings.iter().filter(|finding| finding.level == level).count();
            format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
        };
        let ignored = if self.ignored == 0 { String::new() } else { format!(", {} ignored", self.ignored) };
        let counts =
            [count(Level::Error, "error"), count(Level::Warning, "warning"), count(Level::Note, "note")];
        let mut text = String::new();
        for line in &lines {
            let _ = writeln!(text, "  {line}");
        }
        let _ = writeln!(text, "{}{ignored}", counts.join(", "));
        text
    }

    /// Prints the comparison as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let findings: Vec<Value> = self.findings.iter().map(finding_json).collect();
        let deployment = self.deployment();
        let json = json!({
            "changes": self.changes,
            "findings": findings,
            "deployment": { "order": deployment.name(), "instructions": deployment.instructions() },
        });
        format!("{json:#}\n")
    }

    /// Prints the findings as commands that annotate files in a GitHub workflow.
    #[must_use]
    pub fn to_github(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let command = match finding.level {
                Level::Error => "error",
                Level::Warning => "warning",
                Level::Note | Level::Off => "notice",
            };
            let position = finding.location.as_ref().map(|location| format!("line={}", location.line));
            let at =
                finding.location.as_ref().map(|location| location.path.as_path()).zip(position.as_deref());
            let title = format!("{} ({})", finding.rule.id(), finding.subject);
            let mut message = finding.rule.description().to_owned();
            message.extend(reasons(finding).into_iter().map(|reason| format!("\n{reason}")));
            text.push_str(&annotations::github(command, at, &title, &message));
        }
        text
    }
}

fn has_same_reason(one: &Finding, other: &Finding) -> bool {
    one.rule == other.rule && one.subject == other.subject
        || (one.example.is_some() && one.subject == other.subject && one.example == other.example)
}

fn write_details(text: &mut String, finding: &Finding) {
    match &finding.location {
        Some(SourceLocation { path, line }) => {
            let _ = writeln!(text, "  --> {}:{line} ({})", path.display(), finding.subject);
        }
        None => {
            let _ = writeln!(text, "  --> {}", finding.subject);
        }
    }
    for reason in reasons(finding) {
        let _ = writeln!(text, "   = {reason}");
    }
}

/// Returns why a finding is one, line by line.
pub(super) fn reasons(finding: &Finding) -> Vec<String> {
    let mut reasons = reasons_of_example(finding);
    let expired = finding.ignored_until.iter();
    reasons.extend(
        expired.map(|until| format!("ignored until {until}: remove `ignore-breaking`, or set a later date")),
    );
    reasons
}

fn reasons_of_example(finding: &Finding) -> Vec<String> {
    match &finding.example {
        None => Vec::new(),
        Some(Example::Undecided(keyword)) => {
            vec![format!("not decided, because of `{keyword}`; check it by hand")]
        }
        Some(Example::TypeChange(text)) => vec![format!("change: {text}")],
        Some(Example::Value { value, issues }) => {
            let mut json = abbreviated(value).to_string();
            if json.chars().count() > MAX_VALUE_LENGTH {
                json = json.chars().take(MAX_VALUE_LENGTH).chain("…".chars()).collect();
            }
            let issues = issues.iter().map(|issue| format!("issue: {issue}"));
            std::iter::once(format!("example: {json}")).chain(issues).collect()
        }
    }
}

/// Returns a value in which long strings are cut.
fn abbreviated(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > MAX_TEXT_LENGTH => {
            let start: String = text.chars().take(MAX_TEXT_LENGTH / 2).collect();
            json!(format!("{start}… ({} characters)", text.chars().count()))
        }
        Value::Array(items) => items.iter().map(abbreviated).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), abbreviated(value))).collect()
        }
        value => value.clone(),
    }
}

fn finding_json(finding: &Finding) -> Value {
    let mut json = json!({
        "rule": finding.rule.id(),
        "category": finding.rule.category().name(),
        "level": finding.level.name(),
        "subject": finding.subject,
        "message": finding.rule.description(),
    });
    if let Some(SourceLocation { path, line }) = &finding.location {
        json["location"] = json!({ "path": path.display().to_string(), "line": line });
    }
    match &finding.example {
        Some(Example::Value { value, issues }) => {
            json["example"] = json!({ "value": value, "issues": issues })
        }
        Some(Example::TypeChange(text)) => json["change"] = json!(text),
        Some(Example::Undecided(keyword)) => json["undecided"] = json!(keyword),
        None => {}
    }
    json
}
