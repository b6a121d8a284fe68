//! `cargo xtask semver`: compares the Rust API of the published crates with that of the previous version.

use crate::failure::{Failure, Result};
use crate::process::{cargo, command, read_output, run};
use crate::tools::find_on_path;

#[derive(clap::Args)]
pub(crate) struct Semver {
    /// The git revision to compare with, instead of the tag of the previous version
    #[arg(long, value_name = "REVISION")]
    baseline: Option<String>,
}

const CRATES: [&str; 4] = ["fanfare-pattern", "fanfare-schema", "fanfare", "fanfare-codegen"];

impl Semver {
    pub(crate) fn run(&self) -> Result {
        let Some(baseline) = self.baseline.clone().or_else(find_previous_version) else {
            println!("  Skipped: no earlier version has a tag.");
            return Ok(());
        };
        if find_on_path("cargo-semver-checks").is_none() {
            return Err(Failure::new("cargo-semver-checks is not on the search path")
                .help("run `cargo install --locked cargo-semver-checks`"));
        }
        println!("  Comparing with {baseline}");
        let mut check = cargo(&["semver-checks", "--baseline-rev", &baseline]);
        run(check.args(CRATES.iter().flat_map(|name| ["--package", name])))
    }
}

/// Returns the last tag of a version before the current commit, which may have a tag itself.
fn find_previous_version() -> Option<String> {
    let describe = ["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^"];
    read_output(&mut command("git", &describe)).ok()
}
