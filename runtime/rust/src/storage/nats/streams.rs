//! Creates missing streams, and checks the settings of existing ones. Nothing here changes or deletes a stream.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::jetstream::{JetStream, StreamInfo, deleted, parse_time};
use super::shard::Shard;
use super::{Shared, StorageError};
use crate::clock::{to_milliseconds, wall_time};
use crate::storage::remote_clock::{Reading, steady_milliseconds};

/// The version of subjects, blocks and checkpoints.
const FORMAT: &str = "1";

pub(super) const DEFAULT_SHARDS: usize = 4;
pub(super) const MAX_SHARDS: usize = 256;

/// The settings without which the engine does not work.
const REQUIRED: [&str; 6] =
    ["subjects", "retention", "discard", "allow_direct", "allow_rollup_hdrs", "allow_msg_ttl"];

/// Limits that would delete or reject messages that the engine needs, each with the value that means no limit.
const UNLIMITED: [(&str, i64); 4] =
    [("max_age", 0), ("max_msgs", -1), ("max_msgs_per_subject", -1), ("max_msg_size", -1)];

/// Settings with which a stream stores messages that the engine did not send, or under other subjects.
const UNSET: [&str; 4] = ["subject_transform", "mirror", "sources", "subject_delete_marker_ttl"];

/// The settings of the streams.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) space: String,
    pub(super) shards: Option<usize>,
    pub(super) replicas: Option<usize>,
}

/// The streams, all of which exist.
pub(super) struct Streams {
    pub(super) meta: String,
    pub(super) shards: Vec<Shard>,
    pub(super) clock: Reading,
    /// The settings with which deleted streams are created again.
    pub(super) setup: Setup,
}

impl Setup {
    pub(super) fn new(
        space: &str,
        shards: Option<usize>,
        replicas: Option<usize>,
    ) -> Result<Self, StorageError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if space.is_empty() || space.len() > 48 || !space.bytes().all(is_allowed) {
            return Err(StorageError::new(format!(
                "{space:?} cannot be the name of a space: use 1 to 48 letters, digits, `-` and `_`"
            )));
        }
        if shards.is_some_and(|shards| !(1..=MAX_SHARDS).contains(&shards)) {
            return Err(StorageError::new(format!("the number of shards must be from 1 to {MAX_SHARDS}")));
        }
        if replicas.is_some_and(|replicas| !matches!(replicas, 1 | 3 | 5)) {
            return Err(StorageError::new("the number of replicas must be 1, 3 or 5"));
        }
        Ok(Self { space: space.to_owned(), shards, replicas })
    }

    pub(super) fn stream(&self, name: &str) -> String {
        format!("{}-{name}", self.space)
    }

    /// The processes, the revocations, and the number of shards.
    pub(super) fn meta_config(&self) -> Value {
        let Self { space, .. } = self;
        let subjects = json!([format!("{space}.meta.process.*"), format!("{space}.meta.revoked.*")]);
        let mut config =
            self.config("meta", &subjects, &format!("{space}.meta.>"), &format!("{space}-live.meta.>"));
        config["max_msgs_per_subject"] = 1.into();
        config["metadata"]["fanfare.shards"] = self.shards.unwrap_or(DEFAULT_SHARDS).to_string().into();
        config
    }

    pub(super) fn shard_config(&self, shard: usize) -> Value {
        let Self { space, .. } = self;
        let subjects = json!([format!("{space}.{shard}.log.*"), format!("{space}.{shard}.checkpoint.*")]);
        let source = format!("{space}.{shard}.>");
        self.config(&shard.to_string(), &subjects, &source, &format!("{space}-live.{shard}.>"))
    }

    fn config(&self, name: &str, subjects: &Value, source: &str, destination: &str) -> Value {
        // If the stream is deleted and created again, its sequences must be greater than all earlier ones, so that no
        // process takes a new message for a known one.
        let first = u64::try_from(to_milliseconds(wall_time())).unwrap_or(0) * 1000;
        json!({
            "name": self.stream(name),
            "description": "Messages of Fanfare. Do not change the subjects.",
            "subjects": subjects,
            "retention": "limits",
            "storage": "file",
            "discard": "old",
            "num_replicas": self.replicas.unwrap_or(1),
            "max_age": 0,
            "max_msgs": -1,
            "max_msgs_per_subject": -1,
            "max_msg_size": -1,
            "max_bytes": -1,
            "allow_direct": true,
            "allow_rollup_hdrs": true,
            "allow_msg_ttl": true,
            "republish": { "src": source, "dest": destination },
            "first_seq": first,
            "metadata": { "fanfare.format": FORMAT },
        })
    }
}

/// Creates the streams that do not exist.
pub(super) async fn set_up(jetstream: &JetStream, setup: &Setup) -> Result<Streams, StorageError> {
    let sent = steady_milliseconds();
    let meta = ensure(jetstream, setup, &setup.meta_config()).await?;
    let time = parse_time(&meta.ts).unwrap_or_else(|| to_milliseconds(wall_time()));
    let clock = Reading { time, sent, received: steady_milliseconds() };
    let stored = meta.config["metadata"]["fanfare.shards"].as_str().and_then(|number| number.parse().ok());
    let Some(count) = stored.filter(|count| (1..=MAX_SHARDS).contains(count)) else {
        return Err(StorageError::new(format!(
            "the NATS stream `{}` does not record a number of shards: it does not belong to Fanfare",
            setup.stream("meta")
        )));
    };
    if setup.shards.is_some_and(|shards| shards != count) {
        return Err(StorageError::new(format!(
            "the number of shards is {count} and cannot be changed: use another space, or `.shards({count})`"
        )));
    }
    let replicas = meta.config["num_replicas"].as_u64().and_then(|number| usize::try_from(number).ok());
    let existing = Setup { shards: Some(count), replicas, ..setup.clone() };
    let mut shards = Vec::new();
    for shard in 0..count {
        ensure(jetstream, setup, &existing.shard_config(shard)).await?;
        shards.push(Shard::new(setup.stream(&shard.to_string())));
    }
    Ok(Streams { meta: setup.stream("meta"), shards, clock, setup: existing })
}

/// Creates a stream, or checks the settings of the existing one.
async fn ensure(jetstream: &JetStream, setup: &Setup, config: &Value) -> Result<StreamInfo, StorageError> {
    let name = config["name"].as_str().unwrap_or_default();
    let mut info = jetstream.find_stream(name, None).await?;
    if info.is_none() {
        jetstream.create_stream(name, config).await?;
        info = Some(jetstream.stream_info(name, None).await?);
    }
    let info = info.ok_or_else(|| deleted(name))?;
    compare(setup, config, &info.config)?;
    Ok(info)
}

/// Checks that a stream that exists has the required settings.
pub(super) fn compare(setup: &Setup, needed: &Value, found: &Value) -> Result<(), StorageError> {
    let name = needed["name"].as_str().unwrap_or_default();
    let differs = |key: &str| {
        StorageError::new(format!(
            "`{key}` of the NATS stream `{name}` must be {}, but is {}",
            needed[key], found[key]
        ))
    };
    if found["metadata"]["fanfare.format"] != FORMAT {
        return Err(StorageError::new(format!(
            "this version of Fanfare cannot use the NATS stream `{name}`: set another space"
        )));
    }
    if let Some(key) = REQUIRED.iter().find(|key| found[**key] != needed[**key]) {
        return Err(differs(key));
    }
    let republish = |config: &Value| {
        let republish = &config["republish"];
        (republish["src"].clone(), republish["dest"].clone(), republish["headers_only"] == true)
    };
    if republish(found) != republish(needed) {
        return Err(differs("republish"));
    }
    let has_limit = |(key, none): &&(&str, i64)| {
        needed[*key] == *none && found.get(*key).is_some_and(|value| *value != *none)
    };
    if let Some((key, _)) = UNLIMITED.iter().find(has_limit) {
        return Err(differs(key));
    }
    let is_set = |key: &&&str| match &found[**key] {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        value => *value != 0,
    };
    if let Some(key) = UNSET.iter().find(is_set) {
        return Err(StorageError::new(format!("`{key}` of the NATS stream `{name}` must not be set")));
    }
    if let Some(replicas) = setup.replicas
        && found["num_replicas"] != replicas
    {
        return Err(differs("num_replicas"));
    }
    Ok(())
}

impl Shared {
    /// Creates the stream of a shard again.
    pub(super) async fn recreate_shard(&self, shard: usize) -> Result<(), StorageError> {
        let Shard { stream, seen, .. } = &self.shards[shard];
        self.recreate(stream, self.setup.shard_config(shard), seen.load(Ordering::Relaxed)).await
    }

    /// Creates the stream of the processes and the revocations again.
    pub(super) async fn recreate_meta(&self) -> Result<(), StorageError> {
        self.recreate(&self.meta_stream, self.setup.meta_config(), self.last_meta_sequence()).await
    }

    /// Creates a stream again, in which this was the last known sequence.
    async fn recreate(&self, stream: &str, mut config: Value, last: u64) -> Result<(), StorageError> {
        tracing::warn!(stream, "the NATS stream was deleted; creating it again, without its messages");
        // The clock may have been set back since the stream was created.
        config["first_seq"] = config["first_seq"].as_u64().max(Some(last + 1)).into();
        self.jetstream.create_stream(stream, &config).await
    }

    /// Marks all messages of a shard as received, because opening a channel reads them.
    pub(super) async fn mark_seen(&self, shard: usize) -> Result<(), StorageError> {
        let info = self.jetstream.stream_info(&self.shards[shard].stream, None).await?;
        self.shards[shard].seen.store(info.state.last_seq, Ordering::Relaxed);
        Ok(())
    }
}
