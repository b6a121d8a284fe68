//! A simulated process: a single-threaded runtime with its own clock, and its server.
//!
//! It is executed in turns. A kill drops the runtime, and with it every task at its current `await`. A stall skips
//! turns: the clock jumps in the next one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fanfare::{Hub, Sqlite};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{advance, sleep};

use crate::world::World;

/// The server of a process, once it has started.
pub(crate) trait Serve: Clone + Send + 'static {
    fn hub(&self) -> &Hub;
}

enum Phase<S> {
    Starting(JoinHandle<Result<S, String>>),
    Serving(S),
    Stopping(JoinHandle<()>),
    Ended,
}

pub(crate) struct Process<S> {
    /// The number that identifies the process in the storage file.
    pub(crate) number: u32,
    pub(crate) runtime: Runtime,
    /// The time it has reached, measured from the start of the simulation.
    pub(crate) time: Duration,
    /// How far its wall clock is ahead, in milliseconds.
    pub(crate) skew: i64,
    world: Arc<World>,
    phase: Phase<S>,
}

/// Opens a file as storage. The error omits its path, which differs in each simulation.
pub(crate) fn open(file: &Path) -> Result<Sqlite, String> {
    Sqlite::open(file).map_err(|error| error.to_string().replace(&*file.to_string_lossy(), "the file"))
}

/// A slot for one process, which runs or is about to start.
pub(crate) struct Slot<S, T> {
    pub(crate) process: Option<Process<S>>,
    pub(crate) starts_at: Duration,
    pub(crate) stalled_until: Duration,
    /// How far the wall clock of its processes is ahead, in milliseconds.
    pub(crate) skew: i64,
    /// What a simulation adds.
    pub(crate) state: T,
}

impl<S: Serve, T> Slot<S, T> {
    pub(crate) fn new(starts_at: Duration, skew: i64, state: T) -> Self {
        Self { process: None, starts_at, stalled_until: Duration::ZERO, skew, state }
    }

    /// Returns `true` if its process must start at this time.
    pub(crate) fn is_due(&self, time: Duration) -> bool {
        self.process.is_none() && self.starts_at <= time
    }

    /// Executes its process until a time in the simulation. Returns `None` if it has none or the process stalls.
    pub(crate) fn execute(&mut self, time: Duration) -> Option<&mut Process<S>> {
        let process = self.process.as_mut().filter(|_| self.stalled_until <= time)?;
        if self.stalled_until > process.time {
            process.stall(self.stalled_until);
        }
        process.skew = self.skew;
        process.execute(time);
        Some(process)
    }

    /// Kills its process, if any.
    pub(crate) fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Ends its stall, and starts its process now if it has none.
    pub(crate) fn end_faults(&mut self, time: Duration) {
        self.starts_at = self.starts_at.min(time);
        self.stalled_until = self.stalled_until.min(time);
    }
}

impl<S: Serve> Process<S> {
    /// Starts a process, which serves once `starting` is ready.
    pub(crate) fn start(
        world: &Arc<World>,
        number: u32,
        (time, skew): (Duration, i64),
        starting: impl Future<Output = Result<S, String>> + Send + 'static,
    ) -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.unwrap_or_else(|error| panic!("cannot create a runtime: {error}"));
        let phase = Phase::Starting(runtime.spawn(starting));
        let process = Self { number, runtime, time, skew, world: Arc::clone(world), phase };
        process.world.trace(format_args!("process {number} starts"));
        process
    }

    /// Returns the server if it has started and is not stopping.
    pub(crate) fn server(&self) -> Option<&S> {
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
        self.advance_phase();
    }

    /// Stalls the process until a time in the simulation.
    pub(crate) fn stall(&mut self, until: Duration) {
        let duration = until.saturating_sub(self.time);
        self.turn(async move { advance(duration).await });
        self.time = self.time.max(until);
        self.advance_phase();
    }

    fn turn(&self, executed: impl Future<Output = ()>) {
        self.runtime.block_on(async {
            self.world.begin_turn(self.number, self.time, self.skew);
            executed.await;
        });
        self.world.end_turn();
    }

    /// Moves to the next phase if the current one has finished.
    fn advance_phase(&mut self) {
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

    /// Starts a graceful stop, which is finished once the process [`has_ended`](Self::has_ended).
    pub(crate) fn stop(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Serving(server) => {
                self.world.trace(format_args!("process {} stops", self.number));
                let stopping = async move { server.hub().shutdown().await };
                self.phase = Phase::Stopping(self.runtime.spawn(stopping));
            }
            other => self.phase = other,
        }
    }

    /// Kills the process: drops all its tasks at their current `await`.
    pub(crate) fn kill(self) {
        self.world.trace(format_args!("process {} is killed", self.number));
        let world = Arc::clone(&self.world);
        let number = self.number;
        drop(self);
        world.kill(number);
    }
}
