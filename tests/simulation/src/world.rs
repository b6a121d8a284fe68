//! The world of one seed: its time, random numbers, faults and trace.

use std::collections::HashSet;
use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fanfare::simulation::{Bug, World as Decisions};
use fastrand::Rng;
use tokio::time::Instant;

use crate::Options;
use crate::observe::Observed;

/// The time at which every simulation starts, since 1970.
const BASE: Duration = Duration::from_secs(1_800_000_000);

/// How often commits fail and how slow the writer is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conditions {
    /// The probability that a commit fails.
    pub(crate) commit_failure_rate: f64,
    /// The longest pause of the writer, in milliseconds, and its probability.
    pub(crate) writer_pause: (u64, f64),
    /// The most commands in a transaction of the writer.
    pub(crate) max_batch: usize,
    /// Whether processes can detect that another one has ended.
    pub(crate) detects_ended_processes: bool,
}

/// The state that all runs and processes share and that survives them.
pub(crate) struct World(Mutex<State>);

pub(crate) struct State {
    pub(crate) rng: Rng,
    pub(crate) conditions: Conditions,
    pub(crate) observed: Observed,
    pub(crate) failed_commits: usize,
    pub(crate) file: PathBuf,
    /// The current time of the simulation.
    pub(crate) time: Duration,
    /// Until when another program has locked the storage file.
    pub(crate) locked_until: Duration,
    current: Option<Current>,
    ended: HashSet<u32>,
    bug: Option<Bug>,
    trace: DefaultHasher,
    /// Every line of the trace, if requested.
    lines: Option<Vec<String>>,
    violations: Vec<String>,
}

/// The process being executed.
#[derive(Clone, Copy)]
struct Current {
    process: u32,
    /// The time of the simulation when its turn began.
    since_begin: Duration,
    at: Instant,
    /// How far its wall clock is ahead, in milliseconds.
    skew: i64,
}

impl World {
    pub(crate) fn new(seed: u64, conditions: Conditions, file: &Path, options: Options) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            rng: Rng::with_seed(seed),
            conditions,
            observed: Observed::default(),
            failed_commits: 0,
            file: file.to_owned(),
            time: Duration::ZERO,
            locked_until: Duration::ZERO,
            current: None,
            ended: HashSet::new(),
            bug: options.bug,
            trace: DefaultHasher::new(),
            lines: options.is_traced.then(Vec::new),
            violations: Vec::new(),
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes this the process being executed, at a time of the simulation. Its wall clock is `skew` milliseconds
    /// ahead. Call this inside its runtime.
    pub(crate) fn begin_turn(&self, process: u32, since_begin: Duration, skew: i64) {
        self.state().current = Some(Current { process, since_begin, at: Instant::now(), skew });
    }

    pub(crate) fn end_turn(&self) {
        self.state().current = None;
    }

    /// Returns `true` if a process is being executed.
    pub(crate) fn is_executing(&self) -> bool {
        self.state().current.is_some()
    }

    pub(crate) fn kill(&self, process: u32) {
        self.state().ended.insert(process);
    }

    pub(crate) fn trace(&self, what: impl Display) {
        self.state().trace(what);
    }

    pub(crate) fn report_violation(&self, what: impl Display) {
        self.state().report_violation(what);
    }

    /// Returns the hash of the trace, its lines, and the violations.
    pub(crate) fn end(&self) -> (u64, Vec<String>, Vec<String>) {
        let mut state = self.state();
        let (lines, violations) = (state.lines.take(), std::mem::take(&mut state.violations));
        (state.trace.finish(), lines.unwrap_or_default(), violations)
    }
}

impl State {
    /// Returns the time of the simulation.
    pub(crate) fn steady_time(&self) -> Duration {
        self.current.map_or(self.time, |current| current.since_begin + current.at.elapsed())
    }

    /// Returns the wall clock of the process being executed.
    fn wall_time(&self) -> SystemTime {
        let skew = self.current.map_or(0, |current| current.skew);
        let ahead = Duration::from_millis(skew.unsigned_abs());
        let true_time = UNIX_EPOCH + BASE + self.steady_time();
        if skew < 0 { true_time - ahead } else { true_time + ahead }
    }

    pub(crate) fn process(&self) -> u32 {
        self.current.map_or(0, |current| current.process)
    }

    /// Records an event. Two simulations of the same seed have the same events.
    pub(crate) fn trace(&mut self, what: impl Display) {
        let line = format!("{:>6} p{} {what}", self.steady_time().as_millis(), self.process());
        line.hash(&mut self.trace);
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    pub(crate) fn report_violation(&mut self, what: impl Display) {
        let what = what.to_string();
        self.trace(format_args!("VIOLATION: {what}"));
        self.violations.push(what);
    }

    pub(crate) fn has_violations(&self) -> bool {
        !self.violations.is_empty()
    }

    pub(crate) fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && self.rng.f64() < share
    }
}

/// Implements the library's interface to the world.
pub(crate) struct WorldAdapter(pub(crate) Arc<World>);

impl Decisions for WorldAdapter {
    fn wall_time(&self) -> SystemTime {
        self.0.state().wall_time()
    }

    fn steady_time(&self) -> Duration {
        self.0.state().steady_time()
    }

    fn process(&self) -> u32 {
        self.0.state().process()
    }

    fn has_ended(&self, process: u32) -> bool {
        let state = self.0.state();
        state.conditions.detects_ended_processes && state.ended.contains(&process)
    }

    fn random(&self) -> u32 {
        self.0.state().rng.u32(..)
    }

    fn fails_commit(&self) -> bool {
        let mut state = self.0.state();
        let share = state.conditions.commit_failure_rate;
        let fails = state.chance(share);
        if fails {
            state.failed_commits += 1;
            state.trace("a commit fails");
        }
        fails
    }

    fn is_locked(&self) -> bool {
        let state = self.0.state();
        state.steady_time() < state.locked_until
    }

    fn writer_pause(&self) -> Duration {
        let mut state = self.0.state();
        let (max, share) = state.conditions.writer_pause;
        let pause = if state.chance(share) { state.rng.u64(0..=max) } else { 0 };
        Duration::from_millis(pause)
    }

    fn max_batch(&self) -> usize {
        let mut state = self.0.state();
        let max = state.conditions.max_batch;
        state.rng.usize(1..=max)
    }

    fn has_bug(&self, bug: Bug) -> bool {
        self.0.state().bug == Some(bug)
    }
}
