//! Drives one simulation: turns, faults, and a quiet time in which everything must arrive.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::Counts;
use super::check::{check_messages, check_streams};
use super::clients::Clients;
use super::reference::{Reference, TRIGGERS};
use super::serve::{Server, serve};
use super::settings::{Scenario, Storage};
use super::witness::Witness;
use crate::file::File;
use crate::process::{self, Process};
use crate::world::World;
use crate::{Options, Simulate};

/// How long a process may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(35);

/// How long a process is executed after its hub was shut down, so that its file is closed.
const CLOSE_TIME: Duration = Duration::from_millis(500);

/// How long everything may take to arrive after the last fault.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(120);

/// The quiet time before a simulation ends.
const QUIET_TIME: Duration = Duration::from_secs(8);

const HOUR: i64 = 3_600_000;

pub(super) struct Simulation {
    scenario: Scenario,
    world: Arc<World>,
    file: Option<File>,
    rng: Rng,
    time: Duration,
    slots: Vec<Slot>,
    processes: u32,
    clients: Clients,
    reference: Reference,
    backup: Option<Vec<u8>>,
    counts: Counts,
}

pub(super) type Slot = process::Slot<Server, Delivery>;

/// The state of a process that delivers.
#[derive(Default)]
pub(super) struct Delivery {
    witness: Option<Witness>,
    stopping_since: Option<Duration>,
    over_since: Option<Duration>,
    /// How long the process was executed in the last turn.
    pub(super) executed: Duration,
}

impl Slot {
    /// Returns the server if clients can use it.
    pub(super) fn server(&self) -> Option<&Server> {
        let is_witnessed = self.state.witness.as_ref().is_none_or(Witness::is_ready);
        self.process.as_ref()?.server().filter(|_| is_witnessed)
    }
}

impl Simulate for Simulation {
    type Counts = Counts;

    fn world(&self) -> Arc<World> {
        Arc::clone(&self.world)
    }

    fn run(&mut self) -> Counts {
        while self.time < self.scenario.faults_until && !self.is_violated() {
            self.inject_faults();
            self.clients.act(&self.slots, self.time, true, &self.scenario, &mut self.rng);
            let turn = Duration::from_millis(self.rng.u64(1..=self.scenario.turn));
            self.turn(turn);
        }
        self.wait_for_arrival();
        if !self.is_violated() {
            let is_whole = self.file.is_some() && !self.scenario.limits.is_any();
            let knows_ends = is_whole && self.scenario.conditions.detects_ended_processes;
            let mut wrong = check_messages(&self.reference, &self.clients.messages);
            wrong.extend(check_streams(&self.reference, &self.clients.written, knows_ends));
            for violation in wrong {
                self.world.report_violation(violation);
            }
        }
        for slot in &mut self.slots {
            slot.kill();
        }
        let mut counts = std::mem::take(&mut self.counts);
        self.clients.count(&mut counts);
        counts.messages = self.reference.entries().count();
        counts.failed_commits = self.world.state().failed_commits;
        counts
    }
}

impl Simulation {
    pub(super) fn new(seed: u64, options: Options) -> Self {
        let mut rng = Rng::with_seed(seed);
        let scenario = Scenario::generate(&mut rng);
        let file = (scenario.storage != Storage::Memory).then(|| {
            let file = File::create();
            file.connection.execute_batch(TRIGGERS).unwrap_or_else(|error| panic!("{error}"));
            file
        });
        let path = file.as_ref().map_or(Path::new(""), |file| &file.path);
        let world = World::new(rng.u64(..), scenario.conditions, path, options);
        world.trace(format_args!("{scenario:?}"));
        let slots = (0..if scenario.storage == Storage::Two { 2 } else { 1 })
            .map(|_| Slot::new(Duration::from_millis(rng.u64(0..500)), 0, Delivery::default()));
        let slots = slots.collect();
        let clients = Clients::new(&scenario, &world, &mut rng);
        let (time, reference) = (Duration::ZERO, Reference::default());
        let (processes, backup, counts) = (0, None, Counts::default());
        Self { scenario, world, file, rng, time, slots, processes, clients, reference, backup, counts }
    }

    fn is_violated(&self) -> bool {
        self.world.state().has_violations()
    }

    /// Executes each process for a time, and handles what clients have received.
    fn turn(&mut self, turn: Duration) {
        self.time += turn;
        self.world.state().time = self.time;
        let first = self.rng.usize(0..self.slots.len());
        for index in 0..self.slots.len() {
            self.execute((first + index) % self.slots.len(), turn);
        }
        let mut committed = self.file.as_ref().map_or(0, |file| {
            if self.reference.clock.is_zero() && self.processes > 0 {
                self.reference.clock = file.find_clock_offset().unwrap_or_default();
            }
            self.reference.read(file)
        });
        for witness in self.slots.iter_mut().filter_map(|slot| slot.state.witness.as_mut()) {
            match witness.read_received(&mut self.reference, self.time) {
                Ok(count) => committed += count,
                Err(violation) => self.world.report_violation(violation),
            }
        }
        if committed > 0 {
            self.world.trace(format_args!("{committed} messages"));
        }
        let is_locked = self.time < self.world.state().locked_until;
        self.clients.read_received(&self.slots, &self.reference, self.time, is_locked, &mut self.rng);
    }

    fn execute(&mut self, index: usize, turn: Duration) {
        let (time, slot) = (self.time, &mut self.slots[index]);
        slot.state.executed = Duration::ZERO;
        if slot.is_due(time) {
            self.processes += 1;
            let file = self.file.as_ref().map(|file| file.path.clone());
            let starting = serve(Arc::clone(&self.world), file, self.scenario.limits);
            slot.process = Some(Process::start(&self.world, self.processes, (time, slot.skew), starting));
            return;
        }
        let needs_witness = self.file.is_none() && slot.state.witness.is_none();
        let Some(process) = slot.execute(time) else { return };
        let has_ended = process.has_ended();
        let server = process.server().filter(|_| needs_witness);
        let witness =
            server.map(|server| Witness::start(&self.scenario.channels, process.runtime.handle(), server));
        slot.state.executed = turn;
        slot.state.witness = slot.state.witness.take().or(witness);
        if has_ended {
            let over_since = *slot.state.over_since.get_or_insert(time);
            if slot.state.stopping_since.is_none() || time >= over_since + CLOSE_TIME {
                self.kill(index);
            }
        } else if slot.state.stopping_since.is_some_and(|since| time > since + STOP_TIMEOUT) {
            self.world.report_violation("(h) a graceful stop did not end");
        }
    }

    fn kill(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        (slot.state.stopping_since, slot.state.over_since, slot.state.witness) = (None, None, None);
        slot.starts_at = self.time + Duration::from_millis(self.rng.u64(0..5000));
        slot.kill();
        self.clients.process_died(index, self.time, self.file.is_none(), &mut self.rng);
    }

    fn stop(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        if let Some(process) = slot.process.as_mut().filter(|process| process.server().is_some()) {
            process.stop();
            slot.state.stopping_since = Some(self.time);
            if self.file.is_none() {
                // Messages published from now on are neither received nor stored.
                self.clients.forget_publishers(index, self.time, &mut self.rng);
            }
        }
    }

    fn decide(&mut self, share: f64) -> bool {
        share > 0.0 && self.rng.f64() < share
    }

    /// Injects the faults of this turn.
    fn inject_faults(&mut self) {
        let scenario = self.scenario.clone();
        for index in 0..self.slots.len() {
            let (kills, stops) = (self.decide(scenario.kills), self.decide(scenario.stops));
            let (stalls, jumps) = (self.decide(scenario.stalls), self.decide(scenario.jumps));
            if jumps {
                let skew = [0, -HOUR, 24 * HOUR][self.rng.usize(0..3)];
                self.slots[index].skew = skew;
                self.world.trace(format_args!("the wall clock of slot {index} is {skew} ms ahead"));
                self.counts.jumps += 1;
            }
            if self.slots[index].process.is_none() {
                continue;
            }
            if kills {
                self.counts.kills += 1;
                self.kill(index);
            } else if stops && self.slots[index].state.stopping_since.is_none() {
                self.counts.stops += 1;
                self.stop(index);
            } else if stalls {
                self.counts.stalls += 1;
                let stall = Duration::from_millis(self.rng.u64(1_000..30_000));
                self.slots[index].stalled_until = self.time + stall;
                self.world.trace(format_args!("slot {index} stalls for {stall:?}"));
            }
        }
        let locked_until = self.world.state().locked_until;
        if self.decide(scenario.locks) && self.time > locked_until + Duration::from_secs(10) {
            let locked = Duration::from_millis(self.rng.u64(100..10_000));
            self.world.state().locked_until = self.time + locked;
            self.world.trace(format_args!("the file is locked for {locked:?}"));
            self.counts.locks += 1;
        }
        if self.decide(scenario.backups) {
            self.backup = self.file.as_ref().map(File::back_up);
            self.world.trace("a backup is created");
        }
        if self.backup.is_some() && self.decide(scenario.restores) {
            self.restore();
        }
        if self.decide(scenario.idles) {
            self.pass_days();
        }
    }

    /// Replaces the file with the backup while no process runs.
    fn restore(&mut self) {
        let (Some(backup), Some(file)) = (self.backup.take(), &mut self.file) else { return };
        // If the backup has the current mark, the mark must be deleted, as the documentation says.
        let keeps_mark = !marks_in(&backup, file).contains(&file.mark()) && self.rng.bool();
        for index in 0..self.slots.len() {
            self.kill(index);
        }
        let Some(file) = &mut self.file else { return };
        file.replace(&backup, keeps_mark);
        self.reference.resume(file);
        self.clients.forget_revocations();
        self.world.trace(format_args!("the backup is restored, the mark is kept: {keeps_mark}"));
        self.counts.restores += 1;
    }

    /// Lets eight days pass in which one process has no readers and the other one stalls.
    fn pass_days(&mut self) {
        let until = self.time + Duration::from_secs(10);
        while self.time < until && self.clients.is_waiting() && !self.is_violated() {
            self.clients.act(&self.slots, self.time, false, &self.scenario, &mut self.rng);
            self.turn(Duration::from_millis(self.scenario.turn));
        }
        if self.clients.is_waiting() {
            return;
        }
        let alone = self.rng.usize(0..self.slots.len());
        self.world.trace(format_args!("eight days pass, and only slot {alone} is executed"));
        self.time += Duration::from_secs(8 * 86_400);
        let until = self.time + Duration::from_secs(100);
        self.clients.forget_revocations();
        self.clients.leave(alone, until);
        for (index, slot) in self.slots.iter_mut().enumerate() {
            slot.stalled_until = if index == alone { self.time } else { until };
        }
        self.scenario.faults_until += Duration::from_secs(8 * 86_400 + 100);
        while self.time < until && !self.is_violated() {
            self.turn(Duration::from_millis(500));
        }
        self.counts.idles += 1;
    }

    /// Ends all faults, and waits until everything has arrived.
    fn wait_for_arrival(&mut self) {
        {
            let mut state = self.world.state();
            state.conditions.commit_failure_rate = 0.0;
            state.locked_until = self.time;
        }
        for slot in &mut self.slots {
            slot.end_faults(self.time);
        }
        let (quiet_until, deadline) = (self.time + QUIET_TIME, self.time + ARRIVAL_TIMEOUT);
        let mut has_new_reader = BTreeSet::new();
        while !self.is_violated() {
            for _ in 0..10 {
                self.clients.act(&self.slots, self.time, false, &self.scenario, &mut self.rng);
                self.turn(Duration::from_millis(50));
            }
            if self.time < quiet_until || self.slots.iter().any(|slot| slot.server().is_none()) {
                continue;
            }
            for index in 0..self.slots.len() {
                if has_new_reader.insert(index) {
                    self.clients.add_new_reader(index, &self.scenario);
                }
            }
            let missing = self.clients.find_missing(&self.reference);
            match missing {
                None if !self.clients.is_waiting() && self.time > quiet_until + QUIET_TIME => return,
                Some(missing) if self.time > deadline => self.world.report_violation(missing),
                None if self.time > deadline => {
                    self.world
                        .report_violation("(h) publishers are not answered although there are no faults");
                }
                _ => {}
            }
        }
    }
}

/// Returns the marks by which processes recognize a copy of the file.
fn marks_in(backup: &[u8], file: &File) -> [Option<String>; 2] {
    file.with_copy(backup, |copy| {
        ["mark", "former_mark"].map(|name| {
            copy.query_row("SELECT value FROM facts WHERE name = ?1", [name], |row| row.get(0)).ok()
        })
    })
}
