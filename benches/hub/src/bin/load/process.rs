//! Reads the CPU time and the memory of a process.

use std::fs;

/// Returns the CPU time that a process has used, in milliseconds.
pub(crate) fn cpu(process: u64) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name of the program is in parentheses and may contain any character.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    // A tick is a hundredth of a second on Linux.
    ticks.sum::<u64>() * 10
}

/// Returns the resident memory of a process, in KB.
pub(crate) fn memory(process: u64) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
