//! Runs: jobs that survive crashes, are retried, wait for people, and continue where they stopped.
//!
//! A job is an async function that works through [`Run`]: the result of each step is recorded in the hub's storage
//! before the job continues, and is not computed again when the run is executed again. `docs/runs.md` explains
//! when to use which call, and what each one guarantees.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::channel::{Channel, TypedChannel};
use crate::clock;
use crate::hub::{Hub, LocalRuns};
use crate::metrics::{self, Limit};
use crate::storage::{Claim, Engine, NewRun, RunCounts, RunHandle, RunState};

mod call_tracker;
mod claiming;
mod context;
mod error;
mod events;
mod execute;
mod fork;
mod job;
mod limits;
pub(crate) mod manage;
mod replay;
mod run;
#[cfg(feature = "testing")]
mod script;
mod step;
mod stream;
mod suspended;
mod wait;
mod waker;

pub use error::{RunError, RunsError};
pub use job::{Job, StartOutcome};
pub use manage::{RetryOutcome, RunActionError};
pub use replay::{ReplayError, ReplayOutcome, RunRecording};
pub use run::Run;
pub use step::StepOptions;
pub use stream::RunStreamWriter;
pub use wait::{ReceivedSignal, WaitAny};

use context::Context;
use job::{AnyJob, MAX_RUN_ID_LENGTH, TypedJob};
use limits::Limits;
#[cfg(feature = "testing")]
pub(crate) use script::{Action, Script};
use suspended::Suspended;

/// Registers jobs and sets how runs are executed. See [`Runs::builder`].
#[must_use = "no run is executed until `build` is awaited"]
pub struct RunsBuilder {
    hub: Hub,
    jobs: HashMap<&'static str, Arc<dyn AnyJob>>,
    settings: Settings,
}

#[derive(Clone, Copy)]
struct Settings {
    max_retries: u32,
    /// The delay before the first retry, and its maximum.
    backoff: (Duration, Duration),
    step_timeout: Duration,
    lease: Duration,
    max_concurrent_runs: usize,
    max_waiting_runs_in_memory: usize,
    run_retention: Duration,
    limits: Limits,
}

/// A handle to the runs of a hub: starts them, cancels them and looks them up.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # mod example {
/// # use std::time::Duration;
/// # use fanfare::{Channel, ChannelDefinition, Hub, Registry, TypedChannel};
/// use fanfare::{Run, RunError, Runs};
///
/// async fn summarise<C: TypedChannel<Result = String>>(run: Run<C>, text: String) -> Result<String, RunError> {
///     let words: usize = run.step("count", async || Ok::<_, RunError>(text.split_whitespace().count())).await?;
///     run.sleep("let it sink in", Duration::from_millis(10)).await?;
///     Ok(format!("{words} words"))
/// }
///
/// async fn serve<C: TypedChannel<Result = String>>(hub: &Hub, channel: C) -> Result<(), Box<dyn std::error::Error>> {
///     let mut builder = Runs::builder(hub).max_retries(8);
///     let summaries = builder.register("summarise", summarise::<C>);
///     let runs = builder.build().await?;
///     runs.start(&summaries, "run_42", &channel, &"Once upon a time".to_owned()).await?;
///     Ok(())
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Runs {
    shared: Arc<Shared>,
}

struct Shared {
    hub: Hub,
    jobs: HashMap<&'static str, Arc<dyn AnyJob>>,
    settings: Settings,
    /// The executions in progress in this process.
    slots: Mutex<BTreeMap<RunHandle, Slot>>,
    /// The executions whose branches all wait.
    suspended: Mutex<Suspended>,
    /// Notified when there may be a run to claim.
    wake: Arc<Notify>,
    /// The plans of a test for steps.
    #[cfg(feature = "testing")]
    script: Script,
}

/// One execution in progress. Waiting runs have no slot.
struct Slot {
    claim: Claim,
    run_id: String,
    since: Instant,
    context: Arc<OnceLock<Arc<Context>>>,
    task: AbortHandle,
}

/// The state of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunStatus {
    /// The run is executing, waits for a slot or a time, or will be retried.
    Running,
    /// The run waits for one of these signals.
    Waiting(Vec<String>),
    /// The run cannot continue on this server, for this reason: usually its code no longer matches what the run
    /// recorded. It continues when a server that can execute it starts.
    Halted(String),
    /// The run returned this result, in JSON.
    Completed(String),
    /// The run failed for good, for this reason.
    Failed(String),
    /// The run was cancelled.
    Cancelled,
}

/// The effect of a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CancelOutcome {
    /// The run was unfinished and is now cancelled.
    Cancelled,
    /// The run had already ended.
    AlreadyEnded,
    /// No run has this id.
    UnknownRun,
}

impl Runs {
    /// Returns a builder for runs on a hub, which needs a storage: see
    /// [`HubBuilder::storage`](crate::HubBuilder::storage).
    pub fn builder(hub: &Hub) -> RunsBuilder {
        RunsBuilder {
            hub: hub.clone(),
            jobs: HashMap::new(),
            settings: Settings {
                max_retries: 4,
                backoff: (Duration::from_secs(1), Duration::from_secs(300)),
                step_timeout: Duration::from_secs(600),
                lease: Duration::from_secs(15),
                max_concurrent_runs: 1000,
                max_waiting_runs_in_memory: 1000,
                run_retention: Duration::from_secs(7 * 86_400),
                limits: Limits::default(),
            },
        }
    }

    /// Starts a run of a job on a channel. Once this returns, the run is recorded and will be executed to its end,
    /// even if the server restarts. If a run with this id exists, it is left unchanged.
    ///
    /// # Errors
    /// Returns an error if the job is not registered with these runs, the id or the input is invalid, or the run could
    /// not be recorded.
    pub async fn start<C: TypedChannel, I: Serialize>(
        &self,
        job: &Job<C, I>,
        run_id: &str,
        channel: &C,
        input: &I,
    ) -> Result<StartOutcome, RunsError> {
        let name = self.shared.registered_name(job)?;
        if run_id.is_empty() || run_id.chars().nth(MAX_RUN_ID_LENGTH).is_some() {
            return Err(RunsError::InvalidRunId);
        }
        let input =
            serde_json::to_string(input).map_err(|error| RunsError::InvalidInput(error.to_string()))?;
        let (bytes, max) = (input.len(), self.shared.settings.limits.input);
        if bytes > max {
            metrics::limit_reached(Limit::RunInputBytes);
            return Err(RunsError::InputTooLarge { bytes, max });
        }
        self.shared.add(name, run_id, channel.channel(), input).await
    }

    /// Cancels a run. If this process executes it, its job is dropped at its current `await`; another process
    /// notices within a second. Either way the run records nothing more once this returns.
    ///
    /// # Errors
    /// Returns an error if the storage fails.
    pub async fn cancel(&self, run_id: &str) -> Result<CancelOutcome, RunsError> {
        manage::cancel(&self.shared.hub, run_id).await
    }

    /// Returns the state of a run, or `None` if no run has this id. Ended runs are deleted after a week, or
    /// after the time set with [`RunsBuilder::run_retention`].
    ///
    /// # Errors
    /// Returns an error if the storage fails.
    pub async fn status(&self, run_id: &str) -> Result<Option<RunStatus>, RunsError> {
        let record = self.shared.engine().find_run(run_id.to_owned()).await?;
        Ok(record.map(|record| match record.state {
            RunState::Unfinished { waiting_for } if waiting_for.is_empty() => RunStatus::Running,
            RunState::Unfinished { waiting_for } => {
                let channel = self.shared.hub.registry().resolve(&record.channel);
                let current = |name: String| {
                    let signal =
                        channel.as_ref().and_then(|channel| channel.definition().stored_signal(&name));
                    signal.map_or(name, |signal| signal.name.to_owned())
                };
                RunStatus::Waiting(waiting_for.into_iter().map(current).collect())
            }
            RunState::Halted(why) => RunStatus::Halted(why),
            RunState::Completed(result) => RunStatus::Completed(result),
            RunState::Failed(why) => RunStatus::Failed(why),
            RunState::Cancelled => RunStatus::Cancelled,
        }))
    }
}

impl RunsBuilder {
    /// Registers a job: an async function of a run and an input. All its runs are on channels of one definition,
    /// and the job returns that definition's `result`. The name is recorded with each run, so do not change it
    /// while the job has unfinished runs. Start the job's runs with [`Runs::start`].
    ///
    /// # Panics
    /// Panics if another job is registered under this name.
    pub fn register<C, I, F, R>(&mut self, name: &'static str, job: F) -> Job<C, I>
    where
        C: TypedChannel,
        I: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(Run<C>, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<C::Result, RunError>> + Send + 'static,
    {
        let earlier = self.jobs.insert(name, Arc::new(TypedJob::new(job)));
        assert!(earlier.is_none(), "a job named {name:?} is already registered");
        Job::new(name)
    }

    /// Sets the maximum number of retries. Default: 4. It applies separately to each step, to consecutive failures of a
    /// job outside its steps if nothing new was recorded in between, and to consecutive crashes of the process while it
    /// executes the same run. [`StepOptions::max_retries`] sets it for one step.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.settings.max_retries = retries;
        self
    }

    /// Sets the delay before a retry: `first`, then twice as long each time, up to `max`. Default: 1 second and
    /// 5 minutes.
    pub fn backoff(mut self, first: Duration, max: Duration) -> Self {
        self.settings.backoff = (first, max);
        self
    }

    /// Sets how long one attempt of a step may take. Default: 10 minutes. [`StepOptions::timeout`] sets it for one
    /// step.
    pub fn step_timeout(mut self, timeout: Duration) -> Self {
        self.settings.step_timeout = timeout;
        self
    }

    /// Sets how long a lease lasts. Default: 15 seconds. This process extends the leases of its runs. After a crash,
    /// other processes claim its runs once the leases expire, or at once if they know that the process has ended.
    pub fn lease_duration(mut self, lease: Duration) -> Self {
        self.settings.lease = lease.max(Duration::from_millis(100));
        self
    }

    /// Sets how many runs this process executes at the same time. Default: 1,000. Runs that sleep, wait for a
    /// signal or wait for a retry do not count.
    pub fn max_concurrent_runs(mut self, max: usize) -> Self {
        self.settings.max_concurrent_runs = max.max(1);
        self
    }

    /// Sets how many waiting runs this process keeps in memory. Default: 1,000. They continue at their `await`. Further
    /// waiting runs are dropped from memory, and executed from their beginning once their wait is over, as after a
    /// restart.
    pub fn max_waiting_runs_in_memory(mut self, max: usize) -> Self {
        self.settings.max_waiting_runs_in_memory = max;
        self
    }

    /// Sets how long ended runs are kept, with everything they recorded. Default: 7 days.
    pub fn run_retention(mut self, time: Duration) -> Self {
        self.settings.run_retention = time;
        self
    }

    /// Sets the maximum bytes of a run's input, in JSON. [`Runs::start`] rejects larger ones. Default: 1 MiB.
    pub fn max_input_bytes(mut self, max: usize) -> Self {
        self.settings.limits.input = max;
        self
    }

    /// Sets the maximum bytes of the value of a step, in JSON, and of the text of a text stream. A step with a larger
    /// value fails and is not retried. Default: 1 MiB.
    pub fn max_step_value_bytes(mut self, max: usize) -> Self {
        self.settings.limits.value = max;
        self
    }

    /// Sets the maximum bytes of a run's result, in JSON. A run with a larger result fails. Every subscriber of the
    /// channel receives the result. Default: 1 MiB.
    pub fn max_result_bytes(mut self, max: usize) -> Self {
        self.settings.limits.result = max;
        self
    }

    /// Sets the maximum bytes of an error's text. Longer texts are truncated and state their full length. Default: 8
    /// KiB.
    pub fn max_error_bytes(mut self, max: usize) -> Self {
        self.settings.limits.error = max;
        self
    }

    /// Sets the maximum bytes that a run may record: the ids and values of its calls, and the text of its streams. A
    /// run that records more fails. A run that already has more when it is loaded halts, and continues on a server with a
    /// higher limit. Default: 64 MiB.
    pub fn max_journal_bytes(mut self, max: usize) -> Self {
        self.settings.limits.journal = max;
        self
    }

    /// Returns the runs and starts to execute them in the background: new ones, and those that were unfinished when the
    /// last server stopped. This continues until the hub is shut down, even if the returned [`Runs`] is dropped.
    ///
    /// # Errors
    /// Returns an error if the storage fails.
    pub async fn build(self) -> Result<Runs, RunsError> {
        let shared = Arc::new(Shared {
            hub: self.hub,
            jobs: self.jobs,
            settings: self.settings,
            slots: Mutex::default(),
            suspended: Mutex::new(Suspended::new(self.settings.max_waiting_runs_in_memory)),
            wake: Arc::default(),
            #[cfg(feature = "testing")]
            script: Script::default(),
        });
        shared.hub.listen_for_all_signals(&shared.wake);
        let local_runs: Weak<Shared> = Arc::downgrade(&shared);
        shared.hub.register_local_runs(local_runs);
        shared.engine().recover_runs(shared.owned_job_names()).await?;
        shared.log_start().await?;
        shared.hub.await_at_shutdown(tokio::spawn(claiming::claim_runs(Arc::clone(&shared))));
        tokio::spawn(claiming::extend_leases(Arc::clone(&shared)));
        tokio::spawn(claiming::run_housekeeping(Arc::clone(&shared)));
        Ok(Runs { shared })
    }
}

impl Shared {
    fn engine(&self) -> &dyn Engine {
        self.hub.storage()
    }

    /// Returns the name of a job if it is registered here.
    fn registered_name<C, I>(&self, job: &Job<C, I>) -> Result<&'static str, RunsError> {
        let name = job.name();
        if self.jobs.contains_key(name) { Ok(name) } else { Err(RunsError::UnknownJob(name.to_owned())) }
    }

    fn owned_job_names(&self) -> Vec<String> {
        self.jobs.keys().map(|name| (*name).to_owned()).collect()
    }

    /// Logs which jobs are registered, and how many runs the storage has that have not ended.
    async fn log_start(&self) -> Result<(), RunsError> {
        let RunCounts { executing, due, waiting, halted, .. } = self.engine().count_runs().await?;
        let mut jobs: Vec<&str> = self.jobs.keys().copied().collect();
        jobs.sort_unstable();
        let unfinished = executing + due + waiting;
        tracing::info!(jobs = jobs.join(", "), unfinished, due, halted, "executing runs");
        if !self.engine().is_durable() {
            tracing::warn!("runs end with the process: set a durable storage with `HubBuilder::storage`");
        }
        Ok(())
    }

    async fn add(
        &self,
        job: &str,
        run_id: &str,
        channel: &Channel,
        input: String,
    ) -> Result<StartOutcome, RunsError> {
        let log = self.hub.open_log(channel).await.map_err(RunsError::from_open_error)?;
        let run = NewRun {
            run_id: run_id.to_owned(),
            job: job.to_owned(),
            channel: channel.name().to_owned(),
            input,
        };
        let added = self.engine().add_run(run, events::running(&log, run_id, 1, None)).await?;
        self.wake.notify_one();
        Ok(if added { StartOutcome::New } else { StartOutcome::Existing })
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<RunHandle, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claims(&self) -> Vec<Claim> {
        self.slots().values().map(|slot| slot.claim).collect()
    }

    /// Returns the time by the storage's clock. Everything that is due at some time follows it.
    fn storage_time(&self) -> SystemTime {
        self.hub.storage_time()
    }

    /// Returns the time `duration` from now, at most ten years ahead.
    fn after(&self, duration: Duration) -> SystemTime {
        clock::after(self.storage_time(), duration)
    }

    fn lease(&self) -> SystemTime {
        self.after(self.settings.lease)
    }

    /// Stops the execution of a run, if this process executes it under this claim.
    fn abort_claim(&self, claim: Claim) {
        if self.slots().get(&claim.run).is_some_and(|slot| slot.claim == claim) {
            self.abort_run(claim.run);
        }
    }

    fn abort_run(&self, run: RunHandle) {
        if let Some(slot) = self.slots().remove(&run) {
            slot.task.abort();
        }
        // Dropped outside of the lock, because this drops everything that the job holds.
        let suspended = self.suspended().take_run(run);
        drop(suspended);
    }

    fn suspended(&self) -> MutexGuard<'_, Suspended> {
        self.suspended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LocalRuns for Shared {
    fn job_names(&self) -> Vec<&'static str> {
        self.jobs.keys().copied().collect()
    }

    fn abort(&self, run: RunHandle) {
        self.abort_run(run);
    }

    fn claim_due(&self) {
        self.wake.notify_one();
    }
}

impl Slot {
    /// Describes the run and its current steps, for a warning.
    fn describe(&self) -> String {
        let working = self.context.get().map(|context| context.calls().working()).unwrap_or_default();
        format!("{} ({}, {} s)", self.run_id, working.join(" and "), self.since.elapsed().as_secs())
    }
}
