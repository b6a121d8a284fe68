//! Prints results and errors.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use fanfare_codegen::{Change, Comparison, Configuration, Converted, Diagnostics, Error, compare};

use super::{FAILURE, FINDINGS, Format};

/// The changes of an output, with its folder.
pub(super) type Changes<'o> = (&'o Path, Vec<Change>);

/// Returns each change with its path, which starts with the output's folder.
fn with_paths<'c>(all: &'c [Changes<'_>]) -> impl Iterator<Item = (String, &'c Change)> {
    let path = |folder: &Path, change: &Change| folder.join(&change.path).display().to_string();
    all.iter()
        .flat_map(move |(folder, changes)| changes.iter().map(move |change| (path(folder, change), change)))
}

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

pub(super) fn comparison(comparison: &Comparison, format: Format) -> ExitCode {
    text(&match format {
        Format::Human => comparison.to_text(),
        Format::Json => comparison.to_json(),
        Format::Github => comparison.to_github(),
        Format::Sarif => comparison.to_sarif(),
    });
    if comparison.has_errors() { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS }
}

pub(super) fn changes(all: &[Changes<'_>], total: usize) {
    let mut written = 0;
    for (path, change) in with_paths(all) {
        let is_orphan = change.kind() == "orphaned";
        written += usize::from(!is_orphan);
        text(&format!("{} {path}\n", if is_orphan { "removed" } else { "wrote" }));
    }
    text(&format!("{total} files up to date ({written} written)\n"));
}

/// Prints how the definitions differ from an earlier version. Without a version, the last commit is used if there is one.
pub(super) fn summary(configuration: &Configuration, against: Option<&str>) -> Result<(), Error> {
    let version = against.unwrap_or("HEAD");
    match (compare(configuration.schemas.clone(), version, &configuration.levels), against) {
        (Ok(comparison), _) if comparison.is_empty() => {}
        (Ok(comparison), _) => {
            let version = against.unwrap_or("the last commit");
            text(&format!("the definitions changed since {version}:\n{}\n", comparison.summary()));
        }
        (Err(_), None) => {}
        (Err(error), Some(_)) => return Err(error),
    }
    Ok(())
}

pub(super) fn stale(all: &[Changes<'_>], diff: bool) {
    let mut count = 0;
    for (path, change) in with_paths(all) {
        count += 1;
        let (added, removed) = change.line_counts();
        text(&format!("{} {path} (+{added} -{removed})\n", change.kind()));
        if diff {
            text(&format!("{}\n", change.diff()));
        }
    }
    let plural = if count == 1 { "" } else { "s" };
    eprintln!("{count} file{plural} out of date; run `fanfare generate` and commit the result");
    if !diff {
        eprintln!(
            "run with `--diff` to see the differences; `fanfare breaking --against <VERSION>` shows what the change breaks"
        );
    }
}

/// Prints errors or warnings in definitions: for people to the standard error, with colours unless they are refused, and for
/// programs to the standard output.
pub(super) fn diagnostics(diagnostics: &Diagnostics, format: Format) {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match format {
        Format::Human => {
            eprint!("{}", diagnostics.render(std::io::stderr().is_terminal() && !is_set("NO_COLOR")));
        }
        Format::Json => text(&diagnostics.to_json()),
        Format::Github => text(&diagnostics.to_github()),
        Format::Sarif => text(&diagnostics.to_sarif()),
    }
}

/// Prints that there are no warnings: an empty report for programs.
pub(super) fn no_warnings(format: Format) {
    match format {
        Format::Human => text("no warnings\n"),
        Format::Json | Format::Github | Format::Sarif => diagnostics(&Diagnostics::default(), format),
    }
}

pub(super) fn error(error: &Error, format: Format) -> ExitCode {
    match error {
        Error::Definitions(diagnostics) => {
            self::diagnostics(diagnostics, format);
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
