//! `cargo xtask test`: everything that CI runs.

mod checks;
mod lanes;

use crate::excerpt::run_piped;
use crate::failure::{Failure, Result};
use crate::process::command;
use crate::step::{format_duration, step};
use crate::tools;
use checks::{CHECKS, Check};
use lanes::run_all;
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Instant;

/// The number of checks that run at once: at least two, because many wait most of the time. More only compete for
/// memory.
const LANES: (usize, usize) = (2, 4);
/// The text that [`crate::main`] prints before a failure.
const FAILURE: &str = "error: ";

#[derive(clap::Args)]
pub(crate) struct Test {
    /// Run only this check and those that it needs, such as `Studio`; repeatable
    #[arg(long, value_name = "CHECK")]
    only: Vec<String>,
    /// Run one check in this process, without those that it needs
    #[arg(long, hide = true, conflicts_with = "only")]
    apart: Option<String>,
}

impl Test {
    pub(crate) fn run(&self) -> Result {
        if let Some(title) = &self.apart {
            let check = find(title)?;
            return step(check.title, || check.run());
        }
        let start = Instant::now();
        let checks = self.select()?;
        tools::ensure_browser()?;
        tools::ensure_servers_and_terminal()?;
        tools::ensure_nats_server()?;
        let lanes = available_parallelism().map_or(1, NonZero::get).clamp(LANES.0, LANES.1);
        let failures = run_all(&checks, lanes, run_apart);
        let time = format_duration(start.elapsed());
        if failures.is_empty() {
            println!("\nAll {} checks passed in {time}.", checks.len());
            return Ok(());
        }
        let list: Vec<_> = failures.iter().map(|(title, failure)| format!("{title}: {failure}")).collect();
        let (failed, list) = (failures.len(), list.join("\n  "));
        Err(Failure::new(format!("{failed} of {} checks failed, in {time}:\n  {list}", checks.len())))
    }

    /// Returns the checks to run, in their order.
    fn select(&self) -> Result<Vec<&'static Check>> {
        if self.only.is_empty() {
            return Ok(CHECKS.iter().collect());
        }
        let mut selected = Vec::new();
        for title in &self.only {
            add_with_needs(find(title)?, &mut selected)?;
        }
        Ok(CHECKS.iter().filter(|check| selected.contains(&check.title)).collect())
    }
}

fn add_with_needs(check: &Check, selected: &mut Vec<&'static str>) -> Result {
    selected.push(check.title);
    check.needs.iter().try_for_each(|title| add_with_needs(find(title)?, selected))
}

fn find(title: &str) -> Result<&'static Check> {
    CHECKS.iter().find(|check| check.title.eq_ignore_ascii_case(title)).ok_or_else(|| {
        let titles: Vec<_> = CHECKS.iter().map(|check| format!("\"{}\"", check.title)).collect();
        Failure::new(format!("unknown check \"{title}\"")).help(format!("checks: {}", titles.join(", ")))
    })
}

/// Runs a check in a process of its own, and prints the output as a block once it ends, so that the blocks of checks
/// that run at the same time do not mix.
fn run_apart(check: &Check) -> Result {
    println!("▹ {} started", check.title);
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(format!("cannot find the path of this program: {error}")))?;
    let mut apart = command(program, &["test", "--apart", check.title]);
    let mut lines = Vec::new();
    let result = run_piped(&mut apart, |line| lines.push(line.to_owned()));
    // The failure is printed at the end of the run, with those of other checks.
    let failure = result.err().map(|killed| take_failure(&mut lines).unwrap_or(killed));
    println!("{}", lines.join("\n"));
    failure.map_or(Ok(()), Err)
}

/// Removes the failure that a process of [`run_apart`] has printed last.
fn take_failure(lines: &mut Vec<String>) -> Option<Failure> {
    let start = lines.iter().rposition(|line| line.starts_with(FAILURE))?;
    let failure = lines.split_off(start).join("\n");
    // The empty line before it.
    lines.pop();
    Some(Failure::new(failure.strip_prefix(FAILURE)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selected_check_runs_with_those_that_it_needs() {
        let test = Test { only: vec!["studio".into(), "rust formatting".into()], apart: None };
        let titles: Vec<_> = test.select().unwrap().iter().map(|check| check.title).collect();
        assert_eq!(titles, ["Rust build", "npm packages", "Rust formatting", "Studio"]);
        let unknown = Test { only: vec!["Studios".into()], apart: None };
        assert!(unknown.select().unwrap_err().to_string().contains("\"Studio\""));
    }

    #[test]
    fn the_failure_of_a_process_is_separated_from_its_output() {
        let text = "▸ Clippy\nerror: unused import\n  failed in 3 s\n\nerror: `cargo clippy` failed\n    | error: unused import";
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let failure = take_failure(&mut lines).unwrap();
        assert_eq!(failure.to_string(), "`cargo clippy` failed\n    | error: unused import");
        assert_eq!(lines, ["▸ Clippy", "error: unused import", "  failed in 3 s"]);
        assert!(take_failure(&mut vec!["  done in 3 s".to_owned()]).is_none());
    }
}
