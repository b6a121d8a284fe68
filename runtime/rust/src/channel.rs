//! Channels, topics and signals, as generated code defines them.
//!
//! ```
//! use std::time::Duration;
//! use fanfare::schema::{Schema, Text};
//! use fanfare::{
//!     AddressPart, Carries, Channel, ChannelDefinition, History, ParamDefinition, Registry, Retain,
//!     TopicDefinition,
//! };
//!
//! // What `fanfare generate` writes for the address `pipeline:{runId}`.
//! static TEXT: Schema = Schema::Text(Text::ANY);
//! static PIPELINE: ChannelDefinition = ChannelDefinition {
//!     name: "pipeline",
//!     address: &[AddressPart::Literal("pipeline:"), AddressPart::Param(0)],
//!     params: &[ParamDefinition { name: "runId", schema: &TEXT }],
//!     topics: &[TopicDefinition::new("tokens", Carries::Payload(&TEXT), Retain::None)],
//!     history: History { messages: 100, age: Duration::from_secs(300) },
//!     fingerprint: "9f2c",
//!     ..ChannelDefinition::EMPTY
//! };
//! static REGISTRY: Registry = Registry { channels: &[&PIPELINE] };
//!
//! let channel = Channel::new(&PIPELINE, &[&"run/42"])?;
//! assert_eq!(channel.name(), "pipeline:run%2F42");
//! assert_eq!(REGISTRY.resolve("pipeline:run%2F42"), Some(channel));
//! assert_eq!(REGISTRY.resolve("pipeline:run/42"), None);
//! # Ok::<(), fanfare::ParamError>(())
//! ```

use std::fmt::{self, Display};
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::schema::{Issue, Schema};

mod address;
mod grant;
mod names;
mod param;
mod release;
mod resolve;
mod signal;

pub use grant::Grant;
pub use release::{BreakingChange, ChangedPart, Release};
pub use resolve::ResolveError;
pub use signal::{Signal, SignalDefinition};

/// All channels that a server serves.
#[derive(Clone, Copy, Debug)]
pub struct Registry {
    /// Their definitions.
    pub channels: &'static [&'static ChannelDefinition],
}

impl Registry {
    /// Returns the channel with a name, as it is on the wire. The name must match a definition's address, and its
    /// params must be valid and in their canonical spelling.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<Channel> {
        self.channels.iter().find_map(|definition| {
            let channel = Channel::fill(definition, &address::read(definition, name)?).ok()?;
            // Accept the canonical spelling only, so that no channel has two names.
            (channel.name() == name).then_some(channel)
        })
    }
}

/// The definition of a channel.
#[derive(Debug)]
pub struct ChannelDefinition {
    /// Its name in the definition.
    pub name: &'static str,
    /// Its description; empty if the definition has none.
    pub description: &'static str,
    /// Its address: the template of the channel's name on the wire.
    pub address: &'static [AddressPart],
    /// The params that fill the address, in the order of the definition.
    pub params: &'static [ParamDefinition],
    /// Its topics.
    pub topics: &'static [TopicDefinition],
    /// The signals that clients may send to runs on it.
    pub signals: &'static [SignalDefinition],
    /// The schema of the result of runs on it, if the definition has one.
    pub result: Option<&'static Schema>,
    /// How much history it keeps for subscribers that resume.
    pub history: History,
    /// The definition hash, which shows whether a page was generated from this definition.
    pub fingerprint: &'static str,
    /// The earlier definitions of the channel that were released and differ from this one.
    pub releases: &'static [Release],
}

impl ChannelDefinition {
    /// A definition without a name, topics and history, for definitions in code that set only some of the fields.
    pub const EMPTY: Self = Self {
        name: "",
        description: "",
        address: &[],
        params: &[],
        topics: &[],
        signals: &[],
        result: None,
        history: History::new(0, 0),
        fingerprint: "",
        releases: &[],
    };

    /// Returns the topics of the channel's log by index: those of the definition, and then run events.
    pub(crate) fn log_topics(&self) -> impl Iterator<Item = LogTopic> {
        (0..=self.topics.len()).map(|index| self.log_topic(index))
    }

    /// Returns a topic of the log.
    pub(crate) fn log_topic(&self, index: usize) -> LogTopic {
        match self.topics.get(index) {
            Some(topic) => LogTopic { name: topic.name, retain: topic.retain, carries: Some(topic.carries) },
            None => LogTopic { name: RUN_EVENTS, retain: Retain::Last, carries: None },
        }
    }

    /// Returns the index of run events in the log.
    pub(crate) fn run_events_index(&self) -> usize {
        self.topics.len()
    }
}

/// The name of run events in place of a topic. No topic can have it.
const RUN_EVENTS: &str = "$run";

/// A topic of a channel's log: one of the definition, or run events.
#[derive(Clone, Copy)]
pub(crate) struct LogTopic {
    pub(crate) name: &'static str,
    pub(crate) retain: Retain,
    carries: Option<Carries>,
}

impl LogTopic {
    /// Returns `true` for run events. Every subscriber receives them, and the latest is retained.
    pub(crate) fn is_run_events(&self) -> bool {
        self.carries.is_none()
    }

    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.carries, Some(Carries::TextStream))
    }

    /// Returns how many of the latest messages or text streams a new subscriber receives.
    pub(crate) fn retained(&self) -> u64 {
        match self.retain {
            Retain::None => 0,
            Retain::Last => 1,
            Retain::LastN(count) => count.into(),
        }
    }
}

/// A part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressPart {
    /// Text that every name contains.
    Literal(&'static str),
    /// A param, by its index in [`ChannelDefinition::params`].
    Param(usize),
}

/// The definition of a param.
#[derive(Clone, Copy, Debug)]
pub struct ParamDefinition {
    /// Its name.
    pub name: &'static str,
    /// Its schema: a text, an enum or an integer.
    pub schema: &'static Schema,
}

/// The definition of a topic.
#[derive(Clone, Copy, Debug)]
pub struct TopicDefinition {
    /// Its name.
    pub name: &'static str,
    /// Its description; empty if the definition has none.
    pub description: &'static str,
    /// What is published to it.
    pub carries: Carries,
    /// The messages that a new subscriber receives at once.
    pub retain: Retain,
    /// Earlier names under which it is still served.
    pub aliases: &'static [&'static str],
    /// Earlier names that no longer work. Errors mention the current one.
    pub renamed_from: &'static [&'static str],
}

impl TopicDefinition {
    /// Creates the definition of a topic that has no description and never had another name.
    #[must_use]
    pub const fn new(name: &'static str, carries: Carries, retain: Retain) -> Self {
        Self { name, description: "", carries, retain, aliases: &[], renamed_from: &[] }
    }

    /// Returns the schema of its payloads, or `None` if it carries text streams.
    #[must_use]
    pub fn schema(&self) -> Option<&'static Schema> {
        match self.carries {
            Carries::Payload(schema) => Some(schema),
            Carries::TextStream => None,
        }
    }
}

/// What is published to a topic.
#[derive(Clone, Copy, Debug)]
pub enum Carries {
    /// Payloads that this schema accepts.
    Payload(&'static Schema),
    /// Text streams: text that is sent in chunks while it is written.
    TextStream,
}

/// Marks a topic of text streams, in place of a payload type: `Topic<TextStream>`.
///
/// No payload has this type, so publishing a payload to such a topic does not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextStream;

/// How much a channel keeps for subscribers that resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// The maximum number of messages and text streams. A text stream counts as one, whatever its length.
    pub messages: u32,
    /// The maximum age of a message or text stream.
    pub age: Duration,
}

impl History {
    /// Keeps this many messages, and none older than this many seconds.
    #[must_use]
    pub const fn new(messages: u32, seconds: u64) -> Self {
        Self { messages, age: Duration::from_secs(seconds) }
    }
}

/// The messages of a topic that a new subscriber receives at once, independent of the channel's [`History`].
///
/// In a definition, `retain: last` is [`Last`](Self::Last), `retain: 20` is `LastN(20)`, and `retain: all` is
/// `LastN(1000)`: "all" has this bound, so that a topic cannot grow forever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retain {
    /// No message.
    None,
    /// The last message, or the last text stream from its start. The same as `LastN(1)`.
    Last,
    /// The last messages up to this number, or the last text streams, each from its start.
    LastN(u32),
}

/// A channel with its params filled in.
#[derive(Clone)]
pub struct Channel {
    definition: &'static ChannelDefinition,
    name: Arc<str>,
}

impl Channel {
    /// Fills the address of a definition with params, in the order of the definition.
    ///
    /// Generated code calls this with the arguments of a constructor that has the right number of params.
    ///
    /// # Errors
    /// Returns an error if the value of a param is not valid.
    ///
    /// # Panics
    /// Panics if there are fewer or more values than the definition has params.
    pub fn new(definition: &'static ChannelDefinition, params: &[&dyn Display]) -> Result<Self, ParamError> {
        assert_param_count(definition, params.len());
        Self::fill(definition, &params.iter().map(ToString::to_string).collect::<Vec<String>>())
    }

    /// Fills the address of a definition with the texts of its params.
    fn fill(definition: &'static ChannelDefinition, texts: &[String]) -> Result<Self, ParamError> {
        for (param, text) in definition.params.iter().zip(texts) {
            param::check(param.schema, text).map_err(|issues| ParamError {
                channel: definition.name,
                param: param.name,
                value: text.clone(),
                issues,
            })?;
        }
        Ok(Self { definition, name: address::write(definition, texts).into() })
    }

    /// Returns the channel of a definition whose address has no params.
    ///
    /// # Panics
    /// Panics if the definition has params: use [`Channel::new`] then.
    #[must_use]
    pub fn without_params(definition: &'static ChannelDefinition) -> Self {
        assert_param_count(definition, 0);
        Self { definition, name: address::write(definition, &[]).into() }
    }

    /// Returns the name on the wire.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the definition of the channel.
    #[must_use]
    pub fn definition(&self) -> &'static ChannelDefinition {
        self.definition
    }

    /// Returns `true` if the channel has this definition.
    #[must_use]
    pub fn is_of(&self, definition: &'static ChannelDefinition) -> bool {
        std::ptr::eq(self.definition, definition)
    }

    /// Returns a topic of the channel, by its index in [`ChannelDefinition::topics`]. Generated code sets the type of
    /// its payload.
    ///
    /// # Panics
    /// Panics if the index is out of range.
    #[must_use]
    pub fn topic<P: ?Sized>(&self, index: usize) -> Topic<'_, P> {
        Topic { channel: self, definition: &self.definition.topics[index], index, payload: PhantomData }
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }
}

fn assert_param_count(definition: &ChannelDefinition, count: usize) {
    let ChannelDefinition { name, params, .. } = definition;
    let names: Vec<&str> = params.iter().map(|param| param.name).collect();
    let values = if names.len() == 1 { "value" } else { "values" };
    assert!(
        count == names.len(),
        "the channel {name:?} has the params {names:?}: pass {} {values} to `Channel::new`, not {count}",
        names.len()
    );
}

impl fmt::Debug for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Channel({})", self.name)
    }
}

impl PartialEq for Channel {
    fn eq(&self, other: &Self) -> bool {
        self.is_of(other.definition) && self.name == other.name
    }
}

impl Eq for Channel {}

impl Hash for Channel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// A channel with its own type. Generated code implements it.
pub trait TypedChannel: Clone + Send + Sync + 'static {
    /// The result of runs on the channel, or `()` if the definition has none.
    type Result: Serialize + Send + Sync + 'static;

    /// The definition of the channel.
    const DEFINITION: &'static ChannelDefinition;

    /// Returns the channel without its type.
    fn channel(&self) -> &Channel;

    /// Returns the channel with its type, or `None` if it has another definition.
    fn from_channel(channel: Channel) -> Option<Self>;
}

/// A topic of a channel. It carries payloads of type `P`, or text streams if `P` is [`TextStream`].
pub struct Topic<'c, P: ?Sized> {
    channel: &'c Channel,
    definition: &'static TopicDefinition,
    index: usize,
    payload: PhantomData<fn(&P)>,
}

impl<'c, P: ?Sized> Topic<'c, P> {
    /// Returns the channel of the topic.
    #[must_use]
    pub fn channel(&self) -> &'c Channel {
        self.channel
    }

    /// Returns the definition of the topic.
    #[must_use]
    pub fn definition(&self) -> &'static TopicDefinition {
        self.definition
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }
}

impl<P: ?Sized> Clone for Topic<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: ?Sized> Copy for Topic<'_, P> {}

impl<P: ?Sized> fmt::Debug for Topic<'_, P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Topic({}, {})", self.channel.name, self.definition.name)
    }
}

/// An error from filling a param of a channel's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamError {
    /// The channel's name in the definition.
    pub channel: &'static str,
    /// The param's name.
    pub param: &'static str,
    /// The invalid value.
    pub value: String,
    /// What is wrong with it.
    pub issues: Vec<Issue>,
}

impl Display for ParamError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { channel, param, value, issues } = self;
        write!(formatter, "invalid value {value:?} for param {param:?} of channel {channel:?}: ")?;
        for (index, issue) in issues.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", and " };
            write!(formatter, "{separator}{issue}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ParamError {}
