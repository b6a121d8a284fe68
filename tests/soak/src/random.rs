//! Derives random sequences from one seed: one per client and connection, so that the decisions of one do not depend on
//! the speed of another.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// Returns the random sequence of a party, for its `nth` start.
pub(crate) fn decisions(seed: u64, party: &str, nth: u64) -> fastrand::Rng {
    let mut hasher = DefaultHasher::new();
    (seed, party, nth).hash(&mut hasher);
    fastrand::Rng::with_seed(hasher.finish())
}

/// Returns a uniformly distributed duration between two others.
pub(crate) fn between(random: &mut fastrand::Rng, shortest: Duration, longest: Duration) -> Duration {
    shortest + longest.saturating_sub(shortest).mul_f64(random.f64())
}

/// Returns an exponentially distributed time with a mean, clamped to 0.05 and 4 times the mean.
pub(crate) fn until_next(random: &mut fastrand::Rng, mean: Duration) -> Duration {
    let factor = -(1.0 - random.f64()).ln();
    mean.mul_f64(factor.clamp(0.05, 4.0))
}
