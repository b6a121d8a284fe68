//! What must be installed beside Rust, and how it gets there.

use crate::failure::{Failure, Result};
use crate::paths::in_root;
use crate::process::{command, npm, read, run_quietly};
use crate::step::step;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The oldest Node.js that the page's build tool runs on.
const OLDEST_NODE: (u32, u32) = (20, 19);
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Makes sure that Node.js, npm and the npm packages are there.
pub(crate) fn node_and_packages() -> Result {
    step("Checking Node.js and npm", || {
        let node = node_version()?;
        let npm = read(&mut npm(&["--version"]))
            .map_err(|failure| failure.help("npm comes with Node.js: https://nodejs.org"))?;
        println!("  Node.js {node}, npm {npm}");
        Ok(())
    })?;
    if packages_are_fresh(&in_root("package-lock.json"), &in_root("node_modules/.package-lock.json")) {
        return Ok(());
    }
    step("Installing the npm packages", || {
        run_quietly(&mut npm(&["ci", "--no-audit", "--no-fund"])).map_err(|failure| {
            failure.help("does npm reach its registry? `npm ping` tells; then `npm ci` by hand")
        })
    })
}

/// Builds the TypeScript client, which every TypeScript part imports.
pub(crate) fn build_typescript_client() -> Result {
    step("Building the TypeScript client", || {
        run_quietly(&mut npm(&["run", "build", "--workspace", "fanfare"]))
    })
}

/// A Chromium for tests in a browser; installed where the system lets us.
pub(crate) fn browser() -> Result<PathBuf> {
    if let Some(browser) = find_browser() {
        return Ok(browser);
    }
    step("Installing Chromium", || {
        if on_path("apt-get").is_none() || !is_root() {
            return Err(no_browser());
        }
        run_quietly(&mut command("apt-get", &["update"]))?;
        run_quietly(
            command("apt-get", &["install", "--yes", "--no-install-recommends", "chromium"])
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )?;
        find_browser().ok_or_else(no_browser)
    })
}

/// A program's place on the search path.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn find_browser() -> Option<PathBuf> {
    let named = std::env::var_os("FANFARE_CHROMIUM").map(PathBuf::from).filter(|path| path.is_file());
    named.or_else(|| BROWSERS.iter().find_map(|name| on_path(name)))
}

fn no_browser() -> Failure {
    Failure::new("the tests in a browser need Chromium, which is not on the search path")
        .help("install it (Debian: `apt-get install chromium`) or name it: FANFARE_CHROMIUM=<path>")
}

fn is_root() -> bool {
    read(&mut command("id", &["-u"])).is_ok_and(|user| user == "0")
}

fn node_version() -> Result<String> {
    let help = "install Node.js 20.19 or newer: https://nodejs.org";
    let version = read(&mut command("node", &["--version"])).map_err(|failure| failure.help(help))?;
    if is_new_enough(&version) {
        Ok(version)
    } else {
        Err(Failure::new(format!("Node.js {version} is too old")).help(help))
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map_while(|part| part.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= OLDEST_NODE
}

/// npm writes the second file when it has installed what the first one says.
fn packages_are_fresh(lock: &Path, installed: &Path) -> bool {
    matches!((changed(lock), changed(installed)), (Some(lock), Some(installed)) if installed >= lock)
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_new_enough("v20.19.0"));
        assert!(is_new_enough("v22.1.0"));
        assert!(!is_new_enough("v20.9.0"));
        assert!(!is_new_enough("v18.20.4"));
        assert!(!is_new_enough("nonsense"));
    }

    #[test]
    fn packages_that_were_never_installed_are_not_fresh() {
        assert!(!packages_are_fresh(&in_root("Cargo.toml"), &in_root("no-such-file")));
    }
}
