//! The channels of the simulation, as generated code would describe them.

use std::time::Duration;

use fanfare::schema::{Schema, Text};
use fanfare::{
    AddressPart, Carries, Channel, ChannelDefinition, History, ParamDefinition, Registry, Retain, TextStream,
    Topic, TopicDefinition,
};

const TEXT: &Schema = &Schema::Text(Text::ANY);

const fn payload(name: &'static str, retain: Retain) -> TopicDefinition {
    TopicDefinition::new(name, Carries::Payload(TEXT), retain)
}

const fn stream(name: &'static str, retain: Retain) -> TopicDefinition {
    TopicDefinition::new(name, Carries::TextStream, retain)
}

/// Payloads come first, then text streams.
const TOPICS: [TopicDefinition; 6] = [
    payload("said", Retain::None),
    payload("status", Retain::Last),
    payload("journal", Retain::LastN(7)),
    stream("log", Retain::None),
    stream("draft", Retain::Last),
    stream("drafts", Retain::LastN(3)),
];

pub(super) const TOPIC_COUNT: usize = TOPICS.len();

/// The number of topics with payloads.
pub(super) const PAYLOADS: usize = 3;

const fn definition(
    name: &'static str,
    address: &'static [AddressPart],
    messages: u32,
    seconds: u64,
) -> ChannelDefinition {
    ChannelDefinition {
        name,
        address,
        params: &[ParamDefinition { name: "id", schema: TEXT }],
        topics: &TOPICS,
        history: History { messages, age: Duration::from_secs(seconds) },
        fingerprint: name,
        ..ChannelDefinition::EMPTY
    }
}

static SMALL: ChannelDefinition =
    definition("small", &[AddressPart::Literal("small:"), AddressPart::Param(0)], 5, 3);
static MEDIUM: ChannelDefinition =
    definition("medium", &[AddressPart::Literal("medium:"), AddressPart::Param(0)], 20, 60);
static LARGE: ChannelDefinition =
    definition("large", &[AddressPart::Literal("large:"), AddressPart::Param(0)], 300, 1000);

pub(super) static REGISTRY: Registry = Registry { channels: &[&SMALL, &MEDIUM, &LARGE] };

/// The number of channels.
pub(super) const CHANNELS: usize = 6;

/// A channel, by its number.
#[derive(Clone)]
pub(super) struct Room {
    channel: Channel,
    definition: &'static ChannelDefinition,
}

impl Room {
    pub(super) fn new(number: usize) -> Self {
        let definition = REGISTRY.channels[number % 3];
        let channel = Channel::new(definition, &[&(number / 3)]).unwrap_or_else(|error| panic!("{error:?}"));
        Self { channel, definition }
    }

    /// Returns the number of the channel with a name.
    pub(super) fn find(name: &str) -> Option<usize> {
        (0..CHANNELS).find(|number| Self::new(*number).channel.name() == name)
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    pub(super) fn payload(&self, topic: usize) -> Topic<'_, str> {
        self.channel.topic(topic)
    }

    pub(super) fn stream(&self, topic: usize) -> Topic<'_, TextStream> {
        self.channel.topic(topic)
    }

    pub(super) fn history(&self) -> History {
        self.definition.history
    }
}

pub(super) fn topic_name(topic: usize) -> &'static str {
    TOPICS[topic].name
}

pub(super) fn topic_of(name: &str) -> Option<usize> {
    TOPICS.iter().position(|topic| topic.name == name)
}

/// Returns how many messages or text streams of a topic a new subscriber receives.
pub(super) fn retained(topic: usize) -> usize {
    match TOPICS[topic].retain {
        Retain::None => 0,
        Retain::Last => 1,
        Retain::LastN(count) => count as usize,
    }
}
