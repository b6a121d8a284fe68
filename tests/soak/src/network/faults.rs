//! What can happen to a connection.

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

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Each piece takes longer for a while.
    Slow { latency: Duration, lasts: Duration },
    /// Nothing moves for a while.
    Stall { lasts: Duration },
    /// It is reset.
    Cut,
    /// Of what is on its way a part still arrives, then it is closed.
    Tear,
    /// One direction is closed, and the other a while later.
    HalfClose { direction: Direction, lasts: Duration },
    /// All that is sent is lost, and nobody is told until a while later.
    Swallow { up: bool, down: bool, lasts: Duration },
}

/// What happens to a connection next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next {
    pub(super) after: Duration,
    pub(super) fault: Fault,
    /// For how long its party cannot connect again, where the fault ends the connection.
    pub(super) outage: Duration,
}

const SHORTEST: Duration = Duration::from_millis(100);

/// Decides what happens next. Takes as many random numbers whatever it decides.
pub(super) fn next(random: &mut fastrand::Rng, faults: Faults) -> Next {
    let after = until_next(random, faults.every);
    let lasts = between(random, SHORTEST, faults.longest);
    let latency = between(random, Duration::from_millis(1), SHORTEST);
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
    let outage = between(random, SHORTEST, faults.outage);
    Next { after, fault, outage: if is_outage { outage } else { Duration::ZERO } }
}
