//! `cargo xtask bench runs`: compares how fast runs write with a plain loop of SQLite transactions.

use super::figures::Figures;
use super::machine::Watch;
use super::statistics::{Measured, describe_verdicts};
use super::{machine, workspace};
use crate::failure::{Failure, Result};
use crate::paths::{create_folder, delete_database, target};
use crate::process::{command, read_output};
use crate::step::step;
use std::path::PathBuf;

/// The numbers of concurrent runs.
const RUNS: [usize; 3] = [1, 10, 100];

/// The least rate of a run's writes, in percent of the loop's.
const TARGET: f64 = 70.0;

#[derive(clap::Args)]
pub(crate) struct Runs {
    /// Measure 0.3 seconds each instead of 2
    #[arg(long)]
    quick: bool,
    /// Number of rounds
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
}

/// A way to write.
struct Method {
    title: &'static str,
    /// Its name on the command line of `bench-runs`.
    name: &'static str,
    /// The index in [`METHODS`] of the plain loop that it is compared with.
    baseline: usize,
    has_target: bool,
    in_memory: bool,
}

const METHODS: [Method; 7] = [
    Method { has_target: false, ..method("Steps in a plain loop of transactions", "plain-step", 0) },
    method("`run.step`", "run-step", 0),
    Method { has_target: false, ..method("Publishes in a plain loop of transactions", "plain-publish", 2) },
    method("`run.publish`", "run-publish", 2),
    Method { has_target: false, ..method("`hub.publish` in a run", "hub-publish", 2) },
    Method {
        has_target: false,
        in_memory: true,
        ..method("`hub.publish` in a run, SQLite in memory", "hub-publish", 2)
    },
    Method { has_target: false, ..method("`hub.publish` in a run, no storage", "memory-publish", 2) },
];

const fn method(title: &'static str, name: &'static str, baseline: usize) -> Method {
    Method { title, name, baseline, has_target: true, in_memory: false }
}

impl Runs {
    pub(crate) fn run(&self) -> Result {
        if self.rounds == 0 {
            return Err(Failure::new("--rounds must be at least 1"));
        }
        create_folder(&output_folder())?;
        step("Building the program, optimised", || workspace::build("bench-runs"))?;
        let mut measured = Measured::default();
        for round in 1..=self.rounds {
            step(&format!("Round {round} of {}", self.rounds), || self.measure_round(&mut measured))?;
        }
        let sqlite = self.measure(&METHODS[0], 1)?.1;
        println!("\n# Runs\n\n{}; SQLite {sqlite}.", machine::describe());
        println!(
            "Writes per second, median (minimum–maximum) of {} rounds. Ratios are to the plain loop in the same round, one \
             thread with a transaction per write.\nUnless noted otherwise, to a file in WAL mode with synchronous = normal.\n\
             {}\n{}\n",
            self.rounds,
            describe_verdicts(self.rounds),
            measured.describe_load()
        );
        print_table(&measured);
        Ok(())
    }

    /// Measures all methods in turn, so that other load on the machine affects them alike.
    fn measure_round(&self, measured: &mut Measured) -> Result {
        for runs in RUNS {
            for method in &METHODS {
                let watch = Watch::start();
                let mut figures = Figures::default().with("rate", self.measure(method, runs)?.0);
                watch.finish(&mut figures);
                measured.add(&runs.to_string(), method.title, figures);
            }
        }
        Ok(())
    }

    /// Returns the writes per second to a new file, and the version of SQLite.
    fn measure(&self, method: &Method, runs: usize) -> Result<(f64, String)> {
        let file = output_folder().join("bench.db");
        delete_database(&file);
        let file = if method.in_memory { ":memory:".into() } else { file };
        let milliseconds = if self.quick { 300 } else { 2_000 };
        let arguments = [method.name.to_owned(), runs.to_string(), milliseconds.to_string()];
        let mut measure = command(workspace::program("bench-runs"), &arguments);
        let line = read_output(measure.arg(file))?;
        let figures = line.split_once('\t');
        let figures = figures.and_then(|(rate, sqlite)| Some((rate.parse().ok()?, sqlite.to_owned())));
        figures.ok_or_else(|| {
            Failure::new(format!("expected a rate and a version from bench-runs, got {line:?}"))
        })
    }
}

/// Returns the folder of the files that the benchmark writes.
fn output_folder() -> PathBuf {
    target().join("bench/runs")
}

fn print_table(measured: &Measured) {
    println!("| | {} |", RUNS.map(|runs| format!("{runs} concurrent")).join(" | "));
    println!("|---|{}", "---:|".repeat(RUNS.len()));
    let mut missed = Vec::new();
    for method in &METHODS {
        let baseline = &METHODS[method.baseline];
        let cells = RUNS.map(|runs| {
            let measurement = runs.to_string();
            let rate = measured.samples(&measurement, method.title, "rate").describe(format_rate);
            if method.title == baseline.title {
                return rate;
            }
            let ratios = measured.ratios(&measurement, method.title, baseline.title, "rate");
            if method.has_target && ratios.median() * 100.0 < TARGET {
                missed.push(format!("{} with {runs} concurrent runs", method.title));
            }
            format!("{rate} · {}", ratios.describe_ratio("slower", "faster"))
        });
        println!("| {} | {} |", method.title, cells.join(" | "));
    }
    if missed.is_empty() {
        println!("\nTarget of {TARGET:.0} % for steps and durable publishes: met.");
    } else {
        println!("\nTarget of {TARGET:.0} % missed by {}.", missed.join(", "));
    }
}

fn format_rate(rate: f64) -> String {
    if rate < 1e6 { format!("{:.1} k", rate / 1e3) } else { format!("{:.2} M", rate / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_compared_with_a_plain_loop() {
        assert!(METHODS.iter().all(|method| METHODS[method.baseline].name.starts_with("plain-")));
    }
}
