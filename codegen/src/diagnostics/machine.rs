//! Diagnostics for other programs.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Code, Diagnostic, Report, Target};
use crate::annotations;

/// The place of a diagnostic. Lines and columns start at 1, and columns count code points.
struct Place {
    path: PathBuf,
    start: Option<(usize, usize)>,
    end: Option<(usize, usize)>,
}

impl Report {
    /// Prints the diagnostics as JSON.
    pub(crate) fn to_json(&self) -> String {
        let diagnostics = self.diagnostics.iter().map(|diagnostic| {
            let Place { path, start, end } = self.place(diagnostic);
            let position = |position: (usize, usize)| json!({ "line": position.0, "column": position.1 });
            json!({
                "code": diagnostic.code.as_str(),
                "level": level(diagnostic),
                "message": diagnostic.message,
                "path": path.display().to_string(),
                "start": start.map(position),
                "end": end.map(position),
                "note": diagnostic.note,
                "help": diagnostic.help,
            })
        });
        format!("{:#}\n", json!({ "diagnostics": diagnostics.collect::<Vec<_>>() }))
    }

    /// Prints the diagnostics as commands that annotate files in a GitHub workflow.
    pub(crate) fn to_github(&self) -> String {
        let lines = self.diagnostics.iter().map(|diagnostic| {
            let Place { start, end, .. } = self.place(diagnostic);
            let position = start.map(|(line, column)| {
                let end = end.map(|(line, column)| format!(",endLine={line},endColumn={column}"));
                format!("line={line},col={column}{}", end.unwrap_or_default())
            });
            let position = position.unwrap_or_else(|| "line=1".to_owned());
            let file = self.file(diagnostic);
            annotations::github(
                level(diagnostic),
                file.as_deref().map(|file| (file, position.as_str())),
                diagnostic.code.as_str(),
                &self.text(diagnostic),
            )
        });
        lines.collect()
    }

    /// Prints the diagnostics in SARIF 2.1.0.
    pub(crate) fn to_sarif(&self) -> String {
        let rules: Vec<Value> = Code::ALL
            .iter()
            .map(|code| {
                let description = json!({ "text": code.finds() });
                json!({ "id": code.as_str(), "shortDescription": description, "helpUri": code.help() })
            })
            .collect();
        let results = self.diagnostics.iter().map(|diagnostic| {
            let Place { start, end, .. } = self.place(diagnostic);
            let region = start.zip(end).map(|((line, column), (end_line, end_column))| {
                json!({ "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column })
            });
            let file = self.file(diagnostic);
            let location =
                file.map(|file| json!({ "physicalLocation": annotations::sarif_location(&file, region) }));
            json!({
                "ruleId": diagnostic.code.as_str(),
                "ruleIndex": Code::ALL.iter().position(|code| *code == diagnostic.code),
                "level": level(diagnostic),
                "message": { "text": self.text(diagnostic) },
                "locations": location.into_iter().collect::<Vec<_>>(),
            })
        });
        annotations::sarif("fanfare", &rules, &results.collect::<Vec<_>>())
    }

    /// The file to annotate. For an earlier version of the definitions, the current file, if it exists.
    fn file(&self, diagnostic: &Diagnostic) -> Option<PathBuf> {
        match diagnostic.source().map(|source| self.sources.get(source)) {
            Some(source) if source.is_of_version => source.current.clone(),
            _ => Some(self.place(diagnostic).path),
        }
    }

    /// The message, the reason and the fix, in lines. For an earlier version of the definitions, with the location there.
    fn text(&self, diagnostic: &Diagnostic) -> String {
        let version = diagnostic.source().filter(|source| self.sources.get(*source).is_of_version);
        let version = version.map(|_| {
            let Place { path, start, .. } = self.place(diagnostic);
            let (line, column) = start.unwrap_or((1, 1));
            format!("in {}:{line}:{column}", path.display())
        });
        let lines =
            [Some(&diagnostic.message), version.as_ref(), diagnostic.note.as_ref(), diagnostic.help.as_ref()];
        lines.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    fn place(&self, diagnostic: &Diagnostic) -> Place {
        let Some(source) = diagnostic.source() else {
            let path = match &diagnostic.target {
                Target::Path(path) => path.clone(),
                _ => PathBuf::new(),
            };
            return Place { path, start: None, end: None };
        };
        let source = self.sources.get(source);
        let span = source.span(&diagnostic.target);
        let position = |at: usize| {
            let before = &source.text[..at];
            let line = before.rfind('\n').map_or(0, |at| at + 1);
            (before.matches('\n').count() + 1, before[line..].chars().count() + 1)
        };
        Place { path: source.path.clone(), start: Some(position(span.start)), end: Some(position(span.end)) }
    }
}

fn level(diagnostic: &Diagnostic) -> &'static str {
    if diagnostic.is_warning() { "warning" } else { "error" }
}
