//! Runs of one job, and their outcomes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use fanfare::{Job, Run, RunError, RunStatus, Runs, RunsBuilder, Sqlite};
use serde::Serialize;
use tokio::sync::Semaphore;

use super::definition::{Outcome, Room};
use super::server::Server;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn done(message: impl Into<String>) -> Outcome {
    Outcome { message: message.into() }
}

/// Counts side effects, which the journal does not record.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicU32>);

impl Count {
    pub(crate) fn up(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn down(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A fault that a test switches.
#[derive(Clone)]
pub(crate) struct Fault(Arc<AtomicBool>);

impl Fault {
    pub(crate) fn on() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    pub(crate) fn off() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn set(&self, is_on: bool) {
        self.0.store(is_on, Ordering::SeqCst);
    }

    /// Returns an error that is not retried, while the fault is on.
    pub(crate) fn check(&self) -> Result<(), RunError> {
        if self.is_on() { Err(RunError::fail("broken")) } else { Ok(()) }
    }
}

/// Holds runs back until the test lets them continue.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets one step pass, now or later.
    pub(crate) fn open(&self) {
        self.0.add_permits(1);
    }

    /// Waits in a step of a run.
    pub(crate) async fn pass(&self, run: &Run<Room>) -> Result<(), RunError> {
        run.step("gate", async || {
            self.0.acquire().await.unwrap().forget();
            Ok::<_, RunError>(())
        })
        .await
    }
}

/// Starts a server whose storage no other server has: SQLite in memory, or PostgreSQL if the environment variable
/// `FANFARE_TEST_ENGINE` is `postgres`.
pub(crate) async fn in_memory() -> Server {
    #[cfg(all(feature = "postgres", unix))]
    if let Some(schema) = super::postgres::Schema::of_test() {
        return schema.server().await;
    }
    Server::start_with(|builder| builder.storage(Sqlite::in_memory().unwrap())).await
}

/// Builds runs with one job, with short delays before retries.
pub(crate) async fn runs<I, F, R>(server: &Server, job: F) -> (Runs, Job<Room, I>)
where
    I: Serialize + serde::de::DeserializeOwned + Send + 'static,
    F: Fn(Run<Room>, I) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Outcome, RunError>> + Send + 'static,
{
    runs_with(server, |builder| builder, job).await
}

/// Like [`runs`], with settings.
pub(crate) async fn runs_with<I, F, R>(
    server: &Server,
    configure: impl FnOnce(RunsBuilder) -> RunsBuilder,
    job: F,
) -> (Runs, Job<Room, I>)
where
    I: Serialize + serde::de::DeserializeOwned + Send + 'static,
    F: Fn(Run<Room>, I) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Outcome, RunError>> + Send + 'static,
{
    let builder = Runs::builder(&server.hub).backoff(Duration::from_millis(10), Duration::from_millis(50));
    let mut builder = configure(builder);
    let job = builder.register("job", job);
    (builder.build().await.unwrap(), job)
}

pub(crate) async fn ended(runs: &Runs, run_id: &str) -> RunStatus {
    for _ in 0..2000 {
        match runs.status(run_id).await.unwrap() {
            Some(RunStatus::Running | RunStatus::Waiting(_)) | None => {
                tokio::time::sleep(Duration::from_millis(10)).await
            }
            Some(status) => return status,
        }
    }
    panic!("{run_id} does not end")
}

/// Waits until a run asks for a signal.
pub(crate) async fn waits(runs: &Runs, run_id: &str) -> Vec<String> {
    for _ in 0..2000 {
        if let Some(RunStatus::Waiting(names)) = runs.status(run_id).await.unwrap() {
            return names;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("{run_id} does not wait");
}

pub(crate) fn failed(status: &RunStatus) -> bool {
    matches!(status, RunStatus::Failed(_))
}

pub(crate) fn completed(message: &str) -> RunStatus {
    RunStatus::Completed(serde_json::json!({ "message": message }).to_string())
}
