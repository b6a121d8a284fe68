//! Measures how long it takes to find deliberate bugs.

use std::path::Path;
use std::time::Instant;

use super::report::Report;
use super::{Search, format_seconds};
use crate::failure::{Failure, Result};
use crate::step::step;

/// The bugs of `fanfare_fuzz::bugs`, each with the target that finds it.
const BUGS: [(&str, &str); 5] = [
    ("token-expiry-ignored", "tokens"),
    ("id-cut-inside-character", "cursors"),
    ("colon-not-escaped", "addresses"),
    ("alternatives-checked-again", "payloads"),
    ("event-split-at-carriage-return", "requests"),
];

/// Searches for each bug until it is found or the time is up.
pub(super) fn find_all(fuzzer: &Path, limit: u64) -> Result {
    let mut rows = Vec::new();
    for (bug, target) in BUGS {
        let start = Instant::now();
        let title = format!("Searching for {bug} with {target}");
        let report = step(&title, || find(fuzzer, bug, target, start, limit))?;
        rows.push((bug, target, start.elapsed(), report));
    }
    println!("\n{:<32}{:<12}{:>10}{:>14}", "bug", "target", "found in", "executions");
    for (bug, target, time, report) in &rows {
        let time = if report.found.is_some() { format_seconds(*time) } else { "not found".into() };
        println!("{bug:<32}{target:<12}{time:>10}{:>14}", report.executions);
    }
    let missed = rows.iter().filter(|(.., report)| report.found.is_none()).count();
    if missed > 0 { Err(Failure::new(format!("{missed} bugs were not found"))) } else { Ok(()) }
}

/// Searches until an input fails only because of the bug.
fn find(fuzzer: &Path, bug: &str, target: &str, start: Instant, limit: u64) -> Result<Report> {
    let mut executions = 0;
    loop {
        let seconds = limit.saturating_sub(start.elapsed().as_secs()).max(1);
        let search = Search { target, seconds, bug: Some(bug), input: None };
        let mut report = search.search_rust(fuzzer)?;
        executions += report.executions;
        report.executions = executions;
        let without_bug = Search { bug: None, ..search };
        let is_other_bug =
            report.found.as_ref().is_some_and(|found| without_bug.replay(fuzzer, &found.path).is_err());
        if !is_other_bug {
            return Ok(report);
        }
        println!("  found another bug: {target} also fails without {bug}");
        if start.elapsed().as_secs() >= limit {
            report.found = None;
            return Ok(report);
        }
    }
}
