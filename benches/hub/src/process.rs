//! Reads the CPU time and the memory of a process.

use std::fs;
use std::path::Path;

/// The unit in which Linux counts CPU time, in microseconds.
const TICK: u64 = 10_000;

/// The CPU time that a process has used, in microseconds.
#[derive(Clone, Copy)]
pub struct Cpu {
    /// Of all threads, in whole ticks.
    ticks: u64,
    /// Of the threads that run now, exactly, if the kernel reports it.
    running: u64,
}

impl Cpu {
    /// Reads the CPU time of a process, which is 0 if the process has ended.
    #[must_use]
    pub fn read(process: u64) -> Self {
        let folder = format!("/proc/{process}");
        Self { ticks: read_ticks(&folder), running: read_running(Path::new(&folder)).unwrap_or(0) }
    }

    /// Returns the time since an earlier reading.
    #[must_use]
    pub fn since(&self, before: &Self) -> u64 {
        let ticks = self.ticks.saturating_sub(before.ticks);
        let running = self.running.saturating_sub(before.running);
        // If they differ by more than rounding, a thread has ended, or the kernel does not report exact times.
        if running.abs_diff(ticks) <= 2 * TICK { running } else { ticks }
    }
}

fn read_ticks(folder: &str) -> u64 {
    let stat = fs::read_to_string(format!("{folder}/stat")).unwrap_or_default();
    // The name of the program is in parentheses and may contain any character.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    ticks.sum::<u64>() * TICK
}

/// Returns the sum of the nanoseconds that the scheduler counts for each thread, in microseconds.
fn read_running(folder: &Path) -> Option<u64> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(folder.join("task")).ok()? {
        let times = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += times.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(nanoseconds / 1_000)
}

/// Returns the resident memory of a process, in KB.
#[must_use]
pub fn memory(process: u64) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_times_are_used_unless_a_thread_has_ended() {
        let before = Cpu { ticks: 100_000, running: 104_321 };
        assert_eq!(Cpu { ticks: 200_000, running: 207_321 }.since(&before), 103_000);
        assert_eq!(Cpu { ticks: 200_000, running: 50_000 }.since(&before), 100_000);
    }
}
