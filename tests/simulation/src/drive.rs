//! Drives one simulation: turns, faults, and the cleanup after the faults.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use crate::file::File;
use crate::process::{self, Process};
use crate::send::Senders;
use crate::serve::{Server, serve};
use crate::settings::{MAX_TURN, Scenario};
use crate::world::World;
use crate::{Counts, Options, Simulate, check};

/// How long a run may take after the last fault. No plan takes longer.
const END_TIMEOUT: Duration = Duration::from_secs(600);

/// How long a process may take to stop, or to start.
const STOP_TIMEOUT: Duration = Duration::from_secs(25);

/// The quiet time before a simulation ends, so that no request is in progress.
const QUIET_TIME: Duration = Duration::from_secs(3);

/// How long a process is executed after its hub was shut down, so that its file is closed.
const CLOSE_TIME: Duration = Duration::from_millis(500);

/// One hour, in milliseconds.
const HOUR: i64 = 3_600_000;

pub(crate) struct Simulation {
    scenario: Scenario,
    world: Arc<World>,
    pub(crate) file: File,
    rng: Rng,
    time: Duration,
    slots: Vec<Slot>,
    processes: u32,
    senders: Senders,
    faults: usize,
}

type Slot = process::Slot<Server, Option<Stopping>>;

/// A graceful stop in progress.
struct Stopping {
    since: Duration,
    failed_commits: usize,
    owner: i64,
    over_since: Option<Duration>,
}

impl Simulate for Simulation {
    type Counts = Counts;

    fn world(&self) -> Arc<World> {
        Arc::clone(&self.world)
    }

    fn run(&mut self) -> Counts {
        while self.time < self.scenario.faults_until && !self.is_violated() {
            self.inject_faults();
            self.send(true);
            let turn = Duration::from_millis(self.rng.u64(1..=self.scenario.turn));
            self.turn(turn);
        }
        self.wait_for_runs();
        let mut counts = Counts { faults: self.faults, ..Counts::default() };
        if !self.is_violated() {
            check::check(&self.file, &self.world, &self.senders.plans(), &mut counts);
        }
        if !self.is_violated() {
            self.clean_up();
        }
        for slot in &mut self.slots {
            slot.kill();
        }
        counts
    }
}

impl Simulation {
    pub(crate) fn new(seed: u64, options: Options) -> Self {
        let mut rng = Rng::with_seed(seed);
        let scenario = Scenario::generate(&mut rng);
        let file = File::create();
        let world = World::new(rng.u64(..), scenario.conditions, &file.path, options);
        world.trace(format_args!("{scenario:?}"));
        let slots = (0..2).map(|_| {
            let starts_at = Duration::from_millis(rng.u64(0..500));
            Slot::new(starts_at, rng.i64(-scenario.skew..=scenario.skew), None)
        });
        let slots = slots.collect();
        let senders = Senders::new(&scenario, &mut rng);
        let time = Duration::ZERO;
        Self { scenario, world, file, rng, time, slots, processes: 0, senders, faults: 0 }
    }

    fn is_violated(&self) -> bool {
        self.world.state().has_violations()
    }

    fn send(&mut self, everything: bool) {
        let servers = self.slots.iter().filter_map(|slot| {
            let process = slot.process.as_ref()?;
            Some((process.runtime.handle().clone(), process.server()?.clone()))
        });
        let servers: Vec<_> = servers.collect();
        self.senders.start_runs(&servers, self.time, &self.world, &mut self.rng);
        if everything {
            self.senders.send_signals(&servers, &self.scenario, &self.file, &self.world, &mut self.rng);
            self.senders.cancel_runs(&servers, &self.scenario, &self.world, &mut self.rng);
        }
    }

    /// Executes each process for a time.
    fn turn(&mut self, turn: Duration) {
        self.time += turn;
        self.world.state().time = self.time;
        let first = self.rng.usize(0..self.slots.len());
        for index in 0..self.slots.len() {
            self.execute((first + index) % self.slots.len());
        }
    }

    fn execute(&mut self, index: usize) {
        let (time, slot) = (self.time, &mut self.slots[index]);
        if slot.is_due(time) {
            self.processes += 1;
            let clock = (time, slot.skew);
            let starting = serve(Arc::clone(&self.world), self.file.path.clone(), self.scenario.settings);
            slot.process = Some(Process::start(&self.world, self.processes, clock, starting));
            return;
        }
        let Some(process) = slot.execute(time) else { return };
        let is_over = process.has_ended();
        match &mut slot.state {
            Some(stopping) => {
                if is_over && stopping.over_since.is_none() {
                    stopping.over_since = Some(time);
                    check::check_stop(&self.file, &self.world, stopping.owner, stopping.failed_commits);
                }
                if stopping.over_since.is_some_and(|since| time >= since + CLOSE_TIME) {
                    self.kill(index);
                } else if time > stopping.since + STOP_TIMEOUT {
                    self.world.report_violation("(f) a graceful stop did not end");
                }
            }
            None if is_over => self.kill(index),
            None => {}
        }
    }

    fn kill(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        slot.state = None;
        slot.starts_at = self.time + Duration::from_millis(self.rng.u64(0..2000));
        slot.kill();
    }

    fn stop(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let Some(process) = slot.process.as_mut().filter(|process| process.server().is_some()) else {
            return;
        };
        let owner = format!("SELECT owner FROM processes WHERE pid = {}", process.number);
        let failed_commits = self.world.state().failed_commits;
        let owner = self.file.count(&owner);
        slot.state = Some(Stopping { since: self.time, failed_commits, owner, over_since: None });
        process.stop();
    }

    /// Injects the faults of this turn.
    fn inject_faults(&mut self) {
        let Scenario { kills, stops, stalls, jumps, skew, settings, .. } = self.scenario;
        for index in 0..self.slots.len() {
            let mut decide = |share: f64| share > 0.0 && self.rng.f64() < share;
            let (kills, stops, stalls, jumps) = (decide(kills), decide(stops), decide(stalls), decide(jumps));
            self.faults += [kills, stops, stalls, jumps].into_iter().filter(|happens| *happens).count();
            if jumps {
                self.slots[index].skew = match self.rng.usize(0..3) {
                    0 => self.rng.i64(-skew..=skew),
                    1 => -HOUR,
                    _ => 24 * HOUR,
                };
                let skew = self.slots[index].skew;
                self.world.trace(format_args!("the wall clock of slot {index} is {skew} ms ahead"));
            }
            if self.slots[index].process.is_none() {
                continue;
            }
            if kills {
                self.kill(index);
            } else if stops && self.slots[index].state.is_none() {
                self.stop(index);
            } else if stalls {
                let most = u64::try_from(settings.lease.as_millis()).unwrap_or(1000) * 3;
                self.slots[index].stalled_until = self.time + Duration::from_millis(self.rng.u64(1..most));
                self.world.trace(format_args!("slot {index} stalls"));
            }
        }
    }

    /// Ends all faults.
    fn end_faults(&mut self) {
        self.world.state().conditions.commit_failure_rate = 0.0;
        for slot in &mut self.slots {
            slot.end_faults(self.time);
        }
    }

    /// Waits until every run has ended.
    fn wait_for_runs(&mut self) {
        self.end_faults();
        let quiet_until = self.time + QUIET_TIME;
        let deadline = self.time + END_TIMEOUT;
        while !self.is_violated() {
            for _ in 0..10 {
                self.send(false);
                self.turn(Duration::from_millis(MAX_TURN));
            }
            let open = "SELECT count(*) FROM runs WHERE state IN ('running', 'halted')";
            let is_quiet = self.time > quiet_until && self.slots.iter().all(|slot| slot.state.is_none());
            if is_quiet && self.senders.have_started(&self.world) && self.file.count(open) == 0 {
                return;
            }
            if self.file.count("SELECT count(*) FROM runs WHERE state = 'halted'") > 0 {
                return;
            }
            if self.time > deadline {
                let left = self.file.query(
                    "SELECT run || ': due ' || due || ', lease ' || lease || ', crashes ' || crashes FROM runs
                     WHERE state = 'running'",
                    |row| row.get::<_, String>(0),
                );
                self.world.report_violation(format_args!("(f) these runs did not end: {}", left.join("; ")));
            }
        }
    }

    /// Waits until ended runs are deleted, and stops all processes.
    fn clean_up(&mut self) {
        self.time += self.scenario.settings.run_retention;
        for slot in &mut self.slots {
            slot.stalled_until = self.time;
        }
        if self.rng.f64() < 0.25 {
            // Commits may fail while ended runs are deleted.
            self.world.state().conditions.commit_failure_rate = self.scenario.conditions.commit_failure_rate;
            for _ in 0..200 {
                self.inject_faults();
                self.turn(Duration::from_millis(MAX_TURN));
            }
            self.end_faults();
        }
        for _ in 0..25 {
            self.turn(Duration::from_millis(500));
        }
        check::check_deleted(&self.file, &self.world);
        (0..self.slots.len()).for_each(|index| self.stop(index));
        let is_stopping = |slot: &Slot| slot.state.is_some();
        while self.slots.iter().any(is_stopping) && !self.is_violated() {
            self.turn(Duration::from_millis(100));
            self.slots.iter_mut().for_each(|slot| slot.starts_at = Duration::MAX);
        }
        if !self.is_violated() {
            check::check_no_process_left(&self.file, &self.world);
        }
    }
}
