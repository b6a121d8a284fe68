//! Runs: jobs that crash, are tried again, wait for a person, and go on where they stopped.
//!
//! A job is an async function. What it does goes through [`Run`]: each step's result is written
//! into the hub's storage before the job goes on, and is not computed again when the run is tried
//! again or the server restarted. `docs/runs.md` says which publish is for what, and what is
//! promised of each.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::channel::{Channel, TypedChannel};
use crate::hub::Hub;
use crate::storage::{Engine, Hold, NewRun, RunRecord, Settled};

mod call;
mod context;
mod error;
mod execute;
mod job;
mod keep;
mod news;
mod run;
mod wait;

pub use error::{RunError, StartError};
pub use job::Job;
pub use run::Run;
pub use wait::{Received, WaitAny};

use context::Context;
use job::{AnyJob, TypedJob};

/// How runs are executed. See [`Runs::builder`].
#[must_use = "nothing is executed until `start`"]
pub struct RunsBuilder {
    hub: Hub,
    jobs: HashMap<&'static str, Arc<dyn AnyJob>>,
    settings: Settings,
    shared: Arc<std::sync::OnceLock<Arc<Shared>>>,
}

#[derive(Clone, Copy)]
struct Settings {
    retries: u32,
    first_retry: Duration,
    longest_retry: Duration,
    lease: Duration,
    most: usize,
}

/// The runs of a process: starts, cancels and looks at them.
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
///     let mut runs = Runs::builder(hub);
///     let summaries = runs.register("summarise", summarise::<C>);
///     let runs = runs.start().await?;
///     summaries.start("run_42", &channel, &"Once upon a time".to_owned()).await?;
///     # drop(runs);
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
    /// What this process executes now.
    executing: Mutex<HashMap<Hold, AbortHandle>>,
    /// There may be a run to claim.
    wake: Notify,
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunStatus {
    /// It is executed, waits, or is to be tried again.
    Running,
    /// Its code is another than the one that began it, for this reason. It is tried again when the
    /// server starts.
    Halted(String),
    /// It returned this, in JSON.
    Completed(String),
    /// It failed for good, for this reason.
    Failed(String),
    /// It was cancelled.
    Cancelled,
}

impl Runs {
    /// Starts to set up runs on a hub, which needs a storage.
    pub fn builder(hub: &Hub) -> RunsBuilder {
        RunsBuilder {
            hub: hub.clone(),
            jobs: HashMap::new(),
            settings: Settings {
                retries: 4,
                first_retry: Duration::from_secs(1),
                longest_retry: Duration::from_secs(300),
                lease: Duration::from_secs(15),
                most: 1000,
            },
            shared: Arc::default(),
        }
    }

    /// Cancels a run. Where it is executed it stops at its next `await`; no step of it is written
    /// down after this comes back. Tells whether there was one that had not ended.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn cancel(&self, run_id: &str) -> Result<bool, StartError> {
        self.shared.cancel(run_id).await
    }

    /// How a run stands; nothing where there is none. Runs that ended are forgotten after a week.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn status(&self, run_id: &str) -> Result<Option<RunStatus>, StartError> {
        let record = self.shared.engine()?.find(run_id.to_owned()).await?;
        Ok(record.map(|RunRecord { state, outcome, .. }| match (state.as_str(), outcome) {
            ("halted", why) => RunStatus::Halted(why.unwrap_or_default()),
            ("completed", result) => RunStatus::Completed(result.unwrap_or_default()),
            ("failed", why) => RunStatus::Failed(why.unwrap_or_default()),
            ("cancelled", _) => RunStatus::Cancelled,
            _ => RunStatus::Running,
        }))
    }
}

impl RunsBuilder {
    /// Registers a job: an async function of a run and an input. Its runs are on channels of one
    /// definition, whose `result` is what it returns. The name stands in the journal, so it should
    /// not change while runs of it are under way.
    ///
    /// # Panics
    /// When another job has the name.
    pub fn register<C, I, F, R>(&mut self, name: &'static str, job: F) -> Job<C, I>
    where
        C: TypedChannel,
        I: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(Run<C>, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<C::Result, RunError>> + Send + 'static,
    {
        let earlier = self.jobs.insert(name, Arc::new(TypedJob::new(job)));
        assert!(earlier.is_none(), "two jobs are registered as {name:?}");
        Job::new(name, Arc::clone(&self.shared))
    }

    /// How often in a row a run is tried again without getting a step further, before it fails. 4
    /// unless set.
    pub fn retries(mut self, retries: u32) -> Self {
        self.settings.retries = retries;
        self
    }

    /// How long a run waits before it is tried again: `first`, then twice as long each time, up to
    /// `longest`. 1 second and 5 minutes unless set.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        (self.settings.first_retry, self.settings.longest_retry) = (first, longest);
        self
    }

    /// How long others leave a run alone that this process holds and gives no sign of. 15 seconds
    /// unless set. A process that is known to be gone is not waited for.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease.max(Duration::from_millis(100));
        self
    }

    /// How many runs are executed at a time; the others wait. 1,000 unless set. A run that sleeps
    /// or waits for a signal counts.
    pub fn most_at_once(mut self, most: usize) -> Self {
        self.settings.most = most.max(1);
        self
    }

    /// Begins to execute: what is started from here on, and what was under way before. It goes on
    /// until the hub is shut down, also when the result and all jobs are dropped.
    ///
    /// # Errors
    /// When the hub has no storage, or it fails.
    pub async fn start(self) -> Result<Runs, StartError> {
        let shared = Arc::new(Shared {
            hub: self.hub,
            jobs: self.jobs,
            settings: self.settings,
            executing: Mutex::default(),
            wake: Notify::new(),
        });
        shared.engine()?.enter(shared.job_names()).await?;
        // The builder is used up, so nobody else has set it.
        let _ = self.shared.set(Arc::clone(&shared));
        tokio::spawn(keep::claiming(Arc::clone(&shared)));
        tokio::spawn(keep::extending(Arc::clone(&shared)));
        Ok(Runs { shared })
    }
}

impl Shared {
    fn engine(&self) -> Result<&dyn Engine, StartError> {
        self.hub.storage().map(crate::storage::Storage::engine).ok_or(StartError::NoStorage)
    }

    fn job_names(&self) -> Vec<String> {
        self.jobs.keys().map(|name| (*name).to_owned()).collect()
    }

    async fn add(
        &self,
        job: &str,
        run_id: &str,
        channel: &Channel,
        input: String,
    ) -> Result<bool, StartError> {
        let log = self.hub.open_log(channel).await.map_err(StartError::unavailable)?;
        let run = NewRun {
            run_id: run_id.to_owned(),
            job: job.to_owned(),
            channel: channel.name().to_owned(),
            input,
        };
        let added = self.engine()?.add(run, news::running(&log, run_id, 1, None)).await?;
        self.wake.notify_one();
        Ok(added)
    }

    async fn cancel(&self, run_id: &str) -> Result<bool, StartError> {
        let Some(record) = self.engine()?.find(run_id.to_owned()).await? else { return Ok(false) };
        let Some(channel) = self.hub.registry().resolve(&record.channel) else { return Ok(false) };
        let log = self.hub.open_log(&channel).await.map_err(StartError::unavailable)?;
        let settled = self.engine()?.cancel(run_id.to_owned(), news::cancelled(&log, run_id)).await?;
        self.hub.wake_runs(channel.name());
        Ok(settled == Settled::Kept)
    }

    fn executing(&self) -> std::sync::MutexGuard<'_, HashMap<Hold, AbortHandle>> {
        self.executing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lease(&self) -> SystemTime {
        SystemTime::now() + self.settings.lease
    }
}
