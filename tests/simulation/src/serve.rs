//! The server of a process that executes runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fanfare::{Hub, Job, Runs};
use tokio::time::Instant;

use crate::channels::{REGISTRY, Room};
use crate::interpret::{Site, interpret};
use crate::observe::Execution;
use crate::plan::Node;
use crate::process::{Serve, open};
use crate::world::World;

/// The settings of runs in all processes of a simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) retries: u32,
    pub(crate) backoff: (Duration, Duration),
    pub(crate) step_timeout: Duration,
    pub(crate) lease: Duration,
    pub(crate) max_concurrent_runs: usize,
    pub(crate) max_waiting_runs_in_memory: usize,
    pub(crate) run_retention: Duration,
}

/// The server of a process, once it has started.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) hub: Hub,
    pub(crate) runs: Runs,
    pub(crate) job: Job<Room, u64>,
}

impl Serve for Server {
    fn hub(&self) -> &Hub {
        &self.hub
    }
}

pub(crate) async fn serve(world: Arc<World>, file: PathBuf, settings: Settings) -> Result<Server, String> {
    let storage = open(&file)?;
    let begun = Instant::now();
    let hub = Hub::builder(&REGISTRY).signing_key("a key of a simulation that nobody uses").storage(storage);
    let hub = hub.build().map_err(|error| error.to_string())?;
    let Settings { backoff, .. } = settings;
    let mut runs = Runs::builder(&hub)
        .max_retries(settings.retries)
        .backoff(backoff.0, backoff.1)
        .step_timeout(settings.step_timeout)
        .lease_duration(settings.lease)
        .max_concurrent_runs(settings.max_concurrent_runs)
        .max_waiting_runs_in_memory(settings.max_waiting_runs_in_memory)
        .run_retention(settings.run_retention);
    let executing = Arc::clone(&world);
    let job = runs.register("simulated", move |run: fanfare::Run<Room>, seed: u64| {
        let execution = Execution::begin(&executing, run.id());
        interpret(run, Node::generate(seed), Site::root(execution))
    });
    let runs = runs.build().await.map_err(|error| error.to_string())?;
    world.trace(format_args!("serves after {:?}", begun.elapsed()));
    Ok(Server { hub, runs, job })
}
