//! The senders, which start runs, send signals and cancel runs through any serving process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fanfare::{CancelOutcome, SignalError, SignalStatus, StartOutcome};
use fastrand::Rng;
use tokio::runtime::Handle;

use crate::channels::{Room, SIGNALS};
use crate::file::File;
use crate::observe::Sent;
use crate::plan::Node;
use crate::serve::Server;
use crate::settings::Scenario;
use crate::world::World;

type Servers = [(Handle, Server)];

pub(crate) struct Senders {
    runs: Vec<Planned>,
    /// Questions seen so far, with their run and the signals that answer them.
    seen: Vec<(String, String, Vec<String>)>,
    sent: usize,
}

/// A run to start.
struct Planned {
    id: String,
    room: usize,
    seed: u64,
    at: Duration,
    /// When to try again if the start has not been confirmed.
    again_at: Duration,
}

impl Senders {
    pub(crate) fn new(scenario: &Scenario, rng: &mut Rng) -> Self {
        let until = u64::try_from(scenario.faults_until.as_millis()).unwrap_or(1000) * 2 / 3;
        let runs = (0..scenario.runs).map(|number| Planned {
            id: format!("run{number}"),
            room: rng.usize(0..scenario.rooms),
            seed: rng.u64(..),
            at: Duration::from_millis(rng.u64(0..until)),
            again_at: Duration::ZERO,
        });
        Self { runs: runs.collect(), seen: Vec::new(), sent: 0 }
    }

    fn room_of(&self, run: &str) -> usize {
        self.runs.iter().find(|planned| planned.id == run).map_or(0, |planned| planned.room)
    }

    /// Returns the plans of all runs, by run id.
    pub(crate) fn plans(&self) -> BTreeMap<String, Arc<Node>> {
        self.runs.iter().map(|planned| (planned.id.clone(), Node::generate(planned.seed))).collect()
    }

    pub(crate) fn have_started(&self, world: &World) -> bool {
        let state = world.state();
        self.runs.iter().all(|planned| state.observed.started.contains(&planned.id))
    }

    /// Starts runs, and repeats each start until it is confirmed.
    pub(crate) fn start_runs(&mut self, servers: &Servers, now: Duration, world: &Arc<World>, rng: &mut Rng) {
        for planned in &mut self.runs {
            let is_due = planned.at <= now && planned.again_at <= now;
            if !is_due || servers.is_empty() || world.state().observed.started.contains(&planned.id) {
                continue;
            }
            planned.again_at = now + Duration::from_millis(700);
            let twice = if rng.f64() < 0.1 { 2 } else { 1 };
            for _ in 0..twice {
                let (handle, server) = &servers[rng.usize(0..servers.len())];
                let (server, world, id) = (server.clone(), Arc::clone(world), planned.id.clone());
                let (room, seed) = (Room::new(planned.room), planned.seed);
                handle.spawn(async move {
                    let started = server.runs.start(&server.job, &id, &room, &seed).await;
                    let mut state = world.state();
                    state.trace(format_args!("starting {id}: {started:?}"));
                    match started {
                        Ok(started) => {
                            state.observed.started.insert(id.clone());
                            if started == StartOutcome::New && !state.observed.new.insert(id.clone()) {
                                state.report_violation(format_args!("{id} was started twice"));
                            }
                        }
                        Err(error) => state.trace(format_args!("{id} did not start: {error}")),
                    }
                });
            }
        }
    }

    pub(crate) fn cancel_runs(
        &mut self,
        servers: &Servers,
        scenario: &Scenario,
        world: &Arc<World>,
        rng: &mut Rng,
    ) {
        if scenario.cancels == 0.0 || rng.f64() >= scenario.cancels || servers.is_empty() {
            return;
        }
        let (handle, server) = &servers[rng.usize(0..servers.len())];
        let id = self.runs[rng.usize(0..self.runs.len())].id.clone();
        let (runs, world) = (server.runs.clone(), Arc::clone(world));
        handle.spawn(async move {
            let cancelled = runs.cancel(&id).await;
            let mut state = world.state();
            state.trace(format_args!("cancelling {id}: {cancelled:?}"));
            if cancelled == Ok(CancelOutcome::Cancelled) {
                state.observed.cancelled.insert(id);
            }
        });
    }

    pub(crate) fn send_signals(
        &mut self,
        servers: &Servers,
        scenario: &Scenario,
        file: &File,
        world: &Arc<World>,
        rng: &mut Rng,
    ) {
        if rng.f64() >= scenario.signals || servers.is_empty() {
            return;
        }
        let open = file.open_questions();
        for question in &open {
            if !self.seen.iter().any(|(_, seen, _)| *seen == question.question) {
                self.seen.push((question.run.clone(), question.question.clone(), question.names.clone()));
            }
        }
        let is_pair = rng.f64() < 0.25;
        if rng.f64() < 0.15 && self.sent > 0 {
            return self.repeat(servers, world, rng);
        }
        let (run, question, names) = if !open.is_empty() && rng.f64() < 0.75 {
            let open = &open[rng.usize(0..open.len())];
            (open.run.clone(), Some(open.question.clone()), open.names.clone())
        } else if !self.seen.is_empty() && rng.f64() < 0.3 {
            let (run, question, names) = self.seen[rng.usize(0..self.seen.len())].clone();
            (run, Some(question), names)
        } else {
            let run = self.runs[rng.usize(0..self.runs.len())].id.clone();
            (run, None, SIGNALS.iter().map(|name| (*name).to_owned()).collect())
        };
        let says_question = rng.f64() < 0.4;
        for _ in 0..=usize::from(is_pair) {
            let name = &names[rng.usize(0..names.len())];
            let sent = Sent {
                signal: SIGNALS.iter().position(|known| known == name).unwrap_or(0),
                room: self.room_of(&run),
                run: (rng.f64() < 0.7).then(|| run.clone()),
                question: question.clone().filter(|_| says_question),
                key: (rng.f64() < 0.5).then(|| format!("key {}", self.sent)),
                ..Sent::default()
            };
            let payload = format!("signal {}", self.sent);
            self.sent += 1;
            world.state().observed.sent.insert(payload.clone(), sent.clone());
            send(&servers[rng.usize(0..servers.len())], payload, sent, world);
        }
    }

    /// Sends an earlier signal again.
    fn repeat(&self, servers: &Servers, world: &Arc<World>, rng: &mut Rng) {
        let payload = format!("signal {}", rng.usize(0..self.sent));
        let sent = world.state().observed.sent.get(&payload).cloned();
        if let Some(sent) = sent.filter(|sent| sent.key.is_some()) {
            send(&servers[rng.usize(0..servers.len())], payload, sent, world);
        }
    }
}

fn send((handle, server): &(Handle, Server), payload: String, sent: Sent, world: &Arc<World>) {
    let (hub, world) = (server.hub.clone(), Arc::clone(world));
    handle.spawn(async move {
        let room = Room::new(sent.room);
        world.trace(format_args!("sending {payload}: {sent:?}"));
        let mut signal = hub.signal(room.signal(sent.signal), payload.as_str());
        if let Some(run) = sent.run {
            signal = signal.run_id(run);
        }
        if let Some(question) = sent.question {
            signal = signal.question(question);
        }
        if let Some(key) = sent.key {
            signal = signal.idempotency_key(key);
        }
        let answer = match signal.await {
            Ok(receipt) => {
                let status = if receipt.status == SignalStatus::Accepted { "accepted" } else { "kept" };
                (status.to_owned(), Some(receipt.run_id))
            }
            Err(SignalError::AlreadyTaken { payload, .. }) => (format!("already taken by {payload}"), None),
            Err(error) => (error.to_string(), None),
        };
        let mut state = world.state();
        state.trace(format_args!("{payload} was answered: {answer:?}"));
        let now = state.steady_time().as_millis();
        if let Some(sent) = state.observed.sent.get_mut(&payload) {
            sent.answers.push(answer);
            sent.answered.get_or_insert(now);
        }
    });
}
