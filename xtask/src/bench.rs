//! `cargo xtask bench`: compares Fanfare with its peers.

mod centrifugo;
mod chart;
mod check;
mod cluster;
mod codegen;
mod contestants;
mod figures;
mod hub;
mod machine;
mod memory;
mod nats;
mod proxies;
mod runs;
mod sizes;
mod statistics;
mod storage;
mod types;
mod validate;
mod workspace;

use crate::failure::Result;

#[derive(clap::Subcommand)]
pub(crate) enum Bench {
    /// Compile 1,000 types with Fanfare and its peers, and check the generated Rust
    Codegen(codegen::Codegen),
    /// Validate payloads of 114 bytes, 1 KB and 100 KB with generated code and with its peers
    Validate(validate::Validate),
    /// Fan out messages with Fanfare's hub, bare servers and peers, under load and idle
    Hub(hub::Hub),
    /// Compare the steps and publishes of runs with a plain loop of SQLite transactions
    Runs(runs::Runs),
    /// Publish to storages, and across servers that share PostgreSQL, next to plain SQL and Centrifugo
    Storage(storage::Storage),
    /// Measure hubs that share NATS servers, and predict the limits of large clusters
    Cluster(cluster::Cluster),
    /// Measure latency through nginx, Express and Caddy, skipping any that is not installed
    Proxies,
    /// Measure what the clients of Fanfare and its peers add to a page
    Sizes,
}

impl Bench {
    pub(crate) fn run(&self) -> Result {
        match self {
            Self::Codegen(codegen) => codegen.run(),
            Self::Validate(validate) => validate.run(),
            Self::Hub(hub) => hub.run(),
            Self::Runs(runs) => runs.run(),
            Self::Storage(storage) => storage.run(),
            Self::Cluster(cluster) => cluster.run(),
            Self::Proxies => proxies::measure(),
            Self::Sizes => sizes::measure(),
        }
    }
}
