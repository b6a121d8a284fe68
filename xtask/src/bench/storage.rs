//! `cargo xtask bench storage`: compares the storages with each other, with plain statements of PostgreSQL, and with
//! Centrifugo.

mod growth;
mod measure;
mod report;
mod servers;
mod subjects;

use super::machine::Watch;
use super::statistics::Measured;
use super::{centrifugo, machine, workspace};
use crate::failure::{Failure, Result};
use crate::step::step;
use measure::Plan;
use servers::Postgres;

#[derive(clap::Args)]
pub(crate) struct Storage {
    /// Measure one round of 0.5 seconds each
    #[arg(long)]
    quick: bool,
    /// Number of rounds
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Leave Centrifugo out, which is compiled and needs Go
    #[arg(long)]
    without_centrifugo: bool,
    /// Measure how the tables grow in 60 seconds instead
    #[arg(long)]
    growth: bool,
}

impl Storage {
    pub(crate) fn run(&self) -> Result {
        if self.rounds == 0 {
            return Err(Failure::new("--rounds must be at least 1"));
        }
        step("Building the programs, optimised", || workspace::build("bench-storage"))?;
        let watch = Watch::start();
        let postgres = step("Starting PostgreSQL", Postgres::start)?;
        if self.growth {
            return growth::measure(&postgres, self.quick);
        }
        let with_centrifugo =
            !self.without_centrifugo && workspace::is_ready("Centrifugo", &centrifugo::build());
        let plan = Plan::new(self.quick, self.rounds);
        let mut measured = Measured::default();
        for round in 1..=plan.rounds {
            step(&format!("Round {round} of {}", plan.rounds), || {
                measure::measure_round(&postgres, &plan, with_centrifugo, &mut measured)
            })?;
        }
        let peer = if with_centrifugo { "; Centrifugo " } else { "" };
        let version = if with_centrifugo { centrifugo::VERSION } else { "" };
        println!("\n# Storage\n\n{}; {}{peer}{version}.", machine::describe(), postgres.version);
        // Its CPU time counts as own once it has ended.
        drop(postgres);
        println!("{}", watch.describe());
        report::print(&plan, &measured);
        Ok(())
    }
}
