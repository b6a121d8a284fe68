//! `cargo xtask conformance`: tests generated code with the official JSON Schema test suite, or with random schemas
//! and values.

use crate::failure::{Failure, Result};
use crate::process::{cargo, run};
use crate::step::step;
use crate::tools;
use std::path::PathBuf;
use std::process::Command;

/// The number of values that the test tries per random schema.
const VALUES_PER_SCHEMA: usize = 40;
/// The number of random schemas to compile at once. More in one crate compile slower than in several.
const SCHEMAS_PER_ROUND: usize = 500;
const SUITE_TEST: &str = "conformance::the_official_suite_gets_the_verdicts_it_expects";
const PAIRS_TEST: &str =
    "mixed::values_of_every_keyword_get_the_same_verdict_from_rust_zod_and_the_reference";
const ZOD_TEST: &str = "mixed::values_of_more_schemas_get_the_same_verdict_from_zod_and_the_reference";

#[derive(clap::Args)]
pub(crate) struct Conformance {
    /// Also update the table in docs/conformance.md
    #[arg(long, conflicts_with = "pairs")]
    update: bool,
    /// Folder of the suite, instead of the one next to the project; repeatable
    #[arg(long, value_name = "FOLDER")]
    suite: Vec<PathBuf>,
    /// Test this many pairs of random schemas and values instead of the suite
    #[arg(long, value_name = "N")]
    pairs: Option<usize>,
    /// Compare only zod with the reference, which takes much less time because no Rust is compiled
    #[arg(long, requires = "pairs")]
    zod: bool,
    /// First seed of the random schemas; each round of 500 schemas uses the next seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl Conformance {
    pub(crate) fn run(&self) -> Result {
        tools::ensure_npm_packages()?;
        tools::build_typescript_client()?;
        match self.pairs {
            Some(pairs) => self.test_pairs(pairs),
            None => step("Running the test suite", || run(&mut self.suite_command()?)),
        }
    }

    fn suite_command(&self) -> Result<Command> {
        let mut test = test_command(SUITE_TEST);
        if self.update {
            test.env("UPDATE", "1");
        }
        if !self.suite.is_empty() {
            let here = std::env::current_dir().unwrap_or_default();
            let folders = std::env::join_paths(self.suite.iter().map(|folder| here.join(folder)))
                .map_err(|error| Failure::new(format!("--suite: {error}")))?;
            test.env("FANFARE_SUITE", folders);
        }
        Ok(test)
    }

    fn test_pairs(&self, pairs: usize) -> Result {
        let mut failed = Vec::new();
        for (seed, schemas) in (self.seed..).zip(split_into_rounds(pairs)) {
            let (name, variables) = if self.zod {
                (ZOD_TEST, ["FANFARE_ZOD_SEED", "FANFARE_ZOD"])
            } else {
                (PAIRS_TEST, ["FANFARE_SEED", "FANFARE_MIXED"])
            };
            let mut test = test_command(name);
            test.envs(variables.into_iter().zip([seed.to_string(), schemas.to_string()]));
            let title =
                format!("Testing {} pairs of {schemas} schemas, seed {seed}", schemas * VALUES_PER_SCHEMA);
            if step(&title, || run(&mut test)).is_err() {
                failed.push(seed.to_string());
            }
        }
        if failed.is_empty() {
            return Ok(());
        }
        let zod = if self.zod { " --zod" } else { "" };
        Err(Failure::new(format!("the test failed with seeds {}", failed.join(", ")))
            .help(format!("repeat one with `cargo xtask conformance --pairs 20000{zod} --seed <seed>`")))
    }
}

/// Returns the number of schemas of each round.
fn split_into_rounds(pairs: usize) -> impl Iterator<Item = usize> {
    let schemas = pairs.div_ceil(VALUES_PER_SCHEMA);
    (0..schemas).step_by(SCHEMAS_PER_ROUND).map(move |start| SCHEMAS_PER_ROUND.min(schemas - start))
}

fn test_command(name: &str) -> Command {
    cargo(&["test", "--quiet", "--package", "fanfare-verdicts", "--test", "verdicts", "--", "--exact", name])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rounds_add_up_to_all_pairs() {
        assert_eq!(split_into_rounds(100_000).sum::<usize>() * VALUES_PER_SCHEMA, 100_000);
        assert_eq!(split_into_rounds(41).collect::<Vec<_>>(), [2]);
        assert_eq!(split_into_rounds(0).count(), 0);
    }
}
