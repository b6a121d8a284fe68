//! `cargo xtask simulate`: simulates runs or delivery with faults that a seed determines.

use crate::failure::Result;
use crate::paths::program;
use crate::process::{build_optimised, command, run};
use crate::step::step;

#[derive(clap::Args)]
pub(crate) struct Simulate {
    /// Simulate messages, text streams and readers instead of runs
    #[arg(long)]
    delivery: bool,
    /// Number of seeds
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    seeds: u64,
    /// First seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: u64,
    /// Print every event
    #[arg(long)]
    trace: bool,
}

impl Simulate {
    pub(crate) fn run(&self) -> Result {
        step("Building the simulation, optimised", || run(&mut build_optimised("fanfare-simulation")))?;
        let arguments =
            ["--seeds".to_owned(), self.seeds.to_string(), "--first".into(), self.first.to_string()];
        let mut simulate = command(program("release", "simulate"), &arguments);
        if self.delivery {
            simulate.arg("--delivery");
        }
        if self.trace {
            simulate.arg("--trace");
        }
        step("Simulating", || run(&mut simulate))
    }
}
