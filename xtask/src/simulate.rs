//! `cargo xtask simulate`: runs, or delivery, under faults that a seed decides.

use crate::failure::Result;
use crate::paths::built;
use crate::process::{cargo, command, run};
use crate::step::step;

#[derive(clap::Args)]
pub(crate) struct Simulate {
    /// Simulates messages, text streams and readers, and no runs
    #[arg(long)]
    delivery: bool,
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: u64,
    /// Prints every event
    #[arg(long)]
    trace: bool,
}

impl Simulate {
    pub(crate) fn run(&self) -> Result {
        step("Building the simulation, optimised", || {
            run(&mut cargo(&["build", "--quiet", "--release", "--package", "fanfare-simulation"]))
        })?;
        let arguments =
            ["--seeds".to_owned(), self.seeds.to_string(), "--first".into(), self.first.to_string()];
        let mut simulate = command(built("release", "simulate"), &arguments);
        if self.delivery {
            simulate.arg("--delivery");
        }
        if self.trace {
            simulate.arg("--trace");
        }
        step("Simulating", || run(&mut simulate))
    }
}
