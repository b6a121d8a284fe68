//! Runs.

use fanfare::simulation::Bug;
use fanfare_simulation::{Options, silence_planned_panics, simulate};

use crate::{assert_deterministic, assert_finds, assert_no_violations};

/// Seeds that once had violations.
const REGRESSIONS: [u64; 9] = [239, 456, 844, 1135, 1320, 1338, 101_106, 200_042, 305_065];

#[test]
fn runs_keep_their_guarantees_under_all_faults() {
    silence_planned_panics();
    for seed in (0..150).chain(REGRESSIONS) {
        assert_no_violations(&simulate(seed, Options::default()), "");
    }
}

#[test]
fn a_seed_determines_every_event() {
    silence_planned_panics();
    (1000..1015).for_each(|seed| assert_deterministic(seed, simulate));
}

#[test]
fn deliberate_bugs_are_found() {
    silence_planned_panics();
    for bug in Bug::OF_RUNS {
        assert_finds(bug, 0, simulate);
    }
}
