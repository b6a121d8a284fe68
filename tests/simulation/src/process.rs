//! A simulated process: a runtime of one thread with a clock of its own, a hub, and its runs.
//!
//! It is executed in turns. A kill drops the runtime, and with it every task at its current `await`. A stall is a
//! skipped turn: the clock jumps at the next one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fanfare::{Hub, Job, Runs, Sqlite};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep};

use crate::channels::{REGISTRY, Room};
use crate::interpret::{Site, interpret};
use crate::observe::Execution;
use crate::plan::Node;
use crate::world::World;

/// How runs are executed, in all processes of a simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) retries: u32,
    pub(crate) backoff: (Duration, Duration),
    pub(crate) step_timeout: Duration,
    pub(crate) lease: Duration,
    pub(crate) max_executing: usize,
    pub(crate) max_waiting_in_memory: usize,
    pub(crate) keep_ended: Duration,
}

/// The server of a process, once it has started.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) hub: Hub,
    pub(crate) runs: Runs,
    pub(crate) job: Job<Room, u64>,
}

enum Phase {
    Starting(JoinHandle<Result<Server, String>>),
    Serving(Server),
    Stopping(JoinHandle<()>),
    Ended,
}

pub(crate) struct Process {
    /// The number that identifies the process in the storage file.
    pub(crate) number: u32,
    pub(crate) runtime: Runtime,
    /// The time it has reached, measured from the start of the simulation.
    pub(crate) time: Duration,
    /// How far its wall clock is ahead, in milliseconds.
    pub(crate) skew: i64,
    world: Arc<World>,
    phase: Phase,
}

impl Process {
    pub(crate) fn start(
        world: &Arc<World>,
        number: u32,
        (time, skew): (Duration, i64),
        file: &Path,
        settings: Settings,
    ) -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.unwrap_or_else(|error| panic!("a runtime cannot be made: {error}"));
        let starting = serve(Arc::clone(world), file.to_owned(), settings);
        let phase = Phase::Starting(runtime.spawn(starting));
        let process = Self { number, runtime, time, skew, world: Arc::clone(world), phase };
        process.world.trace(format_args!("process {number} starts"));
        process
    }

    /// Returns the server if it has started and is not stopping.
    pub(crate) fn server(&self) -> Option<&Server> {
        if let Phase::Serving(server) = &self.phase { Some(server) } else { None }
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// Executes the process until a time in the simulation.
    pub(crate) fn execute(&mut self, until: Duration) {
        let duration = until.saturating_sub(self.time);
        self.turn(async move { sleep(duration).await });
        self.time = self.time.max(until);
        self.go_on();
    }

    /// Stalls the process until a time in the simulation.
    pub(crate) fn stall(&mut self, until: Duration) {
        let duration = until.saturating_sub(self.time);
        self.turn(async move { advance(duration).await });
        self.time = self.time.max(until);
        self.go_on();
    }

    fn turn(&self, executed: impl Future<Output = ()>) {
        self.runtime.block_on(async {
            self.world.enter(self.number, self.time, self.skew);
            executed.await;
        });
        self.world.leave();
    }

    fn go_on(&mut self) {
        let is_finished = match &self.phase {
            Phase::Starting(starting) => starting.is_finished(),
            Phase::Stopping(stopping) => stopping.is_finished(),
            Phase::Serving(_) | Phase::Ended => false,
        };
        if !is_finished {
            return;
        }
        self.phase = match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Starting(starting) => match self.runtime.block_on(starting) {
                Ok(Ok(server)) => Phase::Serving(server),
                failed => {
                    let why = failed.map(Result::err);
                    self.world.trace(format_args!("process {} did not start: {why:?}", self.number));
                    Phase::Ended
                }
            },
            _ => Phase::Ended,
        };
    }

    /// Begins a graceful stop, which is over once it [`has_ended`](Self::has_ended).
    pub(crate) fn stop(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Serving(server) => {
                self.world.trace(format_args!("process {} stops", self.number));
                let stopping = async move { server.hub.shutdown().await };
                self.phase = Phase::Stopping(self.runtime.spawn(stopping));
            }
            other => self.phase = other,
        }
    }

    /// Kills the process: drops all its tasks at their current `await`.
    pub(crate) fn kill(self) {
        self.world.trace(format_args!("process {} is gone", self.number));
        let world = Arc::clone(&self.world);
        let number = self.number;
        drop(self);
        world.kill(number);
    }
}

async fn serve(world: Arc<World>, file: PathBuf, settings: Settings) -> Result<Server, String> {
    let storage = Sqlite::open(&file).map_err(|error| error.to_string())?;
    let begun = Instant::now();
    let hub = Hub::builder(&REGISTRY).signing_key("a key of a simulation that nobody uses").storage(storage);
    let hub = hub.build().map_err(|error| error.to_string())?;
    let Settings { backoff, .. } = settings;
    let mut runs = Runs::builder(&hub)
        .retries(settings.retries)
        .backoff(backoff.0, backoff.1)
        .step_timeout(settings.step_timeout)
        .lease(settings.lease)
        .max_executing(settings.max_executing)
        .max_waiting_in_memory(settings.max_waiting_in_memory)
        .keep_ended(settings.keep_ended);
    let executing = Arc::clone(&world);
    let job = runs.register("simulated", move |run: fanfare::Run<Room>, seed: u64| {
        let execution = Execution::begin(&executing, run.id());
        interpret(run, Node::generate(seed), Site::root(execution))
    });
    let runs = runs.start().await.map_err(|error| error.to_string())?;
    world.trace(format_args!("serves after {:?}", begun.elapsed()));
    Ok(Server { hub, runs, job })
}
