//! The project's commands, so that nothing but Rust and Node.js must be installed by hand.
//!
//! `cargo xtask demo` shows Fanfare at work, `cargo xtask test` runs everything that CI runs, `cargo xtask
//! conformance` holds it against JSON Schema's test suite, `cargo xtask soak` cuts and kills and counts what
//! is lost, `cargo xtask simulate` does so in simulated processes, and `cargo xtask bench` measures it beside its peers.

mod audit;
mod bench;
mod conformance;
mod demo;
mod failure;
mod fuzz;
mod paths;
mod process;
mod simulate;
mod soak;
mod step;
mod test;
mod tools;

use clap::{Parser, Subcommand};
use failure::Result;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The project's commands.")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Builds and starts the content pipeline, a server with a web page that summarises a text.
    Demo(demo::Demo),
    /// Runs everything that CI runs.
    Test(test::Test),
    /// Holds verdicts against the official test suite of JSON Schema, or against random schemas and values.
    Conformance(conformance::Conformance),
    /// Cuts, stalls and kills, and then counts what subscribers were told.
    Soak(soak::Soak),
    /// Executes random runs in simulated processes that fail as a seed decides, and checks what is promised.
    Simulate(simulate::Simulate),
    /// Checks licences, sources, duplicates and advisories of all dependencies, without a network.
    Audit(audit::Audit),
    /// Lists the dependencies of the published packages as a CycloneDX document.
    Sbom(audit::Sbom),
    /// Searches for inputs that break a promise: a panic, a wrong verdict, too much time.
    Fuzz(fuzz::Fuzz),
    /// Measures Fanfare beside its peers.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    match run(Arguments::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result {
    match verb {
        Verb::Demo(demo) => demo.run(),
        Verb::Test(test) => test.run(),
        Verb::Conformance(conformance) => conformance.run(),
        Verb::Soak(soak) => soak.run(),
        Verb::Simulate(simulate) => simulate.run(),
        Verb::Audit(audit) => audit.run(),
        Verb::Sbom(sbom) => sbom.run(),
        Verb::Fuzz(fuzz) => fuzz.run(),
        Verb::Bench(bench) => bench.run(),
    }
}
