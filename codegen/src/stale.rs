//! Reports generated files that differ from the definitions.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::diagnostics::{Code, Diagnostic, Report};
use crate::files::Change;

/// The generated files on the disk that differ from the definitions: changed, missing or no longer generated.
#[derive(Debug, Default)]
pub struct StaleFiles {
    /// Each change with its path, which starts with the output's folder.
    changes: Vec<(PathBuf, Change)>,
    has_diffs: bool,
}

impl StaleFiles {
    /// Adds the changes of the output in a folder.
    pub fn add(&mut self, folder: &Path, changes: Vec<Change>) {
        self.changes.extend(changes.into_iter().map(|change| (folder.join(&change.path), change)));
    }

    /// Also prints the difference of each file.
    #[must_use]
    pub fn with_diffs(self, has_diffs: bool) -> Self {
        Self { has_diffs, ..self }
    }

    /// Returns `true` if all files are up to date.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Prints the files for people, one per line, and how to update them.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (path, change) in &self.changes {
            let (added, removed) = change.line_counts();
            let _ = writeln!(text, "{} {} (+{added} -{removed})", change.kind(), path.display());
            if self.has_diffs {
                let _ = writeln!(text, "{}", change.diff());
            }
        }
        let count = self.changes.len();
        let plural = if count == 1 { "" } else { "s" };
        let _ =
            writeln!(text, "{count} file{plural} out of date; run `fanfare generate` and commit the result");
        if !self.has_diffs {
            text.push_str("run with `--diff` to see the differences; `fanfare breaking --against <VERSION>` shows what the change breaks\n");
        }
        text
    }

    /// Prints the files as JSON, in the format of diagnostics.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.report().to_json()
    }

    /// Prints the files as commands that annotate them in a GitHub workflow.
    #[must_use]
    pub fn to_github(&self) -> String {
        self.report().to_github()
    }

    /// Prints the files in SARIF 2.1.0.
    #[must_use]
    pub fn to_sarif(&self) -> String {
        self.report().to_sarif()
    }

    fn report(&self) -> Report {
        let diagnostics = self.changes.iter().map(|(path, change)| {
            let (code, message, help) = match change.kind() {
                "new" => (
                    Code::MissingFile,
                    "missing generated file",
                    "run `fanfare generate` and commit the file",
                ),
                "orphaned" => (
                    Code::UnexpectedFile,
                    "no definition produces this generated file any more",
                    "run `fanfare generate`, which removes it, and commit the result",
                ),
                _ => (
                    Code::StaleFile,
                    "generated file is out of date",
                    "run `fanfare generate` and commit the result",
                ),
            };
            let (added, removed) = change.line_counts();
            let message = match code {
                Code::StaleFile => format!("{message} (+{added} -{removed})"),
                _ => message.to_owned(),
            };
            let diagnostic = Diagnostic::about_path(code, path, message).help(help);
            if self.has_diffs { diagnostic.note(change.diff()) } else { diagnostic }
        });
        Report { diagnostics: diagnostics.collect(), ..Report::default() }
    }
}
