//! Runs and messages to look at.

use std::error::Error;

use channels::Step;
use channels::pipeline::{Pipeline, Status};
use channels::system::{Notice, NoticeLevel, System};
use fanfare::Hub;

use crate::jobs::Jobs;

pub(crate) async fn publish_notice(hub: &Hub) -> Result<(), Box<dyn Error>> {
    let notice = Notice::new(NoticeLevel::Info, "Maintenance begins at midnight.");
    hub.publish(System::new().notice(), &notice).await?;
    Ok(())
}

/// Publishes numbered messages on the channel of a run.
pub(crate) async fn publish_messages(hub: &Hub, id: &str, count: u32) -> Result<(), Box<dyn Error>> {
    let pipeline = Pipeline::new(id)?;
    for number in 0..count {
        let progress = u8::try_from(number % 101)?;
        hub.publish(pipeline.status(), &Status::new(format!("Message {number}"), Step::Write, progress))
            .await?;
    }
    Ok(())
}

/// Starts runs.
pub(crate) async fn start(jobs: &Jobs, count: usize, samples: bool) -> Result<(), Box<dyn Error>> {
    for number in 0..count {
        jobs.start("greet", &format!("run_greet{number}")).await?;
    }
    if samples {
        for job in ["remind", "fetch", "greet", "translate", "charge", "draft", "review"] {
            jobs.start(job, &format!("run_{job}")).await?;
        }
    }
    Ok(())
}
