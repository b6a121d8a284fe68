//! Deterministic simulation of delivery: messages and text streams, and readers that come, go and resume.
//!
//! The promise is that nothing is lost, repeated, reordered or put into a wrong channel without the reader being told
//! by a `gap`. Processes are those of the simulation of runs; they have a hub without a storage, or share one SQLite
//! file. Publishers and readers ([`clients`]) are kept outside of them, so they survive kills, and go on at another
//! process. Everything that was ever committed is kept ([`reference`]), and each frame that a reader receives is
//! compared with it ([`reader`]).
//!
//! Each violation begins with the letter of its rule:
//!
//! - (a) a frame belongs to a channel and topic that its reader subscribed to, and has what was published under its id,
//! - (b) ids ascend on a connection, no text comes twice, and `ready` repeats the cursor of a client that resumes,
//! - (c) once all is calm, each reader has everything, or was told by a gap that it has not,
//! - (d) a gap is told only if something was missed,
//! - (e) a message that was answered is there once, however often it was published under its key,
//! - (f) each text stream has its end, and the text that was written,
//! - (g) a revoked token ends its readers in every process within a second,
//! - (h) publishers are answered within seven seconds.

use crate::{Options, Report, Tally, report};

mod channels;
mod check;
mod clients;
mod connect;
mod drive;
mod publish;
mod reader;
mod reference;
mod serve;
mod settings;
mod witness;

use drive::Simulation;

/// How much a simulation of delivery did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Readers.
    pub readers: usize,
    /// How often readers connected.
    pub connections: usize,
    /// Frames that readers received.
    pub frames: usize,
    /// Gaps that readers were told.
    pub gaps: usize,
    /// Messages, and frames of text streams, that were committed.
    pub messages: usize,
    /// Text streams.
    pub streams: usize,
    /// Pieces that were written to them.
    pub pieces: usize,
    /// Processes that were killed.
    pub kills: usize,
    /// Processes that were stopped gracefully.
    pub stops: usize,
    /// Processes that stood still for a while.
    pub stalls: usize,
    /// Wall clocks that jumped.
    pub jumps: usize,
    /// Times that the file was locked.
    pub locks: usize,
    /// Backups that were restored.
    pub restores: usize,
    /// Times that eight days passed.
    pub idles: usize,
    /// Tokens that were revoked.
    pub revocations: usize,
    /// Commits that failed.
    pub failed_commits: usize,
}

/// Simulates a seed.
#[must_use]
pub fn simulate(seed: u64, options: Options) -> Report<Counts> {
    report(seed, Simulation::new(seed, options))
}

impl Tally for Counts {
    fn add(&mut self, other: &Self) {
        let Self { readers, connections, frames, gaps, messages, streams, pieces, kills, stops, .. } = other;
        self.readers += readers;
        self.connections += connections;
        self.frames += frames;
        self.gaps += gaps;
        self.messages += messages;
        self.streams += streams;
        self.pieces += pieces;
        self.kills += kills;
        self.stops += stops;
        self.stalls += other.stalls;
        self.jumps += other.jumps;
        self.locks += other.locks;
        self.restores += other.restores;
        self.idles += other.idles;
        self.revocations += other.revocations;
        self.failed_commits += other.failed_commits;
    }
}
