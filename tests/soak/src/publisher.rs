//! The publisher: one connection a channel, several requests ahead of their answers, and whatever was not
//! answered is repeated in the same order with the same idempotency key.

mod outbox;

use crate::http::Responses;
use crate::log::Message;
use crate::plan::Plan;
use crate::random::decisions;
use crate::{Result, SIGNING_KEY};
use outbox::Outbox;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// A connection that has answered nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two attempts to connect.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(25);

/// What was published on one channel.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// All of it was acknowledged, in this order.
    pub(crate) messages: Vec<Message>,
    /// How many requests were sent again.
    pub(crate) repeated: u64,
    /// How many of those the server had already published.
    pub(crate) replayed: u64,
}

/// Publishes on one channel at a steady rate, until the plan's duration is over or it is told that it is,
/// and all is acknowledged.
pub(crate) async fn publish(
    plan: Plan,
    channel: usize,
    door: u16,
    over: watch::Receiver<bool>,
) -> Result<Published> {
    let name = plan.channel(channel);
    let random = decisions(plan.seed, &name, 0);
    let mut outbox = Outbox::new(format!("{}-{}", plan.seed, plan.name), name, random);
    let start = Instant::now();
    let due = Due {
        start,
        between: Duration::from_secs(1) * u32::try_from(plan.channels)? / plan.rate,
        end: start + plan.duration,
        over,
    };
    while !(outbox.is_empty() && due.is_over(outbox.written())) {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", door)).await {
            outbox.write_again();
            serve(stream, &mut outbox, &due).await?;
        }
        sleep(BETWEEN_ATTEMPTS).await;
    }
    Ok(outbox.published)
}

/// When each message is to be published.
struct Due {
    start: Instant,
    between: Duration,
    end: Instant,
    over: watch::Receiver<bool>,
}

impl Due {
    fn at(&self, number: u32) -> Instant {
        self.start + self.between * number
    }

    fn is_over(&self, number: u32) -> bool {
        self.at(number) >= self.end || *self.over.borrow()
    }
}

/// Publishes on one connection, until it breaks or nothing is left to publish.
async fn serve(mut stream: TcpStream, outbox: &mut Outbox, due: &Due) -> Result {
    let mut responses = Responses::default();
    let mut heard = Instant::now();
    // Small requests must not wait for each other; where it fails they do.
    let _ = stream.set_nodelay(true);
    let (mut reads, mut writes) = stream.split();
    loop {
        let next = due.at(outbox.written());
        let is_over = due.is_over(outbox.written());
        if is_over && outbox.is_empty() {
            return Ok(());
        }
        tokio::select! {
            read = reads.read_buf(responses.buffer()) => {
                if !matches!(read, Ok(1..)) {
                    return Ok(());
                }
                heard = Instant::now();
                while let Some(response) = responses.take()? {
                    outbox.answered(&response)?;
                }
            }
            written = writes.write(outbox.bytes()), if !outbox.bytes().is_empty() => match written {
                Ok(length) => outbox.sent(length),
                Err(_) => return Ok(()),
            },
            () = sleep_until(next), if !is_over && outbox.has_room() => {
                if outbox.is_empty() {
                    heard = Instant::now();
                }
                outbox.write_next();
            }
            () = sleep_until(heard + PATIENCE), if !outbox.is_empty() => return Ok(()),
        }
    }
}

/// Asks the server for a token that lasts longer than any run.
pub(crate) async fn token(server: u16, topics: &[(String, &str)]) -> Result<String> {
    let entries = topics
        .iter()
        .map(|(channel, topic)| serde_json::json!({ "channel": channel, "name": topic, "kind": "run" }));
    mint(server, entries.collect()).await
}

/// Asks the server for a token that may send a signal.
pub(crate) async fn signal_token(server: u16, channel: &str, signal: &str) -> Result<String> {
    mint(server, serde_json::json!([{ "channel": channel, "name": signal, "kind": "signal" }])).await
}

async fn mint(server: u16, entries: serde_json::Value) -> Result<String> {
    let bearer = format!("Authorization: Bearer {SIGNING_KEY}\r\n");
    let start = "POST /v1/realtime/token?expires_in=86400";
    let body = entries.to_string();
    let request = crate::http::request(server, start, &bearer, &body);
    let response = timeout(PATIENCE * 5, request).await??;
    let answer: serde_json::Value = serde_json::from_slice(&response.body)?;
    answer["jwt"].as_str().map(str::to_owned).ok_or_else(|| format!("no token: {answer}").into())
}
