//! One seed, and for each party and each of its connections a sequence of its own: what one party decides
//! does not depend on how fast another is.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// The random decisions of one party, for the `nth` time that it begins anew.
pub(crate) fn decisions(seed: u64, party: &str, nth: u64) -> fastrand::Rng {
    let mut hasher = DefaultHasher::new();
    (seed, party, nth).hash(&mut hasher);
    fastrand::Rng::with_seed(hasher.finish())
}

/// A duration between two others, each as likely.
pub(crate) fn between(random: &mut fastrand::Rng, shortest: Duration, longest: Duration) -> Duration {
    shortest + longest.saturating_sub(shortest).mul_f64(random.f64())
}

/// How long until something happens that happens every `mean` or so, independent of the past.
pub(crate) fn until_next(random: &mut fastrand::Rng, mean: Duration) -> Duration {
    let factor = -(1.0 - random.f64()).ln();
    mean.mul_f64(factor.clamp(0.05, 4.0))
}
