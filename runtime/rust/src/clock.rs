//! The clocks: the wall clock, which may be set, and a steady one, which storages derive theirs from.

use std::time::{Duration, SystemTime};

/// The furthest that a deadline can lie in the future. Longer waits are shortened to it, so that no sum overflows.
const FAR: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Returns the wall clock's time. It is for people and other machines: it may be set back or ahead at any time.
pub(crate) fn now() -> SystemTime {
    #[cfg(feature = "simulation")]
    if let Some(world) = crate::simulation::world() {
        return world.now();
    }
    SystemTime::now()
}

/// Returns the time `duration` after `now`, at most ten years later.
pub(crate) fn after(now: SystemTime, duration: Duration) -> SystemTime {
    now + duration.min(FAR)
}

/// Returns the time since the machine started. It never jumps, and advances while the machine is suspended.
#[cfg(feature = "sqlite")]
pub(crate) fn steady() -> Duration {
    #[cfg(feature = "simulation")]
    if let Some(world) = crate::simulation::world() {
        return world.steady();
    }
    system::steady()
}

/// Names the moment that [`steady`] counts from. Two processes to which it has the same name have the same steady
/// clock. `None` if the system does not tell.
#[cfg(feature = "sqlite")]
pub(crate) fn start() -> Option<String> {
    #[cfg(feature = "simulation")]
    if crate::simulation::world().is_some() {
        return Some("simulation".into());
    }
    system::start()
}

#[cfg(all(feature = "sqlite", target_os = "linux"))]
mod system {
    use std::fs::{read_link, read_to_string};
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    pub(super) fn steady() -> Duration {
        Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
    }

    /// The machine's start, and the namespace in which the time since then is seen.
    pub(super) fn start() -> Option<String> {
        let id = read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let namespace = read_link("/proc/self/ns/time").unwrap_or_default();
        Some(format!("{} {}", id.trim(), namespace.display())).filter(|start| start.len() > 30)
    }
}

/// A process has a steady clock of its own.
#[cfg(all(feature = "sqlite", not(target_os = "linux")))]
mod system {
    use std::sync::LazyLock;
    use std::time::{Duration, Instant};

    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

    pub(super) fn steady() -> Duration {
        BEGUN.elapsed()
    }

    pub(super) fn start() -> Option<String> {
        None
    }
}
