//! Measures one method of writing: with runs of jobs, or in a plain loop of SQLite transactions.
//!
//! Usage: `bench-runs <method> <runs> <milliseconds> <file>`. Prints the writes per second and the version of SQLite.
//! The file must be new. For runs, it may be `:memory:`.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

mod definition;
mod jobs;
mod plain;

/// The work that is repeated.
#[derive(Clone, Copy)]
enum Work {
    Step,
    /// A publish with the run, which is recorded as a step.
    DurablePublish,
    /// A publish with the hub of the run.
    Publish,
    /// A publish with another hub, which keeps its history only in memory.
    PublishInMemory,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [how, runs, milliseconds, file] = arguments.as_slice() else {
        return Err("usage: bench-runs <method> <runs> <milliseconds> <file>".into());
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
        unknown => return Err(format!("unknown method {unknown:?}").into()),
    };
    println!("{rate:.0}\t{}", rusqlite::version());
    Ok(())
}
