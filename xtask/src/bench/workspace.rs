//! The workspace of the benchmarks, `benches/`: its programs, its npm packages and the locked versions of both.

use crate::failure::Result;
use crate::paths::{in_root, read_file, target};
use crate::process::{cargo, command, run};
use crate::step::step;
use crate::tools;
use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDER: &str = "benches";

/// Returns a path in the workspace of the benchmarks.
pub(super) fn source(path: impl AsRef<Path>) -> PathBuf {
    in_root(FOLDER).join(path)
}

/// Builds the programs of a package, optimised.
///
/// The lock file pins the versions, except those of new dependencies of Fanfare.
pub(super) fn build(package: &str) -> Result {
    let mut build = cargo(&["build", "--quiet", "--release", "--package", package, "--manifest-path"]);
    run(build.arg(source("Cargo.toml")).arg("--target-dir").arg(target_folder()))
}

/// Returns the path of a program that [`build`] builds.
pub(super) fn program(name: &str) -> PathBuf {
    target_folder().join("release").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// The workspace has its own profile, so its artifacts are not shared with the main workspace.
fn target_folder() -> PathBuf {
    target().join("bench/programs")
}

/// Installs the npm packages, unless they are up to date.
pub(super) fn install_packages() -> Result {
    let folder = in_root(FOLDER);
    if tools::are_packages_installed(&folder) {
        return Ok(());
    }
    step("Installing the npm packages of the benchmarks", || tools::install_packages(&folder))
}

/// Returns `true` if a peer was prepared. Prints the reason otherwise, because the comparison is useful without it.
pub(super) fn is_ready(title: &str, prepared: &Result) -> bool {
    if let Err(failure) = prepared {
        println!("Skipping {title}: {failure}");
    }
    prepared.is_ok()
}

/// Returns a command that runs a program with as many open files as the system allows, because each subscriber is one.
/// The process is the program's.
pub(super) fn with_many_files(program: &mut Command) -> Command {
    let script = r#"ulimit -n "$(ulimit -Hn)"; exec "$0" "$@""#;
    let mut shell = command("sh", &["-c", script]);
    shell.arg(program.get_program()).args(program.get_args());
    shell
}

/// Returns the locked versions of crates, as `name@version`.
pub(super) fn read_crate_versions(names: &[&str]) -> Result<Vec<String>> {
    read_locked_versions(names, "Cargo.lock", |name| format!("name = \"{name}\"\nversion = \""))
}

/// Returns the locked versions of npm packages, as `name@version`.
pub(super) fn read_npm_versions(names: &[&str]) -> Result<Vec<String>> {
    read_locked_versions(names, "package-lock.json", |name| {
        format!("\"node_modules/{name}\": {{\n      \"version\": \"")
    })
}

fn read_locked_versions(names: &[&str], file: &str, prefix: impl Fn(&str) -> String) -> Result<Vec<String>> {
    let lock = read_file(&source(file))?;
    Ok(names.iter().map(|name| find_version(name, &lock, &prefix(name))).collect())
}

/// Returns `name@version`, with the version between `prefix` and the next quotation mark.
pub(super) fn find_version(name: &str, text: &str, prefix: &str) -> String {
    let version = text.split(prefix).nth(1).and_then(|rest| rest.split('"').next());
    format!("{name}@{}", version.unwrap_or("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_lock_files() {
        for version in read_crate_versions(&["typify", "tokio"])
            .unwrap()
            .into_iter()
            .chain(read_npm_versions(&["ws"]).unwrap())
        {
            assert!(version.contains('@') && !version.ends_with("unknown"), "{version}");
        }
    }
}
