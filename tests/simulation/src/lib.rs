//! Deterministic simulation of runs, hub and storage. [`delivery`] simulates messages, text streams and readers.
//!
//! Two processes share one SQLite file. Each is a runtime of one thread with paused time ([`process`]); the
//! library asks the simulation for the clock, for other processes and for random numbers (`fanfare::simulation`),
//! and its writer is a task of the runtime. So a seed determines every time, fault and order, and always reproduces
//! the same simulation.
//!
//! A seed starts runs of random jobs ([`plan`]), sends them signals, cancels some, kills, stalls and stops the
//! processes, fails commits and changes the clocks ([`drive`]). The observations of jobs and senders are kept
//! outside of the processes ([`observe`]). At the end they are compared with each other and with the file
//! ([`check`]).

mod channels;
mod check;
pub mod delivery;
mod drive;
mod file;
mod interpret;
mod observe;
mod plan;
mod process;
mod send;
mod serve;
mod settings;
mod world;

use std::rc::Rc;
use std::sync::Arc;

use fanfare::simulation::{Bug, install};

use drive::Simulation;
use world::{World, WorldAdapter};

/// The options of a simulation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// A deliberate bug in the library, to show that the simulation finds it.
    pub bug: Option<Bug>,
    /// Whether to return every line of the trace.
    pub is_traced: bool,
}

/// The result of simulating a seed.
#[derive(Debug)]
pub struct Report<C = Counts> {
    /// The seed.
    pub seed: u64,
    /// The violations, each starting with the letter of its rule.
    pub violations: Vec<String>,
    /// A hash of all events. Two simulations of the same seed have the same hash.
    pub trace: u64,
    /// The events, if requested.
    pub lines: Vec<String>,
    /// What the simulation did.
    pub counts: C,
}

/// Counts that add up over simulations.
pub trait Tally: Default + std::fmt::Debug {
    /// Adds the counts of another simulation.
    fn add(&mut self, other: &Self);
}

/// What a simulation did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Runs that ended.
    pub runs: usize,
    /// Executions of their jobs.
    pub executions: usize,
    /// Signals that were sent to runs.
    pub signals: usize,
    /// Signals that were accepted.
    pub accepted: usize,
    /// Kills, stops, stalls, and clock changes.
    pub faults: usize,
    /// Commits that failed.
    pub failed_commits: usize,
}

/// Simulates a seed.
#[must_use]
pub fn simulate(seed: u64, options: Options) -> Report {
    report(seed, Simulation::new(seed, options))
}

/// A simulation of one seed.
trait Simulate {
    type Counts;

    fn world(&self) -> Arc<World>;

    fn run(&mut self) -> Self::Counts;
}

fn report<S: Simulate>(seed: u64, mut simulation: S) -> Report<S::Counts> {
    let installed = install(Rc::new(WorldAdapter(simulation.world())));
    let counts = simulation.run();
    let world = simulation.world();
    drop(simulation);
    drop(installed);
    let (trace, lines, violations) = world.end();
    Report { seed, violations, trace, lines, counts }
}

impl Tally for Counts {
    fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.executions += other.executions;
        self.signals += other.signals;
        self.accepted += other.accepted;
        self.faults += other.faults;
        self.failed_commits += other.failed_commits;
    }
}

/// Suppresses the output of panics that steps cause on purpose.
pub fn silence_planned_panics() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&"planned panic") {
            hook(panic);
        }
    }));
}
