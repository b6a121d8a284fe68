//! `cargo xtask bench sizes`: measures what a client adds to a page.

use super::workspace;
use crate::failure::Result;
use crate::paths::{in_root, read_file, target};
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
    // The main workspace has Inngest's SDK, too.
    let inngest = read_file(&in_root("node_modules/inngest/package.json"))?;
    let mut versions = vec![workspace::find_version("inngest", &inngest, "\"version\": \"")];
    let peers = ["rolldown", "centrifuge", "socket.io-client", "pusher-js", "ably"];
    versions.extend(workspace::read_npm_versions(&peers)?);
    println!("\n# Sizes in a page\n\n{}.\n\n{table}", versions.join(", "));
    Ok(())
}
