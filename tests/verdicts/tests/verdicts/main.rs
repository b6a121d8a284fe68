//! Rust, zod and a JSON Schema reference give the same verdict on every value, and both languages read the
//! same value.

mod conformance;
mod deep;
mod explained;
mod issues;
mod mixed;
mod panel;
mod random;
mod reference;
mod score;
mod table;
mod vectors;
mod voices;

use std::io::Write as _;
use std::path::PathBuf;

/// Written past the test runner's capture, so that figures are seen where tests pass too.
fn report(figures: &str) {
    let _ = writeln!(std::io::stderr(), "{figures}");
}

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a scratch folder can be made");
    folder
}
