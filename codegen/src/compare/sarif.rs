//! Prints a comparison in SARIF 2.1.0, the format of static analysis tools.

use serde_json::{Value, json};

use super::print::reasons;
use super::{Comparison, Finding, Level, SourceLocation};
use crate::annotations;
use crate::breaking::Rule;

impl Comparison {
    /// Prints the findings in SARIF 2.1.0.
    #[must_use]
    pub fn to_sarif(&self) -> String {
        let rules: Vec<Value> = Rule::ALL
            .iter()
            .map(|rule| {
                json!({
                    "id": rule.id(),
                    "shortDescription": { "text": rule.description() },
                    "helpUri": rule.help(),
                    "properties": { "category": rule.category().name() },
                })
            })
            .collect();
        let results: Vec<Value> = self.findings.iter().map(result).collect();
        annotations::sarif("fanfare breaking", &rules, &results)
    }
}

fn result(finding: &Finding) -> Value {
    let level = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
        Level::Off => "none",
    };
    let mut text = format!("{}: {}", finding.subject, finding.rule.description());
    text.extend(reasons(finding).into_iter().map(|reason| format!("\n{reason}")));
    let mut location = json!({ "logicalLocations": [{ "fullyQualifiedName": finding.subject }] });
    if let Some(SourceLocation { path, line }) = &finding.location {
        location["physicalLocation"] = annotations::sarif_location(path, Some(json!({ "startLine": line })));
    }
    json!({
        "ruleId": finding.rule.id(),
        "ruleIndex": Rule::ALL.iter().position(|rule| *rule == finding.rule),
        "level": level,
        "message": { "text": text },
        "locations": [location],
        "partialFingerprints": { "fanfare/v1": format!("{} {}", finding.rule.id(), finding.subject) },
    })
}
