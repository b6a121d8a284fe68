//! Simulates many seeds, and prints what they found.

use std::time::Instant;

use clap::Parser;
use fanfare::simulation::Bug;
use fanfare_simulation::{Options, simulate};

/// Simulates runs, hub and storage under faults that one seed decides.
#[derive(Parser)]
struct Arguments {
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

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let bug = arguments.bug.as_ref().map(|name| {
        let known = Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == *name);
        known.unwrap_or_else(|| panic!("{name:?} is none of {:?}", Bug::ALL))
    });
    fanfare_simulation::silence_planned_panics();
    let (begun, mut found, mut done) = (Instant::now(), 0, 0);
    let mut total = fanfare_simulation::Counts::default();
    for seed in arguments.first..arguments.first + arguments.seeds {
        let report = simulate(seed, Options { bug, is_traced: arguments.trace });
        report.lines.iter().for_each(|line| println!("{line}"));
        if arguments.trace {
            println!("seed {seed}: trace {:016x}, {:?}", report.trace, report.counts);
        }
        total.add(&report.counts);
        done += 1;
        if !report.violations.is_empty() {
            found += 1;
            println!("seed {seed} ({done} done):");
            report.violations.iter().for_each(|violation| println!("  {violation}"));
            if found >= arguments.most {
                break;
            }
        }
    }
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    println!("{done} seeds, {:.0} per minute, {found} with violations; {total:?}", f64::from(done) / minutes);
    if found == 0 { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}
