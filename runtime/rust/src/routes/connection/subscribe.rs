//! Subscribing to what a client requests and its token grants.

use std::sync::Arc;

use super::super::HttpError;
use super::{Connection, encode};
use crate::channel::{Channel, ResolveError};
use crate::hub::{Action, Hub, Ready, SessionError, SubscribeError, SubscriptionId, TokenGuard};
use crate::token::{AuthError, VerifiedGrant};
use crate::wire::{Drift, DriftChange, DriftKind, ErrorCode, ServerFrame, SharedText, Since};

/// What a client asks to subscribe to.
#[derive(Default)]
pub(in crate::routes) struct SubscribeRequest {
    pub(in crate::routes) subscription_id: SubscriptionId,
    /// The only channel, of those that the token grants.
    pub(in crate::routes) channel: Option<String>,
    /// The only topics, of those that the token grants.
    pub(in crate::routes) topics: Option<Vec<String>>,
    pub(in crate::routes) since: Since,
    /// The name of a channel, and the definition hash that the client's page has for it.
    pub(in crate::routes) page: Option<(String, String)>,
}

impl SubscribeRequest {
    /// Compares the server's definition with that of the client's page. Returns `None` if the page works.
    fn find_drift(&self, channels: &[(Channel, Vec<usize>)]) -> Option<(DriftKind, Vec<DriftChange>)> {
        let (name, fingerprint) = self.page.as_ref()?;
        let (channel, topics) = channels.iter().find(|(channel, _)| channel.name() == name)?;
        channel.definition().find_drift(fingerprint, topics, self.topics.is_some())
    }

    /// Compares the definitions if the client asked for a topic that the channel does not have. Returns the server's
    /// definition hash and the drift.
    pub(super) fn compare_refused(
        &self,
        hub: &Hub,
        error: &SubscribeError,
    ) -> Option<(String, Option<Drift>)> {
        let (name, fingerprint) = self.page.as_ref()?;
        let SubscribeError::Unknown(ResolveError::Topic { channel, .. }) = error else { return None };
        // The token grants the channel that the error names.
        let channel = hub.registry().resolve(channel).filter(|_| channel == name)?;
        let drift = channel.definition().find_drift(fingerprint, &[], false);
        Some((channel.definition().fingerprint.to_owned(), drift.map(to_wire)))
    }
}

impl Connection {
    /// Subscribes to what is both granted and requested. The reader receives every message from here on.
    pub(in crate::routes) async fn subscribe(
        &mut self,
        grant: &VerifiedGrant,
        request: &SubscribeRequest,
    ) -> Result<Vec<Ready>, SubscribeError> {
        let channels = narrow(resolve(&self.hub, grant)?, request)?;
        let guard = self.use_token(grant)?;
        let drift = request.find_drift(&channels);
        let SubscribeRequest { subscription_id, since, .. } = request;
        let ready = self.reader.subscribe(&self.hub, subscription_id, channels, since, &guard).await;
        self.set_timer();
        let mut ready = ready?;
        if let (Some((name, fingerprint)), Some((kind, changes))) = (&request.page, drift) {
            for ready in ready.iter_mut().filter(|ready| ready.channel.name() == name) {
                let client = self.hub.record_drift(ready.channel.definition(), fingerprint, kind, &changes);
                self.reader.set_outdated(subscription_id, name, client);
                ready.drift = Some(to_wire((kind, changes.clone())));
            }
        }
        Ok(ready)
    }

    /// Records a refused subscription, and returns the response for it.
    pub(in crate::routes) fn refuse(&self, error: SubscribeError) -> HttpError {
        self.hub.record_refused_subscription(&error);
        error.into()
    }

    /// Verifies a token for subscribing, or the session of the page if there is no token.
    pub(super) async fn verify(
        &self,
        token: Option<&str>,
        channel: Option<&str>,
    ) -> Result<VerifiedGrant, SubscribeError> {
        let Some(token) = token else {
            // Check first, because the hook may query a database.
            self.hub.check_auth_failures(self.guard.client()).map_err(SubscribeError::RateLimited)?;
            return Ok(self.hub.authorize(self.head.as_ref(), Action::Subscribe, channel).await?);
        };
        match self.hub.verify(token).await {
            Ok(grant) if !grant.publish && !grant.admin => Ok(grant),
            Ok(_) => Err(SubscribeError::Unauthorized(AuthError::new(
                "purpose",
                "the token is for publishing or for the admin routes, not for subscribing",
            ))),
            Err(error) => Err(SubscribeError::Unauthorized(error)),
        }
    }

    pub(super) fn use_token(&self, grant: &VerifiedGrant) -> Result<Arc<TokenGuard>, SubscribeError> {
        let shared = self.reader.token_use(&grant.id);
        self.hub.use_token(grant, self.guard.inbox(), shared)
    }

    /// Returns the `ready` frames of a subscription, each with `caught-up` if there is nothing to send. Guests do not understand them and get none.
    pub(in crate::routes) fn ready_frames(
        &self,
        subscription_id: &SubscriptionId,
        ready: &[Ready],
    ) -> Vec<SharedText> {
        if self.guest {
            return Vec::new();
        }
        let frames = ready.iter().flat_map(|ready| {
            let (subscription_id, channel) =
                (encode::owned_id(subscription_id), ready.channel.name().to_owned());
            // Sent at once, because another small packet may wait for the acknowledgement of this one.
            let caught_up = ready.caught_up.then(|| ServerFrame::CaughtUp {
                subscription_id: subscription_id.clone(),
                channel: channel.clone(),
            });
            let ready = ServerFrame::Ready {
                subscription_id,
                channel,
                position: ready.position,
                fingerprint: ready.channel.definition().fingerprint.to_owned(),
                drift: ready.drift.clone(),
            };
            [Some(ready), caught_up]
        });
        frames.flatten().map(|frame| encode::frame(&frame)).collect()
    }
}

fn to_wire((kind, changes): (DriftKind, Vec<DriftChange>)) -> Drift {
    Drift { kind: kind.as_str().to_owned(), changes }
}

/// Resolves the channels and topics of a grant.
pub(super) fn resolve(
    hub: &Hub,
    grant: &VerifiedGrant,
) -> Result<Vec<(Channel, Vec<usize>)>, SubscribeError> {
    hub.resolve_topics(&grant.topics).map_err(|error| {
        hub.record_refusal(&AuthError::new("unknown", error.to_string()));
        SubscribeError::Unknown(error)
    })
}

/// Keeps the requested part of what is granted. Fails if more is requested than granted, or if nothing is left.
fn narrow(
    mut granted: Vec<(Channel, Vec<usize>)>,
    request: &SubscribeRequest,
) -> Result<Vec<(Channel, Vec<usize>)>, SubscribeError> {
    if let Some(requested) = &request.channel {
        granted.retain(|(channel, _)| channel.name() == requested);
    }
    if let Some(requested) = &request.topics {
        if let Some(error) = requested.iter().find_map(|name| refuse_topic(&granted, name)) {
            return Err(error);
        }
        for (channel, names) in &mut granted {
            *names = requested.iter().filter_map(|name| find_granted(channel, names, name).ok()).collect();
        }
        granted.retain(|(_, names)| !names.is_empty());
    } else if let Some((page, fingerprint)) = &request.page {
        for (channel, names) in granted.iter_mut().filter(|(channel, _)| channel.name() == page) {
            *names = channel.definition().page_names(fingerprint, names);
        }
    }
    if granted.is_empty() { Err(SubscribeError::NotGranted) } else { Ok(granted) }
}

/// Returns why a topic cannot be subscribed in any of the granted channels, or `None` if it can.
fn refuse_topic(granted: &[(Channel, Vec<usize>)], name: &str) -> Option<SubscribeError> {
    let mut refusal = SubscribeError::NotGranted;
    for (channel, names) in granted.iter().rev() {
        match find_granted(channel, names, name) {
            Ok(_) => return None,
            Err(error) => refusal = error,
        }
    }
    Some(refusal)
}

/// Returns a topic name whose topic is granted, perhaps under another name.
fn find_granted(channel: &Channel, granted: &[usize], name: &str) -> Result<usize, SubscribeError> {
    let index = channel.find_topic_name(name).map_err(SubscribeError::Unknown)?;
    let topic_of = |name| channel.definition().topic_of(name);
    let is_granted = granted.iter().any(|granted| topic_of(*granted) == topic_of(index));
    if is_granted { Ok(index) } else { Err(SubscribeError::NotGranted) }
}

impl From<SessionError> for SubscribeError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Denied(error) => Self::Unauthorized(error),
            SessionError::Unavailable => Self::Unavailable,
        }
    }
}

impl SubscribeError {
    /// Returns the code and the message of the error frame that the client receives.
    pub(super) fn into_code_and_message(self) -> (ErrorCode, String) {
        let (code, message) = match self {
            Self::Unknown(error) => return (error.code(), error.without_hints().to_string()),
            // The client does not learn what is wrong with a token: only the log and the metrics do.
            Self::Unauthorized(_) => (
                ErrorCode::Unauthorized,
                "the token or session is not valid: ask the backend for a new token",
            ),
            Self::NotGranted => (
                ErrorCode::NotGranted,
                "the token or session does not grant all that was requested: ask the backend for a token that does",
            ),
            Self::RefInUse => {
                (ErrorCode::RefInUse, "another subscription on this connection has this ref: use a new one")
            }
            Self::TooManyChannels => (
                ErrorCode::TooManyChannels,
                "a connection has at most 1,000 channels: open another connection",
            ),
            Self::TooManyConnections => {
                (ErrorCode::TooManyConnections, "too many connections use this token: close one first")
            }
            Self::RateLimited(_) => (ErrorCode::RateLimited, "rate limit exceeded; try again later"),
            Self::Unavailable => {
                (ErrorCode::Unavailable, "the channel is temporarily unavailable; try again later")
            }
        };
        (code, message.into())
    }
}
