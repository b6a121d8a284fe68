//! Records the blocks that NATS servers store.
//!
//! Hubs delete blocks that are no longer in a history, so they must be recorded before. The streams republish each
//! message, which arrives at once unless the leader is killed just then. So the recorder also reads from each server
//! what it has stored.

use super::{SERVERS, Servers};
use crate::{NATS_SHARDS, Result};
use async_nats::{Client, Message};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const POLL: Duration = Duration::from_millis(250);
/// The maximum number of messages per read.
const BATCH: usize = 500;
/// The time within which a server must send the next message of a read.
const READ_TIMEOUT: Duration = Duration::from_secs(1);
/// The time within which the last blocks must arrive.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The content of a block: its sequence in the stream, and its payload.
type Block = (u64, Bytes);

/// Records blocks until it is dropped.
pub(crate) struct Recorder {
    servers: Arc<Servers>,
    stored: Arc<Mutex<Record>>,
    _tasks: JoinSet<()>,
}

/// The recorded blocks.
#[derive(Clone, Default)]
pub(crate) struct Record {
    /// The blocks of each channel in order, by the last token of their subject.
    pub(crate) channels: HashMap<String, BTreeMap<u64, Bytes>>,
    pub(crate) violations: Vec<String>,
}

impl Record {
    /// Adds a message. Each server must have stored the same.
    fn add(&mut self, Stored { subject, sequence, payload }: Stored) {
        let mut tokens = subject.rsplit('.');
        let (Some(channel), Some("log")) = (tokens.next(), tokens.next()) else { return };
        let blocks = self.channels.entry(channel.to_owned()).or_default();
        let known = blocks.entry(sequence).or_insert_with(|| payload.clone());
        if *known != payload {
            self.violations.push(format!(
                "two NATS servers have different messages {sequence} on {subject}: {:?}, {:?}",
                String::from_utf8_lossy(known),
                String::from_utf8_lossy(&payload)
            ));
        }
    }
}

struct Stored {
    subject: String,
    sequence: u64,
    payload: Bytes,
}

impl Recorder {
    /// Starts to record. The streams may not exist yet.
    pub(crate) async fn start(servers: &Arc<Servers>) -> Result<Self> {
        let (stored, mut tasks) = (Arc::new(Mutex::new(Record::default())), JoinSet::new());
        for member in &servers.members {
            let mut messages = member.client.subscribe("fanfare-live.>").await?;
            let followed = Arc::clone(&stored);
            tasks.spawn(async move {
                while let Some(message) = messages.next().await {
                    if let Some(stored) = parse(message) {
                        lock(&followed).add(stored);
                    }
                }
            });
            tasks.spawn(poll(member.client.clone(), Arc::clone(&stored)));
        }
        Ok(Self { servers: Arc::clone(servers), stored, _tasks: tasks })
    }

    /// Waits until everything that the servers have stored for channels is recorded, and returns the record. Call this
    /// once no hub runs.
    pub(crate) async fn finish(&self, channels: &[String]) -> Result<Record> {
        let end = Instant::now() + TIMEOUT;
        for channel in channels {
            loop {
                let last = self.read_last(channel).await?;
                let recorded = lock(&self.stored).channels.get(channel).and_then(|blocks| {
                    let (sequence, payload) = blocks.last_key_value()?;
                    Some((*sequence, payload.clone()))
                });
                if last.is_some() && last == recorded {
                    break;
                }
                if Instant::now() > end {
                    let [last, recorded] = [last, recorded].map(|block| block.map(|(sequence, _)| sequence));
                    lock(&self.stored).violations.push(format!(
                        "{channel}: the last block in NATS is {last:?}, and {recorded:?} was stored before"
                    ));
                    break;
                }
                sleep(POLL).await;
            }
        }
        Ok(lock(&self.stored).clone())
    }

    /// Returns the last block of a channel, as the leader of its stream has it.
    async fn read_last(&self, channel: &str) -> Result<Option<Block>> {
        for (server, shard) in
            (0..SERVERS).flat_map(|server| (0..NATS_SHARDS).map(move |shard| (server, shard)))
        {
            let subject = format!("$JS.API.STREAM.MSG.GET.fanfare-{shard}");
            let request = json!({ "last_by_subj": format!("fanfare.{shard}.log.{channel}") });
            let Ok(answer) = self.servers.request(server, subject, request.to_string()).await else {
                continue;
            };
            let message = &answer["message"];
            if let (Some(sequence), Some(payload)) = (message["seq"].as_u64(), message["data"].as_str()) {
                return Ok(Some((sequence, BASE64_STANDARD.decode(payload)?.into())));
            }
        }
        Ok(None)
    }
}

/// Polls one server for the blocks that it has stored.
async fn poll(client: Client, stored: Arc<Mutex<Record>>) {
    let mut next = [1; NATS_SHARDS];
    loop {
        for (shard, next) in next.iter_mut().enumerate() {
            // If the server does not run, the next poll tries again.
            let Ok(read) = read_from(&client, shard, *next).await else { continue };
            let mut stored = lock(&stored);
            for message in read {
                *next = (*next).max(message.sequence + 1);
                stored.add(message);
            }
        }
        sleep(POLL).await;
    }
}

/// Reads blocks of a shard from a sequence on. The server that the client is connected to answers.
async fn read_from(client: &Client, shard: usize, sequence: u64) -> Result<Vec<Stored>> {
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await?;
    let log = format!("fanfare.{shard}.log.*");
    let request = json!({ "seq": sequence, "next_by_subj": log, "batch": BATCH }).to_string();
    client.publish_with_reply(format!("$JS.API.DIRECT.GET.fanfare-{shard}"), inbox, request.into()).await?;
    let mut read = Vec::new();
    while let Some(answer) = timeout(READ_TIMEOUT, answers.next()).await? {
        // The last answer has a status instead of a message.
        let Some(stored) = parse(answer) else { break };
        read.push(stored);
    }
    Ok(read)
}

/// Reads a message that a stream republished or that a direct get returned.
fn parse(message: Message) -> Option<Stored> {
    let headers = message.headers.filter(|_| message.status.is_none())?;
    let subject = headers.get("Nats-Subject")?.as_str().to_owned();
    let sequence = headers.get("Nats-Sequence")?.as_str().parse().ok()?;
    Some(Stored { subject, sequence, payload: message.payload })
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}
