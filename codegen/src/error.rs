//! Errors of the compiler.

use std::fmt;
use std::io;
use std::path::Path;

use crate::diagnostics::{Code, Report};
use crate::schemas::Schemas;
use crate::versions::Version;

/// An error of the compiler.
pub enum Error {
    /// A definition is invalid.
    Definitions(Diagnostics),
    /// A file or folder could not be read or written, or a call does not fit the definitions.
    Io(io::Error),
}

impl Error {
    /// Names the version instead of the temporary folder that it was written to.
    pub(crate) fn in_version(mut self, name: &str, version: &Version, current: &Schemas) -> Self {
        if let (Self::Definitions(Diagnostics(report)), Some(folder)) = (&mut self, &version.folder) {
            let find = |path: &Path| {
                let mut folders = version.schemas.folders().zip(current.folders());
                let file = folders.find_map(|(old, new)| Some(new.join(path.strip_prefix(old).ok()?)));
                file.filter(|file| file.is_file())
            };
            report.sources.relabel(folder.path(), &format!("{name}:"), find);
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Definitions(diagnostics) => write!(formatter, "{diagnostics}"),
            Self::Io(error) => write!(formatter, "{error}"),
        }
    }
}

/// Same as `Display`, because a build script's `main` prints errors with `Debug`.
impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\n{self}")
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// All errors or warnings about the definitions.
#[derive(Debug, Default)]
pub struct Diagnostics(pub(crate) Report);

impl Diagnostics {
    /// Renders the diagnostics with the source lines that they refer to; with colours for a terminal.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        self.0.render(colours)
    }

    /// Returns `true` if there are no definitions, and nothing else is wrong.
    #[must_use]
    pub fn are_only_missing(&self) -> bool {
        let is_missing = |code: Code| matches!(code, Code::NoDefinitions | Code::File);
        self.0.diagnostics.iter().all(|diagnostic| is_missing(diagnostic.code()))
    }

    /// Prints the diagnostics as JSON: `{"diagnostics": [{"code", "level", "message", "path", "start", "end", "note", "help"}]}`.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.0.to_json()
    }

    /// Prints the diagnostics as commands that annotate files in a GitHub workflow.
    #[must_use]
    pub fn to_github(&self) -> String {
        self.0.to_github()
    }

    /// Prints the diagnostics in SARIF 2.1.0.
    #[must_use]
    pub fn to_sarif(&self) -> String {
        self.0.to_sarif()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}
