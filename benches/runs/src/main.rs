//! Measures one way to write: runs of jobs, or a plain loop of SQLite transactions.
//!
//! `bench-runs HOW RUNS MILLISECONDS FILE` prints how many of them a second there were, and writes to a
//! new file, which may be named `:memory:` for runs.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

mod definition;
mod jobs;
mod plain;

/// What is done over and over.
#[derive(Clone, Copy)]
enum Work {
    Step,
    /// The publish of a run, which is written down as one of its steps.
    DurablePublish,
    /// The publish of the run's hub.
    Publish,
    /// The publish of another hub, which keeps its history in memory only.
    PublishInMemory,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [how, runs, milliseconds, file] = arguments.as_slice() else {
        return Err("it takes what to do, how many runs, for how many milliseconds, and a file".into());
    };
    let (runs, time) = (runs.parse()?, Duration::from_millis(milliseconds.parse()?));
    let file = Path::new(file);
    let rate = match how.as_str() {
        "plain-step" => plain::measure(Work::Step, runs, time, file)?,
        "plain-publish" => plain::measure(Work::DurablePublish, runs, time, file)?,
        "run-step" => jobs::measure(Work::Step, runs, time, file)?,
        "run-publish" => jobs::measure(Work::DurablePublish, runs, time, file)?,
        "hub-publish" => jobs::measure(Work::Publish, runs, time, file)?,
        "memory-publish" => jobs::measure(Work::PublishInMemory, runs, time, file)?,
        unknown => return Err(format!("{unknown:?} cannot be measured").into()),
    };
    println!("{rate:.0}\t{}", rusqlite::version());
    Ok(())
}
