//! Measures the peak memory of a program and its descendants.
//!
//! The kernel keeps the peak of each process (`VmHWM`). It is polled while the program runs, so only memory that a
//! process allocates just before it exits can be missed.

use crate::failure::{Failure, Result};
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The resources that a program used.
pub(crate) struct Usage {
    pub(crate) time: Duration,
    /// The highest peak of any one process. `None` if the system does not report it.
    pub(crate) peak_kib: Option<u64>,
}

/// Runs a program and measures it.
pub(crate) fn measure(command: &mut Command) -> Result<Usage> {
    let line = format!("{command:?}");
    let failed = |reason: String| Failure::new(format!("`{line}`: {reason}"));
    let start = Instant::now();
    let spawned = command.stdout(Stdio::null()).spawn();
    let mut child = spawned.map_err(|error| failed(error.to_string()))?;
    let mut peak_kib = None;
    let status = loop {
        peak_kib = peak_kib.max(find_process_tree(child.id()).into_iter().filter_map(read_peak_memory).max());
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => sleep(POLL_INTERVAL),
            Err(error) => return Err(failed(error.to_string())),
        }
    };
    let time = start.elapsed();
    if status.success() { Ok(Usage { time, peak_kib }) } else { Err(failed(status.to_string())) }
}

/// Returns a process and all its descendants.
fn find_process_tree(root: u32) -> BTreeSet<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|process| Some((process, read_parent(process)?)))
        .collect();
    let mut tree = BTreeSet::from([root]);
    loop {
        let known = tree.len();
        let children = parents.iter().filter(|(_, parent)| tree.contains(parent));
        tree = children.map(|(process, _)| *process).chain(tree.iter().copied()).collect();
        if tree.len() == known {
            return tree;
        }
    }
}

fn read_parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program is in parentheses and may contain any character. The parent is the second field after it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn read_peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn memory_of_child_processes_is_counted() {
        let script =
            "sh -c 'text=$(head -c 30000000 /dev/zero | tr \"\\0\" x); sleep 0.1; echo ${#text}'; true";
        let usage = measure(Command::new("sh").args(["-c", script])).unwrap();
        assert!(usage.peak_kib.unwrap() > 20_000, "{:?}", usage.peak_kib);
    }
}
