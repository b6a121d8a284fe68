//! Definitions that the examples in `docs/testing-rust.md` use without showing them.

use std::time::Duration;

pub(crate) use fanfare::testing::{TestClock, TestHub, TestRuns};
pub(crate) use fanfare::{Hub, Job, PublishError, Run, RunError, RunStatus, Runs, Sqlite};
pub(crate) use generated::pipeline::{Approve, ApproveVerdict, Pipeline, RunResult, Status};
pub(crate) use generated::{REGISTRY, Step};

pub(crate) use super::testing_rust_page::example_2::build;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) async fn fetch(url: &str) -> Result<String, std::io::Error> {
    panic!("no test fetches {url}")
}

pub(crate) async fn store(_text: &str) -> Result<(), std::io::Error> {
    Ok(())
}
