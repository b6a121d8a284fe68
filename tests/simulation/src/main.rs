//! Simulates many seeds, and prints what they found.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use fanfare::simulation::Bug;
use fanfare_simulation::{Options, Report, Tally, delivery, simulate};

/// Simulates runs, or delivery, under faults that one seed decides.
#[derive(Parser)]
struct Arguments {
    /// Simulates messages, text streams and readers, and no runs.
    #[arg(long)]
    delivery: bool,
    /// How many seeds.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// A deliberate bug, to see after how many seeds it is found.
    #[arg(long)]
    bug: Option<String>,
    /// Prints every event.
    #[arg(long)]
    trace: bool,
    /// How many violating seeds to print before it ends.
    #[arg(long, default_value_t = 5)]
    most: usize,
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
            *known.unwrap_or_else(|| panic!("{name:?} is none of {bugs:?}"))
        });
        let (begun, mut found, mut done) = (Instant::now(), 0, 0);
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
                if found >= self.most {
                    break;
                }
            }
        }
        let minutes = begun.elapsed().as_secs_f64() / 60.0;
        println!(
            "{done} seeds, {:.0} per minute, {found} with violations; {total:?}",
            f64::from(done) / minutes
        );
        if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
