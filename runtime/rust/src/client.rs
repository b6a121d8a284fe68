//! A client for other services in Rust: subscribes, publishes and sends signals over the network.
//!
//! It has the same topics, types and subscriptions as the hub of a server, and behaves as `PROTOCOL.md` requires of
//! clients: it reconnects, resumes without losing messages, renews tokens, and reports gaps.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::token::hashed_bearer;
use crate::wire::Drift;

mod backoff;
mod connection;
mod error;
mod frames;
mod heartbeat;
mod request;
mod resume_state;
mod send;
mod signer;
mod subscribe;
mod target;
mod tls;
mod untyped;
mod worker;

pub use error::ClientError;
pub use frames::{ClientFrames, FrameEvent, Frames};
pub use send::{ClientPublish, ClientSignal};
pub use signer::{SignerError, TokenContents, TokenSigner, UnverifiedToken};
pub use subscribe::ClientSubscribe;
pub use untyped::ClientRequest;

use request::{Outgoing, Requests};
use target::Target;

/// A client of a server that another process runs. Clones are cheap and share its settings.
///
/// A backend that has the server's signing key sets it; it then needs no tokens:
///
/// ```no_run
/// # async fn example(topic: fanfare::Topic<'_, str>) -> Result<(), Box<dyn std::error::Error>> {
/// use fanfare::client::Client;
///
/// let client = Client::new("https://realtime.example.com").signing_key(std::env::var("FANFARE_SIGNING_KEY")?);
/// // With generated code: `client.subscribe(pipeline.status())`.
/// let mut messages = client.subscribe(topic).await?;
/// client.publish(topic, "hello").await?;
/// assert_eq!(messages.recv().await?.data, "hello");
/// # Ok(())
/// # }
/// ```
///
/// Any other service sets a function that gets it tokens: see [`token`](Self::token).
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Clone)]
struct Shared {
    /// An error if the URL is invalid.
    target: Result<Target, ClientError>,
    access: Access,
    /// The shortest and the longest delay before reconnecting.
    reconnect_delay: (Duration, Duration),
    max_retries: u32,
    on_drift: Option<OnDrift>,
    requests: Requests,
}

type OnDrift = Arc<dyn Fn(&str, &Drift) + Send + Sync>;
type TokenFuture = Pin<Box<dyn Future<Output = Result<String, ClientError>> + Send>>;

#[derive(Clone)]
enum Access {
    None,
    SigningKey(Arc<str>),
    Token(Arc<dyn Fn(TokenRequest) -> TokenFuture + Send + Sync>),
}

/// The purpose of a token that a client needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenRequest {
    /// The channel's name. Empty for the admin routes.
    pub channel: String,
    /// The access that the token must grant on it.
    pub access: TokenAccess,
}

/// The access that a token must grant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenAccess {
    /// To subscribe to topics.
    Subscribe {
        /// The topics' names. Empty for all topics that the token grants.
        topics: Vec<String>,
    },
    /// To publish to a topic.
    Publish {
        /// The topic's name.
        topic: String,
    },
    /// To send a signal.
    Signal {
        /// The signal's name.
        signal: String,
    },
    /// To use the admin routes.
    Admin,
}

impl TokenRequest {
    /// Returns the purpose of a token for a channel.
    #[must_use]
    pub fn new(channel: impl Into<String>, access: TokenAccess) -> Self {
        Self { channel: channel.into(), access }
    }

    /// Returns the purpose of a token for the admin routes.
    #[must_use]
    pub fn admin() -> Self {
        Self::new("", TokenAccess::Admin)
    }
}

impl Client {
    /// Creates a client of the server at a URL, such as `https://realtime.example.com`. If the routes are below a path
    /// of a proxy, add the path.
    ///
    /// Nothing is connected yet. If the URL is invalid, each call returns an error.
    #[must_use]
    pub fn new(url: impl AsRef<str>) -> Self {
        let shared = Shared {
            target: Target::parse(url.as_ref()),
            access: Access::None,
            reconnect_delay: (Duration::from_millis(250), Duration::from_secs(5)),
            max_retries: 4,
            on_drift: None,
            requests: Requests::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Sets the server's signing key, with which it may do everything. It is sent over the network in its hashed form if it has one.
    #[must_use]
    pub fn signing_key(self, key: impl AsRef<str>) -> Self {
        self.with(|shared| shared.access = Access::SigningKey(hashed_bearer(key.as_ref()).into()))
    }

    /// Sets a function that returns a token, for example from your login service. It is called when a token is needed,
    /// and again before a token expires and after a lost connection. It may take 30 seconds. While it fails,
    /// subscriptions retry.
    ///
    /// ```no_run
    /// # async fn fetch_token(channel: &str) -> Result<String, std::io::Error> { Ok(String::new()) }
    /// use fanfare::client::{Client, TokenRequest};
    ///
    /// let client = Client::new("https://realtime.example.com")
    ///     .token(|request: TokenRequest| async move { fetch_token(&request.channel).await });
    /// ```
    #[must_use]
    pub fn token<F, T, E>(self, provide: F) -> Self
    where
        F: Fn(TokenRequest) -> T + Send + Sync + 'static,
        T: Future<Output = Result<String, E>> + Send + 'static,
        E: fmt::Display,
    {
        let provide = move |request: TokenRequest| -> TokenFuture {
            let token = provide(request);
            Box::pin(async move { token.await.map_err(|error| ClientError::Token(error.to_string())) })
        };
        self.with(|shared| shared.access = Access::Token(Arc::new(provide)))
    }

    /// Sets the delay before a subscription reconnects: between half of `first` and `first`, then twice as long each
    /// time, up to `max`. Default: 250 milliseconds and 5 seconds.
    #[must_use]
    pub fn reconnect_delay(self, first: Duration, max: Duration) -> Self {
        self.with(|shared| shared.reconnect_delay = (first, max))
    }

    /// Sets how often a publish or a signal is sent again if there is no response or the server fails. Default: 4.
    #[must_use]
    pub fn max_retries(self, retries: u32) -> Self {
        self.with(|shared| shared.max_retries = retries)
    }

    /// Sets a function that is called with the channel's name when a subscription finds out that the server was
    /// generated from another definition of the channel, and that this matters. Default: a warning in the log.
    #[must_use]
    pub fn on_drift(self, report: impl Fn(&str, &Drift) + Send + Sync + 'static) -> Self {
        self.with(|shared| shared.on_drift = Some(Arc::new(report)))
    }

    fn with(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        change(Arc::make_mut(&mut self.shared));
        self
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("target", &self.shared.target).finish_non_exhaustive()
    }
}

impl Shared {
    /// Returns a token for a subscription. With the signing key, mints one.
    async fn subscribe_token(&self, channel: &str, topics: &[String]) -> Result<String, ClientError> {
        if let Access::SigningKey(key) = &self.access {
            let grant = |topic: &String| json!({ "channel": channel, "name": topic, "kind": "run" });
            let request = Outgoing {
                method: Method::POST,
                route: "token".into(),
                query: vec![("expires_in", MINTED_LIFETIME.as_secs().to_string())],
                bearer: key.to_string(),
                idempotency_key: None,
                body: topics.iter().map(grant).collect::<Value>().to_string(),
            };
            let minted = self.requests.send_once(&self.target()?, &request).await?;
            let token = minted.get("jwt").and_then(Value::as_str).map(str::to_owned);
            return token.ok_or_else(|| ClientError::Protocol("the server minted no token".into()));
        }
        self.token(TokenRequest::new(channel, TokenAccess::Subscribe { topics: topics.to_vec() })).await
    }

    /// Returns the bearer of a request.
    async fn bearer(&self, request: TokenRequest) -> Result<String, ClientError> {
        match &self.access {
            Access::SigningKey(key) => Ok(key.to_string()),
            _ => self.token(request).await,
        }
    }

    async fn token(&self, request: TokenRequest) -> Result<String, ClientError> {
        let Access::Token(provide) = &self.access else { return Err(ClientError::NoAccess) };
        let token = tokio::time::timeout(TOKEN_TIMEOUT, provide(request)).await;
        token.unwrap_or_else(|_| Err(ClientError::Token("it took longer than 30 seconds".into())))
    }

    fn target(&self) -> Result<Target, ClientError> {
        self.target.clone()
    }
}

/// How long the function that returns tokens may take.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);

/// The lifetime of tokens that a client with the signing key mints.
const MINTED_LIFETIME: Duration = Duration::from_secs(3600);
