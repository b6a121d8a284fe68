//! `cargo xtask bench proxies`: how long messages take through reverse proxies.

use super::machine;
use crate::failure::Result;
use crate::paths::{built, in_root};
use crate::process::{cargo, command, npm, run, run_quietly};
use crate::step::step;

const SOURCES: &str = "benches/proxies";

pub(super) fn measure() -> Result {
    step("Building the server", || {
        run(&mut cargo(&["build", "--quiet", "--package", "fanfare-test-server"]))
    })?;
    step("Installing the packages", || {
        run_quietly(npm(&["ci", "--no-audit", "--no-fund"]).current_dir(in_root(SOURCES)))
    })?;
    println!("\n# Proxies\n\n{}.", machine::description());
    let server = built("debug", "fanfare-test-server");
    run(command("node", &["bench.mjs"]).arg(server).current_dir(in_root(SOURCES)))
}
