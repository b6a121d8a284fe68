//! Checks every dependency that a lock file of the project names, and lists them as a CycloneDX document.
//!
//! The checks need no network: `deny.toml` says which licences, sources and duplicates are accepted, and
//! `xtask/audit/advisories.toml` which versions are known to be vulnerable.

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
#[command(name = "audit", about = "Checks and lists the project's dependencies.")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Checks licences, sources, duplicates and advisories.
    Check,
    /// Writes the dependencies of what is published as a CycloneDX document.
    Sbom {
        /// The file to write
        #[arg(long, value_name = "FILE", default_value = "target/fanfare.cdx.json")]
        out: PathBuf,
    },
    /// Reads the advisories of all Rust dependencies from a checkout of the RustSec database again.
    Update {
        /// The folder of the checkout
        database: PathBuf,
    },
}

/// A package of another project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    ecosystem: Ecosystem,
    name: String,
    version: String,
    licence: Option<String>,
    /// The checksum that the lock file holds: SHA-256 in hexadecimal for crates, SHA-512 in base64 for npm.
    checksum: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Ecosystem {
    Cargo,
    Npm,
}

/// The project's folder.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

fn main() -> ExitCode {
    match run(Arguments::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Check => check(),
        Verb::Sbom { out } => {
            let count = sbom::write(&out)?;
            println!("{count} packages are listed in {}", out.display());
            Ok(ExitCode::SUCCESS)
        }
        Verb::Update { database } => {
            let count = advisories::update(&database)?;
            println!("{count} advisories concern a Rust dependency");
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
