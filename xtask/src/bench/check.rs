//! Measures `cargo check` of generated Rust, without its dependencies.

use super::contestants;
use super::memory::{Usage, measure};
use crate::failure::{Failure, Result};
use crate::paths::{create_empty_folder, create_folder, in_root, write_file};
use crate::process::{cargo, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The dependencies that typify's documentation asks for.
const TYPIFY_DEPENDENCIES: &str = r#"
chrono = { version = "0.4", features = ["serde"] }
regress = "0.12"
serde = { version = "1", features = ["derive"] }
serde_json = "1"
uuid = { version = "1", features = ["serde"] }
"#;

/// The result of checking a crate.
pub(crate) struct Checked {
    pub(crate) title: &'static str,
    pub(crate) lines: usize,
    pub(crate) usage: Usage,
}

/// Checks the code that Fanfare generated into `output`.
pub(crate) fn check_fanfare(output: &Path, scratch: &Path) -> Result<Checked> {
    let dependencies = format!("fanfare = {{ path = '{}' }}\n", in_root("runtime/rust").display());
    let scratch = Scratch::new(scratch.join("check-fanfare"), &dependencies)?;
    scratch.check("Fanfare's", |sources| {
        copy_sources(&output.join("rust"), sources)?;
        rename(&sources.join("channels.rs"), &sources.join("lib.rs"))
    })
}

/// Checks the code that typify generated into `output`.
pub(crate) fn check_typify(output: &Path, scratch: &Path) -> Result<Checked> {
    let scratch = Scratch::new(scratch.join("check-typify"), TYPIFY_DEPENDENCIES)?;
    scratch.check("typify's", |sources| {
        copy_sources(output, sources)?;
        rename(&sources.join("types.rs"), &sources.join("lib.rs"))
    })
}

/// A crate for one check.
struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// Creates an empty crate and checks it, so that its dependencies are compiled.
    fn new(folder: PathBuf, dependencies: &str) -> Result<Self> {
        create_empty_folder(&folder.join("src"))?;
        let manifest = format!(
            "[package]\nname = \"scratch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [lints.rust]\nwarnings = \"allow\"\n\n[dependencies]\n{dependencies}"
        );
        write_file(&folder.join("Cargo.toml"), &manifest)?;
        write_file(&folder.join("src/lib.rs"), "")?;
        let scratch = Self { folder };
        run(&mut scratch.cargo_check())?;
        Ok(scratch)
    }

    fn check(&self, title: &'static str, fill: impl FnOnce(&Path) -> Result) -> Result<Checked> {
        let sources = self.folder.join("src");
        fill(&sources)?;
        let usage = measure(&mut self.cargo_check())?;
        let lines = contestants::count_lines(&sources);
        Ok(Checked { title, lines, usage })
    }

    fn cargo_check(&self) -> Command {
        let mut command = cargo(&["check", "--quiet"]);
        command.current_dir(&self.folder).env("CARGO_INCREMENTAL", "0");
        command.arg("--target-dir").arg(self.folder.join("target"));
        command
    }
}

/// Copies the Rust files of a folder.
fn copy_sources(from: &Path, to: &Path) -> Result {
    let failed = |error| Failure::at(from, &error);
    for entry in fs::read_dir(from).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            create_folder(&target)?;
            copy_sources(&path, &target)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            fs::copy(&path, &target).map_err(failed)?;
        }
    }
    Ok(())
}

fn rename(from: &Path, to: &Path) -> Result {
    fs::rename(from, to).map_err(|error| Failure::at(from, &error))
}
