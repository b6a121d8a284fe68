//! Runs a program and quotes the failures in its output.
//!
//! The output of all checks is long, and a log of CI may show only its end. So the last lines of `cargo xtask test` quote
//! what failed.

use crate::failure::{Failure, Result};
use crate::process::{check_status, run, start_failure};
use std::io::{BufRead, BufReader, IsTerminal, stdout};
use std::process::Command;

/// How many lines are quoted at most, and how many of them follow a line that reports a failure.
const MAX_LINES: usize = 60;
const LINES_AFTER_MARK: usize = 8;

/// Parts of lines with which test runners and compilers report failures.
const MARKS: [&str; 8] =
    [" FAIL ", " × ", "... FAILED", "panicked at", "Error: ", "error: ", "error[", "error TS"];

/// Runs a program and shows its output. A failure quotes the lines of the output that report it.
pub(crate) fn run_and_quote(command: &mut Command) -> Result {
    if stdout().is_terminal() {
        // The user can scroll, and a program with a terminal prints colours and progress.
        return run(command);
    }
    let mut lines = Vec::new();
    let result = run_piped(command, |line| {
        println!("{line}");
        lines.push(without_colors(line));
    });
    result.map_err(|failure| quote(&failure, &lines))
}

/// Runs a program and passes each line that it prints to `print`, errors included.
pub(crate) fn run_piped(command: &mut Command, mut print: impl FnMut(&str)) -> Result {
    let (reader, writer) = std::io::pipe().map_err(|error| start_failure(command, &error))?;
    let errors = writer.try_clone().map_err(|error| start_failure(command, &error))?;
    let child = command.stdout(writer).stderr(errors).spawn();
    // The command owns copies of the pipe, which would otherwise never end.
    command.stdout(std::process::Stdio::inherit()).stderr(std::process::Stdio::inherit());
    let mut child = child.map_err(|error| start_failure(command, &error))?;
    for line in BufReader::new(reader).split(b'\n').map_while(std::io::Result::ok) {
        print(&String::from_utf8_lossy(&line));
    }
    let status = child.wait().map_err(|error| start_failure(command, &error))?;
    check_status(command, status)
}

fn quote(failure: &Failure, lines: &[String]) -> Failure {
    let mut message = failure.to_string();
    for line in excerpt(lines) {
        message.push_str("\n    | ");
        message.push_str(line);
    }
    Failure::new(message)
}

/// Returns the lines that report a failure and a few lines after each, or the last lines if none does.
fn excerpt(lines: &[String]) -> Vec<&str> {
    let mut until = 0;
    let mut quoted: Vec<&str> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if MARKS.iter().any(|mark| line.contains(mark)) {
            until = index + LINES_AFTER_MARK;
        }
        if index < until && !line.trim().is_empty() {
            quoted.push(line);
        }
    }
    quoted.truncate(MAX_LINES);
    if quoted.is_empty() {
        quoted = lines.iter().rev().take(LINES_AFTER_MARK).rev().map(String::as_str).collect();
    }
    quoted
}

/// Removes escape sequences of colours: `ESC [ … letter`.
fn without_colors(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end =
            part.find(|character: char| character.is_ascii_alphabetic()).map_or(part.len(), |end| end + 1);
        text.push_str(&part[end..]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(without_colors).collect()
    }

    #[test]
    fn the_lines_after_a_failure_are_quoted() {
        let mut output =
            "ok 1\n\x1b[41m FAIL \x1b[49m many-tabs.test.ts\n\n- Expected\n+ Received\n".to_owned();
        output.push_str(&"more\n".repeat(20));
        let output = lines(&output);
        assert_eq!(excerpt(&output)[..3], [" FAIL  many-tabs.test.ts", "- Expected", "+ Received"]);
        assert_eq!(excerpt(&output).len(), LINES_AFTER_MARK - 1);
    }

    #[test]
    fn the_last_lines_are_quoted_if_none_reports_a_failure() {
        let output = (1..=20).map(|number| number.to_string()).collect::<Vec<_>>();
        assert_eq!(excerpt(&output), ["13", "14", "15", "16", "17", "18", "19", "20"]);
    }
}
