//! Deliberate bugs, to check that the fuzzer finds them.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

pub use fanfare::simulation::Installed;
use fanfare::simulation::{Bug, World, install as install_world};
use rustix::time::{ClockId, clock_gettime};

/// A deliberate bug.
pub struct DeliberateBug {
    /// The name in commands.
    pub name: &'static str,
    /// The target that finds it.
    pub target: &'static str,
    bug: Bug,
}

/// All deliberate bugs that the fuzzer finds.
pub const BUGS: [DeliberateBug; 5] = [
    DeliberateBug { name: "token-expiry-ignored", target: "tokens", bug: Bug::TokenExpiryIgnored },
    DeliberateBug { name: "id-cut-inside-character", target: "cursors", bug: Bug::IdCutInsideCharacter },
    DeliberateBug { name: "colon-not-escaped", target: "addresses", bug: Bug::ColonNotEscaped },
    DeliberateBug {
        name: "alternatives-checked-again",
        target: "payloads",
        bug: Bug::AlternativesCheckedAgain,
    },
    DeliberateBug {
        name: "event-split-at-carriage-return",
        target: "requests",
        bug: Bug::EventSplitAtCarriageReturn,
    },
];

/// Switches a bug on, for this thread.
///
/// # Panics
/// If no bug has this name.
#[must_use = "the bug is switched off when this is dropped"]
pub fn install(name: &str) -> Installed {
    let known = BUGS.iter().find(|known| known.name == name);
    let DeliberateBug { bug, .. } = known.unwrap_or_else(|| panic!("unknown bug {name:?}"));
    // Start the server first. In a simulated world, its storage would wait for turns that never come.
    crate::server::start();
    install_world(Rc::new(BuggyWorld(*bug)))
}

/// The real world, with one bug.
struct BuggyWorld(Bug);

impl World for BuggyWorld {
    fn wall_time(&self) -> SystemTime {
        SystemTime::now()
    }

    fn steady_time(&self) -> Duration {
        Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
    }

    fn process(&self) -> u32 {
        std::process::id()
    }

    fn has_ended(&self, _: u32) -> bool {
        false
    }

    fn random(&self) -> u32 {
        fastrand::u32(..)
    }

    fn fails_commit(&self) -> bool {
        false
    }

    fn is_locked(&self) -> bool {
        false
    }

    fn writer_pause(&self) -> Duration {
        Duration::ZERO
    }

    fn max_batch(&self) -> usize {
        usize::MAX
    }

    fn has_bug(&self, bug: Bug) -> bool {
        bug == self.0
    }
}
