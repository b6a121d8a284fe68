//! Rights of pages by their own session, without a token.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};

use super::Hub;
use crate::channel::Grant;
use crate::token::{self, Permit, Refused, SignalClaim, TopicClaim, TopicKind};

/// How long a session counts before the hub asks again, unless the hook says otherwise.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

/// How long the hook has.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Asks the embedding server what a request may do.
#[derive(Clone)]
pub(super) struct Authorizer(Arc<Hook>);

type Hook = dyn Fn(AuthorizeRequest) -> Answer + Send + Sync;
type Answer = Pin<Box<dyn Future<Output = Result<SessionGrant, AuthorizeError>> + Send>>;

/// What a page without a token asks for. [`HubBuilder::authorize`](super::HubBuilder::authorize) has an example.
#[derive(Clone, Debug)]
pub struct AuthorizeRequest {
    head: Arc<Parts>,
    action: Action,
    channel: Option<String>,
}

/// What a request wants to do on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Read topics.
    Subscribe,
    /// Publish to a topic.
    Publish,
    /// Send a signal to a run.
    Signal,
}

/// What a session may do, and for how long.
#[derive(Clone, Debug)]
pub struct SessionGrant {
    grant: Grant,
    publish: Option<Grant>,
    lifetime: Duration,
    subject: Option<String>,
    id: Option<String>,
}

/// Why a session gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthorizeError {
    /// There is no session, or it may not do this. The client is answered `401` or `unauthorized`.
    Refused,
    /// It could not be found out. The client is answered `503` or `unavailable`, and tries again.
    Unavailable,
}

impl AuthorizeRequest {
    /// The headers of the request, with its cookies. Those of a WebSocket are from when it was opened.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// What middleware before the hub's routes has found out about the request, such as its user.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.head.extensions
    }

    /// What the request wants to do.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// The channel that it asks for. A plain WebSocket or `EventSource` names it as `?channel=`, or names none and
    /// subscribes to all that is granted.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        self.channel.as_deref()
    }
}

impl SessionGrant {
    /// Grants to subscribe to topics and to send signals, for five minutes. Then the hub asks again.
    #[must_use]
    pub fn new(grant: Grant) -> Self {
        Self { grant, publish: None, lifetime: DEFAULT_LIFETIME, subject: None, id: None }
    }

    /// Grants to publish to the topics of a grant as well.
    #[must_use]
    pub fn publish(mut self, grant: Grant) -> Self {
        self.publish = Some(grant);
        self
    }

    /// How long the grant lasts: at least a second, and at most as long as a token. The hub asks again before it ends;
    /// what is subscribed ends with it if the answer is no longer yes.
    #[must_use]
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Whom the session belongs to, in 1 to 256 characters. A run learns who sent it a signal.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// What the grant is revoked by ([`Hub::revoke`]), in 1 to 256 characters: the id of the session, for example. Its
    /// connections are counted by it, too. Random unless set.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    fn permit(self, action: Action, max_lifetime: Duration) -> Result<Permit, &'static str> {
        let publish = action == Action::Publish;
        let granted =
            if publish { self.publish.ok_or("the session does not allow publishing")? } else { self.grant };
        let topics = granted.topics().map(|(channel, topic)| TopicClaim {
            kind: TopicKind::Run,
            channel: channel.into(),
            name: topic.into(),
        });
        let signals = granted
            .signals()
            .map(|(channel, signal)| SignalClaim { channel: channel.into(), name: signal.into() });
        let id = self.id.unwrap_or_else(token::random_id);
        if !token::is_name(&id) || !self.subject.as_deref().is_none_or(token::is_name) {
            return Err("the session's id and subject must have 1 to 256 characters");
        }
        let issued = token::now();
        let lifetime = self.lifetime.clamp(Duration::from_secs(1), max_lifetime);
        Ok(Permit {
            id,
            subject: self.subject,
            topics: topics.collect(),
            signals: signals.collect(),
            publish,
            issued,
            expires: issued + lifetime.as_secs(),
        })
    }
}

/// Why the session of a request permits nothing.
pub(crate) enum NoSession {
    Refused(Refused),
    Unavailable,
}

impl Authorizer {
    pub(super) fn new<F, A>(hook: F) -> Self
    where
        F: Fn(AuthorizeRequest) -> A + Send + Sync + 'static,
        A: Future<Output = Result<SessionGrant, AuthorizeError>> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(hook(request))))
    }
}

impl Hub {
    /// Whether pages may come by their own session.
    pub(crate) fn accepts_sessions(&self) -> bool {
        self.shared.authorizer.is_some()
    }

    /// What the session of a request permits. Only for requests whose origin was checked: browsers send cookies
    /// whichever page asks.
    pub(crate) async fn authorize(
        &self,
        head: Option<&Arc<Parts>>,
        action: Action,
        channel: Option<&str>,
    ) -> Result<Permit, NoSession> {
        let (Some(Authorizer(hook)), Some(head)) = (&self.shared.authorizer, head) else {
            return Err(NoSession::Refused(Refused::new("missing", "no token")));
        };
        let channel = channel.map(str::to_owned);
        let request = AuthorizeRequest { head: Arc::clone(head), action, channel };
        let refused = |detail: &str| NoSession::Refused(Refused::new("session", detail));
        let granted = match tokio::time::timeout(TIMEOUT, hook(request)).await {
            Ok(Ok(granted)) => granted,
            Ok(Err(AuthorizeError::Refused)) => {
                return Err(refused("the authorization hook refused the session"));
            }
            Ok(Err(AuthorizeError::Unavailable)) => return Err(NoSession::Unavailable),
            Err(_) => {
                tracing::warn!("the authorization hook timed out");
                return Err(NoSession::Unavailable);
            }
        };
        let permit = granted.permit(action, self.keys().max_lifetime).map_err(refused)?;
        if self.shared.revocations.contains(&permit.id) {
            return Err(NoSession::Refused(Refused::new("revoked", "revoked")));
        }
        Ok(permit)
    }
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Authorizer(…)")
    }
}

impl fmt::Display for AuthorizeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Refused => "the session does not allow this",
            Self::Unavailable => "failed to look up the session",
        })
    }
}

impl std::error::Error for AuthorizeError {}
