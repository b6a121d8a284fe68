//! Publishers of messages, which try the other server until they are answered, and writers of text streams.

use super::cluster::{Cluster, Counts, Phase};
use super::order::{At, TOPICS};
use crate::http::{self, Responses};
use crate::random::{between, decisions};
use crate::{Result, SIGNING_KEY};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// A server that runs answers within this time.
const ANSWER: Duration = Duration::from_secs(7);
/// A server that runs notices within this time that a writer is gone.
const NOTICED: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(250);
const RETRY: Duration = Duration::from_millis(30);
/// How long a message may remain unanswered by all servers.
const PATIENCE: Duration = Duration::from_secs(90);

/// A message that was answered with success.
pub(super) struct Answered {
    pub(super) channel: usize,
    pub(super) topic: usize,
    pub(super) number: u32,
    pub(super) at: At,
}

/// Publishes messages, one after the other and in bursts, until the round settles.
pub(super) async fn publish(cluster: Arc<Cluster>, channel: usize, name: String) -> Vec<Answered> {
    let mut random = decisions(cluster.seed, &name, 0);
    let mut answered = Vec::new();
    while cluster.is(Phase::Faults) {
        let burst = if random.u8(0..6) == 0 { random.u32(10..80) } else { random.u32(1..4) };
        for _ in 0..burst {
            let topic = [0, 1, 2, 3, 3][random.usize(0..5)];
            answered.extend(publish_one(&cluster, channel, topic, &mut random).await);
        }
        sleep(between(&mut random, Duration::ZERO, Duration::from_millis(150))).await;
    }
    answered
}

/// Publishes one message, at one server and then at another until it is answered.
pub(super) async fn publish_one(
    cluster: &Cluster,
    channel: usize,
    topic: usize,
    random: &mut fastrand::Rng,
) -> Option<Answered> {
    let number = cluster.next_number();
    let (name, topic_name) = (&cluster.channels[channel], TOPICS[topic].name);
    let start = format!("POST /v1/realtime/publish?channel={name}&topic={topic_name}");
    let headers = format!("Authorization: Bearer {SIGNING_KEY}\r\nIdempotency-Key: key-{number}\r\n");
    let body = format!(r#"{{"number":{number},"text":"{}"}}"#, "é".repeat(random.usize(0..100)));
    let (begun, first) = (Instant::now(), random.usize(0..cluster.servers()));
    for attempt in first.. {
        if begun.elapsed() > PATIENCE {
            break;
        }
        if attempt > first {
            Counts::add(&cluster.counts.repeated);
            sleep(RETRY).await;
        }
        let server = attempt % cluster.servers();
        let Some(port) = cluster.port(server) else { continue };
        let request = http::request(port, &start, &headers, &body);
        let response = match within(cluster, server, request).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => continue,
            Err(late) => {
                cluster.fault(format!("number {number} on {name}: {late}"));
                continue;
            }
        };
        let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        match (response.head.status, answer["id"].as_str().map(str::parse)) {
            (200, Some(Ok(at))) => {
                Counts::add(&cluster.counts.answered);
                return Some(Answered { channel, topic, number, at });
            }
            (503, _) => Counts::add(&cluster.counts.unavailable),
            (status, _) => {
                cluster.fault(format!("number {number} on {name}: answered with {status} {answer}"))
            }
        }
    }
    cluster.fault(format!("number {number} on {name} was not answered for {PATIENCE:?}"));
    None
}

/// Waits for an answer. Waits no longer than a server may take that has run all the time.
///
/// # Errors
/// If it took longer.
async fn within<T>(
    cluster: &Cluster,
    server: usize,
    answer: impl Future<Output = Result<T>>,
) -> std::result::Result<Result<T>, String> {
    let begun = Instant::now();
    let mut answer = std::pin::pin!(answer);
    loop {
        if let Ok(answer) = timeout(POLL, &mut answer).await {
            return Ok(answer);
        }
        if cluster.elapsed(begun) > ANSWER && cluster.has_run_since(server, begun) {
            return Err(format!("server {server} ran, and did not answer for {:?}", begun.elapsed()));
        }
        // Who is stopped, or was, is not waited for.
        if begun.elapsed() > ANSWER {
            return Ok(Err("not answered".into()));
        }
    }
}

/// A text stream, as far as it was sent.
pub(super) struct Written {
    pub(super) channel: usize,
    pub(super) topic: usize,
    /// Begins with a number in brackets that no other has.
    pub(super) text: String,
    pub(super) ending: Ending,
    /// Whether its server ran all the time.
    pub(super) has_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Answered with the id of its end.
    Ended(At),
    /// Refused, or cut off without an answer.
    Failed,
    /// Left by its writer on purpose.
    BrokenOff,
}

/// Writes text streams, one after the other, until the round settles.
pub(super) async fn write(cluster: Arc<Cluster>, channel: usize, name: String) -> Vec<Written> {
    let mut random = decisions(cluster.seed, &name, 0);
    let mut written = Vec::new();
    while cluster.is(Phase::Faults) {
        let topic = random.usize(4..6);
        let pieces = [random.u32(1..8), random.u32(20..150), random.u32(200..700)][random.usize(0..3)];
        let breaks_off = random.u8(0..4) == 0;
        written.extend(write_one(&cluster, channel, topic, pieces, breaks_off, &mut random).await);
        sleep(between(&mut random, Duration::from_millis(20), Duration::from_millis(700))).await;
    }
    written
}

/// How many pieces a text has that is written to its end even if the round settles.
pub(super) const SHORTEST: u32 = 3;

/// Writes one text stream at any server. Returns `None` if none can be connected to.
pub(super) async fn write_one(
    cluster: &Cluster,
    channel: usize,
    topic: usize,
    pieces: u32,
    breaks_off: bool,
    random: &mut fastrand::Rng,
) -> Option<Written> {
    let server = random.usize(0..cluster.servers());
    let (port, begun) = (cluster.port(server)?, Instant::now());
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
        for piece in 0..pieces {
            if piece >= SHORTEST && !cluster.is(Phase::Faults) {
                return Ok(None);
            }
            let length = random.usize(0..12);
            let piece = if piece == 0 {
                format!("[{number}]")
            } else {
                format!(" {piece}{}", "é😀\"\n".repeat(length))
            };
            // Noted before it is sent: its server may get it, and be killed.
            text.push_str(&piece);
            stream.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).await?;
            // Pieces that come within 5 ms become one.
            let longest = if random.u8(0..10) == 0 { 40 } else { 9 };
            sleep(between(random, Duration::from_millis(4), Duration::from_millis(longest))).await;
        }
        if breaks_off {
            return Ok(None);
        }
        stream.write_all(b"0\r\n\r\n").await?;
        answer(&mut stream).await.map(Some)
    };
    let sent: Result<Option<Option<At>>> = sent.await;
    let ending = match sent {
        Ok(Some(Some(at))) => Ending::Ended(at),
        Ok(None) => Ending::BrokenOff,
        Ok(Some(None)) | Err(_) => Ending::Failed,
    };
    drop(stream);
    let left = Instant::now();
    while ending == Ending::BrokenOff && cluster.elapsed(left) < NOTICED {
        sleep(POLL).await;
    }
    Some(Written { channel, topic, text, ending, has_run: cluster.has_run_since(server, begun) })
}

/// Reads the id of the end of a text stream, if its server answers with success.
async fn answer(stream: &mut TcpStream) -> Result<Option<At>> {
    let mut responses = Responses::default();
    let response = loop {
        if let Some(response) = responses.take()? {
            break response;
        }
        if timeout(PATIENCE, stream.read_buf(responses.buffer())).await?? == 0 {
            return Ok(None);
        }
    };
    let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let id = answer["id"].as_str().filter(|_| response.head.status == 200);
    id.map(str::parse).transpose()
}
