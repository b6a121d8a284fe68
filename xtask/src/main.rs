//! The project's commands: `cargo xtask --help` lists them.
//!
//! They install everything that they need except Rust and Node.js.

mod audit;
mod bench;
mod conformance;
mod demo;
mod docs;
mod excerpt;
mod failure;
mod fuzz;
mod paths;
mod process;
mod semver;
mod simulate;
mod soak;
mod step;
mod test;
mod tools;

use clap::{Parser, Subcommand};
use failure::Result;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The project's commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build and start the content pipeline example, a server with a web page that summarises a text
    Demo(demo::Demo),
    /// Build the site of the documentation, with the APIs in Rust and TypeScript, and check its links
    Docs(docs::Docs),
    /// Run everything that CI runs
    Test(test::Test),
    /// Test verdicts with the official JSON Schema test suite, or with random schemas and values
    Conformance(conformance::Conformance),
    /// Publish while the network fails and the server is killed, and check that subscribers miss nothing
    Soak(soak::Soak),
    /// Simulate runs or delivery with faults that a seed determines, and check the guarantees
    Simulate(simulate::Simulate),
    /// Check the licences, sources, duplicates and advisories of all dependencies, offline
    Audit(audit::Audit),
    /// Compare the Rust API of the published crates with that of the previous version
    Semver(semver::Semver),
    /// Write the dependencies of the published packages as a CycloneDX document
    Sbom(audit::Sbom),
    /// Search for inputs that cause a panic, a wrong verdict or excessive CPU time
    Fuzz(fuzz::Fuzz),
    /// Compare the performance of Fanfare with its peers
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result {
    match command {
        Command::Demo(demo) => demo.run(),
        Command::Docs(docs) => docs.run(),
        Command::Test(test) => test.run(),
        Command::Conformance(conformance) => conformance.run(),
        Command::Soak(soak) => soak.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Audit(audit) => audit.run(),
        Command::Semver(semver) => semver.run(),
        Command::Sbom(sbom) => sbom.run(),
        Command::Fuzz(fuzz) => fuzz.run(),
        Command::Bench(bench) => bench.run(),
    }
}
