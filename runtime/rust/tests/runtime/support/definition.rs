//! Channels, written as generated code would be.

use std::time::Duration;

use fanfare::schema::{Additional, Integer, Object, Property, Schema, Text};
use fanfare::{
    AddressPart, BreakingChange, Carries, ChangedPart, Channel, ChannelDefinition, History, ParamDefinition,
    Registry, Release, Retain, Signal, SignalDefinition, TextStream, Topic, TopicDefinition, TypedChannel,
};
use serde::Serialize;

const TEXT: &Schema = &Schema::Text(Text::ANY);
const STATUS: &Schema = &Schema::Object(Object {
    properties: &[
        Property::Required("message", &Schema::Text(Text { min_length: 1, ..Text::ANY })),
        Property::Optional(
            "progress",
            &Schema::Integer(Integer { minimum: 0, maximum: 100, multiple_of: None }),
        ),
    ],
    additional: Additional::Ignored,
});

const PARAMS: &[ParamDefinition] = &[ParamDefinition { name: "id", schema: &Schema::Text(Text::ANY) }];

const TOPICS: &[TopicDefinition] = &[
    TopicDefinition::new("said", Carries::Payload(TEXT), Retain::None),
    TopicDefinition::new("status", Carries::Payload(STATUS), Retain::Last),
    TopicDefinition::new("journal", Carries::Payload(TEXT), Retain::LastN(1000)),
    TopicDefinition::new("count", Carries::Payload(&Schema::Int64), Retain::None),
    TopicDefinition::new("flag", Carries::Payload(&Schema::Boolean), Retain::None),
    TopicDefinition::new("draft", Carries::TextStream, Retain::Last),
];

const SIGNALS: &[SignalDefinition] =
    &[SignalDefinition::new("approve", &Schema::Boolean), SignalDefinition::new("nod", TEXT)];

const fn definition(name: &'static str, address: &'static [AddressPart], messages: u32) -> ChannelDefinition {
    ChannelDefinition {
        name,
        address,
        params: PARAMS,
        topics: TOPICS,
        signals: SIGNALS,
        result: Some(STATUS),
        history: History { messages, age: Duration::from_secs(300) },
        fingerprint: "f1f2",
        ..ChannelDefinition::EMPTY
    }
}

/// Keeps more history than any test sends.
pub(crate) static ROOM: ChannelDefinition =
    definition("room", &[AddressPart::Literal("room:"), AddressPart::Param(0)], 100_000);

/// Keeps five messages.
static SMALL: ChannelDefinition =
    definition("small", &[AddressPart::Literal("small:"), AddressPart::Param(0)], 5);

/// Keeps messages for a tenth of a second.
static BRIEF: ChannelDefinition = ChannelDefinition {
    history: History { messages: 100, age: Duration::from_millis(100) },
    ..definition("brief", &[AddressPart::Literal("brief:"), AddressPart::Param(0)], 0)
};

pub(crate) static REGISTRY: Registry = Registry { channels: &[&ROOM, &SMALL, &BRIEF] };

#[derive(Serialize)]
pub(crate) struct Status {
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<i64>,
}

impl Status {
    pub(crate) fn new(message: &str) -> Self {
        Self { message: message.into(), progress: None }
    }
}

pub(crate) fn room(id: &str) -> Channel {
    Channel::new(&ROOM, &[&id]).unwrap()
}

/// A room of a later definition, which allows short texts only, and its registry.
#[cfg(feature = "sqlite")]
pub(crate) fn strict_room(id: &str) -> (&'static Registry, Channel) {
    static TEXT: &Schema = &Schema::Text(Text { max_length: 10, ..Text::ANY });
    static TOPICS: &[TopicDefinition] = &[TopicDefinition::new("said", Carries::Payload(TEXT), Retain::None)];
    static STRICT: ChannelDefinition = ChannelDefinition { topics: TOPICS, fingerprint: "f3f4", ..ROOM };
    static REGISTRY: Registry = Registry { channels: &[&STRICT] };
    (&REGISTRY, Channel::new(&STRICT, &[&id]).unwrap())
}

/// A room with earlier releases, and its registry.
pub(crate) fn released_room(id: &str) -> (&'static Registry, Channel) {
    const STATUS: BreakingChange =
        BreakingChange { part: ChangedPart::Topic("status"), message: "the status has changed" };
    static RELEASES: &[Release] = &[
        Release { fingerprint: "compatible", changes: &[] },
        Release {
            fingerprint: "topics",
            changes: &[
                STATUS,
                BreakingChange { part: ChangedPart::Topic("gone"), message: "it was removed" },
            ],
        },
        Release {
            fingerprint: "all",
            changes: &[
                STATUS,
                BreakingChange { part: ChangedPart::Channel, message: "the address has changed" },
                BreakingChange { part: ChangedPart::Signal("nod"), message: "the signal has changed" },
                BreakingChange { part: ChangedPart::Result, message: "the result has changed" },
            ],
        },
    ];
    static RELEASED: ChannelDefinition = ChannelDefinition { releases: RELEASES, ..ROOM };
    static REGISTRY: Registry = Registry { channels: &[&RELEASED] };
    (&REGISTRY, Channel::new(&RELEASED, &[&id]).unwrap())
}

const RENAMED_TOPICS: &[TopicDefinition] = &[
    TopicDefinition {
        aliases: &["said", "says"],
        ..TopicDefinition::new("spoken", Carries::Payload(TEXT), Retain::None)
    },
    TopicDefinition {
        aliases: &["status"],
        ..TopicDefinition::new("state", Carries::Payload(STATUS), Retain::Last)
    },
    TopicDefinition {
        renamed_from: &["journal"],
        ..TopicDefinition::new("diary", Carries::Payload(TEXT), Retain::LastN(1000))
    },
    TopicDefinition::new("count", Carries::Payload(&Schema::Int64), Retain::None),
    TopicDefinition::new("flag", Carries::Payload(&Schema::Boolean), Retain::None),
    TopicDefinition {
        aliases: &["draft"],
        ..TopicDefinition::new("sketch", Carries::TextStream, Retain::Last)
    },
];
const RENAMED_SIGNALS: &[SignalDefinition] = &[
    SignalDefinition { aliases: &["approve"], ..SignalDefinition::new("verdict", &Schema::Boolean) },
    SignalDefinition { renamed_from: &["nod"], ..SignalDefinition::new("gesture", TEXT) },
];

pub(crate) static RENAMED: ChannelDefinition = ChannelDefinition {
    topics: RENAMED_TOPICS,
    signals: RENAMED_SIGNALS,
    releases: &[Release {
        fingerprint: "earlier",
        changes: &[BreakingChange { part: ChangedPart::Topic("state"), message: "the status has changed" }],
    }],
    ..ROOM
};

/// A room of a later definition, which has renamed topics and signals, and its registry. Three topics are still served
/// under their old names; `journal` and `nod` are not.
pub(crate) fn renamed_room(id: &str) -> (&'static Registry, Channel) {
    static REGISTRY: Registry = Registry { channels: &[&RENAMED] };
    (&REGISTRY, Channel::new(&RENAMED, &[&id]).unwrap())
}

pub(crate) fn small(id: &str) -> Channel {
    Channel::new(&SMALL, &[&id]).unwrap()
}

pub(crate) fn brief(id: &str) -> Channel {
    Channel::new(&BRIEF, &[&id]).unwrap()
}

pub(crate) fn draft(channel: &Channel) -> Topic<'_, TextStream> {
    channel.topic(5)
}

pub(crate) fn said(channel: &Channel) -> Topic<'_, str> {
    channel.topic(0)
}

pub(crate) fn status(channel: &Channel) -> Topic<'_, Status> {
    channel.topic(1)
}

pub(crate) fn journal(channel: &Channel) -> Topic<'_, str> {
    channel.topic(2)
}

/// The type that generated code has for a room.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Room(pub(crate) Channel);

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Outcome {
    pub(crate) message: String,
}

impl Room {
    #[cfg(feature = "sqlite")]
    pub(crate) fn said(&self) -> Topic<'_, str> {
        self.0.topic(0)
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn draft(&self) -> Topic<'_, TextStream> {
        self.0.topic(5)
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn approve(&self) -> Signal<'_, bool> {
        self.0.signal(0)
    }

    pub(crate) fn nod(&self) -> Signal<'_, str> {
        self.0.signal(1)
    }
}

impl TypedChannel for Room {
    type Result = Outcome;
    const DEFINITION: &'static ChannelDefinition = &ROOM;

    fn channel(&self) -> &Channel {
        &self.0
    }

    fn from_channel(channel: Channel) -> Option<Self> {
        channel.is_of(&ROOM).then_some(Self(channel))
    }
}
