//! `cargo xtask audit` and `cargo xtask sbom`: checks and lists the dependencies.

use crate::failure::Result;
use crate::process::{cargo, run};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Audit {
    /// Update the advisories of all crates from a checkout of the RustSec database
    #[arg(long, value_name = "FOLDER")]
    update: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct Sbom {
    /// File to write
    #[arg(long, value_name = "FILE", default_value = "target/fanfare.cdx.json")]
    out: PathBuf,
}

impl Audit {
    pub(crate) fn run(&self) -> Result {
        match &self.update {
            None => run(&mut audit_command(&["check"])),
            Some(database) => run(audit_command(&["update"]).arg(database)),
        }
    }
}

impl Sbom {
    pub(crate) fn run(&self) -> Result {
        run(audit_command(&["sbom", "--out"]).arg(&self.out))
    }
}

fn audit_command(arguments: &[&str]) -> std::process::Command {
    let mut command = cargo(&["run", "--quiet", "--package", "audit", "--"]);
    command.args(arguments);
    command
}
