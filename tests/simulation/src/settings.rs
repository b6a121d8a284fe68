//! The settings that a seed determines before the simulation starts.

use std::time::Duration;

use fastrand::Rng;

use crate::serve::Settings;
use crate::world::Conditions;

/// The maximum turn of a process while signals are sent, in milliseconds.
pub(crate) const MAX_TURN: u64 = 50;

/// The probability of each event per turn, and the other settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) runs: usize,
    pub(crate) rooms: usize,
    /// The longest turn, in milliseconds.
    pub(crate) turn: u64,
    /// When the faults stop.
    pub(crate) faults_until: Duration,
    pub(crate) kills: f64,
    pub(crate) stops: f64,
    pub(crate) stalls: f64,
    pub(crate) jumps: f64,
    /// The maximum initial error of wall clocks in milliseconds.
    pub(crate) skew: i64,
    pub(crate) signals: f64,
    pub(crate) cancels: f64,
    pub(crate) settings: Settings,
    pub(crate) conditions: Conditions,
}

impl Scenario {
    pub(crate) fn generate(rng: &mut Rng) -> Self {
        let mut sometimes = |share: f64, most: f64| if rng.f64() < share { rng.f64() * most } else { 0.0 };
        let (kills, stops, stalls) = (sometimes(0.6, 0.02), sometimes(0.4, 0.01), sometimes(0.4, 0.01));
        let (jumps, commit_failure_rate) = (sometimes(0.4, 0.01), sometimes(0.4, 0.06));
        let (signals, cancels) = (0.02 + sometimes(0.9, 0.25), sometimes(0.25, 0.01));
        let skew = match rng.usize(0..10) {
            0..5 => 0,
            5..8 => 200,
            _ => 4000,
        };
        let conditions = Conditions {
            commit_failure_rate,
            writer_pause: (rng.u64(1..40), rng.f64()),
            max_batch: if rng.bool() { rng.usize(1..4) } else { 64 },
            detects_ended_processes: rng.f64() < 0.7,
        };
        let milliseconds = Duration::from_millis;
        let settings = Settings {
            retries: rng.u32(2..7),
            backoff: (milliseconds(rng.u64(5..200)), milliseconds(rng.u64(200..1000))),
            step_timeout: milliseconds(rng.u64(200..3000)),
            lease: milliseconds(rng.u64(500..3000)),
            max_concurrent_runs: if rng.bool() { rng.usize(1..4) } else { 100 },
            max_waiting_runs_in_memory: if rng.bool() { rng.usize(0..3) } else { 100 },
            // Longer than senders repeat an unconfirmed start.
            run_retention: Duration::from_secs(1200),
        };
        Self {
            runs: rng.usize(1..7),
            rooms: rng.usize(1..3),
            turn: rng.u64(4..MAX_TURN),
            faults_until: milliseconds(rng.u64(2000..9000)),
            kills,
            stops,
            stalls,
            jumps,
            skew,
            signals,
            cancels,
            settings,
            conditions,
        }
    }
}
