//! Describes the machine that the figures were measured on.

use crate::process::{command, read_output};
use std::fs;
use std::thread::available_parallelism;

/// Returns the processor and the versions of the tools, on one line.
pub(crate) fn describe() -> String {
    let cores = available_parallelism().map_or(1, usize::from);
    let unknown = || "an unknown version".to_owned();
    let rust = read_output(&mut command("rustc", &["--version"])).unwrap_or_else(|_| unknown());
    let node = read_output(&mut command("node", &["--version"])).unwrap_or_else(|_| unknown());
    format!("{cores} cores, {}; {rust}; Node.js {node}", read_processor_name())
}

fn read_processor_name() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned())
}
