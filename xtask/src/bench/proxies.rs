//! `cargo xtask bench proxies`: measures the latency of messages through reverse proxies.

use super::{machine, workspace};
use crate::failure::Result;
use crate::paths::program;
use crate::process::{build, command, run};
use crate::step::step;

pub(super) fn measure() -> Result {
    step("Building the server", || run(&mut build("fanfare-test-server")))?;
    workspace::install_packages()?;
    println!("\n# Proxies\n\n{}.", machine::describe());
    let server = program("debug", "fanfare-test-server");
    run(command("node", &["bench.mjs"]).arg(server).current_dir(workspace::source("proxies")))
}
