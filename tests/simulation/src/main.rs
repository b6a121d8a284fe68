//! Simulates many seeds and prints their violations.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use fanfare::simulation::Bug;
use fanfare_simulation::{Options, Report, Tally, delivery, simulate};

/// Simulate runs or delivery with faults that a seed determines
#[derive(Parser)]
struct Arguments {
    /// Simulate messages, text streams and readers instead of runs
    #[arg(long)]
    delivery: bool,
    /// Number of seeds
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// First seed
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Enable a deliberate bug, to measure after how many seeds it is found
    #[arg(long)]
    bug: Option<String>,
    /// Print every event
    #[arg(long)]
    trace: bool,
    /// Stop after this many seeds with violations
    #[arg(long, default_value_t = 5)]
    max_found: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.delivery {
        return arguments.simulate(&Bug::OF_DELIVERY, delivery::simulate);
    }
    fanfare_simulation::silence_planned_panics();
    arguments.simulate(&Bug::OF_RUNS, simulate)
}

impl Arguments {
    fn simulate<C: Tally>(&self, bugs: &[Bug], simulate: impl Fn(u64, Options) -> Report<C>) -> ExitCode {
        let bug = self.bug.as_ref().map(|name| {
            let known = bugs.iter().find(|bug| format!("{bug:?}") == *name);
            *known.unwrap_or_else(|| panic!("unknown bug {name:?}: choose one of {bugs:?}"))
        });
        let (start, mut found, mut done) = (Instant::now(), 0, 0);
        let mut total = C::default();
        for seed in self.first..self.first + self.seeds {
            let report = simulate(seed, Options { bug, is_traced: self.trace });
            report.lines.iter().for_each(|line| println!("{line}"));
            if self.trace {
                println!("seed {seed}: trace {:016x}, {:?}", report.trace, report.counts);
            }
            total.add(&report.counts);
            done += 1;
            if !report.violations.is_empty() {
                found += 1;
                println!("seed {seed} ({done} done):");
                report.violations.iter().for_each(|violation| println!("  {violation}"));
                if found >= self.max_found {
                    break;
                }
            }
        }
        let minutes = start.elapsed().as_secs_f64() / 60.0;
        println!(
            "{done} seeds, {:.0} per minute, {found} with violations; {total:?}",
            f64::from(done) / minutes
        );
        if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
