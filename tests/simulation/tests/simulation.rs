//! The short form of the simulation: what `cargo run --release -p fanfare-simulation` does with many more seeds.

use fanfare::simulation::Bug;
use fanfare_simulation::{Options, Report, silence_planned_panics, simulate};

/// Seeds in which the library once broke a promise.
const REGRESSIONS: [u64; 9] = [239, 456, 844, 1135, 1320, 1338, 101_106, 200_042, 305_065];

fn expect_nothing(report: &Report) {
    let Report { seed, violations, .. } = report;
    let command = format!("cargo run -p fanfare-simulation -- --first {seed} --seeds 1 --trace");
    assert!(violations.is_empty(), "{}\n  `{command}` shows what happened", violations.join("\n"));
}

#[test]
fn runs_keep_their_promises_whatever_fails_when() {
    silence_planned_panics();
    let seeds = (0..150).chain(REGRESSIONS);
    seeds.for_each(|seed| expect_nothing(&simulate(seed, Options::default())));
}

#[test]
fn a_seed_decides_every_event() {
    silence_planned_panics();
    for seed in 1000..1015 {
        let [first, second] = [(); 2].map(|()| simulate(seed, Options { is_traced: true, bug: None }));
        let differs = first.lines.iter().zip(&second.lines).find(|(first, second)| first != second);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.trace, second.trace, "seed {seed}");
    }
}

#[test]
fn deliberate_bugs_are_found() {
    silence_planned_panics();
    for bug in Bug::OF_RUNS {
        let options = Options { bug: Some(bug), is_traced: false };
        let found = (0..100).find(|seed| !simulate(*seed, options).violations.is_empty());
        assert!(found.is_some(), "{bug:?} is not found within 100 seeds");
    }
}
