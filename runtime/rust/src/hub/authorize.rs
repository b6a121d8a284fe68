//! Access of pages by their own session, without a token.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};

use super::Hub;
use crate::channel::Grant;
use crate::token::{self, AuthError, SignalClaim, TopicClaim, TopicKind, VerifiedGrant};

/// How long a session's grant lasts unless the hook sets it.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

/// How long the hook may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The embedding server's authorization hook.
#[derive(Clone)]
pub(super) struct Authorizer(Arc<Hook>);

type Hook = dyn Fn(AuthorizeRequest) -> Answer + Send + Sync;
type Answer = Pin<Box<dyn Future<Output = Result<SessionGrant, AuthorizeError>> + Send>>;

/// A request without a token. See [`HubBuilder::authorize`](super::HubBuilder::authorize) for an example.
#[derive(Clone, Debug)]
pub struct AuthorizeRequest {
    head: Arc<Parts>,
    action: Action,
    channel: Option<String>,
}

/// The kind of access that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Subscribing to topics.
    Subscribe,
    /// Publishing to a topic.
    Publish,
    /// Sending a signal to a run.
    Signal,
}

/// What a session grants, and for how long.
#[derive(Clone, Debug)]
pub struct SessionGrant {
    grant: Grant,
    publish: Option<Grant>,
    lifetime: Duration,
    subject: Option<String>,
    id: Option<String>,
}

/// Why the authorization hook denies access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthorizeError {
    /// The request has no session, or its session does not allow the action. The client receives `401` or
    /// `unauthorized`.
    Refused,
    /// The session could not be looked up. The client receives `503` or `unavailable`, and retries.
    Unavailable,
}

impl AuthorizeRequest {
    /// Returns the headers of the request, including its cookies. For a WebSocket, these are the headers of the
    /// request that opened it.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Returns the extensions that middleware before the hub's routes has added to the request, such as its user.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.head.extensions
    }

    /// Returns the kind of access that the request asks for.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// Returns the channel that the request asks for. A plain WebSocket or `EventSource` passes it as `?channel=`, or
    /// passes none and subscribes to all that is granted.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        self.channel.as_deref()
    }
}

impl SessionGrant {
    /// Creates a grant to subscribe to topics and to send signals.
    #[must_use]
    pub fn new(grant: Grant) -> Self {
        Self { grant, publish: None, lifetime: DEFAULT_LIFETIME, subject: None, id: None }
    }

    /// Also allows publishing to the topics of `grant`. Without it, the session cannot publish.
    #[must_use]
    pub fn allow_publishing(mut self, grant: Grant) -> Self {
        self.publish = Some(grant);
        self
    }

    /// Sets how long the grant lasts. Default: 5 minutes. A lifetime below a second or above
    /// [`HubBuilder::max_token_lifetime`](crate::HubBuilder::max_token_lifetime) is replaced by that limit.
    ///
    /// The hub calls the hook again before the grant expires. Subscriptions end with the grant if the hook no longer
    /// allows them.
    #[must_use]
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the owner of the session, in 1 to 256 characters. A run receives it as the sender of a signal.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Sets the id by which the grant is revoked ([`Hub::revoke`]) and its connections are counted, in 1 to 256
    /// characters: the id of the session, for example. Default: a random id.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    fn verify(self, action: Action, max_lifetime: Duration) -> Result<VerifiedGrant, &'static str> {
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
        if !token::is_valid_name(&id) || !self.subject.as_deref().is_none_or(token::is_valid_name) {
            return Err("the session's id and subject must have 1 to 256 characters");
        }
        let issued = token::now_in_seconds();
        let lifetime = self.lifetime.clamp(Duration::from_secs(1), max_lifetime);
        Ok(VerifiedGrant {
            id,
            subject: self.subject,
            topics: topics.collect(),
            signals: signals.collect(),
            publish,
            admin: false,
            issued,
            expires: issued + lifetime.as_secs(),
        })
    }
}

/// Why the session of a request grants nothing.
pub(crate) enum SessionError {
    Denied(AuthError),
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
    /// Returns `true` if pages may use their own session in place of a token.
    pub(crate) fn accepts_sessions(&self) -> bool {
        self.shared.authorizer.is_some()
    }

    /// Returns what the session of a request grants. The caller must have checked the origin of the request, because
    /// browsers send cookies with the requests of every page.
    pub(crate) async fn authorize(
        &self,
        head: Option<&Arc<Parts>>,
        action: Action,
        channel: Option<&str>,
    ) -> Result<VerifiedGrant, SessionError> {
        let (Some(Authorizer(hook)), Some(head)) = (&self.shared.authorizer, head) else {
            return Err(SessionError::Denied(AuthError::missing()));
        };
        let channel = channel.map(str::to_owned);
        let request = AuthorizeRequest { head: Arc::clone(head), action, channel };
        let denied = |detail: &str| SessionError::Denied(AuthError::new("session", detail));
        let granted = match tokio::time::timeout(TIMEOUT, hook(request)).await {
            Ok(Ok(granted)) => granted,
            Ok(Err(AuthorizeError::Refused)) => {
                return Err(denied("the authorization hook refused the session"));
            }
            Ok(Err(AuthorizeError::Unavailable)) => return Err(SessionError::Unavailable),
            Err(_) => {
                tracing::warn!("the authorization hook timed out");
                return Err(SessionError::Unavailable);
            }
        };
        let grant = granted.verify(action, self.keys().max_lifetime).map_err(denied)?;
        if self.shared.revocations.contains(&grant.id) {
            return Err(SessionError::Denied(AuthError::revoked()));
        }
        Ok(grant)
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
