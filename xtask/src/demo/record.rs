//! `cargo xtask demo --record`: records the animated picture of README.md.

use crate::failure::{Failure, Result};
use crate::paths::in_root;
use crate::process::{command, run};
use crate::step::step;
use crate::tools;

/// Runs the script, which starts `cargo xtask demo`, opens its page and presses Enter.
pub(super) fn record() -> Result {
    let browser = tools::ensure_browser()?;
    let demo = std::env::current_exe()
        .map_err(|error| Failure::new(format!("cannot find the program of this command: {error}")))?;
    let script = in_root("examples/content-pipeline/record/record.ts");
    step("Recording the demo", || {
        let mut node = command("node", &["--import", "tsx"]);
        run(node.arg(script).arg(demo).env("FANFARE_CHROMIUM", &browser))
    })
}
