//! Reads the output of libFuzzer.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::failure::{Failure, Result};

/// The result of a search.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) executions: u64,
    per_second: u64,
    /// The number of edges or blocks reached.
    coverage: u64,
    pub(crate) found: Option<Found>,
}

/// A failing input.
pub(crate) struct Found {
    /// The file that contains it.
    pub(crate) path: PathBuf,
    reason: String,
}

impl Found {
    /// Returns `true` if the input takes too much time.
    pub(crate) fn is_timeout(&self) -> bool {
        self.reason.contains(" timeout ") || self.reason.contains(": took ")
    }
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path.display(), self.reason)
    }
}

impl Report {
    /// Runs a search and reads its output.
    pub(crate) fn run(search: &mut Command) -> Result<Self> {
        let failed = |error| Failure::new(format!("cannot run the fuzzer: {error}"));
        let mut process = search.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        let mut report = Self::default();
        let (mut path, mut reason) = (None, String::new());
        // The output contains inputs verbatim, which may not be UTF-8.
        let mut lines = process.stderr.take().map(BufReader::new);
        let mut line = Vec::new();
        while let Some(reader) = &mut lines {
            line.clear();
            match reader.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line);
            report.read_line(text.trim_end(), &mut path, &mut reason);
        }
        let status = process.wait().map_err(failed)?;
        report.found = path.map(|path| Found { path, reason: reason.clone() });
        if report.found.is_none() && !status.success() {
            return Err(Failure::new(format!("the fuzzer failed: {reason}")));
        }
        Ok(report)
    }

    fn read_line(&mut self, line: &str, path: &mut Option<PathBuf>, reason: &mut String) {
        if let Some((_, rest)) = line.split_once(" cov: ") {
            self.coverage = parse_number(rest).max(self.coverage);
            // A search that finds a failing input prints no statistics.
            self.executions = parse_number(line.trim_start_matches('#')).max(self.executions);
        }
        if let Some(rest) = line.strip_prefix("stat::number_of_executed_units:") {
            self.executions = parse_number(rest.trim_start());
        }
        if let Some(rest) = line.strip_prefix("stat::average_exec_per_sec:") {
            self.per_second = parse_number(rest.trim_start());
        }
        if let Some((_, rest)) = line.split_once("Test unit written to ") {
            *path = Some(rest.into());
        }
        let is_error = line.contains(" panicked at ")
            || line.contains("ERROR: libFuzzer: ")
            || (!line.starts_with(['#', 'I']) && line.contains("rror"));
        if reason.ends_with(':') {
            // The message of a panic is on the line after its location.
            reason.push(' ');
            reason.push_str(line);
        } else if reason.is_empty() && is_error {
            reason.push_str(line);
        }
    }
}

/// Returns the number at the start of a text, or 0.
fn parse_number(text: &str) -> u64 {
    let digits = text.len() - text.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    text[..digits].parse().unwrap_or(0)
}

/// Prints a table, and the commands that repeat the findings.
pub(crate) fn print(reports: &[(&str, Report)]) {
    println!("\n{:<16}{:>14}{:>12}{:>12}  findings", "target", "executions", "per second", "coverage");
    for (target, report) in reports {
        let Report { executions, per_second, coverage, found } = report;
        let count = u8::from(found.is_some());
        println!("{target:<16}{executions:>14}{per_second:>12}{coverage:>12}  {count}");
    }
    for (target, report) in reports {
        if let Some(Found { path, reason }) = &report.found {
            println!("\n{target}: {reason}\n  cargo xtask fuzz {target} --input {}", path.display());
        }
    }
}
