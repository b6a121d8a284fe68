//! The clocks: the wall clock, which may be set, and a steady one, from which storages derive theirs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longer waits are shortened to this, so that sums do not overflow.
const MAX_WAIT: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Returns the wall clock's time, for people and other machines. The clock may be set back or ahead at any time.
pub(crate) fn wall_time() -> SystemTime {
    #[cfg(feature = "simulation")]
    if let Some(world) = crate::simulation::world() {
        return world.wall_time();
    }
    SystemTime::now()
}

/// Returns how often to do something that is usually done at an interval because of other processes.
pub(crate) fn poll_interval(usual: Duration) -> Duration {
    #[cfg(feature = "simulation")]
    if let Some(interval) = crate::simulation::world().and_then(|world| world.poll_interval()) {
        return interval;
    }
    usual
}

/// Returns the time `duration` after `now`, at most ten years later.
pub(crate) fn after(now: SystemTime, duration: Duration) -> SystemTime {
    now + duration.min(MAX_WAIT)
}

/// Converts a time to milliseconds since 1970.
pub(crate) fn to_milliseconds(time: SystemTime) -> i64 {
    milliseconds(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Converts a duration to milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Converts milliseconds since 1970 to a time.
pub(crate) fn from_milliseconds(milliseconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}

/// Returns a time that never jumps. On Linux it counts from the start of the machine and advances while the machine is
/// suspended. Elsewhere it counts from its first use in this process.
pub(crate) fn steady_time() -> Duration {
    #[cfg(feature = "simulation")]
    if let Some(world) = crate::simulation::world() {
        return world.steady_time();
    }
    system::steady_time()
}

/// Identifies the moment from which [`steady_time`] counts. Processes that get the same value share the clock. `None`
/// if the system does not report it.
#[cfg(feature = "sqlite")]
pub(crate) fn steady_clock_id() -> Option<String> {
    #[cfg(feature = "simulation")]
    if crate::simulation::world().is_some() {
        return Some("simulation".into());
    }
    system::steady_clock_id()
}

/// Returns the system's id of its latest start, or `None` if it does not report one.
#[cfg(feature = "sqlite")]
pub(crate) fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

#[cfg(target_os = "linux")]
mod system {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    pub(super) fn steady_time() -> Duration {
        Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
    }

    /// Combines the machine's start and the time namespace, which can shift the clock.
    #[cfg(feature = "sqlite")]
    pub(super) fn steady_clock_id() -> Option<String> {
        let namespace = std::fs::read_link("/proc/self/ns/time").unwrap_or_default();
        Some(format!("{} {}", super::boot_id()?, namespace.display()))
    }
}

/// Each process has its own steady clock.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::sync::LazyLock;
    use std::time::{Duration, Instant};

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    pub(super) fn steady_time() -> Duration {
        START.elapsed()
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn steady_clock_id() -> Option<String> {
        None
    }
}
