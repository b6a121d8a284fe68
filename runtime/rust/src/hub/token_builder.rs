//! Minting tokens.

use std::time::Duration;

use super::Hub;
use crate::channel::Grant;
use crate::token::{SignalClaim, TokenError, TokenSpec, TopicClaim, TopicKind};

/// A builder of tokens. See [`Hub::token`].
#[derive(Clone, Debug)]
#[must_use = "call `mint` to get the token"]
pub struct TokenBuilder<'h> {
    hub: &'h Hub,
    grant: Grant,
    publish: bool,
    admin: bool,
    lifetime: Duration,
    subject: Option<String>,
    id: Option<String>,
}

impl<'h> TokenBuilder<'h> {
    pub(super) fn new(hub: &'h Hub, grant: Grant) -> Self {
        Self {
            hub,
            grant,
            publish: false,
            admin: false,
            lifetime: hub.default_lifetime(),
            subject: None,
            id: None,
        }
    }

    /// Returns a builder of a token for the admin routes.
    pub(crate) fn for_admin(hub: &'h Hub) -> Self {
        Self { admin: true, ..Self::new(hub, Grant::none()) }
    }

    /// Sets how long the token lasts. Default: 60 seconds, or the maximum if that is shorter. [`mint`](Self::mint) returns an
    /// error if this is below a second or above [`HubBuilder::max_token_lifetime`](crate::HubBuilder::max_token_lifetime).
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Grants publishing to the topics over HTTP, in place of subscribing to them. To allow both, mint two tokens.
    /// Has no effect on an admin token.
    pub fn for_publishing(mut self) -> Self {
        self.publish = true;
        self
    }

    /// Sets the subject of the token, in 1 to 256 characters. A run receives it as the sender of a signal, and records
    /// it in its journal.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Sets the id by which the token is revoked ([`Hub::revoke`]), in 1 to 256 characters. Default: a random
    /// id.
    ///
    /// Several tokens can share an id, such as that of a login. They are then revoked together, and share the limit of
    /// connections per token.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Signs and returns the token.
    ///
    /// # Errors
    /// Returns an error if the grant is empty, too large, or has a channel, topic or signal that is not defined, or if
    /// the lifetime, the subject or the id is out of range.
    pub fn mint(self) -> Result<String, TokenError> {
        let Self { hub, grant, publish, admin, lifetime, subject, id } = self;
        let publish = publish && !admin;
        let topics = grant.topics().map(|(channel, topic)| TopicClaim {
            kind: TopicKind::Run,
            channel: channel.into(),
            name: topic.into(),
        });
        let signals = grant
            .signals()
            .map(|(channel, signal)| SignalClaim { channel: channel.into(), name: signal.into() });
        let (topics, signals) = (topics.collect(), signals.collect());
        hub.mint(TokenSpec { topics, signals, publish, admin, lifetime, subject, id })
    }
}

impl Hub {
    pub(crate) fn mint(&self, spec: TokenSpec) -> Result<String, TokenError> {
        self.resolve_topics(&spec.topics).map_err(TokenError::Unknown)?;
        for SignalClaim { channel, name } in &spec.signals {
            self.registry().signal(channel, name).map_err(TokenError::Unknown)?;
        }
        self.keys().mint(spec)
    }
}
