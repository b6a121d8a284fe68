//! Tests of what only this engine has. Its promises are those of all engines: `engine_tests`.

use std::time::Duration;

use super::Nats;
use super::checkpoint::{Checkpoint, CheckpointHead};
use super::jetstream::{JetStream, Publish};
use super::{block, subjects};
use crate::channel::Channel;

/// A space on a test server.
pub(in crate::storage) struct TestSpace {
    url: String,
    space: String,
}

impl TestSpace {
    pub(in crate::storage) fn new(url: String, space: String) -> Self {
        Self { url, space }
    }

    /// Starts a process. One shard, unless the space already has more.
    pub(in crate::storage) async fn connect(&self) -> Nats {
        Nats::connect(&self.url).space(&self.space).shards(2).await.unwrap()
    }

    async fn jetstream(&self) -> JetStream {
        JetStream { client: async_nats::connect(&self.url).await.unwrap() }
    }

    fn stream_of(&self, token: &str) -> (usize, String) {
        let shard = subjects::shard_of(token, 2);
        (shard, format!("{}-{shard}", self.space))
    }

    /// Waits until a process is no longer registered.
    pub(in crate::storage) async fn wait_until_ended(&self, owner: u32) {
        let jetstream = self.jetstream().await;
        let subject = format!("{}.meta.process.{owner}", self.space);
        for _ in 0..2_000 {
            let last = jetstream.read_last(&format!("{}-meta", self.space), &subject).await.unwrap();
            if last.is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the process is still registered");
    }

    /// Deletes a channel, as the server does once it was unused for long.
    pub(in crate::storage) async fn delete_channel(&self, name: &str) {
        let (jetstream, token) = (self.jetstream().await, subjects::encode(name));
        let (shard, stream) = self.stream_of(&token);
        for kind in ["log", "checkpoint"] {
            let subject = format!("{}.{shard}.{kind}.{token}", self.space);
            jetstream.purge(&stream, &subject, None).await.unwrap();
        }
    }

    /// Adds a message to a channel that is already gone: a checkpoint covers it.
    pub(in crate::storage) async fn lose_next_message(&self, channel: &Channel) {
        let (jetstream, token) = (self.jetstream().await, subjects::encode(channel.name()));
        let (shard, stream) = self.stream_of(&token);
        let log = format!("{}.{shard}.log.{token}", self.space);
        let last = jetstream.read_last(&stream, &log).await.unwrap().unwrap();
        let block = block::Block::decode(&last.payload).unwrap();
        let lost = block.last() + 1;
        let head = CheckpointHead {
            epoch: block.head.epoch,
            last: lost,
            sequence: last.sequence,
            evicted: vec![("said".into(), lost)],
            ..CheckpointHead::default()
        };
        let publish = Publish {
            subject: format!("{}.{shard}.checkpoint.{token}", self.space),
            follows: Some(0),
            kept_for: Duration::from_secs(3600),
            replaces: true,
            payload: Checkpoint { head, frames: Vec::new() }.encode().unwrap(),
        };
        jetstream.publish(publish).await.unwrap();
    }
}
