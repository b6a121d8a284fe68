//! Deliberate bugs, to check that the fuzzer finds them.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

pub use fanfare::simulation::Installed;
use fanfare::simulation::{Bug, World, install as install_world};
use rustix::time::{ClockId, clock_gettime};

/// A deliberate bug.
pub struct Fault {
    /// The name in commands.
    pub name: &'static str,
    /// The target that finds it.
    pub target: &'static str,
    bug: Bug,
}

/// All deliberate bugs that the fuzzer finds.
pub const FAULTS: [Fault; 5] = [
    Fault { name: "expiry-ignored", target: "tokens", bug: Bug::ExpiryIgnored },
    Fault { name: "id-sliced", target: "cursors", bug: Bug::IdSliced },
    Fault { name: "address-shared", target: "addresses", bug: Bug::AddressShared },
    Fault { name: "judged-again", target: "payloads", bug: Bug::JudgedAgain },
    Fault { name: "event-split", target: "requests", bug: Bug::EventSplit },
];

/// Switches a bug on, for this thread.
///
/// # Panics
/// If no bug has this name.
#[must_use = "the bug is switched off when this is dropped"]
pub fn install(name: &str) -> Installed {
    let fault = FAULTS.iter().find(|fault| fault.name == name);
    let Fault { bug, .. } = fault.unwrap_or_else(|| panic!("unknown bug {name:?}"));
    // Starts the server first. Inside a simulated world its storage would wait for turns that never come.
    crate::server::start();
    install_world(Rc::new(Faulty(*bug)))
}

/// The real world, with one bug.
struct Faulty(Bug);

impl World for Faulty {
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

    fn pause(&self) -> Duration {
        Duration::ZERO
    }

    fn batch(&self) -> usize {
        usize::MAX
    }

    fn has_bug(&self, bug: Bug) -> bool {
        bug == self.0
    }
}
