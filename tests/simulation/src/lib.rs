//! Deterministic simulation of runs, hub and storage.
//!
//! Two processes share one SQLite file. Each is a runtime of one thread with paused time ([`process`]); the library
//! asks the simulation for the clock, for other processes and for random numbers (`fanfare::simulation`), and its
//! writer is a task of the runtime. So one seed decides every time, every fault and every order, and finds the same
//! again.
//!
//! A seed starts runs of random jobs ([`plan`]), sends them signals, cancels some, kills, stalls and stops the
//! processes, fails commits and turns the clocks ([`drive`]). What the jobs and the senders see is kept outside of
//! the processes ([`observe`]), and compared at the end with each other and with the file ([`check`]).

mod channels;
mod check;
mod drive;
mod file;
mod interpret;
mod observe;
mod plan;
mod process;
mod send;
mod settings;
mod world;

use std::rc::Rc;

use fanfare::simulation::{Bug, install};

use drive::Simulation;
use world::Decider;

/// How a simulation is run, besides its seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// A bug that the library has, to show that it is found.
    pub bug: Option<Bug>,
    /// Whether to keep every line of the trace.
    pub is_traced: bool,
}

/// What came of a seed.
#[derive(Debug)]
pub struct Report {
    /// Which it was.
    pub seed: u64,
    /// What was violated, each with the letter of its rule.
    pub violations: Vec<String>,
    /// A hash of all events. Two simulations of one seed have the same.
    pub trace: u64,
    /// The events, if they were asked for.
    pub lines: Vec<String>,
    /// How much there was of it.
    pub counts: Counts,
}

/// How much a simulation did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Runs that ended.
    pub runs: usize,
    /// Executions of their jobs.
    pub executions: usize,
    /// Signals that runs were sent.
    pub signals: usize,
    /// Signals that were accepted.
    pub accepted: usize,
    /// Kills, stops, stalls, and clocks that were turned.
    pub faults: usize,
    /// Commits that failed.
    pub failed_commits: usize,
}

/// Simulates what a seed decides.
#[must_use]
pub fn simulate(seed: u64, options: Options) -> Report {
    let mut simulation = Simulation::new(seed, options);
    let installed = install(Rc::new(Decider(simulation.world())));
    let counts = simulation.run();
    let world = simulation.world();
    drop(simulation);
    drop(installed);
    let (trace, lines, violations) = world.end();
    Report { seed, violations, trace, lines, counts }
}

impl Counts {
    /// Adds those of another simulation.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.executions += other.executions;
        self.signals += other.signals;
        self.accepted += other.accepted;
        self.faults += other.faults;
        self.failed_commits += other.failed_commits;
    }
}

/// Prints no panics that steps are meant to have.
pub fn silence_planned_panics() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&"planned panic") {
            hook(panic);
        }
    }));
}
