//! The server and its definitions.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;

use super::Admin;
use super::page::write_time;
use crate::channel::{AddressPart, Carries, ChannelDefinition};
use crate::hub::Health;
use crate::metrics::{self, MetricSample};
use crate::schema;

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ServerInfo {
    /// The version of the library.
    pub version: &'static str,
    /// The engine of the storage: `memory` or `sqlite`.
    pub storage: &'static str,
    /// Whether the server accepts clients.
    pub status: ServerStatus,
    /// When the hub was built, by the wall clock.
    #[serde(serialize_with = "write_time")]
    pub started_at: SystemTime,
    /// The time by the storage's clock.
    #[serde(serialize_with = "write_time")]
    pub now: SystemTime,
    /// The names of the jobs that are registered in this process, sorted.
    pub jobs: Vec<&'static str>,
    /// The number of open connections of this process.
    pub connections: usize,
}

/// Whether a server accepts clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServerStatus {
    /// It accepts clients.
    Open,
    /// It is shutting down.
    Closing,
    /// Its storage fails.
    Failing,
}

/// The definition of a channel. Schemas are JSON Schema documents, as [`describe`](schema::describe) returns them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DefinitionInfo {
    /// Its name.
    pub name: &'static str,
    /// Its description; empty if it has none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub description: &'static str,
    /// The template of the names of channels, such as `pipeline:{runId}`.
    pub address: String,
    /// Its params.
    pub params: Vec<ParamInfo>,
    /// Its topics.
    pub topics: Vec<TopicInfo>,
    /// Its signals.
    pub signals: Vec<SignalInfo>,
    /// Whether runs on its channels return a result.
    pub has_result: bool,
    /// The schema of that result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_schema: Option<Value>,
    /// How much history it keeps.
    pub history: HistoryInfo,
    /// The definition hash.
    pub fingerprint: &'static str,
}

/// A param of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ParamInfo {
    /// Its name.
    pub name: &'static str,
    /// The schema of its values. They are never empty.
    pub schema: Value,
}

/// A topic of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TopicInfo {
    /// Its name.
    pub name: &'static str,
    /// Its description; empty if it has none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub description: &'static str,
    /// `payload` or `text_stream`.
    pub carries: &'static str,
    /// How many of the latest messages a new subscriber receives.
    pub retain: u64,
    /// Earlier names under which it is still served.
    pub aliases: &'static [&'static str],
    /// The schema of its payloads, or `None` if it carries text streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

/// A signal of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SignalInfo {
    /// Its name.
    pub name: &'static str,
    /// Its description; empty if it has none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub description: &'static str,
    /// Earlier names under which clients may still send it.
    pub aliases: &'static [&'static str],
    /// The schema of its payloads.
    pub schema: Value,
}

/// The history that a definition keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HistoryInfo {
    /// The maximum number of messages.
    pub messages: u32,
    /// The maximum age, in seconds.
    pub seconds: u64,
}

impl Admin {
    /// Describes the server.
    #[must_use]
    pub fn server(&self) -> ServerInfo {
        let hub = &self.hub;
        ServerInfo {
            version: env!("CARGO_PKG_VERSION"),
            storage: hub.storage().engine_name(),
            status: match hub.health() {
                Health::Open => ServerStatus::Open,
                Health::Closing => ServerStatus::Closing,
                Health::Failing => ServerStatus::Failing,
            },
            started_at: hub.started_at(),
            now: hub.storage_time(),
            jobs: hub.job_names(),
            connections: hub.count_connections(),
        }
    }

    /// Returns the definitions of the channels that the server serves.
    #[must_use]
    pub fn definitions(&self) -> Vec<DefinitionInfo> {
        self.hub.registry().channels.iter().map(|definition| describe(definition)).collect()
    }

    /// Returns the current values of the metrics of this process, except `fanfare_cursor_lag_messages`, which is a
    /// histogram. Counters start at 0 when the process starts.
    #[must_use]
    pub fn metrics(&self) -> Vec<MetricSample> {
        metrics::samples()
    }
}

fn describe(definition: &ChannelDefinition) -> DefinitionInfo {
    let address = definition.address.iter().map(|part| match part {
        AddressPart::Literal(text) => (*text).to_owned(),
        AddressPart::Param(index) => {
            format!("{{{}}}", definition.params.get(*index).map_or("", |param| param.name))
        }
    });
    let topics = definition.topics.iter().enumerate().map(|(index, topic)| TopicInfo {
        name: topic.name,
        description: topic.description,
        carries: match topic.carries {
            Carries::Payload(_) => "payload",
            Carries::TextStream => "text_stream",
        },
        retain: definition.log_topic(index).retained(),
        aliases: topic.aliases,
        schema: topic.schema().map(schema::describe),
    });
    let signals = definition.signals.iter().map(|signal| SignalInfo {
        name: signal.name,
        description: signal.description,
        aliases: signal.aliases,
        schema: schema::describe(signal.schema),
    });
    let params = definition
        .params
        .iter()
        .map(|param| ParamInfo { name: param.name, schema: schema::describe(param.schema) });
    DefinitionInfo {
        name: definition.name,
        description: definition.description,
        address: address.collect(),
        params: params.collect(),
        topics: topics.collect(),
        signals: signals.collect(),
        has_result: definition.result.is_some(),
        result_schema: definition.result.map(schema::describe),
        history: HistoryInfo {
            messages: definition.history.messages,
            seconds: definition.history.age.as_secs(),
        },
        fingerprint: definition.fingerprint,
    }
}
