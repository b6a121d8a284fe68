//! The faults of a connection.

use crate::plan::Faults;
use crate::random::{between, until_next};
use std::time::Duration;

/// A direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// To the server.
    Up,
    /// From the server.
    Down,
}

/// A fault of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Adds latency for a while.
    Slow { latency: Duration, lasts: Duration },
    /// Forwards nothing for a while.
    Stall { lasts: Duration },
    /// Resets the connection.
    Cut,
    /// Delivers a part of the data in flight, then closes the connection.
    Tear,
    /// Closes one direction, and resets the connection a while later.
    HalfClose { direction: Direction, lasts: Duration },
    /// Silently drops everything, and resets the connection a while later.
    Swallow { up: bool, down: bool, lasts: Duration },
}

/// The next fault of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next {
    pub(super) after: Duration,
    pub(super) fault: Fault,
    /// How long the client cannot reconnect, if the fault ends the connection.
    pub(super) outage: Duration,
}

const MIN_DURATION: Duration = Duration::from_millis(100);

/// Chooses the next fault. Always draws the same number of random numbers.
pub(super) fn next(random: &mut fastrand::Rng, faults: Faults) -> Next {
    let after = until_next(random, faults.mean_interval);
    let lasts = between(random, MIN_DURATION, faults.max_duration);
    let latency = between(random, Duration::from_millis(1), MIN_DURATION);
    let direction = if random.bool() { Direction::Up } else { Direction::Down };
    let swallowed = random.u32(0..3);
    let fault = match random.u32(0..100) {
        0..20 => Fault::Slow { latency, lasts },
        20..35 => Fault::Stall { lasts },
        35..60 => Fault::Cut,
        60..75 => Fault::Tear,
        75..88 => Fault::HalfClose { direction, lasts },
        _ => Fault::Swallow { up: swallowed != 0, down: swallowed != 1, lasts },
    };
    let is_outage = random.u32(0..100) < faults.outage_percent;
    let outage = between(random, MIN_DURATION, faults.max_outage);
    Next { after, fault, outage: if is_outage { outage } else { Duration::ZERO } }
}
