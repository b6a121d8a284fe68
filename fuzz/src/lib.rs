//! Fuzz targets: functions from bytes that panic if a guarantee does not hold for an input.
//!
//! A [`Target`] reads bytes as one kind of input, gives them to the library or the compiler, and panics if a promise
//! is broken: a frame that changes when it is written and read again, a token that grants more than it says, a payload
//! that costs more time than [`MAX_TIME`]. `cargo xtask fuzz` lets libFuzzer choose the bytes. `cargo test` replays
//! `corpus/`, which also has each input that was once found.
//!
//! libFuzzer works with stable Rust: `-C passes=sancov-module` is what its coverage needs, and a C++ compiler builds
//! it. cargo-fuzz needs a nightly compiler for more than a build without sanitizers, and `libafl` is many crates.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

mod expand;
pub mod faults;
mod server;
mod sign;
mod targets;

/// The channels that targets use.
#[allow(missing_docs, reason = "channels.rs has them")]
pub(crate) mod definitions {
    fanfare::include_channels!();
}

/// How long one input may take, in CPU time of the thread. Honest code needs milliseconds for [`MAX_INPUT`] bytes; the
/// rest is for coverage and for tests that are not optimised.
pub const MAX_TIME: Duration = Duration::from_secs(2);

/// The longest input, in bytes. `cargo xtask fuzz` has libFuzzer keep to it.
pub const MAX_INPUT: usize = 4096;

/// One kind of input, and what must hold for it.
pub struct Target {
    /// The name in commands and of the folder with its inputs.
    pub name: &'static str,
    check: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 10] = [
    Target { name: "addresses", check: targets::addresses::check },
    Target { name: "client-frames", check: targets::frames::check_client },
    Target { name: "cursors", check: targets::cursors::check },
    Target { name: "definitions", check: targets::definitions::check },
    Target { name: "journal", check: targets::journal::check },
    Target { name: "patterns", check: targets::patterns::check },
    Target { name: "payloads", check: targets::payloads::check },
    Target { name: "requests", check: targets::requests::check },
    Target { name: "server-frames", check: targets::frames::check_server },
    Target { name: "tokens", check: targets::tokens::check },
];

impl Target {
    /// Returns the target of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// Checks one input.
    ///
    /// # Panics
    /// If something does not hold for it, or if it takes longer than [`MAX_TIME`].
    pub fn check(&self, input: &[u8]) {
        let begun = time();
        (self.check)(input);
        let taken = time().saturating_sub(begun);
        assert!(taken <= MAX_TIME, "took {taken:?}, which is more than {MAX_TIME:?}");
    }
}

/// Returns the issues of a payload for a topic of the channel `room`, as its path and rule each, or `None` if the payload
/// is accepted. For comparisons with other languages.
#[must_use]
pub fn issues(topic: &str, json: &str) -> Option<Vec<String>> {
    targets::payloads::issues(topic, json)
}

/// Returns the CPU time of this thread: unlike time on the wall, other programs do not add to it.
fn time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
