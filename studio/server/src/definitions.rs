//! The channels of this hub: those of `schemas/`, and one with a long history.

use std::time::Duration;

use fanfare::schema::{Additional, Object, Property, Schema, Text};
use fanfare::{AddressPart, Carries, ChannelDefinition, History, Registry, Retain, TopicDefinition};

/// The channel with a long history.
pub(crate) const LOG: &str = "log";
/// Its only topic.
pub(crate) const LINE: &str = "line";

static TEXT: Schema = Schema::Text(Text::ANY);
static LINE_SCHEMA: Schema = Schema::Object(Object {
    properties: &[Property::Required("message", &TEXT)],
    additional: Additional::Ignored,
});

static LOG_DEFINITION: ChannelDefinition = ChannelDefinition {
    name: LOG,
    address: &[AddressPart::Literal(LOG)],
    topics: &[TopicDefinition::new(LINE, Carries::Payload(&LINE_SCHEMA), Retain::None)],
    history: History { messages: 200_000, age: Duration::from_secs(24 * 60 * 60) },
    fingerprint: "log",
    ..ChannelDefinition::EMPTY
};

pub(crate) static REGISTRY: Registry =
    Registry { channels: &[channels::REGISTRY.channels[0], channels::REGISTRY.channels[1], &LOG_DEFINITION] };
