//! Tests specific to this engine, and a space in which tests change stored messages. `engine_tests` has the tests of
//! all engines.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::block::{Block, BlockHead, join};
use super::checkpoint::{Checkpoint, CheckpointHead};
use super::jetstream::{JetStream, Publish, Stored};
use super::{Messages, Nats, subjects};
use crate::channel::{AddressPart, Channel, ChannelDefinition};
use crate::history::Limits;

const SHARDS: usize = 2;

/// A space on test servers.
pub(in crate::storage) struct TestSpace {
    url: String,
    space: String,
    replicas: usize,
}

impl TestSpace {
    pub(in crate::storage) fn new(url: String, space: String, replicas: usize) -> Self {
        Self { url, space, replicas }
    }

    /// Starts a process. Waits until the servers have elected a leader.
    pub(in crate::storage) async fn connect(&self) -> Nats {
        let connect = || Nats::connect(&self.url).space(&self.space).shards(SHARDS).replicas(self.replicas);
        for _ in 0..10 {
            if let Ok(nats) = connect().await {
                return nats;
            }
        }
        connect().await.unwrap()
    }

    async fn jetstream(&self) -> JetStream {
        let urls: Vec<&str> = self.url.split(',').collect();
        JetStream { client: async_nats::connect(urls).await.unwrap() }
    }

    /// Returns the stream and the subject of a channel's blocks or its checkpoint.
    fn subject(&self, name: &str, kind: &str) -> (String, String) {
        let token = subjects::encode(name);
        let shard = subjects::shard_of(&token, SHARDS);
        (format!("{}-{shard}", self.space), format!("{}.{shard}.{kind}.{token}", self.space))
    }

    /// Returns the number of stored blocks of a channel, and whether it has a checkpoint.
    pub(in crate::storage) async fn count_blocks(&self, name: &str) -> (usize, bool) {
        let jetstream = self.jetstream().await;
        let (stream, log) = self.subject(name, "log");
        let (_, checkpoint) = self.subject(name, "checkpoint");
        let blocks = jetstream.read_from(&stream, &log, 0).await.unwrap();
        (blocks.len(), jetstream.read_last(&stream, &checkpoint).await.unwrap().is_some())
    }

    /// Returns the name of a channel's stream.
    pub(in crate::storage) fn stream_of(&self, name: &str) -> String {
        self.subject(name, "log").0
    }

    /// Returns the number of the server that leads a channel's stream.
    pub(in crate::storage) async fn find_leader(&self, name: &str) -> Option<usize> {
        let (stream, _) = self.subject(name, "log");
        let client = self.jetstream().await.client;
        let answer = client.request(format!("$JS.API.STREAM.INFO.{stream}"), "".into()).await.ok()?;
        let info: Value = serde_json::from_slice(&answer.payload).ok()?;
        info["cluster"]["leader"].as_str()?.strip_prefix("server-")?.parse().ok()
    }

    /// Deletes the last block of a channel, as if the servers had lost it.
    pub(in crate::storage) async fn lose_last_block(&self, name: &str) {
        let jetstream = self.jetstream().await;
        let (stream, log) = self.subject(name, "log");
        let last = jetstream.read_last(&stream, &log).await.unwrap().unwrap();
        let request = json!({ "seq": last.sequence }).to_string();
        let subject = format!("$JS.API.STREAM.MSG.DELETE.{stream}");
        jetstream.client.request(subject, request.into()).await.unwrap();
    }

    /// Deletes all streams.
    pub(in crate::storage) async fn delete_streams(&self) {
        let client = self.jetstream().await.client;
        for name in ["meta", "0", "1"] {
            let stream = format!("{}-{name}", self.space);
            client.request(format!("$JS.API.STREAM.DELETE.{stream}"), "".into()).await.unwrap();
        }
    }

    /// Deletes the streams of the shards, and creates them again with changed settings.
    pub(in crate::storage) async fn recreate_shards(&self, change: impl Fn(&mut Value)) {
        let client = self.jetstream().await.client;
        for shard in 0..SHARDS {
            let ask = async |kind: &str, request: String| {
                let subject = format!("$JS.API.STREAM.{kind}.{}-{shard}", self.space);
                let answer = client.request(subject, request.into()).await.unwrap();
                let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
                assert_eq!(answer["error"], Value::Null);
                answer
            };
            let mut config = ask("INFO", String::new()).await["config"].take();
            change(&mut config);
            ask("DELETE", String::new()).await;
            ask("CREATE", config.to_string()).await;
        }
    }

    /// Deletes a stream, and creates another one with its subjects, which rejects messages that expire.
    pub(in crate::storage) async fn take_stream(&self, stream: &str) {
        let client = self.jetstream().await.client;
        client.request(format!("$JS.API.STREAM.DELETE.{}-{stream}", self.space), "".into()).await.unwrap();
        let (name, subject) = (format!("{}-other", self.space), format!("{}.{stream}.>", self.space));
        let config = json!({ "name": name, "subjects": [subject] }).to_string();
        let answer = client.request(format!("$JS.API.STREAM.CREATE.{name}"), config.into()).await.unwrap();
        assert!(serde_json::from_slice::<Value>(&answer.payload).unwrap()["error"].is_null());
    }

    /// Follows the marks that processes try to store.
    pub(in crate::storage) async fn follow_marks(&self) -> async_nats::Subscriber {
        let client = self.jetstream().await.client;
        let marks = client.subscribe(format!("{}.*.checkpoint.=", self.space)).await.unwrap();
        client.flush().await.unwrap();
        marks
    }

    /// Stores a block of a channel that no process can read.
    pub(in crate::storage) async fn store_unreadable(&self, name: &str) {
        let (_, subject) = self.subject(name, "log");
        self.jetstream().await.client.request(subject, "x".into()).await.unwrap();
    }

    /// Stores a checkpoint of a channel that has this size and covers nothing.
    pub(in crate::storage) async fn store_checkpoint(&self, name: &str, bytes: usize) {
        let head = CheckpointHead { evicted: vec![("x".repeat(bytes), 0)], ..CheckpointHead::default() };
        let payload = Checkpoint { head, frames: Vec::new() }.encode().unwrap();
        let (_, subject) = self.subject(name, "checkpoint");
        self.jetstream().await.client.request(subject, payload).await.unwrap();
    }

    /// Deletes all messages of all streams.
    pub(in crate::storage) async fn purge_streams(&self) {
        let client = self.jetstream().await.client;
        for name in ["meta", "0", "1"] {
            let stream = format!("{}-{name}", self.space);
            client.request(format!("$JS.API.STREAM.PURGE.{stream}"), "".into()).await.unwrap();
        }
    }

    /// Deletes the blocks of a channel, but not its checkpoint.
    pub(in crate::storage) async fn purge_blocks(&self, name: &str) {
        let (stream, log) = self.subject(name, "log");
        self.jetstream().await.purge(&stream, &log, None).await.unwrap();
    }

    /// Waits until a process is no longer registered.
    pub(in crate::storage) async fn wait_until_ended(&self, owner: u32) {
        self.wait_for(&self.registration(owner), false).await;
    }

    pub(in crate::storage) async fn wait_until_registered(&self, owner: u32) {
        self.wait_for(&self.registration(owner), true).await;
    }

    pub(in crate::storage) async fn wait_until_revoked(&self, id: &str) {
        self.wait_for(&format!("{}.meta.revoked.{id}", self.space), true).await;
    }

    /// Waits until a subject of the processes or revocations has a message, or has none.
    async fn wait_for(&self, subject: &str, has_message: bool) {
        let (jetstream, stream) = (self.jetstream().await, format!("{}-meta", self.space));
        for _ in 0..2_000 {
            if jetstream.read_last(&stream, subject).await.unwrap().is_some() == has_message {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the messages of {subject} have not changed");
    }

    /// Deletes the registration of a process, as the server does if the process does not report for a while.
    pub(in crate::storage) async fn mark_ended(&self, owner: u32) {
        let stream = format!("{}-meta", self.space);
        self.jetstream().await.purge(&stream, &self.registration(owner), None).await.unwrap();
    }

    /// Returns the subject of a process's reports.
    fn registration(&self, owner: u32) -> String {
        format!("{}.meta.process.{owner}", self.space)
    }

    /// Deletes a channel, as the server does once it has been unused for a long time.
    pub(in crate::storage) async fn delete_channel(&self, name: &str) {
        let jetstream = self.jetstream().await;
        for kind in ["log", "checkpoint"] {
            let (stream, subject) = self.subject(name, kind);
            jetstream.purge(&stream, &subject, None).await.unwrap();
        }
    }

    /// Adds a message to a channel that is already gone: a checkpoint covers it.
    pub(in crate::storage) async fn lose_next_message(&self, channel: &Channel) {
        let jetstream = self.jetstream().await;
        let (stream, log) = self.subject(channel.name(), "log");
        let last = jetstream.read_last(&stream, &log).await.unwrap().unwrap();
        let block = Block::decode(&last.payload).unwrap();
        let gone = block.last() + 1;
        let head = CheckpointHead {
            epoch: block.head.epoch,
            last: gone,
            sequence: last.sequence,
            evicted: vec![("said".into(), gone)],
            ..CheckpointHead::default()
        };
        let publish = Publish {
            subject: self.subject(channel.name(), "checkpoint").1,
            follows: Some(0),
            kept_for: Duration::from_secs(3600),
            replaces: true,
            payload: Checkpoint { head, frames: Vec::new() }.encode().unwrap(),
        };
        jetstream.publish(publish).await.unwrap();
    }
}

impl Nats {
    /// Stops receiving what the streams republish.
    pub(in crate::storage) fn stop_following(&mut self) {
        self.tasks.abort_all();
    }

    pub(in crate::storage) fn client(&self) -> async_nats::Client {
        self.shared.jetstream.client.clone()
    }
}

#[tokio::test]
async fn connecting_creates_what_is_missing_and_changes_nothing() {
    let url = fanfare_test_servers::nats::TestServer::shared().url();
    let connect = |space| Nats::connect(&url).space(space);
    for space in ["", "a.b", "a b", "a*"] {
        assert!(connect(space).await.unwrap_err().to_string().contains("1 to 48 letters"), "{space}");
    }
    drop(connect("setup").shards(3).await.unwrap());
    assert_eq!(connect("setup").await.unwrap().shared.shard_count(), 3);
    let error = connect("setup").shards(4).await.unwrap_err().to_string();
    assert!(error.contains("the number of shards is 3 and cannot be changed"), "{error}");
    let error = connect("setup").replicas(3).await.unwrap_err().to_string();
    assert!(error.contains("`num_replicas` of the NATS stream `setup-meta` must be 3, but is 1"), "{error}");
    let client = async_nats::connect(&url).await.unwrap();
    let request = |subject: &str, request: Value| {
        let (client, subject) = (client.clone(), subject.to_owned());
        async move { client.request(subject, request.to_string().into()).await.unwrap() }
    };
    request("$JS.API.STREAM.CREATE.other-meta", json!({ "name": "other-meta", "subjects": ["other.x"] }))
        .await;
    let error = connect("other").await.unwrap_err().to_string();
    assert!(error.contains("this version of Fanfare cannot use the NATS stream `other-meta`"), "{error}");
    let stream = request("$JS.API.STREAM.INFO.setup-1", json!({})).await;
    let mut config: Value = serde_json::from_slice::<Value>(&stream.payload).unwrap()["config"].take();
    config["max_age"] = 1_000_000_000_i64.into();
    config["duplicate_window"] = 1_000_000_000_i64.into();
    request("$JS.API.STREAM.UPDATE.setup-1", config).await;
    let error = connect("setup").await.unwrap_err().to_string();
    assert!(error.contains("`max_age` of the NATS stream `setup-1` must be 0"), "{error}");
}

/// The servers do not answer while a process reads what a received block needs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_could_not_be_delivered_is_not_marked_as_received() {
    static ROOM: ChannelDefinition = ChannelDefinition {
        name: "room",
        address: &[AddressPart::Literal("room")],
        ..ChannelDefinition::EMPTY
    };
    let url = fanfare_test_servers::nats::TestServer::shared().url();
    let space = TestSpace::new(url, "undelivered".into(), 1);
    let mut nats = space.connect().await;
    nats.tasks.abort_all();
    while nats.tasks.join_next().await.is_some() {}
    let opened = nats.open_log(Channel::new(&ROOM, &[]).unwrap(), Limits::none()).await.unwrap();
    let shard = subjects::shard_of("room", SHARDS);
    let seen = &nats.shared.shards[shard].seen;
    seen.store(nats.shared.store_mark(shard).await.unwrap(), Ordering::Relaxed);
    space.delete_streams().await;
    let head = BlockHead {
        epoch: opened.log.epoch(),
        first: 2,
        previous: u64::MAX,
        continues: None,
        time: 0,
        previous_nonce: 0,
        nonce: 0,
        definition: String::new(),
        messages: Vec::new(),
    };
    let sequence = seen.load(Ordering::Relaxed) + 1;
    let (_, subject) = space.subject("room", "log");
    let payload = join(&head, std::iter::empty()).unwrap();
    nats.shared.receive(shard, &Stored { subject, sequence, payload }).await;
    assert_eq!(seen.load(Ordering::Relaxed), sequence - 1);
}
