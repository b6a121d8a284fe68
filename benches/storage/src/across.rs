//! Publishes at a steady rate to one server, and receives from another.

use std::sync::Arc;
use std::time::Duration;

use bench_client::now;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::figures::{Figures, Times};
use crate::subscriber::Subscriber;
use crate::target::{Publisher, Target};
use crate::{CHANNELS, Error, publish};

/// The number of messages that may be on the way to the server.
const PUBLISHERS: usize = 32;

/// Messages that arrive later than this after the end are lost.
const PATIENCE: Duration = Duration::from_secs(3);

/// If a message is later than this, in nanoseconds, the target could not keep up, and times count from when the message was
/// due.
const LATE: u64 = 2_000_000;

/// A message to publish.
struct Due {
    at: u64,
    sequence: u64,
}

/// Measures how long messages take from the publisher to the subscriber.
pub(crate) async fn measure(target: Target, from: &str, rate: u64, time: Duration) -> Result<String, Error> {
    let mut subscriber = Subscriber::open(from, CHANNELS).await?;
    let publishers = publish::connect(&target, PUBLISHERS).await?;
    let total = rate * u64::try_from(time.as_millis())? / 1_000;
    // The first tenth warms up both servers.
    let first = total / 10;
    let receiving = tokio::spawn(async move {
        let (mut times, mut last) = (Times::new(), now());
        let mut received = 0;
        while received < total {
            let receive = subscriber.receive(|marker| {
                // Publishers that opened the channels published a message each.
                if marker.published > 0 {
                    last = now();
                    received += 1;
                    if marker.sequence >= first {
                        times.record(last - marker.published);
                    }
                }
            });
            match timeout(time + PATIENCE, receive).await {
                Ok(done) => done?,
                Err(_) => break,
            }
        }
        Ok::<_, Error>((times, received, last))
    });
    let accepted = publish_at(publishers, rate, total).await?;
    let begun_waiting = now();
    let (times, received, last) = match timeout(PATIENCE, receiving).await {
        Ok(done) => done??,
        Err(_) => return Err(format!("messages were lost at {rate} per second").into()),
    };
    let figures = Figures::default().with_times("", &times).with_times("accepted_", &accepted);
    let late = last.saturating_sub(begun_waiting) as f64 / 1e6;
    Ok(figures.with("lost", (total - received) as f64).with("late", late).finish())
}

/// Publishes `total` messages at a steady rate, in turn to all channels. Returns how long the target took to accept each.
pub(crate) async fn publish_at(publishers: Vec<Publisher>, rate: u64, total: u64) -> Result<Times, Error> {
    let (sender, due) = mpsc::unbounded_channel();
    let due = Arc::new(Mutex::new(due));
    let mut tasks = JoinSet::new();
    for publisher in publishers {
        tasks.spawn(publish_due(publisher, Arc::clone(&due)));
    }
    let start = now();
    for sequence in 0..total {
        let at = start + sequence * 1_000_000_000 / rate;
        let wait = at.saturating_sub(now());
        if wait > 0 {
            tokio::time::sleep(Duration::from_nanos(wait)).await;
        }
        let _ = sender.send(Due { at, sequence });
    }
    drop(sender);
    let mut times = Times::new();
    while let Some(done) = tasks.join_next().await {
        times.add(&done??);
    }
    Ok(times)
}

async fn publish_due(
    mut publisher: Publisher,
    due: Arc<Mutex<mpsc::UnboundedReceiver<Due>>>,
) -> Result<Times, Error> {
    let mut times = Times::new();
    loop {
        let Some(Due { at, sequence }) = due.lock().await.recv().await else { return Ok(times) };
        let asked = now();
        let published = if asked > at + LATE { at } else { asked };
        let channel = usize::try_from(sequence)? % CHANNELS;
        publisher.publish(channel, published, sequence).await?;
        times.record(now() - published);
    }
}
