//! The publisher: one connection per channel with pipelined requests. Unanswered requests are repeated in the same
//! order with the same idempotency key.

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

/// How long to wait for a response before reconnecting.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The pause between two attempts to connect.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(25);

/// What was published on one channel.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// The acknowledged messages, in order.
    pub(crate) messages: Vec<Message>,
    /// The number of repeated requests.
    pub(crate) repeated: u64,
    /// The number of repeated requests that the server had already published.
    pub(crate) replayed: u64,
}

/// Publishes on one channel at a steady rate, until the plan's duration or `over` ends it and everything is
/// acknowledged.
pub(crate) async fn publish(
    plan: Plan,
    channel: usize,
    port: u16,
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
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await {
            outbox.repeat_unanswered();
            publish_on(stream, &mut outbox, &due).await?;
        }
        sleep(BETWEEN_ATTEMPTS).await;
    }
    Ok(outbox.published)
}

/// The schedule of messages.
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

/// Publishes on one connection, until it fails or everything is published.
async fn publish_on(mut stream: TcpStream, outbox: &mut Outbox, due: &Due) -> Result {
    let mut responses = Responses::default();
    let mut last_response = Instant::now();
    // Without Nagle's algorithm, small requests do not wait for acknowledgements.
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
                last_response = Instant::now();
                while let Some(response) = responses.take()? {
                    outbox.handle_response(&response)?;
                }
            }
            written = writes.write(outbox.bytes()), if !outbox.bytes().is_empty() => match written {
                Ok(length) => outbox.sent(length),
                Err(_) => return Ok(()),
            },
            () = sleep_until(next), if !is_over && outbox.has_room() => {
                if outbox.is_empty() {
                    last_response = Instant::now();
                }
                outbox.write_next();
            }
            () = sleep_until(last_response + TIMEOUT), if !outbox.is_empty() => return Ok(()),
        }
    }
}

/// Requests a token that outlives any round.
pub(crate) async fn mint_token(server: u16, topics: &[(String, &str)]) -> Result<String> {
    let entries = topics
        .iter()
        .map(|(channel, topic)| serde_json::json!({ "channel": channel, "name": topic, "kind": "run" }));
    mint(server, entries.collect()).await
}

/// Requests a token that allows sending a signal.
pub(crate) async fn mint_signal_token(server: u16, channel: &str, signal: &str) -> Result<String> {
    mint(server, serde_json::json!([{ "channel": channel, "name": signal, "kind": "signal" }])).await
}

async fn mint(server: u16, entries: serde_json::Value) -> Result<String> {
    let bearer = format!("Authorization: Bearer {SIGNING_KEY}\r\n");
    let start = "POST /v1/realtime/token?expires_in=86400";
    let body = entries.to_string();
    let request = crate::http::request(server, start, &bearer, &body);
    let response = timeout(TIMEOUT * 5, request).await??;
    let answer: serde_json::Value = serde_json::from_slice(&response.body)?;
    answer["jwt"].as_str().map(str::to_owned).ok_or_else(|| format!("no token: {answer}").into())
}
