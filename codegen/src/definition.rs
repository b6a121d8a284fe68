//! The format of definition files, and how they are read.
//!
//! The structs parse definition files and, through schemars, define the JSON Schema for editors, so their doc comments
//! are shown to users.

mod dialect;
mod metaschemas;
mod nodes;
mod read;
mod resources;
mod schema;
mod syntax;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

pub(crate) use dialect::Dialect;
pub(crate) use nodes::{node, refuse_unknown};
pub(crate) use read::{Definitions, ParsedFiles, read_folder, read_text, read_unsaved};
pub(crate) use resources::{DynamicAnchors, Resources, Target, at, percent_decoded};
pub(crate) use schema::{
    Dependency, Exclusive, ItemsNode, KEYWORDS, Keyword, Keywords, Role, SchemaNode, TypeName, TypeNames,
    subschemas,
};
pub(crate) use syntax::parse;

/// Channel definitions for Fanfare.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(expecting = "a mapping that starts with `version: 1`")]
#[schemars(title = "Fanfare channel definitions", extend("additionalProperties" = false))]
pub(crate) struct DefinitionFile {
    /// The version of the format, 1.
    #[schemars(extend("const" = 1))]
    pub(crate) version: u32,
    /// The channels, by name.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, ChannelNode>")]
    pub(crate) channels: IndexMap<String, Value>,
    /// Types, by name. Payloads and other types refer to them with `$ref: "#/$defs/Name"`.
    #[serde(default, rename = "$defs")]
    #[schemars(with = "IndexMap<String, SchemaNode>")]
    pub(crate) defs: IndexMap<String, Value>,
    /// Types, by name; the spelling of `$defs` in older drafts.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, SchemaNode>")]
    pub(crate) definitions: IndexMap<String, Value>,
    /// The JSON Schema draft of the payloads (2020-12 by default), or the schema of this file for editors.
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
    /// The purpose of the channel. Becomes documentation in generated code.
    pub(crate) description: Option<String>,
    /// Marks the channel as deprecated in generated code: `true`, or a text that says what to use instead.
    pub(crate) deprecated: Option<DeprecatedNode>,
    /// The template of the channel's name, such as `pipeline:{runId}`.
    pub(crate) address: String,
    /// The schema of each param in the address. The default is a non-empty string.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, SchemaNode>")]
    pub(crate) params: IndexMap<String, Value>,
    /// The messages from which clients can resume: by default, the latest 100 that are not older than 5 minutes.
    pub(crate) history: Option<HistoryNode>,
    /// The topics, by name.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, TopicNode>")]
    pub(crate) topics: IndexMap<String, Value>,
    /// The signals that clients can send to a waiting run of this channel, by name.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, SignalNode>")]
    pub(crate) signals: IndexMap<String, Value>,
    /// The JSON Schema of the value that a run of this channel returns.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "SchemaNode", skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<Value>,
    /// Breaking changes that `fanfare breaking` does not report until a date.
    #[serde(default, rename = "ignore-breaking")]
    pub(crate) ignore_breaking: Vec<IgnoreNode>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(crate) unknown: IndexMap<String, Value>,
}

impl ChannelNode {
    pub(crate) const KEYS: [&str; 9] = [
        "description",
        "deprecated",
        "address",
        "params",
        "history",
        "topics",
        "signals",
        "result",
        "ignore-breaking",
    ];
}

/// The extent of a channel's history: whichever limit is reached first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(expecting = "a mapping with `messages` and `age`")]
#[schemars(rename = "History", extend("additionalProperties" = false))]
pub(crate) struct HistoryNode {
    /// The maximum number of messages and text streams (1 to 1,000,000; default 100). A text stream counts as one.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) messages: Option<u32>,
    /// The maximum age of a message, as a number and a unit: `30s`, `10m`, `2h` or `7d` (default `5m`).
    #[schemars(regex(pattern = r"^[1-9][0-9]*[smhd]$"))]
    pub(crate) age: Option<String>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(crate) unknown: IndexMap<String, Value>,
}

impl HistoryNode {
    pub(crate) const KEYS: [&str; 2] = ["messages", "age"];
}

/// A topic: a category of messages in a channel. It carries payloads of one schema, or text streams.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(expecting = "a topic: a mapping with `payload` or `stream`")]
#[schemars(
    rename = "Topic",
    extend("additionalProperties" = false, "oneOf" = [{ "required": ["payload"] }, { "required": ["stream"] }])
)]
pub(crate) struct TopicNode {
    /// The purpose of the topic. Becomes documentation in generated code.
    pub(crate) description: Option<String>,
    /// Marks the topic as deprecated in generated code: `true`, or a text that says what to use instead.
    pub(crate) deprecated: Option<DeprecatedNode>,
    /// The messages or text streams that a new subscriber receives: the latest one (`last`), the latest 1,000 (`all`), or
    /// the given number. They are kept regardless of the channel's history.
    pub(crate) retain: Option<RetainNode>,
    /// The JSON Schema of the payload.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "SchemaNode", skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<Value>,
    /// Instead of `payload`: the topic carries text streams, which are sent in chunks while they are written.
    #[serde(default, deserialize_with = "word")]
    #[schemars(with = "StreamNode")]
    pub(crate) stream: Option<StreamNode>,
    /// Earlier names that clients may still use: a page that subscribes to one receives the messages under that name.
    #[serde(default)]
    #[schemars(extend("uniqueItems" = true))]
    pub(crate) aliases: Vec<String>,
    /// Earlier names that no longer work. The error for a client that uses one gives the current name.
    #[serde(default, rename = "renamed-from")]
    #[schemars(extend("uniqueItems" = true))]
    pub(crate) renamed_from: Vec<String>,
    /// Breaking changes that `fanfare breaking` does not report until a date.
    #[serde(default, rename = "ignore-breaking")]
    pub(crate) ignore_breaking: Vec<IgnoreNode>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(crate) unknown: IndexMap<String, Value>,
}

impl TopicNode {
    pub(crate) const KEYS: [&str; 8] = [
        "description",
        "deprecated",
        "retain",
        "payload",
        "stream",
        "aliases",
        "renamed-from",
        "ignore-breaking",
    ];
    /// A topic has exactly one of these keys.
    pub(crate) const CARRIED: [&str; 2] = ["payload", "stream"];
}

/// A signal: a message from a client to a waiting run, such as an approval.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(expecting = "a signal: a mapping with `payload`")]
#[schemars(rename = "Signal", extend("additionalProperties" = false))]
pub(crate) struct SignalNode {
    /// The purpose of the signal. Becomes documentation in generated code.
    pub(crate) description: Option<String>,
    /// Marks the signal as deprecated in generated code: `true`, or a text that says what to use instead.
    pub(crate) deprecated: Option<DeprecatedNode>,
    /// The JSON Schema of the payload.
    #[schemars(with = "SchemaNode")]
    pub(crate) payload: Value,
    /// Earlier names that clients may still use. The run receives the signal under its current name.
    #[serde(default)]
    #[schemars(extend("uniqueItems" = true))]
    pub(crate) aliases: Vec<String>,
    /// Earlier names that no longer work. The error for a client that uses one gives the current name.
    #[serde(default, rename = "renamed-from")]
    #[schemars(extend("uniqueItems" = true))]
    pub(crate) renamed_from: Vec<String>,
    /// Breaking changes that `fanfare breaking` does not report until a date.
    #[serde(default, rename = "ignore-breaking")]
    pub(crate) ignore_breaking: Vec<IgnoreNode>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(crate) unknown: IndexMap<String, Value>,
}

impl SignalNode {
    pub(crate) const KEYS: [&str; 6] =
        ["description", "deprecated", "payload", "aliases", "renamed-from", "ignore-breaking"];
}

/// A breaking change that is accepted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(expecting = "a mapping with `rule`, `reason` and `until`")]
#[schemars(rename = "Ignore", extend("additionalProperties" = false))]
pub(crate) struct IgnoreNode {
    /// The id of the rule, such as `message-refused-by-old-pages`.
    pub(crate) rule: String,
    /// The reason why the change is accepted.
    pub(crate) reason: String,
    /// The date after which the change is reported again, such as `2026-12-31`.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub(crate) until: String,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(crate) unknown: IndexMap<String, Value>,
}

impl IgnoreNode {
    pub(crate) const KEYS: [&str; 3] = ["rule", "reason", "until"];
}

/// `true`, or what to use instead.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `true`, or a text that says what to use instead")]
#[schemars(rename = "Deprecated")]
pub(crate) enum DeprecatedNode {
    Flag(bool),
    /// The replacement to use.
    Note(String),
}

impl DeprecatedNode {
    /// Returns the text, which is empty if there is none, or `None` for `false`.
    pub(crate) fn note(self) -> Option<String> {
        match self {
            Self::Flag(is_deprecated) => is_deprecated.then(String::new),
            Self::Note(text) => Some(text),
        }
    }
}

/// Distinguishes a key with the value null from an absent key.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

/// Accepts only a string: serde would also accept a mapping with the variant as its only key.
fn word<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(String::deserialize(value)?.into_deserializer()).map(Some)
}

/// The kind of streams that a topic carries.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Stream")]
#[serde(rename_all = "lowercase")]
pub(crate) enum StreamNode {
    /// Chunks of text, such as a language model's tokens.
    Text,
}

/// The retained messages of a topic.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `last`, `all` or a number of messages")]
#[schemars(rename = "Retain")]
pub(crate) enum RetainNode {
    Word(RetainWord),
    /// The number of latest messages or text streams to retain (1 to 10,000).
    Latest(#[schemars(range(min = 1, max = 10_000))] u32),
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RetainWord {
    /// The latest message, or the latest text stream from its start.
    Last,
    /// The latest 1,000 messages or text streams.
    All,
}

/// The JSON Schema (draft-07) of the definition format.
pub(crate) fn format_schema() -> Value {
    schemars::generate::SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<DefinitionFile>()
        .into()
}
