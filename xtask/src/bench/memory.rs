//! How much memory a program and all that it starts need at most.
//!
//! The kernel keeps each process's peak (`VmHWM`). It is read again and again while the program
//! runs, so that only what a process takes in its last moments can be missed.

use crate::failure::{Failure, Result};
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(5);

/// What a program needed.
pub(crate) struct Need {
    pub(crate) time: Duration,
    /// The peak of the process that had the highest. Nothing where the system does not tell.
    pub(crate) peak_kib: Option<u64>,
}

/// Runs a program to its end and measures it.
pub(crate) fn measure(command: &mut Command) -> Result<Need> {
    let line = format!("{command:?}");
    let failed = |reason: String| Failure::new(format!("`{line}`: {reason}"));
    let start = Instant::now();
    let spawned = command.stdout(Stdio::null()).spawn();
    let mut child = spawned.map_err(|error| failed(error.to_string()))?;
    let mut peak_kib = None;
    let status = loop {
        peak_kib = peak_kib.max(family(child.id()).into_iter().filter_map(peak_of).max());
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => sleep(POLL),
            Err(error) => return Err(failed(error.to_string())),
        }
    };
    let time = start.elapsed();
    if status.success() { Ok(Need { time, peak_kib }) } else { Err(failed(status.to_string())) }
}

/// A process and all that descend from it.
fn family(ancestor: u32) -> BTreeSet<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|process| Some((process, parent_of(process)?)))
        .collect();
    let mut family = BTreeSet::from([ancestor]);
    loop {
        let known = family.len();
        let children = parents.iter().filter(|(_, parent)| family.contains(parent));
        family = children.map(|(process, _)| *process).chain(family.iter().copied()).collect();
        if family.len() == known {
            return family;
        }
    }
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name stands in parentheses and may hold anything; the parent is the second field after it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn peak_of(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_what_a_program_starts_is_counted() {
        let script =
            "sh -c 'text=$(head -c 30000000 /dev/zero | tr \"\\0\" x); sleep 0.1; echo ${#text}'; true";
        let need = measure(Command::new("sh").args(["-c", script])).unwrap();
        assert!(need.peak_kib.unwrap() > 20_000, "{:?}", need.peak_kib);
    }
}
