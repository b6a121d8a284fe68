//! What a search did, as libFuzzer prints it.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::failure::{Failure, Result};

/// What a search did.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) executions: u64,
    per_second: u64,
    /// How many edges or blocks of the code were reached.
    coverage: u64,
    pub(crate) found: Option<Found>,
}

/// An input that breaks a promise.
pub(crate) struct Found {
    /// Where it is saved.
    pub(crate) path: PathBuf,
    /// What it broke.
    why: String,
}

impl Found {
    /// Returns whether the input breaks a limit of time.
    pub(crate) fn takes_long(&self) -> bool {
        self.why.contains(" timeout ") || self.why.contains(": took ")
    }
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} breaks a promise: {}", self.path.display(), self.why)
    }
}

impl Report {
    /// Runs a search and reads what it prints.
    pub(crate) fn of_libfuzzer(search: &mut Command) -> Result<Self> {
        let failed = |error| Failure::new(format!("the fuzzer does not start: {error}"));
        let mut process = search.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        let mut report = Self::default();
        let (mut path, mut why) = (None, String::new());
        // Inputs with bytes that are not UTF-8 are printed as they are.
        let mut lines = process.stderr.take().map(BufReader::new);
        let mut line = Vec::new();
        while let Some(reader) = &mut lines {
            line.clear();
            match reader.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line);
            report.read(text.trim_end(), &mut path, &mut why);
        }
        let status = process.wait().map_err(failed)?;
        report.found = path.map(|path| Found { path, why: why.clone() });
        if report.found.is_none() && !status.success() {
            return Err(Failure::new(format!("the fuzzer failed: {why}")));
        }
        Ok(report)
    }

    fn read(&mut self, line: &str, path: &mut Option<PathBuf>, why: &mut String) {
        if let Some((_, rest)) = line.split_once(" cov: ") {
            self.coverage = number(rest).max(self.coverage);
            // A search that fails prints no statistics.
            self.executions = number(line.trim_start_matches('#')).max(self.executions);
        }
        if let Some(rest) = line.strip_prefix("stat::number_of_executed_units:") {
            self.executions = number(rest.trim_start());
        }
        if let Some(rest) = line.strip_prefix("stat::average_exec_per_sec:") {
            self.per_second = number(rest.trim_start());
        }
        if let Some((_, rest)) = line.split_once("Test unit written to ") {
            *path = Some(rest.into());
        }
        let is_error = line.contains(" panicked at ")
            || line.contains("ERROR: libFuzzer: ")
            || (!line.starts_with(['#', 'I']) && line.contains("rror"));
        if why.ends_with(':') {
            // What a panic says follows where it was.
            why.push(' ');
            why.push_str(line);
        } else if why.is_empty() && is_error {
            why.push_str(line);
        }
    }
}

/// The number that a text begins with.
fn number(text: &str) -> u64 {
    let digits = text.len() - text.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    text[..digits].parse().unwrap_or(0)
}

/// Prints a table, and how to repeat what was found.
pub(crate) fn print(reports: &[(&str, Report)]) {
    println!("\n{:<16}{:>14}{:>12}{:>12}  findings", "target", "executions", "per second", "coverage");
    for (target, report) in reports {
        let Report { executions, per_second, coverage, found } = report;
        let count = u8::from(found.is_some());
        println!("{target:<16}{executions:>14}{per_second:>12}{coverage:>12}  {count}");
    }
    for (target, report) in reports {
        if let Some(Found { path, why }) = &report.found {
            println!("\n{target}: {why}\n  cargo xtask fuzz {target} --input {}", path.display());
        }
    }
}
