//! Fuzz targets for the library and the compiler.
//!
//! A [`Target`] reads bytes as one kind of input, passes them to the library or the compiler, and panics if a guarantee
//! does not hold: if a frame changes when it is written and read again, if a token grants more than its claims, or if
//! a payload takes longer than [`MAX_TIME`]. `cargo xtask fuzz` lets libFuzzer choose the bytes. `cargo test` replays
//! `corpus/`, which includes all inputs that the fuzzer found.
//!
//! libFuzzer works with stable Rust: its coverage needs only `-C passes=sancov-module`, and a C++ compiler builds it.
//! cargo-fuzz needs a nightly compiler unless sanitizers are off, and `libafl` has many dependencies.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

pub mod bugs;
mod expand;
mod server;
mod sign;
mod targets;

/// The channels that targets use.
#[allow(missing_docs, reason = "channels.rs has them")]
pub(crate) mod definitions {
    fanfare::include_channels!();
}

/// How long one input may take, in CPU time of the thread. Optimised code needs milliseconds for [`MAX_INPUT`] bytes.
/// The rest is for coverage and for unoptimised tests.
pub const MAX_TIME: Duration = Duration::from_secs(2);

/// The longest input, in bytes. `cargo xtask fuzz` passes it to libFuzzer.
pub const MAX_INPUT: usize = 4096;

/// A check of one kind of input.
pub struct Target {
    /// The name in commands, and of the folder with the inputs.
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
    /// Returns the target with this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// Checks one input.
    ///
    /// # Panics
    /// If a guarantee does not hold for the input, or if it takes longer than [`MAX_TIME`].
    pub fn check(&self, input: &[u8]) {
        let start = cpu_time();
        (self.check)(input);
        let elapsed = cpu_time().saturating_sub(start);
        assert!(elapsed <= MAX_TIME, "took {elapsed:?}, expected at most {MAX_TIME:?}");
    }
}

/// Returns the path and rule of each issue of a payload for a topic of the channel `room`, or `None` if the payload is
/// accepted. For comparisons with other languages.
#[must_use]
pub fn issues(topic: &str, json: &str) -> Option<Vec<String>> {
    targets::payloads::issues(topic, json)
}

/// Returns the CPU time of this thread. Unlike wall-clock time, it does not include other programs.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
