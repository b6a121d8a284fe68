//! Publishes messages, in each mode.

use crate::arguments::Arguments;
use crate::protocol::{self, Protocol};
use crate::subscriber::Desk;
use bench_hub::connection::Connection;
use bench_hub::control::Remote;
use bench_hub::frame::{self, BINARY};
use bench_hub::http::Http;
use bench_hub::message::{filling, payload};
use bench_hub::now;
use hdrhistogram::Histogram;
use std::ops::Range;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};

/// How long a publisher waits at most before it checks again.
const PACE: Duration = Duration::from_millis(1);

/// If a message is later than this, in nanoseconds, the publisher could not keep up, and latency counts from when the
/// message was due.
const LATE: u64 = 2_000_000;

/// The maximum number of messages in one write.
const BURST: u64 = 64;

/// The published messages.
pub(crate) struct Published {
    pub(crate) messages: u64,
    /// How long the server took to accept each message, in microseconds, if measured.
    pub(crate) acceptance: Histogram<u64>,
}

impl Published {
    pub(crate) fn of(messages: u64) -> Self {
        let acceptance = Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are valid");
        Self { messages, acceptance }
    }
}

/// Lets the server publish, at most `window` messages ahead of subscribers.
pub(crate) async fn in_process(
    arguments: &Arguments,
    desk: &Desk,
    window: Option<u64>,
) -> Result<Published, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut remote =
        Remote::start(&arguments.control, arguments.size, arguments.channels, 0).await.map_err(failed)?;
    let end = end(arguments.time);
    let mut allowed = 0;
    while now() < end {
        let most = window.map_or(u64::MAX, |window| desk.stats.average() + window);
        if most > allowed {
            remote.allow(most).await.map_err(failed)?;
            allowed = most;
        }
        let _ = timeout(PACE, desk.stats.progress.notified()).await;
    }
    Ok(Published::of(remote.stop().await.map_err(failed)?))
}

/// Publishes a number of messages, in the server if it can.
pub(crate) async fn fill(arguments: &Arguments, messages: u64) -> Result<Published, String> {
    if arguments.protocol == Protocol::Centrifugo {
        let mut outlet = Outlet::connect(arguments).await?;
        for first in (0..messages).step_by(BURST as usize) {
            outlet.publish(first..messages.min(first + BURST)).await?;
        }
        return Ok(Published::of(messages));
    }
    let failed = |error: std::io::Error| error.to_string();
    let mut remote =
        Remote::start(&arguments.control, arguments.size, arguments.channels, 0).await.map_err(failed)?;
    remote.allow(messages).await.map_err(failed)?;
    Ok(Published::of(remote.finish().await.map_err(failed)?))
}

/// Publishes at a steady rate.
pub(crate) async fn steady(arguments: &Arguments, desk: &Desk, rate: u64) -> Result<Published, String> {
    if arguments.protocol.is_nats() {
        let due = |published, elapsed: u64| (elapsed * rate / 1_000_000_000 + 1).saturating_sub(published);
        return native(arguments, desk, due).await;
    }
    let mut http = Http::connect(&arguments.server).await?;
    let path = arguments.protocol.publish_path();
    let filling = filling(usize::try_from(arguments.size).unwrap_or(0));
    let (start, end) = (now(), end(arguments.time));
    let mut published = Published::of(0);
    loop {
        let due = start + published.messages * 1_000_000_000 / rate;
        if due >= end {
            return Ok(published);
        }
        sleep(Duration::from_nanos(due.saturating_sub(now()))).await;
        let asked = now();
        let time = if asked > due + LATE { due } else { asked };
        let body = arguments.protocol.publish_body(payload(time, published.messages, &filling));
        http.post(&path, &body).await?;
        published.acceptance.saturating_record((now() - asked) / 1_000);
        published.messages += 1;
    }
}

/// Publishes over its own connection, at most `window` messages ahead of subscribers.
pub(crate) async fn ahead(arguments: &Arguments, desk: &Desk, window: u64) -> Result<Published, String> {
    native(arguments, desk, |published, _| (desk.stats.average() + window).saturating_sub(published)).await
}

/// Publishes over its own connection. `room(published, elapsed)` returns how many more messages to publish, given the
/// number published and the elapsed nanoseconds.
async fn native(
    arguments: &Arguments,
    desk: &Desk,
    room: impl Fn(u64, u64) -> u64,
) -> Result<Published, String> {
    let mut outlet = Outlet::connect(arguments).await?;
    let (start, end) = (now(), end(arguments.time));
    let mut published = 0;
    while now() < end {
        let burst = room(published, now() - start).min(BURST);
        if burst == 0 {
            let _ = timeout(PACE, desk.stats.progress.notified()).await;
            continue;
        }
        outlet.publish(published..published + burst).await?;
        published += burst;
        tokio::task::yield_now().await;
    }
    Ok(Published::of(published))
}

/// The connection of a publisher.
struct Outlet {
    connection: OutletConnection,
    filling: String,
    channels: u64,
}

enum OutletConnection {
    Nats(Connection),
    /// Centrifugo's HTTP API.
    Http(Http),
}

impl Outlet {
    async fn connect(arguments: &Arguments) -> Result<Self, String> {
        let connection = if arguments.protocol.is_nats() {
            OutletConnection::Nats(Protocol::publisher(&arguments.server).await?)
        } else {
            OutletConnection::Http(Http::connect(&arguments.server).await?)
        };
        let filling = filling(usize::try_from(arguments.size).unwrap_or(0));
        Ok(Self { connection, filling, channels: arguments.channels })
    }

    /// Publishes a burst of messages, all at once.
    async fn publish(&mut self, sequences: Range<u64>) -> Result<(), String> {
        let payload = |sequence| payload(now(), sequence, &self.filling);
        match &mut self.connection {
            OutletConnection::Nats(connection) => {
                let mut frames = Vec::new();
                for payload in sequences.map(payload) {
                    let message = format!("PUB bench {}\r\n{payload}\r\n", payload.len());
                    frames.extend(frame::from_client(BINARY, message.as_bytes()));
                }
                connection.socket.write_all(&frames).await.map_err(|error| error.to_string())
            }
            OutletConnection::Http(http) => {
                let messages = sequences.map(|sequence| (sequence % self.channels, payload(sequence)));
                let answer = http.post("/api/batch", &protocol::batch(messages)).await?;
                if answer.contains("\"error\"") { Err(answer) } else { Ok(()) }
            }
        }
    }
}

fn end(time: Duration) -> u64 {
    now() + u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
