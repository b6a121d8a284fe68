//! Searches for deliberate bugs, to see how long they take.

use std::path::Path;
use std::time::Instant;

use super::report::Report;
use super::{Search, seconds};
use crate::failure::{Failure, Result};
use crate::step::step;

/// Each bug of `fanfare_fuzz::faults`, with the target that finds it.
const FAULTS: [(&str, &str); 5] = [
    ("expiry-ignored", "tokens"),
    ("id-sliced", "cursors"),
    ("address-shared", "addresses"),
    ("judged-again", "payloads"),
    ("event-split", "requests"),
];

/// Searches for each bug until it is found, or the time is up.
pub(super) fn find_all(fuzzer: &Path, limit: u64) -> Result {
    let mut rows = Vec::new();
    for (fault, target) in FAULTS {
        let begun = Instant::now();
        let title = format!("Searching for {fault} with {target}");
        let report = step(&title, || find(fuzzer, fault, target, begun, limit))?;
        rows.push((fault, target, begun.elapsed(), report));
    }
    println!("\n{:<18}{:<12}{:>10}{:>14}", "bug", "target", "found in", "executions");
    for (fault, target, time, report) in &rows {
        let time = if report.found.is_some() { seconds(*time) } else { "never".into() };
        println!("{fault:<18}{target:<12}{time:>10}{:>14}", report.executions);
    }
    let missed = rows.iter().filter(|(.., report)| report.found.is_none()).count();
    if missed > 0 { Err(Failure::new(format!("{missed} bugs were not found"))) } else { Ok(()) }
}

/// Searches until an input fails because of the bug alone.
fn find(fuzzer: &Path, fault: &str, target: &str, begun: Instant, limit: u64) -> Result<Report> {
    let mut executions = 0;
    loop {
        let seconds = limit.saturating_sub(begun.elapsed().as_secs()).max(1);
        let search = Search { target, seconds, fault: Some(fault), input: None };
        let mut report = search.rust(fuzzer)?;
        executions += report.executions;
        report.executions = executions;
        let without = Search { fault: None, ..search };
        let is_another =
            report.found.as_ref().is_some_and(|found| without.check(fuzzer, &found.path).is_err());
        if !is_another {
            return Ok(report);
        }
        println!("  found another: {target} fails without the bug, too");
        if begun.elapsed().as_secs() >= limit {
            report.found = None;
            return Ok(report);
        }
    }
}
