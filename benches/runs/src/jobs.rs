//! Measures runs that work until they are stopped.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fanfare::{Hub, Run, RunError, Runs, Sqlite};
use tokio::sync::Barrier;

use crate::Work;
use crate::definition::{Bench, Progress, REGISTRY};

const SIGNING_KEY: &str = "signkey-test-00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// The state that the runs and `measure` share.
struct Measure {
    work: Work,
    /// Passed when all runs are ready to work.
    begin: Barrier,
    stop: AtomicBool,
    done: AtomicU64,
    /// A hub without storage.
    in_memory: Hub,
}

/// Returns how often per second a number of runs did the work, in total.
#[tokio::main]
pub(crate) async fn measure(
    work: Work,
    runs: usize,
    time: Duration,
    file: &Path,
) -> Result<f64, Box<dyn Error>> {
    let storage = Sqlite::open(file)?;
    let hub = Hub::builder(&REGISTRY).signing_key(SIGNING_KEY).storage(storage).build()?;
    let measure = Arc::new(Measure {
        work,
        begin: Barrier::new(runs + 1),
        stop: AtomicBool::new(false),
        done: AtomicU64::new(0),
        in_memory: Hub::builder(&REGISTRY).signing_key(SIGNING_KEY).build()?,
    });
    let mut builder = Runs::builder(&hub);
    let ours = Arc::clone(&measure);
    let job = builder.register("work", move |run: Run<Bench>, (): ()| job(run, Arc::clone(&ours)));
    let started = builder.build().await?;
    for number in 0..runs {
        started.start(&job, &format!("run_{number}"), &Bench::new(number)?, &()).await?;
    }
    measure.begin.wait().await;
    let since = Instant::now();
    tokio::time::sleep(time).await;
    let done = measure.done.load(Ordering::Relaxed);
    let rate = done as f64 / since.elapsed().as_secs_f64();
    measure.stop.store(true, Ordering::Relaxed);
    Ok(rate)
}

async fn job(run: Run<Bench>, measure: Arc<Measure>) -> Result<(), RunError> {
    measure.begin.wait().await;
    let (progress, topic) = (Progress::some(), run.channel().progress());
    for number in 0_u32.. {
        if measure.stop.load(Ordering::Relaxed) {
            break;
        }
        let id = format!("chapter {number}");
        match measure.work {
            Work::Step => {
                run.step(&id, async || Ok::<_, RunError>(progress.clone())).await?;
            }
            Work::DurablePublish => {
                run.publish(&id, topic, &progress).await?;
            }
            Work::Publish => {
                run.hub().publish(topic, &progress).await?;
            }
            Work::PublishInMemory => {
                measure.in_memory.publish(topic, &progress).await?;
            }
        }
        measure.done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
