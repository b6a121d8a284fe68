//! `cargo xtask bench`: measures Fanfare beside its peers.

mod check;
mod codegen;
mod contestants;
mod machine;
mod memory;
mod types;

use crate::failure::Result;

#[derive(clap::Subcommand)]
pub(crate) enum Bench {
    /// Compiles 1,000 types with Fanfare and with its peers, and checks the Rust code of both.
    Codegen(codegen::Codegen),
}

impl Bench {
    pub(crate) fn run(&self) -> Result {
        match self {
            Self::Codegen(codegen) => codegen.run(),
        }
    }
}
