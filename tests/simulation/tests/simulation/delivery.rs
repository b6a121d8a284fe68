//! Delivery.

use fanfare::simulation::Bug;
use fanfare_simulation::Options;
use fanfare_simulation::delivery::simulate;

use crate::{assert_deterministic, assert_finds, assert_no_violations};

#[test]
fn readers_receive_everything_in_order_or_a_gap_under_all_faults() {
    for seed in 0..20 {
        assert_no_violations(&simulate(seed, Options::default()), "--delivery");
    }
}

#[test]
fn a_seed_determines_every_event() {
    (20..23).for_each(|seed| assert_deterministic(seed, simulate));
}

#[test]
fn deliberate_bugs_are_found() {
    // Each search starts at a seed that found the bug, so that it is short.
    let first = [45, 43, 1, 7, 1, 8, 0, 2, 0];
    for (bug, first) in Bug::OF_DELIVERY.into_iter().zip(first) {
        assert_finds(bug, first, simulate);
    }
}
