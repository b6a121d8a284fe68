//! `cargo xtask bench cluster`: measures hubs that share NATS servers, and predicts larger clusters.

mod costs;
mod measure;
mod model;
mod predict;
mod random;
mod report;
mod setup;

use super::figures::Figures;
use super::machine::{self, Watch};
use super::workspace;
use crate::failure::Result;
use crate::paths::{create_folder, read_file, write_file};
use crate::process::read_output;
use crate::step::step;
use crate::tools::ensure_nats_server;
use model::World;
use setup::output_folder;
use std::process::Command;

/// The measured cluster with popular and unpopular channels. It is like the predicted one, but smaller.
const MEASURED: World = World { hubs: 3, subscribers: 18_000, channels: 9_999, exponent: 0.8, seed: 1 };

/// The predicted cluster.
const PREDICTED: World =
    World { hubs: 100, subscribers: 1_000_000, channels: 10_000_000, exponent: 0.8, seed: 1 };

#[derive(clap::Args)]
pub(crate) struct Cluster {
    /// Measurements to repeat, separated by commas. The others keep their figures of an earlier run. Default: all
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<Part>,
    /// Print the tables of an earlier run
    #[arg(long, conflicts_with = "only")]
    report: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// One, two and three hubs on one NATS server
    Hubs,
    /// Three hubs on three NATS servers, with three replicas
    Replicas,
    /// Clusters to compare with predictions: popular and unpopular channels, and 20 hubs
    Predicted,
    /// Subjects, subscriptions and consumers of a NATS server
    Nats,
}

impl Cluster {
    pub(crate) fn run(&self) -> Result {
        let file = output_folder().join("figures.txt");
        let is_chosen = |part| !self.report && (self.only.is_empty() || self.only.contains(&part));
        let mut figures = Figures::default();
        if self.report || !self.only.is_empty() {
            figures = read_file(&file).and_then(|text| Figures::read(&text)).unwrap_or_default();
        }
        if !self.report {
            create_folder(&output_folder())?;
            step("Building the hubs and the load client, optimised", || workspace::build("bench-hub"))?;
            ensure_nats_server()?;
        }
        let watch = Watch::start();
        for (part, measure) in [
            (Part::Hubs, measure::measure_hubs as fn(&mut Figures) -> Result),
            (Part::Replicas, measure::measure_replicas),
            (Part::Predicted, |figures| measure::measure_predicted(&MEASURED, figures)),
            (Part::Nats, measure::measure_nats),
        ] {
            if is_chosen(part) {
                measure(&mut figures)?;
                // If a later measurement fails, these need not be repeated.
                write_file(&file, &figures.to_lines())?;
            }
        }
        let version = read_output(Command::new(ensure_nats_server()?).arg("--version"))?;
        println!("\n# Clusters on NATS\n\n{}; {version}.", machine::describe());
        if !self.report {
            println!("{}", watch.describe());
        }
        report::print(&figures);
        predict::print(&figures, &MEASURED, &PREDICTED);
        Ok(())
    }
}
