//! Publishes messages, retrying at other servers until they are acknowledged, and writes text streams.

use super::cluster::{Cluster, Counts, Phase};
use super::order::TOPICS;
use crate::http::{self, Connection, Responses};
use crate::log::MessageId;
use crate::random::{between, decisions};
use crate::{Result, SIGNING_KEY};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// The time within which a running server answers.
const ANSWER_TIME: Duration = Duration::from_secs(7);
/// The time within which a running server notices that a writer has disconnected.
const NOTICE_TIME: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(250);
const RETRY: Duration = Duration::from_millis(30);
/// The time within which one of the servers must acknowledge a message.
const TIMEOUT: Duration = Duration::from_secs(90);

/// An acknowledged message.
pub(super) struct Answered {
    pub(super) channel: usize,
    pub(super) topic: usize,
    pub(super) number: u32,
    pub(super) at: MessageId,
}

/// Starts publishers in each channel, which publish `rate` messages per second together, and two writers of text
/// streams.
pub(super) fn start(
    cluster: &Arc<Cluster>,
    round: &str,
    per_channel: usize,
    rate: u32,
) -> (JoinSet<Vec<Answered>>, JoinSet<Vec<Written>>) {
    let publishers = u32::try_from(cluster.channels.len() * per_channel).unwrap_or(u32::MAX);
    let pace = Duration::from_secs(1) * publishers / rate;
    let (mut publishing, mut writing) = (JoinSet::new(), JoinSet::new());
    for channel in 0..cluster.channels.len() {
        for index in 0..per_channel {
            let name = format!("publisher-{round}-{channel}-{index}");
            publishing.spawn(publish(Arc::clone(cluster), channel, name, pace));
        }
        for index in 0..2 {
            writing.spawn(write(Arc::clone(cluster), channel, format!("writer-{round}-{channel}-{index}")));
        }
    }
    (publishing, writing)
}

/// The maximum delay that a publisher makes up for. Faults may delay it for longer.
const MAX_LAG: Duration = Duration::from_secs(1);

/// Publishes messages, one by one and in bursts, until the round settles. `pace` is the mean time between two messages.
async fn publish(cluster: Arc<Cluster>, channel: usize, name: String, pace: Duration) -> Vec<Answered> {
    let mut random = decisions(cluster.seed, &name, 0);
    let mut connections = Connections::new(&cluster);
    let (mut answered, mut due) = (Vec::new(), Instant::now());
    while cluster.is(Phase::Faults) {
        let burst = if random.u8(0..6) == 0 { random.u32(10..80) } else { random.u32(1..4) };
        for _ in 0..burst {
            let topic = [0, 1, 2, 3, 3][random.usize(0..5)];
            answered.extend(publish_one(&cluster, &mut connections, channel, topic, &mut random).await);
        }
        due = (due + pace * burst).max(Instant::now() - MAX_LAG);
        cluster.pause(due.saturating_duration_since(Instant::now())).await;
    }
    answered
}

/// The connections of a publisher to the servers, each with its port. They are opened when they are needed.
pub(super) struct Connections(Vec<Option<(u16, Connection)>>);

impl Connections {
    pub(super) fn new(cluster: &Cluster) -> Self {
        Self((0..cluster.servers()).map(|_| None).collect())
    }

    /// Sends a request to a server. The connection stays open only if the server responds.
    async fn request(
        &mut self,
        server: usize,
        port: u16,
        start: &str,
        headers: &str,
        body: &str,
    ) -> Result<http::Response> {
        let mut connection = match self.0[server].take() {
            Some((known, connection)) if known == port => connection,
            _ => Connection::open(port).await?,
        };
        let response = connection.request(start, headers, body).await?;
        self.0[server] = Some((port, connection));
        Ok(response)
    }
}

/// Publishes one message, retrying at each server in turn until it is acknowledged.
pub(super) async fn publish_one(
    cluster: &Cluster,
    connections: &mut Connections,
    channel: usize,
    topic: usize,
    random: &mut fastrand::Rng,
) -> Option<Answered> {
    let number = cluster.next_number();
    let (name, topic_name) = (&cluster.channels[channel], TOPICS[topic].name);
    let start = format!("POST /v1/realtime/publish?channel={name}&topic={topic_name}");
    let headers = format!("Authorization: Bearer {SIGNING_KEY}\r\nIdempotency-Key: key-{number}\r\n");
    let body = format!(r#"{{"number":{number},"text":"{}"}}"#, "é".repeat(random.usize(0..100)));
    let (started, first) = (Instant::now(), random.usize(0..cluster.servers()));
    for attempt in first.. {
        if started.elapsed() > TIMEOUT {
            break;
        }
        if attempt > first {
            Counts::add(&cluster.counts.repeated);
            sleep(RETRY).await;
        }
        let server = attempt % cluster.servers();
        let Some(port) = cluster.port(server) else { continue };
        let sent = Instant::now();
        let request = connections.request(server, port, &start, &headers, &body);
        let response = match within(cluster, server, request).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => continue,
            Err(late) => {
                cluster.report_violation(format!("number {number} on {name}: {late}"));
                continue;
            }
        };
        let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        match (response.head.status, answer["id"].as_str().map(str::parse)) {
            (200, Some(Ok(at))) => {
                Counts::add(&cluster.counts.answered);
                cluster.record_published(channel, sent);
                return Some(Answered { channel, topic, number, at });
            }
            (503, _) => Counts::add(&cluster.counts.unavailable),
            (status, _) => cluster.report_violation(format!(
                "number {number} on {name}: unexpected response {status} {answer}"
            )),
        }
    }
    cluster.report_violation(format!("number {number} on {name} was not acknowledged within {TIMEOUT:?}"));
    None
}

/// Waits for the response of a server.
///
/// # Errors
/// Returns an error if the server and its network worked all the time and it took longer than [`ANSWER_TIME`].
async fn within<T>(
    cluster: &Cluster,
    server: usize,
    answer: impl Future<Output = Result<T>>,
) -> std::result::Result<Result<T>, String> {
    let started = Instant::now();
    let mut answer = std::pin::pin!(answer);
    loop {
        if let Ok(answer) = timeout(POLL, &mut answer).await {
            return Ok(answer);
        }
        if cluster.elapsed(started) > ANSWER_TIME && cluster.could_answer_since(server, started) {
            return Err(format!("server {server} ran, but did not answer for {:?}", started.elapsed()));
        }
        // A server that is or was suspended or could not reach its database may take longer.
        if started.elapsed() > ANSWER_TIME {
            return Ok(Err("not answered".into()));
        }
    }
}

/// A text stream, as far as it was written.
pub(super) struct Written {
    pub(super) channel: usize,
    pub(super) topic: usize,
    /// Starts with a unique number in brackets.
    pub(super) text: String,
    pub(super) ending: Ending,
    pub(super) server: usize,
    /// Whether its server ran all the time.
    pub(super) has_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Acknowledged with the id of its end.
    Ended(MessageId),
    /// Refused, or disconnected without a response.
    Failed,
    /// Aborted by its writer on purpose.
    Aborted,
}

/// Writes text streams, one by one, until the round settles.
async fn write(cluster: Arc<Cluster>, channel: usize, name: String) -> Vec<Written> {
    let mut random = decisions(cluster.seed, &name, 0);
    let mut written = Vec::new();
    while cluster.is(Phase::Faults) {
        let topic = random.usize(4..6);
        let chunks = [random.u32(1..8), random.u32(20..150), random.u32(200..700)][random.usize(0..3)];
        let aborts = random.u8(0..4) == 0;
        written.extend(write_one(&cluster, channel, topic, chunks, aborts, &mut random).await);
        sleep(between(&mut random, Duration::from_millis(20), Duration::from_millis(700))).await;
    }
    written
}

/// The number of chunks up to which a text is written even if the round settles.
pub(super) const MIN_CHUNKS: u32 = 3;

/// Writes one text stream at any server. Returns `None` if no server accepts a connection.
pub(super) async fn write_one(
    cluster: &Cluster,
    channel: usize,
    topic: usize,
    chunks: u32,
    aborts: bool,
    random: &mut fastrand::Rng,
) -> Option<Written> {
    let server = random.usize(0..cluster.servers());
    let (port, started) = (cluster.port(server)?, Instant::now());
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let head = format!(
        "POST /v1/realtime/publish?channel={}&topic={} HTTP/1.1\r\nHost: 127.0.0.1\r\n\
         Authorization: Bearer {SIGNING_KEY}\r\nContent-Type: text/stream\r\nTransfer-Encoding: chunked\r\n\
         Connection: close\r\n\r\n",
        cluster.channels[channel], TOPICS[topic].name
    );
    let mut text = String::new();
    let number = cluster.next_number();
    let sent = async {
        let _ = stream.set_nodelay(true);
        stream.write_all(head.as_bytes()).await?;
        for chunk in 0..chunks {
            if chunk >= MIN_CHUNKS && !cluster.is(Phase::Faults) {
                return Ok(None);
            }
            let length = random.usize(0..12);
            let chunk = if chunk == 0 {
                format!("[{number}]")
            } else {
                format!(" {chunk}{}", "é😀\"\n".repeat(length))
            };
            // Recorded before it is sent, because its server may receive it and be killed.
            text.push_str(&chunk);
            stream.write_all(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes()).await?;
            // The server joins chunks that arrive within 5 ms.
            let longest = if random.u8(0..10) == 0 { 40 } else { 9 };
            sleep(between(random, Duration::from_millis(4), Duration::from_millis(longest))).await;
        }
        if aborts {
            return Ok(None);
        }
        stream.write_all(b"0\r\n\r\n").await?;
        answer(&mut stream).await.map(Some)
    };
    let sent: Result<Option<Option<MessageId>>> = sent.await;
    let ending = match sent {
        Ok(Some(Some(at))) => Ending::Ended(at),
        Ok(None) => Ending::Aborted,
        Ok(Some(None)) | Err(_) => Ending::Failed,
    };
    drop(stream);
    let left = Instant::now();
    while ending == Ending::Aborted && cluster.elapsed(left) < NOTICE_TIME {
        sleep(POLL).await;
    }
    Some(Written { channel, topic, text, ending, server, has_run: cluster.has_run_since(server, started) })
}

/// Reads the response to a text stream. Returns the id of its end if it was accepted.
async fn answer(stream: &mut TcpStream) -> Result<Option<MessageId>> {
    let mut responses = Responses::default();
    let response = loop {
        if let Some(response) = responses.take()? {
            break response;
        }
        if timeout(TIMEOUT, stream.read_buf(responses.buffer())).await?? == 0 {
            return Ok(None);
        }
    };
    let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let id = answer["id"].as_str().filter(|_| response.head.status == 200);
    id.map(str::parse).transpose()
}
