//! Making tokens.

use std::time::Duration;

use super::Hub;
use crate::channel::Grant;
use crate::token::{SignalClaim, TokenError, TopicClaim, TopicKind, Wording};

/// A token in the making.
#[derive(Clone, Debug)]
#[must_use = "a token is made by `mint`"]
pub struct TokenBuilder<'h> {
    hub: &'h Hub,
    grant: Grant,
    publish: bool,
    lifetime: Duration,
    subject: Option<String>,
    id: Option<String>,
}

impl<'h> TokenBuilder<'h> {
    pub(super) fn new(hub: &'h Hub, grant: Grant) -> Self {
        Self { hub, grant, publish: false, lifetime: hub.default_lifetime(), subject: None, id: None }
    }

    /// How long the token lasts: from a second to a day.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Makes it a token to publish to the topics over HTTP, and not to subscribe to them.
    pub fn publish(mut self) -> Self {
        self.publish = true;
        self
    }

    /// Whom the token is for, in 1 to 256 characters. A run is told so of who sent it a signal, and
    /// its journal has it.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// What the token is revoked by ([`Hub::revoke`]), in 1 to 256 characters. Several tokens may
    /// share an id, such as that of a login, and then end together; they also share how many
    /// connections they may have. Each token has one that is random unless set.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Makes the token.
    ///
    /// # Errors
    /// When the grant names nothing, too much, or a topic or signal that no definition has, or when the
    /// lifetime, the subject or the id is out of range.
    pub fn mint(self) -> Result<String, TokenError> {
        let Self { hub, grant, publish, lifetime, subject, id } = self;
        let topics = grant.topics().map(|(channel, topic)| TopicClaim {
            kind: TopicKind::Run,
            channel: channel.into(),
            name: topic.into(),
        });
        let signals = grant
            .signals()
            .map(|(channel, signal)| SignalClaim { channel: channel.into(), name: signal.into() });
        let (topics, signals) = (topics.collect(), signals.collect());
        hub.mint(Wording { topics, signals, publish, lifetime, subject, id })
    }
}

impl Hub {
    pub(crate) fn mint(&self, wording: Wording) -> Result<String, TokenError> {
        self.permitted(&wording.topics).map_err(TokenError::Unknown)?;
        for SignalClaim { channel, name } in &wording.signals {
            self.registry().signal(channel, name).map_err(TokenError::Unknown)?;
        }
        self.keys().mint(wording)
    }
}
