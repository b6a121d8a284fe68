//! Signals, which clients send to runs.

use std::fmt;
use std::marker::PhantomData;

use super::Channel;
use crate::schema::Schema;

/// The definition of a signal.
#[derive(Clone, Copy, Debug)]
pub struct SignalDefinition {
    /// Its name.
    pub name: &'static str,
    /// Its description; empty if the definition has none.
    pub description: &'static str,
    /// The schema of its payloads.
    pub schema: &'static Schema,
    /// Earlier names under which clients may still send it.
    pub aliases: &'static [&'static str],
    /// Earlier names that no longer work. Errors mention the current one.
    pub renamed_from: &'static [&'static str],
}

impl SignalDefinition {
    /// Creates the definition of a signal that has no description and never had another name.
    #[must_use]
    pub const fn new(name: &'static str, schema: &'static Schema) -> Self {
        Self { name, description: "", schema, aliases: &[], renamed_from: &[] }
    }

    /// Returns the names that the signal has or had, the current one first. Journals have the name from when they were
    /// written.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        [self.name].into_iter().chain(self.aliases.iter().chain(self.renamed_from).copied())
    }
}

/// A signal of a channel. It carries payloads of type `P`.
pub struct Signal<'c, P: ?Sized> {
    channel: &'c Channel,
    definition: &'static SignalDefinition,
    index: usize,
    payload: PhantomData<fn(&P)>,
}

impl Channel {
    /// Returns a signal of the channel, by its index in
    /// [`ChannelDefinition::signals`](super::ChannelDefinition::signals). Generated code sets the type of its payload.
    ///
    /// # Panics
    /// Panics if the index is out of range.
    #[must_use]
    pub fn signal<P: ?Sized>(&self, index: usize) -> Signal<'_, P> {
        Signal { channel: self, definition: &self.definition.signals[index], index, payload: PhantomData }
    }
}

impl<'c, P: ?Sized> Signal<'c, P> {
    /// Returns the channel of the signal.
    #[must_use]
    pub fn channel(&self) -> &'c Channel {
        self.channel
    }

    /// Returns the definition of the signal.
    #[must_use]
    pub fn definition(&self) -> &'static SignalDefinition {
        self.definition
    }

    /// Returns the signal's index in [`ChannelDefinition::signals`](super::ChannelDefinition::signals).
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }
}

impl<P: ?Sized> Clone for Signal<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: ?Sized> Copy for Signal<'_, P> {}

impl<P: ?Sized> fmt::Debug for Signal<'_, P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signal({}, {})", self.channel.name(), self.definition.name)
    }
}
