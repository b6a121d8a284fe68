//! The job of the crash test: a number of iterations, each with a step, both kinds of publish, a sleep and a wait. On
//! PostgreSQL, each also writes a row in the transaction that records its step.

use crate::channels::Numbered;
use crate::channels::work::{Go, RunResult, Work};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use fanfare::postgres::StepTransaction;
use fanfare::{Hub, Job, ReceivedSignal, Run, RunError, RunStatus, Runs};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

/// Longer than any test, so that no wait ends without a signal.
const DAY: Duration = Duration::from_secs(86_400);

/// The input of a run.
#[derive(Deserialize, Serialize)]
struct Input {
    /// The number of its first message.
    first: u64,
    iterations: u64,
    pause_milliseconds: u64,
}

#[derive(Clone)]
struct Executing {
    runs: Runs,
    job: Job<Work, Input>,
}

/// Executes runs, and returns a route that starts them and returns their status. The side effect of a step is a line
/// in a file. If `has_rows`, iterations write rows.
pub(crate) async fn execute(
    hub: &Hub,
    effects: PathBuf,
    has_rows: bool,
    lease: Duration,
) -> Result<Router, Box<dyn Error>> {
    // The process is killed repeatedly, which counts as a failed attempt.
    let mut runs = Runs::builder(hub).lease_duration(lease).max_retries(u32::MAX);
    let job = runs.register("work", move |run, input| work(run, input, effects.clone(), has_rows));
    let runs = runs.build().await?;
    Ok(Router::new().route("/runs/{channel}/{run}", post(start_or_look)).with_state(Executing { runs, job }))
}

async fn work(run: Run<Work>, input: Input, effects: PathBuf, has_rows: bool) -> Result<RunResult, RunError> {
    let mut result = RunResult::new(Vec::new(), Vec::new());
    let pause = Duration::from_millis(input.pause_milliseconds);
    for iteration in 0..input.iterations {
        let effect: String = run.step("effect", async || append(&effects, run.id(), iteration)).await?;
        if has_rows {
            run.transaction("row", async |transaction| insert(transaction, run.id(), iteration).await)
                .await?;
        }
        let message = Numbered::new(input.first + iteration, effect.as_str());
        run.publish("tell", run.channel().left(), &message).await?;
        run.hub().publish(run.channel().right(), &message).await?;
        run.sleep("pause", pause).await?;
        let signal = run.wait_for(run.channel().go(), DAY).await?;
        let ReceivedSignal { payload: Go { number, .. }, sender, .. } =
            signal.ok_or_else(|| RunError::fail("no signal"))?;
        result.signals.push(format!("{} {number}", sender.as_deref().unwrap_or("server")));
        result.effects.push(effect);
    }
    Ok(result)
}

/// The side effect of a step, which the journal cannot undo. Returns a different value each time.
fn append(effects: &FilePath, run: &str, iteration: u64) -> Result<String, RunError> {
    let effect = format!("{:032x}", fastrand::u128(..));
    let mut file = OpenOptions::new().create(true).append(true).open(effects)?;
    file.write_all(format!("{run} {iteration} {effect}\n").as_bytes())?;
    Ok(effect)
}

/// Writes a row of the application. Returns its value, which is different each time.
async fn insert(transaction: StepTransaction, run: &str, iteration: u64) -> Result<String, RunError> {
    let value = format!("{:032x}", fastrand::u128(..));
    let sql = "INSERT INTO public.work_rows VALUES ($1, $2, $3)";
    let iteration = i64::try_from(iteration)?;
    transaction.execute(sql, &[&run, &iteration, &value]).await?;
    Ok(value)
}

/// Starts a run unless it exists, and returns its status.
async fn start_or_look(
    State(Executing { runs, job }): State<Executing>,
    Path((channel, run)): Path<(String, String)>,
    body: String,
) -> Result<String, (StatusCode, String)> {
    let unavailable = |error: &dyn Error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string());
    let mut status = runs.status(&run).await.map_err(|error| unavailable(&error))?;
    if status.is_none() {
        let input =
            serde_json::from_str(&body).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
        let channel = Work::new(channel).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
        runs.start(&job, &run, &channel, &input).await.map_err(|error| unavailable(&error))?;
        status = Some(RunStatus::Running);
    }
    let reply: Value = match status {
        Some(RunStatus::Running | RunStatus::Waiting(_)) => json!({ "status": "running" }),
        Some(RunStatus::Completed(result)) => json!({ "status": "completed", "result": result }),
        other => json!({ "status": format!("{other:?}") }),
    };
    Ok(reply.to_string())
}
