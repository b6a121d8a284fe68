//! The wall clock, as runs and their storage read it.

use std::time::{Duration, SystemTime};

/// The furthest that a deadline can lie in the future. Longer waits are shortened to it, so that no sum overflows.
const FAR: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Returns the current time.
pub(crate) fn now() -> SystemTime {
    #[cfg(feature = "simulation")]
    if let Some(world) = crate::simulation::world() {
        return world.now();
    }
    SystemTime::now()
}

/// Returns the time `duration` from now, at most ten years ahead.
pub(crate) fn after(duration: Duration) -> SystemTime {
    now() + duration.min(FAR)
}
