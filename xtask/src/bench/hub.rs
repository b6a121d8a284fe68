//! `cargo xtask bench hub`: compares the fan-out of a hub with bare servers and its peers.

mod load;
mod measure;
mod report;
mod scale;
pub(super) mod server;
mod slow;

use super::machine;
use super::statistics::Measured;
use crate::failure::{Failure, Result};
use crate::step::step;
use measure::{Plan, Scenario};
use server::{ALL, Server};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Hub {
    /// Measure three rounds of one second each, which detects only large differences
    #[arg(long)]
    quick: bool,
    /// Number of rounds. Each round measures every server once per scenario, in rotating order
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Servers to measure, separated by commas. The others are compared with the first one. Default: all
    /// except `sqlite`, `fanfare-nats` and `centrifugo-nats`
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    servers: Vec<String>,
    /// Scenarios to measure, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Compare with a `fanfare-server` that was built before a change
    #[arg(long, value_name = "PROGRAM")]
    before: Option<PathBuf>,
    /// Measure what a unit of work costs as the work grows, and draw it into `docs/performance.md`
    #[arg(long, conflicts_with = "only")]
    scale: bool,
}

impl Hub {
    pub(crate) fn run(&self) -> Result {
        let before = self.before.as_deref().map(Server::before);
        let names = if self.servers.is_empty() && self.scale {
            scale::SERVERS.map(str::to_owned).into()
        } else {
            self.servers.clone()
        };
        let selected = select_servers(&names)?;
        server::build()?;
        let servers: Vec<&Server> = selected.into_iter().filter(|server| server.prepare()).collect();
        let servers: Vec<&Server> = before.iter().chain(servers).collect();
        let plan = Plan::new(self.quick, self.rounds)?;
        if self.scale {
            let mut measured = Measured::default();
            scale::measure(&servers, &plan, &mut measured)?;
            let machine = format!("{}; {}.", machine::describe(), server::read_versions()?);
            return scale::write(&servers, &plan, &measured, &machine);
        }
        let is_chosen = |scenario: &Scenario| self.only.is_empty() || self.only.contains(scenario);
        let mut measured = Measured::default();
        for round in 0..plan.rounds {
            for scenario in Scenario::IN_ROUNDS.into_iter().filter(is_chosen) {
                step(&format!("Round {} of {}: {}", round + 1, plan.rounds, scenario.title()), || {
                    // The order rotates, because a server may profit from what another left in caches.
                    let (later, first) = servers.split_at(round % servers.len());
                    for server in first.iter().chain(later) {
                        measure::measure(server, scenario, &plan, &mut measured)?;
                    }
                    Ok(())
                })?;
            }
        }
        if is_chosen(&Scenario::Slow) {
            for server in servers.iter().filter(|server| server.survives_slow_subscribers) {
                step(&format!("Slow subscribers: {}", server.title), || {
                    slow::measure(server, &plan, &mut measured)
                })?;
            }
        }
        println!("\n# Fan-out\n\n{}; {}.", machine::describe(), server::read_versions()?);
        report::print(&servers, &plan, &measured);
        Ok(())
    }
}

/// Returns the servers with these names, or the usual ones.
fn select_servers(names: &[String]) -> Result<Vec<&'static Server>> {
    if names.is_empty() {
        return Ok(ALL.iter().filter(|server| !server.has_storage()).collect());
    }
    let find = |name: &String| ALL.iter().find(|server| server.slug == name);
    let found = names.iter().map(|name| find(name).ok_or_else(|| unknown_server(name)));
    found.collect()
}

fn unknown_server(name: &str) -> Failure {
    let known = ALL.iter().map(|server| server.slug).collect::<Vec<_>>().join(", ");
    Failure::new(format!("unknown server `{name}`")).help(format!("servers: {known}"))
}
