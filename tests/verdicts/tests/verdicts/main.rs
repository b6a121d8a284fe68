//! Checks that Rust, zod and a JSON Schema reference give the same verdict on all values, and that both languages read
//! the same value.

mod comparison;
mod conformance;
mod deep;
mod described;
mod evolutions;
mod explained;
mod interpreted;
mod issues;
mod mixed;
mod random;
mod reference;
mod score;
mod serde_types;
mod table;
mod validators;
mod vectors;

use std::io::Write as _;
use std::path::PathBuf;

/// Prints a line that the test runner does not capture, so that it is visible even if tests pass.
fn report(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("create a scratch folder");
    folder
}
