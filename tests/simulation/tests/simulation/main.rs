//! The short form of the simulations. `cargo xtask simulate` runs many more seeds.

mod delivery;
mod runs;

use fanfare::simulation::Bug;
use fanfare_simulation::{Options, Report};

/// Asserts that a seed has no violations. `flags` are those of the command that repeats it.
fn assert_no_violations<C>(report: &Report<C>, flags: &str) {
    let Report { seed, violations, .. } = report;
    let command = format!("cargo run -p fanfare-simulation -- {flags} --first {seed} --seeds 1 --trace");
    assert!(violations.is_empty(), "{}\n  trace it with `{command}`", violations.join("\n"));
}

/// Asserts that two simulations of a seed have the same events.
fn assert_deterministic<C>(seed: u64, simulate: impl Fn(u64, Options) -> Report<C>) {
    let [first, second] = [(); 2].map(|()| simulate(seed, Options { is_traced: true, bug: None }));
    let difference = first.lines.iter().zip(&second.lines).find(|(first, second)| first != second);
    assert_eq!(difference, None, "seed {seed}");
    assert_eq!(first.trace, second.trace, "seed {seed}");
}

/// Asserts that a deliberate bug causes a violation within 300 seeds.
fn assert_finds<C>(bug: Bug, first: u64, simulate: impl Fn(u64, Options) -> Report<C>) {
    let options = Options { bug: Some(bug), is_traced: false };
    let found = (first..first + 300).any(|seed| !simulate(seed, options).violations.is_empty());
    assert!(found, "{bug:?} causes no violation within 300 seeds");
}
