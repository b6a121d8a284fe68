//! The settings that a seed determines before the simulation starts.

use std::time::Duration;

use fastrand::Rng;

use super::channels::CHANNELS;
use crate::world::Conditions;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// One process, which forgets everything when it ends.
    Memory,
    /// One process on a file.
    One,
    /// Two processes on a file.
    Two,
}

/// The limits of logs in bytes, if any.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    pub(super) max_stream_bytes: Option<usize>,
    pub(super) max_channel_bytes: Option<usize>,
    pub(super) max_history_bytes: Option<usize>,
}

impl Limits {
    pub(super) fn is_any(&self) -> bool {
        self.max_stream_bytes.is_some()
            || self.max_channel_bytes.is_some()
            || self.max_history_bytes.is_some()
    }
}

/// The probability of each event per turn, and the other settings.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) storage: Storage,
    pub(super) channels: Vec<usize>,
    pub(super) readers: usize,
    pub(super) limits: Limits,
    /// The longest turn, in milliseconds.
    pub(super) turn: u64,
    /// When the faults stop.
    pub(super) faults_until: Duration,
    pub(super) messages: f64,
    pub(super) streams: f64,
    /// The share of streams with thousands of chunks.
    pub(super) long: f64,
    pub(super) cuts: f64,
    /// The maximum time that readers stay disconnected, in milliseconds.
    pub(super) away: u64,
    pub(super) revocations: f64,
    pub(super) kills: f64,
    pub(super) stops: f64,
    pub(super) stalls: f64,
    pub(super) jumps: f64,
    pub(super) locks: f64,
    pub(super) backups: f64,
    pub(super) restores: f64,
    pub(super) idles: f64,
    pub(super) conditions: Conditions,
}

impl Scenario {
    pub(super) fn generate(rng: &mut Rng) -> Self {
        let storage = match rng.usize(0..10) {
            0..2 => Storage::Memory,
            2..4 => Storage::One,
            _ => Storage::Two,
        };
        let is_file = storage != Storage::Memory;
        let turn = rng.u64(4..50);
        // Converts events per second into a probability per turn.
        let share = 0.5 * Duration::from_millis(turn).as_secs_f64();
        let mut sometimes = |chance: f64, a_second: f64| {
            if rng.f64() < chance { (0.2 + 0.8 * rng.f64()) * a_second * share } else { 0.0 }
        };
        let (kills, stops, stalls) = (sometimes(0.5, 0.3), sometimes(0.3, 0.1), sometimes(0.4, 0.2));
        let (jumps, locks, backups) = (sometimes(0.3, 0.2), sometimes(0.4, 0.2), sometimes(0.3, 0.3));
        let (restores, idles) = (sometimes(0.8, 0.1), sometimes(0.4, 0.15));
        let (messages, streams) = (sometimes(1.0, 30.0), sometimes(0.8, 2.0));
        let (cuts, revocations) = (sometimes(0.9, 4.0), sometimes(0.5, 0.5));
        // In a rush, the other process publishes more than the history while one stalls.
        let is_rush = rng.f64() < 0.2;
        let rush = if is_rush { 4.0 } else { 1.0 };
        let commit_failure_rate = if is_file && rng.f64() < 0.3 { rng.f64() * 0.1 } else { 0.0 };
        let conditions = Conditions {
            commit_failure_rate,
            writer_pause: (rng.u64(1..40), rng.f64() * 0.5),
            // A writer with small batches cannot keep up with a rush.
            max_batch: if !is_rush && rng.f64() < 0.3 { rng.usize(1..4) } else { 64 },
            detects_ended_processes: rng.f64() < 0.8,
        };
        let mut limit = |most: usize| (rng.f64() < 0.4).then(|| rng.usize(most / 8..most));
        let limits = Limits {
            max_stream_bytes: limit(60_000),
            max_channel_bytes: limit(200_000),
            max_history_bytes: limit(600_000),
        };
        let limits = if rng.f64() < 0.25 { limits } else { Limits::default() };
        // The witness of a process without a storage must not miss any message.
        let limits = if is_file {
            limits
        } else {
            Limits { max_stream_bytes: limits.max_stream_bytes, ..Limits::default() }
        };
        let mut channels: Vec<usize> = (0..CHANNELS).collect();
        rng.shuffle(&mut channels);
        channels.truncate(rng.usize(1..4));
        let only = |is_possible: bool, value: f64| if is_possible { value } else { 0.0 };
        Self {
            storage,
            channels,
            readers: rng.usize(3..16),
            limits,
            turn,
            faults_until: Duration::from_millis(rng.u64(4_000..40_000)),
            messages: messages * rush,
            streams,
            long: if rng.f64() < 0.15 { 0.1 } else { 0.0 },
            cuts,
            away: if rng.bool() { 2_000 } else { 60_000 },
            revocations,
            kills,
            stops,
            stalls: stalls * rush,
            jumps,
            locks: only(is_file, locks),
            backups: only(is_file, backups),
            restores: only(is_file, restores),
            idles: only(is_file, idles),
            conditions,
        }
    }
}
