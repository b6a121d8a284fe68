//! What a client wishes to read, and whether it may.

use std::sync::Arc;

use super::{Session, encode};
use crate::channel::{Channel, ResolveError};
use crate::hub::{Action, Hub, Lease, NoLease, NoSession, NoSubscription, Ready, Reference, TooOften};
use crate::token::{Permit, Refused};
use crate::wire::{ErrorCode, ServerFrame, SharedText, Since};

/// What a client wishes to subscribe to.
#[derive(Default)]
pub(in crate::routes) struct Wish {
    pub(in crate::routes) reference: Reference,
    /// The one channel of those that the token names.
    pub(in crate::routes) channel: Option<String>,
    /// The only topics of those that the token names.
    pub(in crate::routes) topics: Option<Vec<String>>,
    pub(in crate::routes) since: Since,
}

/// Why a client does not get what it wishes.
pub(in crate::routes) enum NotSubscribed {
    Unauthorized(Refused),
    NotGranted,
    UnknownChannel(ResolveError),
    RefInUse,
    TooManyChannels,
    TooManyConnections,
    TooOften(TooOften),
    Unavailable,
}

impl Session {
    /// Subscribes to what a token names and the client wishes of it. From here on every
    /// message reaches the reader.
    pub(in crate::routes) async fn subscribe(
        &mut self,
        permit: &Permit,
        wish: &Wish,
    ) -> Result<Vec<Ready>, NotSubscribed> {
        let permitted = permitted(&self.hub, permit)?;
        let wished = narrow(permitted, wish)?;
        let lease = self.lease(permit)?;
        let Wish { reference, since, .. } = wish;
        let ready = self.reader.subscribe(&self.hub, reference, wished, since, &lease).await;
        self.set_timer();
        ready.map_err(|refused| match refused {
            NoSubscription::RefInUse => NotSubscribed::RefInUse,
            NoSubscription::TooManyChannels => NotSubscribed::TooManyChannels,
            NoSubscription::Unavailable => NotSubscribed::Unavailable,
        })
    }

    /// What a token for subscribing permits, or without one the session of the page.
    pub(super) async fn verify(
        &self,
        token: Option<&str>,
        channel: Option<&str>,
    ) -> Result<Permit, NotSubscribed> {
        let Some(token) = token else {
            // The hook may ask a database.
            self.hub.check_auth_failures(self.connected.client()).map_err(NotSubscribed::TooOften)?;
            return Ok(self.hub.authorize(self.head.as_ref(), Action::Subscribe, channel).await?);
        };
        match self.hub.verify(token).await {
            Ok(permit) if !permit.publish => Ok(permit),
            Ok(_) => Err(NotSubscribed::Unauthorized(Refused::new(
                "purpose",
                "the token is for publishing, not for subscribing",
            ))),
            Err(refused) => Err(NotSubscribed::Unauthorized(refused)),
        }
    }

    pub(super) fn lease(&self, permit: &Permit) -> Result<Arc<Lease>, NotSubscribed> {
        let shared = self.reader.usage(&permit.id);
        self.hub.lease(permit, self.connected.inbox(), shared).map_err(|refused| match refused {
            NoLease::Revoked => NotSubscribed::Unauthorized(Refused::new("revoked", "revoked")),
            NoLease::TooManyConnections => NotSubscribed::TooManyConnections,
            NoLease::TooOften(too_often) => NotSubscribed::TooOften(too_often),
        })
    }

    /// Tells which subscriptions stand, to those who understand it.
    pub(in crate::routes) fn ready(&self, reference: &Reference, ready: &[Ready]) -> Vec<SharedText> {
        if self.guest {
            return Vec::new();
        }
        let frames = ready.iter().map(|ready| {
            encode::frame(&ServerFrame::Ready {
                reference: encode::owned(reference),
                channel: ready.channel.name().to_owned(),
                position: ready.position,
                fingerprint: ready.channel.definition().fingerprint.to_owned(),
            })
        });
        frames.collect()
    }
}

pub(super) fn permitted(hub: &Hub, permit: &Permit) -> Result<Vec<(Channel, Vec<usize>)>, NotSubscribed> {
    hub.permitted(&permit.topics).map_err(|error| {
        tracing::debug!(%error, "the token names an unknown channel or topic");
        NotSubscribed::UnknownChannel(error)
    })
}

/// Keeps what is wished of what is permitted. Nothing may be wished that is not.
fn narrow(
    mut permitted: Vec<(Channel, Vec<usize>)>,
    wish: &Wish,
) -> Result<Vec<(Channel, Vec<usize>)>, NotSubscribed> {
    if let Some(wished) = &wish.channel {
        permitted.retain(|(channel, _)| channel.name() == wished);
    }
    if let Some(wished) = &wish.topics {
        let is_permitted = |name: &String| {
            permitted.iter().any(|(channel, topics)| {
                channel.definition().topic(name).is_some_and(|topic| topics.contains(&topic))
            })
        };
        if !wished.iter().all(is_permitted) {
            return Err(NotSubscribed::NotGranted);
        }
        for (channel, topics) in &mut permitted {
            topics.retain(|topic| wished.iter().any(|name| name == channel.definition().topics[*topic].name));
        }
        permitted.retain(|(_, topics)| !topics.is_empty());
    }
    if permitted.is_empty() { Err(NotSubscribed::NotGranted) } else { Ok(permitted) }
}

impl From<NoSession> for NotSubscribed {
    fn from(none: NoSession) -> Self {
        match none {
            NoSession::Refused(refused) => Self::Unauthorized(refused),
            NoSession::Unavailable => Self::Unavailable,
        }
    }
}

impl NotSubscribed {
    /// What the client is told in band.
    pub(super) fn told(self) -> (ErrorCode, String) {
        let (code, message) = match self {
            Self::UnknownChannel(error) => {
                return (ErrorCode::UnknownChannel, error.without_hints().to_string());
            }
            // What is wrong with a token stays in the log.
            Self::Unauthorized(refused) => {
                refused.record();
                (
                    ErrorCode::Unauthorized,
                    "the token or session is not valid: ask the backend for a new token",
                )
            }
            Self::NotGranted => (
                ErrorCode::NotGranted,
                "the token does not grant all that was requested: ask the backend for a token that does",
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
            Self::TooOften(_) => (ErrorCode::TooOften, "rate limit exceeded; try again later"),
            Self::Unavailable => {
                (ErrorCode::Unavailable, "the channel is temporarily unavailable; try again later")
            }
        };
        (code, message.into())
    }
}
