//! Publishes as fast as messages are accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bench_client::now;
use tokio::task::JoinSet;

use crate::figures::{Figures, Times};
use crate::target::{Publisher, Target};
use crate::{CHANNELS, Error};

/// The number of publishers that fill a channel.
const FILLING: usize = 32;

/// Measures publishers that publish one message after the other, each to one of the channels.
pub(crate) async fn for_time(target: Target, publishers: usize, time: Duration) -> Result<String, Error> {
    let publishers = connect(&target, publishers).await?;
    let begun = now();
    let end = begun + u64::try_from(time.as_nanos())?;
    let mut tasks = JoinSet::new();
    for (number, mut publisher) in publishers.into_iter().enumerate() {
        tasks.spawn(async move {
            let mut times = Times::new();
            let mut asked = now();
            while asked < end {
                publisher.publish(number % CHANNELS, asked, times.count()).await?;
                let accepted = now();
                times.record(accepted - asked);
                asked = accepted;
            }
            Ok::<_, Error>(times)
        });
    }
    let mut times = Times::new();
    while let Some(done) = tasks.join_next().await {
        times.add(&done??);
    }
    let seconds = (now() - begun) as f64 / 1e9;
    Ok(Figures::default().with("rate", times.count() as f64 / seconds).with_times("", &times).finish())
}

/// Publishes a number of messages to the first channel.
pub(crate) async fn fill(target: Target, messages: u64) -> Result<String, Error> {
    let mut tasks = JoinSet::new();
    let next = Arc::new(AtomicU64::new(0));
    for mut publisher in connect(&target, FILLING).await? {
        let next = Arc::clone(&next);
        tasks.spawn(async move {
            loop {
                let sequence = next.fetch_add(1, Ordering::Relaxed);
                if sequence >= messages {
                    return Ok::<_, Error>(());
                }
                publisher.publish(0, now(), sequence).await?;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(Figures::default().with("filled", messages as f64).finish())
}

/// Returns publishers that are connected, and whose channels are open.
pub(crate) async fn connect(target: &Target, publishers: usize) -> Result<Vec<Publisher>, Error> {
    let mut connected = Vec::new();
    for number in 0..publishers {
        let mut publisher = target.publisher().await?;
        if let Publisher::Hub(..) = publisher
            && number < CHANNELS
        {
            publisher.publish(number, 0, 0).await?;
        }
        connected.push(publisher);
    }
    Ok(connected)
}
