//! Channels, and what they carry.

use super::{Docs, Enum, Text, Type, TypeId};
use crate::breaking::Rule;
use crate::diagnostics::Location;
use crate::names::Name;

/// A channel of a definition file. Locations are not compared.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) name: Name,
    pub(crate) docs: Docs,
    /// Index into [`Model::modules`].
    pub(crate) module: usize,
    pub(crate) address: Vec<AddressPart>,
    pub(crate) params: Vec<Param>,
    pub(crate) history: History,
    pub(crate) topics: Vec<Topic>,
    pub(crate) signals: Vec<Signal>,
    /// The type that the channel's runs return, if the definition declares it.
    pub(crate) result: Option<TypeId>,
    pub(crate) ignores: Vec<Ignore>,
    /// The released definitions of the channel that differ from this one.
    pub(crate) releases: Vec<Release>,
    pub(crate) location: Location,
}

impl PartialEq for Channel {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            name,
            docs,
            module,
            address,
            params,
            history,
            topics,
            signals,
            result,
            ignores,
            releases,
            location: _,
        } = self;
        *name == other.name
            && *docs == other.docs
            && *module == other.module
            && *address == other.address
            && *params == other.params
            && *history == other.history
            && *topics == other.topics
            && *signals == other.signals
            && *result == other.result
            && *ignores == other.ignores
            && *releases == other.releases
    }
}

impl Channel {
    /// The address as written, such as `pipeline:{runId}`.
    pub(crate) fn template(&self) -> String {
        let part = |part: &AddressPart| match part {
            AddressPart::Literal(text) => text.clone(),
            AddressPart::Param(index) => format!("{{{}}}", self.params[*index].name.wire),
        };
        self.address.iter().map(part).collect()
    }

    /// The types of the payloads of all topics and signals, and of the result.
    pub(crate) fn carried(&self) -> impl Iterator<Item = TypeId> {
        let signals = self.signals.iter().map(|signal| signal.payload);
        self.topics.iter().filter_map(Topic::payload).chain(signals).chain(self.result)
    }
}

/// A released definition of a channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Release {
    pub(crate) fingerprint: String,
    /// The changes since then that break pages of the release on servers with this definition.
    pub(crate) breaks_pages: Vec<BreakingChange>,
    /// The changes since then that break pages with this definition on servers of the release.
    pub(crate) breaks_new_pages: Vec<BreakingChange>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BreakingChange {
    pub(crate) part: ChangedPart,
    pub(crate) message: String,
}

/// The part of a channel that changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ChangedPart {
    Channel,
    /// By its name, which the channel may no longer have.
    Topic(String),
    Signal(String),
    Result,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AddressPart {
    Literal(String),
    /// Index into [`Channel::params`].
    Param(usize),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Param {
    pub(crate) name: Name,
    pub(crate) description: Option<String>,
    pub(crate) shape: Type,
}

impl Param {
    /// Returns the shape that values are checked against. Replaces an open enum, which accepts any string, by a non-empty
    /// string: a param is never empty.
    pub(crate) fn table_shape(&self) -> Type {
        match &self.shape {
            Type::Enum(Enum { open: true, .. }) => {
                Type::Text(Text { min_length: Some(1), ..Text::default() })
            }
            shape => shape.clone(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) messages: u32,
    pub(crate) age_seconds: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Topic {
    pub(crate) name: Name,
    pub(crate) docs: Docs,
    pub(crate) retain: Retain,
    pub(crate) carries: Carries,
    pub(crate) former: FormerNames,
    pub(crate) ignores: Vec<Ignore>,
}

impl Topic {
    /// The type of the payloads, if the topic carries payloads.
    pub(crate) fn payload(&self) -> Option<TypeId> {
        match self.carries {
            Carries::Payload(id) => Some(id),
            Carries::TextStream => None,
        }
    }
}

/// A message that a client can send to a waiting run of the channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Signal {
    pub(crate) name: Name,
    pub(crate) docs: Docs,
    pub(crate) payload: TypeId,
    pub(crate) former: FormerNames,
    pub(crate) ignores: Vec<Ignore>,
}

/// A breaking change that is accepted until a date.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ignore {
    pub(crate) rule: Rule,
    /// Such as `2026-12-31`.
    pub(crate) until: String,
}

/// The earlier names of a topic or a signal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FormerNames {
    /// Those that clients may still use.
    pub(crate) aliases: Vec<String>,
    /// Those that no longer work.
    pub(crate) renamed_from: Vec<String>,
}

impl FormerNames {
    /// All earlier names, each with the path of its key in the definition.
    pub(crate) fn keyed(&self) -> impl Iterator<Item = (&'static str, usize, &String)> {
        let keyed = [("aliases", &self.aliases), ("renamed-from", &self.renamed_from)];
        keyed
            .into_iter()
            .flat_map(|(key, names)| names.iter().enumerate().map(move |(at, name)| (key, at, name)))
    }
}

/// The content of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    Payload(TypeId),
    TextStream,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retain {
    None,
    Last,
    All,
    Latest(u32),
}

impl Retain {
    /// The number of messages that `all` retains.
    pub(crate) const ALL: u32 = 1000;
}
