//! The channels and their payload.

use std::time::Duration;

use bench_client::message;
use fanfare::schema::{Additional, Object, Property, Schema, Text};
use fanfare::{
    AddressPart, Carries, Channel, ChannelDefinition, History, ParamDefinition, Registry, Retain,
    SignalDefinition, TopicDefinition,
};
use serde::Serialize;

static TEXT: Schema = Schema::Text(Text::ANY);
static MESSAGE: Schema = Schema::Object(Object {
    properties: &[
        Property::Required("m", &TEXT),
        Property::Required("role", &Schema::Enum(&["assistant", "user"])),
        Property::Required("text", &TEXT),
    ],
    additional: Additional::Ignored,
});

/// The history is long enough that nothing is deleted while measuring.
static LONG: ChannelDefinition = ChannelDefinition {
    name: "bench",
    address: &[AddressPart::Literal("bench:"), AddressPart::Param(0)],
    params: &[ParamDefinition { name: "id", schema: &TEXT }],
    topics: &[TopicDefinition::new("t", Carries::Payload(&MESSAGE), Retain::None)],
    history: History { messages: 1_000_000, age: Duration::from_secs(3_600) },
    fingerprint: "bench",
    ..ChannelDefinition::EMPTY
};

/// The number of messages in the history of a [`short`] channel.
pub(crate) const SHORT_HISTORY: u32 = 1_000;

static SHORT: ChannelDefinition = ChannelDefinition {
    name: "short",
    address: &[AddressPart::Literal("short:"), AddressPart::Param(0)],
    history: History { messages: SHORT_HISTORY, age: Duration::from_secs(3_600) },
    ..LONG
};

/// Channels of plain texts, with a topic and a signal.
pub(crate) static TEXTS: ChannelDefinition = ChannelDefinition {
    name: "text",
    address: &[AddressPart::Literal("text:"), AddressPart::Param(0)],
    topics: &[TopicDefinition::new("said", Carries::Payload(&TEXT), Retain::None)],
    signals: &[SignalDefinition::new("say", &TEXT)],
    ..LONG
};

pub(crate) static REGISTRY: Registry = Registry { channels: &[&LONG, &SHORT, &TEXTS] };

/// Returns a channel whose messages are kept.
pub(crate) fn long(number: usize) -> Result<Channel, fanfare::ParamError> {
    Channel::new(&LONG, &[&number.to_string()])
}

/// Returns a channel with a history of [`SHORT_HISTORY`] messages.
pub(crate) fn short(number: usize) -> Result<Channel, fanfare::ParamError> {
    Channel::new(&SHORT, &[&number.to_string()])
}

/// Returns a channel of texts.
pub(crate) fn text(number: usize) -> Result<Channel, fanfare::ParamError> {
    Channel::new(&TEXTS, &[&number.to_string()])
}

#[derive(Serialize)]
pub(crate) struct Message<'m> {
    m: String,
    role: &'static str,
    text: &'m str,
}

impl<'m> Message<'m> {
    /// Returns a message with the marker that subscribers look for.
    pub(crate) fn new(published: u64, sequence: u64, text: &'m str) -> Self {
        Self { m: message::marker(published, sequence), role: "assistant", text }
    }
}
