//! `cargo xtask bench runs`: how fast runs write down what they do, beside a plain loop of SQLite
//! transactions.

use super::machine;
use crate::failure::{Failure, Result};
use crate::paths::{built, in_root, target};
use crate::process::{cargo, command, read, run};
use crate::step::step;
use std::fs;
use std::path::PathBuf;

/// How many runs there are at a time.
const RUNS: [usize; 3] = [1, 10, 100];

/// What a run's writes are to reach at least, in percent of the loop's.
const TARGET: f64 = 70.0;

#[derive(clap::Args)]
pub(crate) struct Runs {
    /// A third of a second each in place of two
    #[arg(long)]
    quick: bool,
    /// How often each is measured; its median counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
}

/// A way to write.
struct Way {
    title: &'static str,
    /// What the program that measures calls it.
    name: &'static str,
    /// Which line it is held against.
    against: usize,
    has_target: bool,
    in_memory: bool,
}

const WAYS: [Way; 7] = [
    Way { has_target: false, ..way("Steps in a plain loop of transactions", "plain-step", 0) },
    way("`run.step`", "run-step", 0),
    Way { has_target: false, ..way("Publishes in a plain loop of transactions", "plain-publish", 2) },
    way("`run.publish`", "run-publish", 2),
    Way { has_target: false, ..way("`hub.publish` in a run", "hub-publish", 2) },
    Way {
        has_target: false,
        in_memory: true,
        ..way("`hub.publish` in a run, SQLite in memory", "hub-publish", 2)
    },
    Way { has_target: false, ..way("`hub.publish` in a run, no storage", "memory-publish", 2) },
];

const fn way(title: &'static str, name: &'static str, against: usize) -> Way {
    Way { title, name, against, has_target: true, in_memory: false }
}

/// The rates of one round, by way and number of runs.
type Round = Vec<[f64; RUNS.len()]>;

impl Runs {
    pub(crate) fn run(&self) -> Result {
        if self.rounds == 0 {
            return Err(Failure::new("--rounds takes at least 1"));
        }
        step("Building the program that measures, optimised", build)?;
        let mut rounds = Vec::new();
        for round in 1..=self.rounds {
            rounds.push(step(&format!("Round {round} of {}", self.rounds), || self.round())?);
        }
        let sqlite = self.measure(&WAYS[0], 1)?.1;
        println!("\n# Runs\n\n{}; SQLite {sqlite}.", machine::description());
        println!(
            "A second, medians of {}; in brackets against the plain loop of the same round, which is one thread \
             with a transaction for each.\nA file, in WAL mode with synchronous = normal, but where another is named.\n",
            self.rounds
        );
        print(&rounds);
        Ok(())
    }

    /// Measures all ways in turn, so that what else the machine does meets them alike.
    fn round(&self) -> Result<Round> {
        let mut round = vec![[0.0; RUNS.len()]; WAYS.len()];
        for (column, runs) in RUNS.into_iter().enumerate() {
            for (line, way) in WAYS.iter().enumerate() {
                round[line][column] = self.measure(way, runs)?.0;
            }
        }
        Ok(round)
    }

    /// How many a second there are with a new file, and the version of SQLite.
    fn measure(&self, way: &Way, runs: usize) -> Result<(f64, String)> {
        let file = folder().join("bench.db");
        for suffix in ["", "-wal", "-shm"] {
            // There may be none to remove.
            let _ = fs::remove_file(file.with_extension(format!("db{suffix}")));
        }
        let file = if way.in_memory { ":memory:".into() } else { file };
        let milliseconds = if self.quick { 300 } else { 2_000 };
        let arguments = [way.name.to_owned(), runs.to_string(), milliseconds.to_string()];
        let mut measure = command(built("release", "bench-runs"), &arguments);
        let line = read(measure.arg(file))?;
        let figures = line.split_once('\t');
        let figures = figures.and_then(|(rate, sqlite)| Some((rate.parse().ok()?, sqlite.to_owned())));
        figures.ok_or_else(|| Failure::new(format!("no figure is in {line:?}")))
    }
}

/// The versions are those of the lock file, but for what Fanfare itself depends on by now.
fn build() -> Result {
    fs::create_dir_all(folder()).map_err(|error| Failure::at(&folder(), &error))?;
    let mut build = cargo(&["build", "--quiet", "--release", "--manifest-path"]);
    run(build.arg(in_root("benches/runs/Cargo.toml")).arg("--target-dir").arg(target()))
}

/// Where the files that are written lie.
fn folder() -> PathBuf {
    target().join("bench/runs")
}

fn print(rounds: &[Round]) {
    println!("| | {} |", RUNS.map(|runs| format!("{runs} at a time")).join(" | "));
    println!("|---|{}", "---:|".repeat(RUNS.len()));
    let mut missed = Vec::new();
    for (line, way) in WAYS.iter().enumerate() {
        let mut cells = Vec::new();
        for (column, runs) in RUNS.into_iter().enumerate() {
            let of = |line: usize| move |round: &Round| round[line][column];
            let share = |round: &Round| of(line)(round) / of(way.against)(round) * 100.0;
            let (rate, share) = (median(rounds, of(line)), median(rounds, share));
            cells.push(if line == way.against {
                spoken(rate)
            } else {
                format!("{} ({share:.0} %)", spoken(rate))
            });
            if way.has_target && share < TARGET {
                missed.push(format!("{} with {runs} at a time", way.title));
            }
        }
        println!("| {} | {} |", way.title, cells.join(" | "));
    }
    if missed.is_empty() {
        println!("\nThe target of {TARGET:.0} % for steps and durable publishes holds.");
    } else {
        println!("\nThe target of {TARGET:.0} % is missed by {}.", missed.join(", "));
    }
}

fn median(rounds: &[Round], figure: impl Fn(&Round) -> f64) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn spoken(rate: f64) -> String {
    if rate < 1e6 { format!("{:.1} k", rate / 1e3) } else { format!("{:.2} M", rate / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_in_the_middle_counts() {
        let rounds: Vec<Round> = [3.0, 1.0, 2.0].map(|rate| vec![[rate; RUNS.len()]]).into();
        assert!((median(&rounds, |round| round[0][0]) - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn every_way_is_held_against_a_plain_loop() {
        assert!(WAYS.iter().all(|way| WAYS[way.against].name.starts_with("plain-")));
    }
}
