//! The tables of generated Rust, built in memory: a process can serve definitions without compiling Rust.

mod leak;
mod rules;
mod scalars;
mod types;

use fanfare_schema::Schema;

pub(crate) use leak::{leak, leak_slice, leak_text, leak_texts};
pub(crate) use scalars::{kinds, number, pattern, text};
use types::Types;

use crate::emit::hash_channels;
use crate::model::{self, Docs, FormerNames, Model};

/// A channel of compiled definitions, as data.
///
/// The tables accept exactly the values that generated Rust accepts, and describe them in the same words. They live as
/// long as `static`s, so they are never freed: a process that compiles definitions a thousand times keeps a thousand
/// versions.
///
/// ```no_run
/// let channels = fanfare_codegen::Generator::default().tables(&"schemas".into())?;
/// for channel in channels {
///     println!("{} has {} topics", channel.name, channel.topics.len());
/// }
/// # Ok::<(), fanfare_codegen::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChannelTables {
    /// Its name in the definition.
    pub name: &'static str,
    /// Its description; empty if the definition has none.
    pub description: &'static str,
    /// Its address: the template of the channel's name on the wire.
    pub address: Vec<AddressPart>,
    /// The params that fill the address, in the order of the definition.
    pub params: Vec<ParamTable>,
    /// Its topics.
    pub topics: Vec<TopicTable>,
    /// The signals that clients may send to runs on it.
    pub signals: Vec<SignalTable>,
    /// The table of the result of its runs, if the definition has one.
    pub result: Option<&'static Schema>,
    /// The maximum number of messages in its history.
    pub history_messages: u32,
    /// The maximum age of a message in its history, in seconds.
    pub history_seconds: u64,
    /// The definition hash, which generated code has, too.
    pub fingerprint: &'static str,
    /// The earlier definitions of the channel that were released and differ from this one.
    pub releases: Vec<ReleasedChannel>,
}

/// A part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressPart {
    /// Text that every name contains.
    Literal(&'static str),
    /// A param, by its index in [`ChannelTables::params`].
    Param(usize),
}

/// A param of an address.
#[derive(Clone, Copy, Debug)]
pub struct ParamTable {
    /// Its name.
    pub name: &'static str,
    /// Its table: a text, an enum or an integer.
    pub table: &'static Schema,
}

/// A topic.
#[derive(Clone, Copy, Debug)]
pub struct TopicTable {
    /// Its name.
    pub name: &'static str,
    /// Its description; empty if the definition has none.
    pub description: &'static str,
    /// The table of its payloads, or `None` if it carries text streams.
    pub table: Option<&'static Schema>,
    /// How many of the latest messages a new subscriber receives at once.
    pub retain: u32,
    /// Earlier names under which it is still served.
    pub aliases: &'static [&'static str],
    /// Earlier names that no longer work.
    pub renamed_from: &'static [&'static str],
}

/// A signal.
#[derive(Clone, Copy, Debug)]
pub struct SignalTable {
    /// Its name.
    pub name: &'static str,
    /// Its description; empty if the definition has none.
    pub description: &'static str,
    /// The table of its payloads.
    pub table: &'static Schema,
    /// Earlier names under which it is still accepted.
    pub aliases: &'static [&'static str],
    /// Earlier names that no longer work.
    pub renamed_from: &'static [&'static str],
}

/// A released definition of a channel.
#[derive(Clone, Debug)]
pub struct ReleasedChannel {
    /// Its definition hash.
    pub fingerprint: &'static str,
    /// The changes since then that break pages of the release.
    pub changes: Vec<ReleasedChange>,
}

/// A change since a release.
#[derive(Clone, Copy, Debug)]
pub struct ReleasedChange {
    /// The part of the definition that changed.
    pub part: ChangedPart,
    /// The reason why a page of the release does not work.
    pub message: &'static str,
}

/// The part of a channel that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedPart {
    /// The channel itself.
    Channel,
    /// A topic, by its name in the release.
    Topic(&'static str),
    /// A signal, by its name in the release.
    Signal(&'static str),
    /// The result of runs.
    Result,
}

/// Builds the tables of all channels.
pub(crate) fn build(model: &Model) -> Vec<ChannelTables> {
    let mut types = Types::new(model);
    let fingerprints = hash_channels(model);
    let channels = model.channels.iter().zip(&fingerprints);
    channels.map(|(channel, fingerprint)| build_channel(channel, fingerprint, &mut types)).collect()
}

fn build_channel(channel: &model::Channel, fingerprint: &str, types: &mut Types<'_>) -> ChannelTables {
    let part = |part: &model::AddressPart| match part {
        model::AddressPart::Literal(text) => AddressPart::Literal(leak_text(text)),
        model::AddressPart::Param(index) => AddressPart::Param(*index),
    };
    let params = channel.params.iter().map(|param| ParamTable {
        name: leak_text(&param.name.wire),
        table: types.build_shape(&param.table_shape()),
    });
    let params = params.collect();
    ChannelTables {
        name: leak_text(&channel.name.wire),
        description: description(&channel.docs),
        address: channel.address.iter().map(part).collect(),
        params,
        topics: channel.topics.iter().map(|topic| build_topic(topic, types)).collect(),
        signals: channel.signals.iter().map(|signal| build_signal(signal, types)).collect(),
        result: channel.result.map(|id| types.build(id)),
        history_messages: channel.history.messages,
        history_seconds: channel.history.age_seconds,
        fingerprint: leak_text(fingerprint),
        releases: channel.releases.iter().map(build_release).collect(),
    }
}

fn build_topic(topic: &model::Topic, types: &mut Types<'_>) -> TopicTable {
    let FormerNames { aliases, renamed_from } = &topic.former;
    TopicTable {
        name: leak_text(&topic.name.wire),
        description: description(&topic.docs),
        table: topic.payload().map(|id| types.build(id)),
        retain: match topic.retain {
            model::Retain::None => 0,
            model::Retain::Last => 1,
            model::Retain::All => model::Retain::ALL,
            model::Retain::Latest(count) => count,
        },
        aliases: leak_texts(aliases),
        renamed_from: leak_texts(renamed_from),
    }
}

fn build_signal(signal: &model::Signal, types: &mut Types<'_>) -> SignalTable {
    let FormerNames { aliases, renamed_from } = &signal.former;
    SignalTable {
        name: leak_text(&signal.name.wire),
        description: description(&signal.docs),
        table: types.build(signal.payload),
        aliases: leak_texts(aliases),
        renamed_from: leak_texts(renamed_from),
    }
}

fn build_release(release: &model::Release) -> ReleasedChannel {
    let part = |part: &model::ChangedPart| match part {
        model::ChangedPart::Channel => ChangedPart::Channel,
        model::ChangedPart::Topic(name) => ChangedPart::Topic(leak_text(name)),
        model::ChangedPart::Signal(name) => ChangedPart::Signal(leak_text(name)),
        model::ChangedPart::Result => ChangedPart::Result,
    };
    let changes = release
        .breaks_pages
        .iter()
        .map(|change| ReleasedChange { part: part(&change.part), message: leak_text(&change.message) });
    ReleasedChannel { fingerprint: leak_text(&release.fingerprint), changes: changes.collect() }
}

fn description(docs: &Docs) -> &'static str {
    leak_text(docs.description.as_deref().unwrap_or_default().trim())
}
