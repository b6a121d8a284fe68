//! `cargo xtask bench`: measures Fanfare beside its peers.

mod check;
mod codegen;
mod contestants;
mod hub;
mod machine;
mod memory;
mod proxies;
mod runs;
mod types;
mod validate;

use crate::failure::Result;

#[derive(clap::Subcommand)]
pub(crate) enum Bench {
    /// Compiles 1,000 types with Fanfare and with its peers, and checks the Rust code of both.
    Codegen(codegen::Codegen),
    /// Checks payloads of 114 bytes, 1 KB and 100 KB with generated code and with its peers.
    Validate(validate::Validate),
    /// Fans messages out with Fanfare's hub, bare servers and its peers, under load and at rest.
    Hub(hub::Hub),
    /// Lets runs write down steps and publishes, beside a plain loop of SQLite transactions.
    Runs(runs::Runs),
    /// Sends messages through nginx, Express and Caddy, those that are installed.
    Proxies,
}

impl Bench {
    pub(crate) fn run(&self) -> Result {
        match self {
            Self::Codegen(codegen) => codegen.run(),
            Self::Validate(validate) => validate.run(),
            Self::Hub(hub) => hub.run(),
            Self::Runs(runs) => runs.run(),
            Self::Proxies => proxies::measure(),
        }
    }
}
