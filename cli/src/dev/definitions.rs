//! Definitions for a hub, from the tables of the compiler.

use std::time::Duration;

use fanfare::{
    AddressPart, BreakingChange, Carries, ChangedPart, ChannelDefinition, History, ParamDefinition, Registry,
    Release, Retain, SignalDefinition, TopicDefinition,
};
use fanfare_codegen::{ChannelTables, ParamTable, ReleasedChange, ReleasedChannel, SignalTable, TopicTable};

/// Returns the registry of some channels. It is never freed, like the tables.
pub(super) fn registry(channels: Vec<ChannelTables>) -> &'static Registry {
    let definitions = channels.into_iter().map(|channel| &*Box::leak(Box::new(definition(channel))));
    Box::leak(Box::new(Registry { channels: leak(definitions) }))
}

fn definition(channel: ChannelTables) -> ChannelDefinition {
    ChannelDefinition {
        name: channel.name,
        description: channel.description,
        address: leak(channel.address.into_iter().map(|part| match part {
            fanfare_codegen::AddressPart::Literal(text) => AddressPart::Literal(text),
            fanfare_codegen::AddressPart::Param(index) => AddressPart::Param(index),
        })),
        params: leak(
            channel
                .params
                .into_iter()
                .map(|ParamTable { name, table }| ParamDefinition { name, schema: table }),
        ),
        topics: leak(channel.topics.into_iter().map(topic)),
        signals: leak(channel.signals.into_iter().map(signal)),
        result: channel.result,
        history: History {
            messages: channel.history_messages,
            age: Duration::from_secs(channel.history_seconds),
        },
        fingerprint: channel.fingerprint,
        releases: leak(channel.releases.into_iter().map(release)),
    }
}

fn topic(topic: TopicTable) -> TopicDefinition {
    let TopicTable { name, description, table, retain, aliases, renamed_from } = topic;
    let carries = table.map_or(Carries::TextStream, Carries::Payload);
    let retain = match retain {
        0 => Retain::None,
        1 => Retain::Last,
        count => Retain::LastN(count),
    };
    TopicDefinition { name, description, carries, retain, aliases, renamed_from }
}

fn signal(signal: SignalTable) -> SignalDefinition {
    let SignalTable { name, description, table, aliases, renamed_from } = signal;
    SignalDefinition { name, description, schema: table, aliases, renamed_from }
}

fn release(release: ReleasedChannel) -> Release {
    let changes = release.changes.into_iter().map(|ReleasedChange { part, message }| BreakingChange {
        part: match part {
            fanfare_codegen::ChangedPart::Channel => ChangedPart::Channel,
            fanfare_codegen::ChangedPart::Topic(name) => ChangedPart::Topic(name),
            fanfare_codegen::ChangedPart::Signal(name) => ChangedPart::Signal(name),
            fanfare_codegen::ChangedPart::Result => ChangedPart::Result,
        },
        message,
    });
    Release { fingerprint: release.fingerprint, changes: leak(changes) }
}

fn leak<T>(values: impl Iterator<Item = T>) -> &'static [T] {
    Box::leak(values.collect())
}
