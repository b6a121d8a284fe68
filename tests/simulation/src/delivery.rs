//! Deterministic simulation of delivery: messages and text streams, and readers that connect, disconnect and resume.
//!
//! The guarantee is that no message is lost, repeated, reordered or delivered to a wrong channel unless the reader
//! receives a `gap`. Processes are those of the simulation of runs. They have a hub without a storage, or share one
//! SQLite file. Publishers and readers ([`clients`]) are outside of the processes, so they survive kills and continue
//! at another process. The [`reference`] contains everything that was ever committed, and each frame that a [`reader`]
//! receives is compared with it.
//!
//! Each violation starts with the letter of its rule:
//!
//! - (a) A frame belongs to a channel and topic that its reader subscribed to, and has the content that was published
//!   with its id.
//! - (b) Ids ascend on a connection, no text is repeated, and `ready` repeats the cursor of a client that resumes.
//! - (c) After the faults, each reader has received everything, except what a gap covers.
//! - (d) A gap is sent only if a message was missed.
//! - (e) An acknowledged message exists once, however often it was published with its key.
//! - (f) Each text stream has its end, and the text that was written.
//! - (g) A revoked token ends its subscriptions in every process within a second.
//! - (h) Publishers are answered within seven seconds.

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

/// What a simulation of delivery did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Readers.
    pub readers: usize,
    /// Connections of readers.
    pub connections: usize,
    /// Frames that readers received.
    pub frames: usize,
    /// Gaps that readers received.
    pub gaps: usize,
    /// Committed messages and frames of text streams.
    pub messages: usize,
    /// Text streams.
    pub streams: usize,
    /// Chunks of text streams.
    pub chunks: usize,
    /// Processes that were killed.
    pub kills: usize,
    /// Processes that were stopped gracefully.
    pub stops: usize,
    /// Processes that stalled for a while.
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
        let Self { readers, connections, frames, gaps, messages, streams, chunks, kills, stops, .. } = other;
        self.readers += readers;
        self.connections += connections;
        self.frames += frames;
        self.gaps += gaps;
        self.messages += messages;
        self.streams += streams;
        self.chunks += chunks;
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
