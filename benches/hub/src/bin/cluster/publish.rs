//! Lets hubs publish at a steady rate, and measures processes meanwhile.

use crate::{Error, Figures, Watch, numbers};
use bench_hub::control::Remote;
use bench_hub::{message, now, number};
use std::time::Duration;
use tokio::time::sleep;

/// The interval at which messages are allowed.
const PACE: Duration = Duration::from_millis(2);

/// The time within which messages are delivered after the last one was published.
const SETTLING: Duration = Duration::from_millis(300);

/// Lets the hubs with the control ports `--controls` publish. Each hub publishes `--messages` in total, or `--rate`
/// messages per second, or without either as fast as it can. It publishes to `--channels` channels in turn. The first
/// hub begins at channel `--first`, and the next one uses the channels after those. With `--shared 1`, all hubs publish to
/// the same channels.
pub(crate) async fn run() -> Result<(), Error> {
    let (first, channels) = (number("first", 0), number("channels", 1).max(1));
    let stride = if number("shared", 0) == 0 { channels } else { 0 };
    let size = number("size", message::USUAL_SIZE as u64);
    let messages = number("messages", 0);
    let mut remotes = Vec::new();
    for (index, control) in (0..).zip(numbers("controls")) {
        let address = format!("127.0.0.1:{control}");
        remotes.push(Remote::start(&address, size, channels, first + index * stride).await?);
    }
    let (watch, begun, mut published) = (Watch::start(), now(), 0);
    if messages > 0 {
        for remote in &mut remotes {
            remote.allow(messages).await?;
        }
        for remote in remotes {
            published += remote.finish().await?;
        }
    } else {
        pace(&mut remotes).await?;
        for remote in remotes {
            published += remote.stop().await?;
        }
    }
    let mut figures = Figures::default();
    figures.add("published", published);
    figures.add("rate", published as f64 * 1e9 / (now() - begun) as f64);
    sleep(SETTLING).await;
    watch.finish(&mut figures);
    figures.print();
    Ok(())
}

async fn pace(remotes: &mut [Remote]) -> Result<(), Error> {
    let (rate, time) = (number("rate", u64::MAX), number("milliseconds", 2_000) * 1_000_000);
    let begun = now();
    loop {
        let elapsed = now() - begun;
        if elapsed >= time {
            return Ok(());
        }
        let due = if rate == u64::MAX { u64::MAX } else { elapsed * rate / 1_000_000_000 };
        for remote in remotes.iter_mut() {
            remote.allow(due).await?;
        }
        sleep(PACE).await;
    }
}
