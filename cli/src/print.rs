//! Prints results and errors.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use fanfare_codegen::{
    Change, Comparison, Configuration, Converted, Diagnostics, Error, StaleFiles, compare,
};

use super::{FAILURE, FINDINGS, Format};

/// Writes or prints the output of a conversion, and prints what it does not contain.
pub(super) fn conversion(converted: &Converted, out: Option<&Path>) -> Result<(), Error> {
    match out {
        None => text(&converted.text),
        Some(path) => {
            std::fs::write(path, &converted.text)
                .map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
            text(&format!("wrote {}\n", path.display()));
        }
    }
    if !converted.left_out.is_empty() {
        eprintln!("left out or changed:");
        for left_out in &converted.left_out {
            eprintln!("{left_out}");
        }
    }
    Ok(())
}

/// A result that has a text in each format.
pub(super) trait Print {
    /// Prints the result for people.
    fn human(&self);
    fn json(&self) -> String;
    fn github(&self) -> String;
    fn sarif(&self) -> String;
}

/// Prints a result: for programs to the standard output.
pub(super) fn result(result: &impl Print, format: Format) {
    match format {
        Format::Human => result.human(),
        Format::Json => text(&result.json()),
        Format::Github => text(&result.github()),
        Format::Sarif => text(&result.sarif()),
    }
}

/// Prints what happened. Programs that parse the standard output do not expect it there.
pub(super) fn progress(message: &str, format: Format) {
    match format {
        Format::Human | Format::Github => text(message),
        Format::Json | Format::Sarif => eprint!("{message}"),
    }
}

/// Prints that nothing was found: a text for people, and an empty report for programs.
pub(super) fn nothing(message: &str, format: Format) {
    match format {
        Format::Human => text(message),
        Format::Json | Format::Github | Format::Sarif => result(&Diagnostics::default(), format),
    }
}

macro_rules! formats_for_programs {
    () => {
        fn json(&self) -> String {
            self.to_json()
        }

        fn github(&self) -> String {
            self.to_github()
        }

        fn sarif(&self) -> String {
            self.to_sarif()
        }
    };
}

/// Diagnostics are printed to the standard error, with colours unless they are refused.
impl Print for Diagnostics {
    fn human(&self) {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        eprint!("{}", self.render(std::io::stderr().is_terminal() && !is_set("NO_COLOR")));
    }

    formats_for_programs!();
}

impl Print for Comparison {
    fn human(&self) {
        text(&self.to_text());
    }

    formats_for_programs!();
}

impl Print for StaleFiles {
    fn human(&self) {
        text(&self.to_text());
    }

    formats_for_programs!();
}

/// Prints the files that were written or removed.
pub(super) fn changes<'c>(
    all: impl Iterator<Item = (&'c Path, &'c Vec<Change>)>,
    total: usize,
    format: Format,
) {
    let (mut lines, mut written) = (String::new(), 0);
    for (folder, change) in all.flat_map(|(folder, all)| all.iter().map(move |change| (folder, change))) {
        let is_orphan = change.kind() == "orphaned";
        written += usize::from(!is_orphan);
        let verb = if is_orphan { "removed" } else { "wrote" };
        let _ = writeln!(lines, "{verb} {}", folder.join(&change.path).display());
    }
    let _ = writeln!(lines, "{total} files up to date ({written} written)");
    progress(&lines, format);
}

/// Prints how the definitions differ from an earlier version. Without a version, the last commit is used if there is one.
pub(super) fn summary(
    configuration: &Configuration,
    against: Option<&str>,
    format: Format,
) -> Result<(), Error> {
    let version = against.unwrap_or("HEAD");
    match (compare(configuration.schemas.clone(), version, &configuration.levels), against) {
        (Ok(comparison), _) if comparison.is_empty() => {}
        (Ok(comparison), _) => {
            let version = against.unwrap_or("the last commit");
            let summary = comparison.summary();
            progress(&format!("the definitions changed since {version}:\n{summary}\n"), format);
        }
        (Err(_), None) => {}
        (Err(error), Some(_)) => return Err(error),
    }
    Ok(())
}

pub(super) fn error(error: &Error, format: Format) -> ExitCode {
    match error {
        Error::Definitions(diagnostics) => {
            result(diagnostics, format);
            ExitCode::from(FINDINGS)
        }
        Error::Io(error) => {
            eprintln!("error: {error}");
            ExitCode::from(FAILURE)
        }
    }
}

/// Ignores a closed pipe: a reader such as `head` may stop reading.
pub(super) fn text(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
