//! What the user wrote: the format of a definition file, and its reading.
//!
//! The structs here parse definition files and, through schemars, describe
//! them to editors.

mod dialect;
mod read;
mod resources;
mod schema;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

pub(crate) use dialect::Dialect;
pub(crate) use read::{Definitions, node, read_folder, refuse_unknown};
pub(crate) use resources::{DynamicAnchors, Resources, Target, at};
pub(crate) use schema::{
    Dependency, Exclusive, ItemsNode, Keywords, SchemaNode, TypeName, TypeNames, subschemas,
};

/// Channel definitions for fanfare.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(expecting = "a mapping that starts with `version: 1`")]
#[schemars(title = "Fanfare channel definitions", extend("additionalProperties" = false))]
pub(crate) struct DefinitionFile {
    /// The version of the format: 1.
    #[schemars(extend("const" = 1))]
    pub(crate) version: u32,
    /// The channels, by name.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, ChannelNode>")]
    pub(crate) channels: IndexMap<String, Value>,
    /// Types that payloads and other types refer to with `$ref: "#/$defs/Name"`.
    #[serde(default, rename = "$defs")]
    #[schemars(with = "IndexMap<String, SchemaNode>")]
    pub(crate) defs: IndexMap<String, Value>,
    /// Types, as older drafts call them.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, SchemaNode>")]
    pub(crate) definitions: IndexMap<String, Value>,
    /// The draft of JSON Schema that the payloads are written in (2020-12 by default), or the schema of this file, for
    /// editors.
    #[serde(default, rename = "$schema")]
    pub(crate) schema: Option<String>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(crate) unknown: IndexMap<String, Value>,
}

impl DefinitionFile {
    pub(crate) const KEYS: [&str; 5] = ["version", "channels", "$defs", "definitions", "$schema"];
}

/// A channel: a named scope for messages, such as one run or one user.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(expecting = "a channel: a mapping with `address` and `topics`")]
#[schemars(rename = "Channel", extend("additionalProperties" = false))]
pub(crate) struct ChannelNode {
    /// What the channel is for; becomes its documentation.
    pub(crate) description: Option<String>,
    /// The channel's name template, such as `pipeline:{runId}`.
    pub(crate) address: String,
    /// The schema of each hole in the address; a non-empty string where none is given.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, SchemaNode>")]
    pub(crate) params: IndexMap<String, Value>,
    /// What the channel keeps so that subscribers can resume: 100 messages and 5 minutes by default.
    pub(crate) history: Option<HistoryNode>,
    /// The topics, by name.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, TopicNode>")]
    pub(crate) topics: IndexMap<String, Value>,
    /// What clients may send to a run that waits on this channel, by name.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, SignalNode>")]
    pub(crate) signals: IndexMap<String, Value>,
    /// The JSON Schema of what a run on this channel returns.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "SchemaNode", skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<Value>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(crate) unknown: IndexMap<String, Value>,
}

impl ChannelNode {
    pub(crate) const KEYS: [&str; 7] =
        ["description", "address", "params", "history", "topics", "signals", "result"];
}

/// How much history a channel keeps: whichever limit is reached first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(expecting = "a mapping with `messages` and `age`")]
#[schemars(rename = "History", extend("additionalProperties" = false))]
pub(crate) struct HistoryNode {
    /// The most messages and text streams kept (1 to 1,000,000; default 100). A text stream counts as one.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) messages: Option<u32>,
    /// The longest a message is kept, as a number and a unit: `30s`, `10m`, `2h` or `7d` (default `5m`).
    #[schemars(regex(pattern = r"^[1-9][0-9]*[smhd]$"))]
    pub(crate) age: Option<String>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(crate) unknown: IndexMap<String, Value>,
}

impl HistoryNode {
    pub(crate) const KEYS: [&str; 2] = ["messages", "age"];
}

/// A topic: a category of message inside a channel. It carries payloads of one schema, or text streams.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(expecting = "a topic: a mapping with `payload` or `stream`")]
#[schemars(
    rename = "Topic",
    extend("additionalProperties" = false, "oneOf" = [{ "required": ["payload"] }, { "required": ["stream"] }])
)]
pub(crate) struct TopicNode {
    /// What the topic carries; becomes its documentation.
    pub(crate) description: Option<String>,
    /// What a new subscriber gets at once: the topic's latest message or stream (`last`), the latest 1,000 (`all`), or
    /// as many as a number says. The channel keeps these whatever its history is.
    pub(crate) retain: Option<RetainNode>,
    /// The JSON Schema of the payload.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "SchemaNode", skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<Value>,
    /// In place of a payload: the topic carries text streams, which are sent piece by piece as they are written.
    #[serde(default, deserialize_with = "word")]
    #[schemars(with = "StreamNode")]
    pub(crate) stream: Option<StreamNode>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(crate) unknown: IndexMap<String, Value>,
}

impl TopicNode {
    pub(crate) const KEYS: [&str; 4] = ["description", "retain", "payload", "stream"];
    /// What a topic carries: it has exactly one of these.
    pub(crate) const CARRIED: [&str; 2] = ["payload", "stream"];
}

/// A signal: what a client sends to a run that waits, such as a person's verdict.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(expecting = "a signal: a mapping with `payload`")]
#[schemars(rename = "Signal", extend("additionalProperties" = false))]
pub(crate) struct SignalNode {
    /// What the signal says; becomes its documentation.
    pub(crate) description: Option<String>,
    /// The JSON Schema of the payload.
    #[schemars(with = "SchemaNode")]
    pub(crate) payload: Value,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(crate) unknown: IndexMap<String, Value>,
}

impl SignalNode {
    pub(crate) const KEYS: [&str; 2] = ["description", "payload"];
}

/// A key that is there without a value is not the same as none.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

/// One of the words that a type has: serde alone would also take a mapping with the word as its only key.
fn word<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(String::deserialize(value)?.into_deserializer()).map(Some)
}

/// What the streams of a topic consist of.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Stream")]
#[serde(rename_all = "lowercase")]
pub(crate) enum StreamNode {
    /// Pieces of text, such as a language model's tokens.
    Text,
}

/// What a new subscriber of a topic gets at once.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `last`, `all` or a number of messages")]
#[schemars(rename = "Retain")]
pub(crate) enum RetainNode {
    Word(RetainWord),
    /// So many of the topic's latest messages or streams (1 to 10,000).
    Latest(#[schemars(range(min = 1, max = 10_000))] u32),
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RetainWord {
    /// The topic's latest message; the latest stream, from its start.
    Last,
    /// The topic's latest 1,000 messages or streams.
    All,
}

/// The JSON Schema (draft-07) of the definition format.
pub(crate) fn format_schema() -> Value {
    schemars::generate::SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<DefinitionFile>()
        .into()
}
