//! Signals: what clients send to a run that waits.

use std::fmt;
use std::marker::PhantomData;

use super::Channel;
use crate::schema::Schema;

/// One signal of a channel.
#[derive(Clone, Copy, Debug)]
pub struct SignalDefinition {
    /// Its name.
    pub name: &'static str,
    /// What its payloads must be.
    pub schema: &'static Schema,
}

/// A signal of a channel, which carries payloads of type `P`.
pub struct Signal<'c, P: ?Sized> {
    channel: &'c Channel,
    definition: &'static SignalDefinition,
    index: usize,
    payload: PhantomData<fn(&P)>,
}

impl Channel {
    /// One of the channel's signals, by its place in
    /// [`ChannelDefinition::signals`](super::ChannelDefinition::signals).
    /// Generated code says what payload it carries.
    ///
    /// # Panics
    /// When the definition has no signal at that place.
    #[must_use]
    pub fn signal<P: ?Sized>(&self, index: usize) -> Signal<'_, P> {
        Signal { channel: self, definition: &self.definition.signals[index], index, payload: PhantomData }
    }
}

impl<'c, P: ?Sized> Signal<'c, P> {
    /// The channel that the signal is of.
    #[must_use]
    pub fn channel(&self) -> &'c Channel {
        self.channel
    }

    /// The definition of the signal.
    #[must_use]
    pub fn definition(&self) -> &'static SignalDefinition {
        self.definition
    }

    /// The signal's place in [`ChannelDefinition::signals`](super::ChannelDefinition::signals).
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
