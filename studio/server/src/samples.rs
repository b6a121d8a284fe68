//! Runs and messages to look at.

use std::error::Error;

use channels::Step;
use channels::pipeline::{Pipeline, Status};
use channels::system::{Notice, NoticeLevel, System};
use fanfare::Hub;
use serde_json::json;
use tokio::time::{Duration, Instant};

use crate::definitions::{LINE, LOG};
use crate::jobs::Jobs;

pub(crate) async fn publish_notice(hub: &Hub) -> Result<(), Box<dyn Error + Send + Sync>> {
    let notice = Notice::new(NoticeLevel::Info, "Maintenance begins at midnight.");
    hub.publish(System::new().notice(), &notice).await?;
    Ok(())
}

/// Publishes numbered messages on the channel of a run, or on the channel with a long history.
pub(crate) async fn publish_messages(
    hub: &Hub,
    id: &str,
    count: u32,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    for number in 0..count {
        publish_message(hub, id, number).await?;
    }
    Ok(())
}

/// Publishes numbered messages, this many per second.
pub(crate) async fn publish_at_rate(
    hub: &Hub,
    id: &str,
    count: u32,
    rate: u32,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let start = Instant::now();
    for number in 0..count {
        tokio::time::sleep_until(start + Duration::from_secs(1) * number / rate).await;
        publish_message(hub, id, number).await?;
    }
    Ok(())
}

async fn publish_message(hub: &Hub, id: &str, number: u32) -> Result<(), Box<dyn Error + Send + Sync>> {
    let message = format!("Message {number}");
    if id == LOG {
        let line = json!({ "message": message }).to_string();
        hub.publish_json(LOG, LINE, line.as_bytes()).await?;
    } else {
        let progress = u8::try_from(number % 101)?;
        hub.publish(Pipeline::new(id)?.status(), &Status::new(message, Step::Write, progress)).await?;
    }
    Ok(())
}

/// Starts runs.
pub(crate) async fn start(
    jobs: &Jobs,
    count: usize,
    samples: bool,
) -> Result<(), Box<dyn Error + Send + Sync>> {
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
