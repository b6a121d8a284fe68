//! `cargo xtask bench sizes`: measures what a client adds to a page.

use super::workspace;
use crate::failure::Result;
use crate::paths::target;
use crate::process::{command, read_output};
use crate::tools;
use std::process::Stdio;

/// Prints the table of `docs/client.md`.
pub(super) fn measure() -> Result {
    tools::ensure_npm_packages()?;
    tools::build_typescript_client()?;
    workspace::install_packages()?;
    let scratch = target().join("bench/sizes");
    let mut measure = command("node", &[workspace::source("sizes/measure.mjs"), scratch]);
    let table = read_output(measure.stderr(Stdio::inherit()))?;
    let peers = workspace::read_npm_versions(&["rolldown", "centrifuge", "socket.io-client", "pusher-js", "ably"])?;
    println!("\n# Sizes in a page\n\n{}.\n\n{table}", peers.join(", "));
    Ok(())
}
