//! `cargo xtask bench hub`: compares the fan-out of a hub with bare servers and its peers.

mod load;
mod measure;
mod report;
mod server;
mod slow;

use super::machine;
use crate::failure::{Failure, Result};
use crate::step::step;
use measure::{Measured, Plan};
use server::{ALL, Server};

#[derive(clap::Args)]
pub(crate) struct Hub {
    /// Measure one round of one second each, without waiting until slow subscribers are dropped
    #[arg(long)]
    quick: bool,
    /// Peers to include, separated by commas, or `all` or `none`
    #[arg(long, value_name = "NAMES", default_value = "all")]
    peers: String,
    /// Also measure Fanfare with its log in `SQLite`
    #[arg(long)]
    sqlite: bool,
}

impl Hub {
    pub(crate) fn run(&self) -> Result {
        let selected = self.select_servers()?;
        server::build()?;
        let servers: Vec<&Server> = selected.into_iter().filter(|server| server.prepare()).collect();
        let plan = if self.quick { Plan::QUICK } else { Plan::FULL };
        let mut measured = Measured::default();
        for round in 1..=plan.rounds {
            for server in &servers {
                let title = format!("Round {round} of {}: {}", plan.rounds, server.title);
                step(&title, || measure::measure_round(server, &plan, &mut measured))?;
            }
        }
        for server in servers.iter().filter(|server| server.survives_slow_subscribers) {
            step(&format!("Slow subscribers: {}", server.title), || {
                slow::measure(server, &plan, &mut measured)
            })?;
        }
        println!("\n# Fan-out\n\n{}; {}.", machine::describe(), server::read_versions()?);
        report::print(&servers, &plan, &measured);
        Ok(())
    }

    fn select_servers(&self) -> Result<Vec<&'static Server>> {
        let names: Vec<&str> = self.peers.split(',').collect();
        let known = |name: &str| ALL.iter().any(|server| server.is_peer() && server.slug == name);
        if let Some(unknown) = names.iter().find(|name| !matches!(**name, "all" | "none") && !known(name)) {
            let peers = ALL.iter().filter(|server| server.is_peer());
            let peers = peers.map(|server| server.slug).collect::<Vec<_>>().join(", ");
            return Err(Failure::new(format!("unknown peer `{unknown}`")).help(format!("peers: {peers}")));
        }
        let chosen = |server: &&Server| names.contains(&"all") || names.contains(&server.slug);
        let own = |server: &&Server| !server.is_peer() && (self.sqlite || !server.needs_sqlite());
        Ok(ALL.iter().filter(|server| own(server) || (server.is_peer() && chosen(server))).collect())
    }
}
