//! `cargo xtask bench`
use crate::failure::Result;
#[derive(clap::Subcommand)]
pub(crate) enum Bench {
    /// Compiles 1,000 types with Fanfare and with its peers
    Codegen,
}
impl Bench {
    pub(crate) fn run(&self) -> Result {
        Ok(())
    }
}
