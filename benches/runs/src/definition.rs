//! A channel as generated code describes it, and its payload.

use std::time::Duration;

use fanfare::schema::{Additional, Integer, Object, Property, Schema, Text};
use fanfare::{
    AddressPart, Carries, Channel, ChannelDefinition, History, ParamDefinition, Registry, Retain, Topic,
    TopicDefinition, TypedChannel,
};
use serde::{Deserialize, Serialize};

const TEXT: &Schema = &Schema::Text(Text::ANY);
const PROGRESS: &Schema = &Schema::Object(Object {
    properties: &[
        Property::Required("message", TEXT),
        Property::Required("progress", &Schema::Integer(Integer { minimum: 0, maximum: 100, multiple_of: None })),
    ],
    additional: Additional::Ignored,
});

/// The history is long enough that nothing is deleted while measuring.
static BENCH: ChannelDefinition = ChannelDefinition {
    name: "bench",
    address: &[AddressPart::Literal("bench:"), AddressPart::Param(0)],
    params: &[ParamDefinition { name: "id", schema: TEXT }],
    topics: &[TopicDefinition::new("progress", Carries::Payload(PROGRESS), Retain::None)],
    history: History { messages: 1_000_000, age: Duration::from_secs(3_600) },
    fingerprint: "bench",
    ..ChannelDefinition::EMPTY
};

pub(crate) static REGISTRY: Registry = Registry { channels: &[&BENCH] };

#[derive(Clone, Debug)]
pub(crate) struct Bench(Channel);

impl Bench {
    pub(crate) fn new(number: usize) -> Result<Self, fanfare::ParamError> {
        Channel::new(&BENCH, &[&number.to_string()]).map(Self)
    }

    pub(crate) fn progress(&self) -> Topic<'_, Progress> {
        self.0.topic(0)
    }
}

impl TypedChannel for Bench {
    type Result = ();
    const DEFINITION: &'static ChannelDefinition = &BENCH;

    fn channel(&self) -> &Channel {
        &self.0
    }

    fn from_channel(channel: Channel) -> Option<Self> {
        channel.is_of(&BENCH).then_some(Self(channel))
    }
}

/// The result of a step and the payload of a publish: a line of text and a number, 81 bytes of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Progress {
    message: String,
    progress: u32,
}

impl Progress {
    pub(crate) fn some() -> Self {
        Self { message: "Read the third of the four chapters, two pages are left".into(), progress: 42 }
    }
}
