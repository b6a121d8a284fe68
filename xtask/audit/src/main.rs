//! Checks every dependency in the lock files of the project, and lists dependencies as a CycloneDX document.
//!
//! The checks work offline: `deny.toml` lists the accepted licences and duplicates and the denied crates, and
//! `xtask/audit/advisories.toml` the known vulnerabilities.

mod advisories;
mod locks;
mod npm;
mod policy;
mod rust;
mod sbom;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(name = "audit", about = "Check and list the project's dependencies")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check licences, sources, duplicates and advisories
    Check,
    /// Write the dependencies of the published packages as a CycloneDX document
    Sbom {
        /// File to write
        #[arg(long, value_name = "FILE", default_value = "target/fanfare.cdx.json")]
        out: PathBuf,
    },
    /// Update the advisories of all crates from a checkout of the RustSec database
    Update {
        /// Folder of the checkout
        database: PathBuf,
    },
}

/// A third-party package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    ecosystem: Ecosystem,
    name: String,
    version: String,
    licence: Option<String>,
    /// The checksum from the lock file: SHA-256 in hexadecimal for crates, SHA-512 in base64 for npm.
    checksum: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Ecosystem {
    Cargo,
    Npm,
}

/// Returns the folder of the project.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Check => check(),
        Command::Sbom { out } => {
            let count = sbom::write(&out)?;
            println!("wrote {count} packages to {}", out.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Update { database } => {
            let count = advisories::update(&database)?;
            println!("wrote {count} advisories of crates");
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check() -> Result<ExitCode> {
    let policy = policy::Policy::read()?;
    let advisories = advisories::Advisories::read()?;
    let metadata = rust::metadata()?;
    let (crates, packages) = (rust::packages(&metadata)?, npm::packages()?);
    let mut findings = rust::check(&policy, &metadata)?;
    findings.extend(npm::check()?);
    findings.extend(policy.check_licences(crates.iter().chain(&packages)));
    findings.extend(advisories.check(crates.iter().chain(&packages), &policy));
    for finding in &findings {
        eprintln!("{finding}");
    }
    println!("{} crates and {} npm packages, {} findings", crates.len(), packages.len(), findings.len());
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
