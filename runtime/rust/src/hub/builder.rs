//! Setting up a hub.

use super::rate::Rates;
use super::{
    Arc, AuthorizeError, AuthorizeRequest, Authorizer, Channels, Duration, Hub, InFlight, Keys, Listeners,
    Mutex, OnceLock, Phase, Rate, RateLimits, Registry, Revocations, SessionGrant, Settings, Shared,
    SigningKey, Storage, fmt, lease::revoke, watch,
};
use crate::history::{Limits, Memory};
use crate::metrics::{self, Limit};
use crate::token::MAX_LIFETIME;
#[cfg(feature = "jwks")]
use crate::token::{Jwks, JwksError};

/// A hub in the making.
#[derive(Clone, Debug)]
#[must_use = "a hub is made by `build`"]
pub struct HubBuilder {
    registry: &'static Registry,
    signing_key: String,
    verifying_keys: Vec<String>,
    issuer: Option<String>,
    audience: Option<String>,
    #[cfg(feature = "jwks")]
    jwks: Vec<Jwks>,
    max_token_lifetime: Duration,
    allowed_origins: Option<Vec<String>>,
    authorizer: Option<Authorizer>,
    max_idle_channels: usize,
    max_channel_bytes: usize,
    max_stream_bytes: usize,
    max_history_bytes: usize,
    storage: Option<Storage>,
    settings: Settings,
    rates: Rates,
    max_in_flight_bytes: usize,
    client_address_header: Option<String>,
}

impl HubBuilder {
    pub(super) fn new(registry: &'static Registry) -> Self {
        Self {
            registry,
            signing_key: String::new(),
            verifying_keys: Vec::new(),
            issuer: None,
            audience: None,
            #[cfg(feature = "jwks")]
            jwks: Vec::new(),
            max_token_lifetime: MAX_LIFETIME,
            allowed_origins: None,
            authorizer: None,
            max_idle_channels: 10_000,
            max_channel_bytes: 64 * 1024 * 1024,
            max_stream_bytes: 4 * 1024 * 1024,
            max_history_bytes: 1024 * 1024 * 1024,
            storage: None,
            settings: Settings {
                ping_interval: Duration::from_secs(15),
                write_timeout: Duration::from_secs(30),
                drain_timeout: Duration::from_secs(10),
                max_reconnect_spread: Duration::from_secs(5),
                max_connections_per_token: 100,
                max_connections: 20_000,
                max_unsubscribed: 5_000,
                inngest_streams: false,
            },
            rates: Rates::default(),
            max_in_flight_bytes: 256 * 1024 * 1024,
            client_address_header: None,
        }
    }

    /// The key that signs tokens and that backends send as their bearer. Required;
    /// at least 32 characters that nobody can guess, such as `openssl rand -hex 32` prints.
    pub fn signing_key(mut self, key: impl Into<String>) -> Self {
        self.signing_key = key.into();
        self
    }

    /// Another key that is accepted and does not sign, for the time in which keys change: first
    /// every server accepts the new key, then they sign with it and accept the old one, and when
    /// its last token has ended the old one goes. May be repeated.
    pub fn verifying_key(mut self, key: impl Into<String>) -> Self {
        self.verifying_keys.push(key.into());
        self
    }

    /// The issuer of the tokens that the signing keys sign: minted tokens name it (`iss`), and others are refused.
    ///
    /// Unless set, each key is an issuer of its own, `fanfare:<kid>`, where `<kid>` is the id of the key in the header
    /// of its tokens. Set it if others sign with the key. Earlier releases named `rt.inngest.com`: set that one until
    /// the last of their tokens has ended.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Whom tokens must be for: minted tokens name it (`aud`), and tokens that do not are refused. Unless set, tokens
    /// have no audience, and those that have one are refused.
    ///
    /// Set it if several services accept tokens of one issuer or key, for example to the URL of this service.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Accepts the tokens of another issuer, such as an authentication service, by its public keys. They have the claims
    /// of the hub's own tokens. May be repeated for several issuers.
    #[cfg(feature = "jwks")]
    pub fn jwks(mut self, jwks: Jwks) -> Self {
        self.jwks.push(jwks);
        self
    }

    /// The longest that a token may last (`exp` − `iat`), whoever signed it, from a second to a day. A day unless set.
    pub fn max_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_token_lifetime = lifetime.clamp(Duration::from_secs(1), MAX_LIFETIME);
        self
    }

    /// The origins whose pages may use the routes, such as `https://example.com`. Requests that no
    /// page makes have none and are let through. Every origin may unless set: tokens protect channels, and a browser
    /// does not send them by itself. ([`authorize`](Self::authorize) is stricter.)
    pub fn allowed_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let origins = origins.into_iter().map(|origin| origin.into().trim_end_matches('/').to_owned());
        self.allowed_origins = Some(origins.collect());
        self
    }

    /// Lets pages in by a session of this server's own, such as a cookie, without a token. The hook is asked when a
    /// request has no token: what may this request do? It has 10 seconds. It is asked again before a grant ends.
    ///
    /// Browsers send cookies with whatever a page asks for, so pages of other origins are never let in this way: only
    /// those of [`allowed_origins`](Self::allowed_origins), or of the request's own host if no origins are set. Requests that no page
    /// makes need a token.
    ///
    /// ```
    /// use fanfare::{AuthorizeError, AuthorizeRequest, Channel, HubBuilder, SessionGrant};
    ///
    /// # async fn find_user(cookie: &str) -> Option<String> { None }
    /// // `inbox` makes the channel of a user; code that is generated has a type for it.
    /// fn with_sessions(hub: HubBuilder, inbox: fn(&str) -> Channel) -> HubBuilder {
    ///     hub.authorize(move |request: AuthorizeRequest| async move {
    ///         let cookie = request.headers().get("cookie").and_then(|cookie| cookie.to_str().ok());
    ///         let user = find_user(cookie.unwrap_or_default()).await.ok_or(AuthorizeError::Refused)?;
    ///         Ok(SessionGrant::new(inbox(&user).grant(["messages"])).subject(user))
    ///     })
    /// }
    /// ```
    pub fn authorize<F, A>(mut self, hook: F) -> Self
    where
        F: Fn(AuthorizeRequest) -> A + Send + Sync + 'static,
        A: Future<Output = Result<SessionGrant, AuthorizeError>> + Send + 'static,
    {
        self.authorizer = Some(Authorizer::new(hook));
        self
    }

    /// How many connections may use a token, or tokens that share an id, at the same time. 100 unless set.
    pub fn max_connections_per_token(mut self, count: usize) -> Self {
        self.settings.max_connections_per_token = count.max(1);
        self
    }

    /// How many connections there may be at the same time. 20,000 unless set. If there are as many, one that has
    /// nothing subscribed gives way to a new one. If all have something subscribed, the new one is refused.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.settings.max_connections = count;
        self
    }

    /// How many connections may have nothing subscribed at the same time: they have not shown a token, or have
    /// ended all that they subscribed to. The one that has had nothing for longest closes first, with the code 4408.
    /// 5,000 unless set.
    pub fn max_unsubscribed(mut self, count: usize) -> Self {
        self.settings.max_unsubscribed = count.max(1);
        self
    }

    /// How often each token, each subject and each client address may connect. 100 a second and 2,000 at once unless
    /// set. A client that does so more often is answered 429 with the code `too_often` and a `Retry-After`, or
    /// receives an `error` with this code.
    ///
    /// The address of a client is known in a server that gives handlers a `ConnectInfo<SocketAddr>`, as
    /// [`serve`](crate::serve()) does. Addresses on the machine or a private network are not limited, because they are
    /// probably a proxy's: see [`client_address_header`](Self::client_address_header).
    pub fn max_connection_rate(mut self, rate: Rate) -> Self {
        self.rates.connections = rate;
        self
    }

    /// How often each token, each subject and each client address may publish over HTTP. 200 a second and 1,000 at
    /// once unless set. Backends, which have the signing key, are not limited.
    pub fn max_publish_rate(mut self, rate: Rate) -> Self {
        self.rates.publishes = rate;
        self
    }

    /// How often each token, each subject and each client address may send signals over HTTP. 50 a second and 500 at
    /// once unless set. Backends are not limited.
    pub fn max_signal_rate(mut self, rate: Rate) -> Self {
        self.rates.signals = rate;
        self
    }

    /// How often each client address may show a token or a key that is not valid. 20 a second and 500 at once unless
    /// set. Beyond that, the answer is 429 instead of 401, and [`authorize`](Self::authorize) is not asked. What clients of
    /// the same address do with valid tokens is not limited by it.
    pub fn max_auth_failure_rate(mut self, rate: Rate) -> Self {
        self.rates.auth_failures = rate;
        self
    }

    /// How many bytes of messages may be on their way to all connections together: taken from history, and not yet
    /// taken by the clients' sockets. 256 MiB unless set.
    ///
    /// Where there is no room, connections wait, and lag in their channels. If some have not read for a second
    /// meanwhile, those that have not read for longest are closed. Their clients resume, and receive a `gap` if history
    /// has moved on.
    pub fn max_in_flight_bytes(mut self, bytes: usize) -> Self {
        self.max_in_flight_bytes = bytes;
        self
    }

    /// The header in which a proxy in front of the server names the address of the client, such as
    /// `X-Forwarded-For`. Of several addresses the last counts, which the nearest proxy has written. None unless set:
    /// the address is that of the socket.
    ///
    /// Set it only if all requests come through a proxy that writes the header itself. Otherwise clients choose
    /// their own address, and nothing is limited by it.
    ///
    /// ```
    /// # fn hub(registry: &'static fanfare::Registry, key: &str) -> Result<fanfare::Hub, fanfare::BuildError> {
    /// use fanfare::{Hub, Rate};
    ///
    /// Hub::builder(registry)
    ///     .signing_key(key)
    ///     .client_address_header("X-Forwarded-For")
    ///     .max_signal_rate(Rate::per_second(5).burst(50))
    ///     .build()
    /// # }
    /// ```
    pub fn client_address_header(mut self, name: impl Into<String>) -> Self {
        self.client_address_header = Some(name.into());
        self
    }

    /// Whether guests, clients that do not offer the subprotocol of this library, are sent the frames of
    /// text streams. They are not unless set: Inngest's SDK 4.24 ends its process on the first.
    pub fn inngest_streams(mut self, sent: bool) -> Self {
        self.settings.inngest_streams = sent;
        self
    }

    /// How many channels are remembered that have no subscriber and nothing in history,
    /// for what they retain and so that resuming subscribers hear of no gap that was
    /// none. The longest idle are forgotten first. 10,000 unless set.
    pub fn max_idle_channels(mut self, count: usize) -> Self {
        self.max_idle_channels = count;
        self
    }

    /// The most bytes of messages that history holds for one channel, whatever its
    /// definition allows. 64 MiB unless set.
    pub fn max_channel_bytes(mut self, bytes: usize) -> Self {
        self.max_channel_bytes = bytes;
        self
    }

    /// The most bytes of text that a channel holds for each topic of text streams. The oldest text is dropped first,
    /// and subscribers that miss it are told a gap. 4 MiB unless set.
    pub fn max_stream_bytes(mut self, bytes: usize) -> Self {
        self.max_stream_bytes = bytes;
        self
    }

    /// The most bytes of messages that are held in memory for all channels together. Where it gets
    /// close, channels that nobody uses leave memory (and are forgotten, without a storage), then
    /// those that are published to get shorter. 1 GiB unless set.
    pub fn max_history_bytes(mut self, bytes: usize) -> Self {
        self.max_history_bytes = bytes;
        self
    }

    /// Keeps history beyond the process, in a `Sqlite` file for example. In
    /// memory unless set: a restart then begins anew, and subscribers are told a gap.
    pub fn storage(mut self, storage: impl Into<Storage>) -> Self {
        self.storage = Some(storage.into());
        self
    }

    /// How often connections are pinged; one that has not answered by the next ping but
    /// one is dropped. 15 seconds unless set.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.settings.ping_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// How long a connection may take to accept what is being written to it before it
    /// is dropped. 30 seconds unless set.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.settings.write_timeout = timeout;
        self
    }

    /// How long [`Hub::shutdown`] waits for connections to take what is waiting for them.
    /// 10 seconds unless set.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.settings.drain_timeout = timeout;
        self
    }

    /// Sets the longest time over which clients spread their reconnects when the hub shuts down. 5 seconds unless
    /// set.
    ///
    /// Each client is told to reconnect at a random time, so that the server that takes over is not hit by all of
    /// them at once. The time to choose from grows with the number of connections: 1 millisecond for each, and at
    /// least 100 milliseconds if there are several.
    pub fn max_reconnect_spread(mut self, max: Duration) -> Self {
        self.settings.max_reconnect_spread = max;
        self
    }

    /// Makes the hub.
    ///
    /// # Errors
    /// When a signing key is missing or too short to be safe, or when a key set cannot be used.
    pub fn build(self) -> Result<Hub, BuildError> {
        metrics::describe();
        metrics::limit_max(Limit::Connections, self.settings.max_connections);
        metrics::limit_max(Limit::UnsubscribedConnections, self.settings.max_unsubscribed);
        if self.signing_key.is_empty() {
            return Err(BuildError::NoSigningKey);
        }
        let key = |key: &str| SigningKey::new(key).map_err(|_| BuildError::WeakSigningKey);
        let keys = Keys {
            signing: key(&self.signing_key)?,
            fallbacks: self.verifying_keys.iter().map(|text| key(text)).collect::<Result<_, _>>()?,
            #[cfg(feature = "jwks")]
            key_sets: self.jwks.iter().map(Jwks::load).collect::<Result<_, _>>()?,
            issuer: self.issuer,
            audience: self.audience,
            max_lifetime: self.max_token_lifetime,
        };
        let limits = Limits {
            max_channel_bytes: self.max_channel_bytes,
            max_stream_bytes: self.max_stream_bytes,
            memory: Arc::new(Memory::new(self.max_history_bytes)),
        };
        let revoked = self.storage.as_ref().map(|storage| storage.engine().revoked()).unwrap_or_default();
        let shared = Shared {
            registry: self.registry,
            keys,
            channels: Channels::new(self.registry, self.storage, self.max_idle_channels, limits),
            settings: self.settings,
            phase: watch::Sender::new(Phase::Open),
            connections: watch::Sender::default(),
            revocations: Arc::new(Revocations::restore(revoked.into_iter())),
            usages: Arc::default(),
            listeners: Listeners::default(),
            reconnect_spread: OnceLock::new(),
            awaited: Mutex::default(),
            allowed_origins: self.allowed_origins,
            rate_limits: RateLimits::new(self.rates),
            in_flight: InFlight::new(self.max_in_flight_bytes),
            client_address_header: self.client_address_header,
            authorizer: self.authorizer,
        };
        if let Some(storage) = shared.channels.storage() {
            let (revocations, usages) = (Arc::clone(&shared.revocations), Arc::clone(&shared.usages));
            // Has no part in the hub itself: the storage must not keep its hub.
            let listener = move |id: &str, age| revoke(&revocations, &usages, id, age);
            storage.engine().follow_revocations(Box::new(listener));
        }
        Ok(Hub { shared: Arc::new(shared) })
    }
}

/// Why a hub could not be made.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// No signing key was given.
    NoSigningKey,
    /// A signing key is shorter than 32 characters.
    WeakSigningKey,
    /// The public keys of another issuer cannot be used; the text says which one, and why.
    KeySet(String),
}

impl fmt::Display for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoSigningKey => {
                "missing signing key: call `HubBuilder::signing_key` with the output of `openssl rand -hex 32`"
            }
            Self::WeakSigningKey => {
                "weak signing key: use at least 32 random characters, such as the output of `openssl rand -hex 32`"
            }
            Self::KeySet(why) => why,
        })
    }
}

#[cfg(feature = "jwks")]
impl From<JwksError> for BuildError {
    fn from(error: JwksError) -> Self {
        Self::KeySet(error.to_string())
    }
}

/// What a `main` that returns the error prints, so it is in words too.
impl fmt::Debug for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl std::error::Error for BuildError {}
