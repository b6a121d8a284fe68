//! The channels of the simulation, as generated code would describe them.

use std::time::Duration;

use fanfare::schema::{Schema, Text};
use fanfare::{
    AddressPart, Carries, Channel, ChannelDefinition, History, ParamDefinition, Registry, Retain, Signal,
    SignalDefinition, TextStream, Topic, TopicDefinition, TypedChannel,
};

const TEXT: &Schema = &Schema::Text(Text::ANY);

/// The signals that runs can receive.
pub(crate) const SIGNALS: [&str; 3] = ["approve", "reject", "comment"];

static ROOM: ChannelDefinition = ChannelDefinition {
    name: "room",
    address: &[AddressPart::Literal("room:"), AddressPart::Param(0)],
    params: &[ParamDefinition { name: "id", schema: TEXT }],
    topics: &[
        TopicDefinition::new("durable", Carries::Payload(TEXT), Retain::None),
        TopicDefinition::new("progress", Carries::Payload(TEXT), Retain::None),
        TopicDefinition::new("draft", Carries::TextStream, Retain::None),
    ],
    signals: &[
        SignalDefinition::new(SIGNALS[0], TEXT),
        SignalDefinition::new(SIGNALS[1], TEXT),
        SignalDefinition::new(SIGNALS[2], TEXT),
    ],
    result: Some(TEXT),
    history: History { messages: 1_000_000, age: Duration::from_secs(86_400) },
    fingerprint: "1",
    ..ChannelDefinition::EMPTY
};

pub(crate) static REGISTRY: Registry = Registry { channels: &[&ROOM] };

/// A channel of runs.
#[derive(Clone)]
pub(crate) struct Room(Channel);

impl Room {
    pub(crate) fn new(number: usize) -> Self {
        Self(Channel::new(&ROOM, &[&number.to_string()]).unwrap_or_else(|error| panic!("{error:?}")))
    }

    /// Messages that are published durably.
    pub(crate) fn durable(&self) -> Topic<'_, str> {
        self.0.topic(0)
    }

    /// Messages that may be published again.
    pub(crate) fn progress(&self) -> Topic<'_, str> {
        self.0.topic(1)
    }

    /// Text streams.
    pub(crate) fn draft(&self) -> Topic<'_, TextStream> {
        self.0.topic(2)
    }

    pub(crate) fn signal(&self, index: usize) -> Signal<'_, str> {
        self.0.signal(index)
    }
}

impl TypedChannel for Room {
    type Result = String;
    const DEFINITION: &'static ChannelDefinition = &ROOM;

    fn channel(&self) -> &Channel {
        &self.0
    }

    fn from_channel(channel: Channel) -> Option<Self> {
        channel.is_of(&ROOM).then_some(Self(channel))
    }
}
