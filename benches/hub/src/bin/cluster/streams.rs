//! The memory and the CPU time of a NATS server for subjects, subscriptions and consumers.

use crate::{Error, Figures};
use async_nats::{Client, HeaderMap};
use bench_hub::now;
use bench_hub::process::{self, Cpu};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// The payload of stored messages. With headers, they take as much of a stream as a block of Fanfare with one message of
/// 120 bytes: 545 bytes.
const SIZE: usize = 460;

/// The time after which memory and idle CPU time are measured.
const SETTLING: Duration = Duration::from_secs(2);

/// The time for which idle consumers are measured.
const IDLE: Duration = Duration::from_secs(5);

/// Stores a message for each of a growing number of subjects, and prints the server's memory for each number.
pub(crate) async fn subjects(server: &str, process: u64, points: &[u64]) -> Result<(), Error> {
    let client = connect(server).await?;
    create_stream(&client).await?;
    let mut figures = Figures::default();
    let mut stored = 0;
    figures.add("memory_0", process::memory(process));
    for point in points {
        publish(&client, stored..*point, stored).await?;
        stored = *point;
        let state = wait_until_stored(&client, stored).await?;
        sleep(SETTLING).await;
        figures.add(format_args!("memory_{point}"), process::memory(process));
        figures.add(format_args!("bytes_{point}"), &state["bytes"]);
    }
    figures.print();
    Ok(())
}

/// Opens a growing number of subscriptions without consumers on one connection, and prints the server's memory.
pub(crate) async fn subscriptions(server: &str, process: u64, points: &[u64]) -> Result<(), Error> {
    let client = connect(server).await?;
    let mut figures = Figures::default();
    let mut open = Vec::new();
    figures.add("memory_0", process::memory(process));
    for point in points {
        for number in open.len() as u64..*point {
            open.push(client.subscribe(format!("bench-live.log.room:{number}")).await?);
        }
        client.flush().await?;
        sleep(SETTLING).await;
        figures.add(format_args!("memory_{point}"), process::memory(process));
    }
    figures.print();
    Ok(())
}

/// Creates a growing number of ordered consumers, each for one subject. Prints for each number the server's memory in
/// KB, the CPU time of creating a consumer, and that of a second without messages, in microseconds. The first figures
/// are those without consumers.
pub(crate) async fn consumers(server: &str, process: u64, points: &[u64]) -> Result<(), Error> {
    let client = connect(server).await?;
    create_stream(&client).await?;
    let most = points.last().copied().unwrap_or(0);
    publish(&client, 0..most, 0).await?;
    let mut deliveries = client.subscribe("bench-inbox.>").await?;
    tokio::task::spawn_local(async move { while deliveries.next().await.is_some() {} });
    let mut figures = Figures::default();
    let mut created = 0;
    for point in [0].iter().chain(points) {
        let before = Cpu::read(process);
        for number in created..*point {
            create_consumer(&client, number).await?;
        }
        let spent = Cpu::read(process).since(&before) as f64;
        figures.add(format_args!("create_{point}"), spent / (*point - created).max(1) as f64);
        created = *point;
        sleep(SETTLING).await;
        let (before, begun) = (Cpu::read(process), now());
        sleep(IDLE).await;
        let idle = Cpu::read(process).since(&before) as f64 * 1e9 / (now() - begun) as f64;
        figures.add(format_args!("memory_{point}"), process::memory(process));
        figures.add(format_args!("idle_{point}"), idle);
    }
    figures.print();
    Ok(())
}

async fn connect(server: &str) -> Result<Client, Error> {
    Ok(async_nats::ConnectOptions::new().subscription_capacity(1).connect(server).await?)
}

/// Creates a stream with the settings of a shard of Fanfare.
async fn create_stream(client: &Client) -> Result<(), Error> {
    let config = json!({
        "name": "bench", "subjects": ["bench.log.*"], "retention": "limits", "storage": "file", "discard": "old",
        "num_replicas": 1, "max_age": 0, "max_msgs": -1, "max_msgs_per_subject": -1, "max_bytes": -1,
        "allow_direct": true, "allow_rollup_hdrs": true, "allow_msg_ttl": true,
        // Since version 2.15, a server allows 1,000 unless the stream says otherwise.
        "max_consumers": 100_000,
    });
    request(client, "$JS.API.STREAM.CREATE.bench", &config).await.map(drop)
}

async fn create_consumer(client: &Client, number: u64) -> Result<(), Error> {
    let consumer = json!({ "stream_name": "bench", "config": {
        "deliver_subject": format!("bench-inbox.{number}"), "filter_subject": subject(number),
        "deliver_policy": "new", "ack_policy": "none", "max_deliver": 1, "flow_control": true,
        "idle_heartbeat": 5_000_000_000_u64, "inactive_threshold": 300_000_000_000_u64,
        "num_replicas": 1, "mem_storage": true,
    } });
    request(client, "$JS.API.CONSUMER.CREATE.bench", &consumer).await.map(drop)
}

fn subject(number: u64) -> String {
    format!("bench.log.room:{number}")
}

/// Stores a message for each of the subjects, after `stored` messages.
async fn publish(client: &Client, numbers: std::ops::Range<u64>, mut stored: u64) -> Result<(), Error> {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-TTL", "777600");
    for number in numbers {
        let payload = vec![b'x'; SIZE].into();
        client.publish_with_headers(subject(number), headers.clone(), payload).await?;
        stored += 1;
        // The server drops messages that wait to be stored beyond 10,000.
        if stored.is_multiple_of(5_000) {
            wait_until_stored(client, stored).await?;
        }
    }
    wait_until_stored(client, stored).await.map(drop)
}

/// Waits until the stream has stored a number of messages. Returns its state.
async fn wait_until_stored(client: &Client, messages: u64) -> Result<Value, Error> {
    loop {
        let state = request(client, "$JS.API.STREAM.INFO.bench", &json!({})).await?["state"].take();
        if state["messages"].as_u64() >= Some(messages) {
            return Ok(state);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn request(client: &Client, subject: &'static str, request: &Value) -> Result<Value, Error> {
    let answer = client.request(subject, request.to_string().into()).await?;
    let answer: Value = serde_json::from_slice(&answer.payload)?;
    match answer.get("error") {
        None => Ok(answer),
        Some(error) => Err(error.to_string().into()),
    }
}
