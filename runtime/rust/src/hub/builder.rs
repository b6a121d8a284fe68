//! The builder of a hub.

use super::rate::Rates;
use super::{
    AllLocalRuns, Arc, AuthorizeError, AuthorizeRequest, Authorizer, Channels, Duration, Hub, InFlight, Keys,
    Listeners, LogState, LoggedDrifts, Mutex, OnceLock, Phase, Rate, RateLimits, Registry, Revocations,
    SessionGrant, Settings, Shared, SigningKey, Storage, fmt, token_guard::revoke, watch,
};
use crate::clock;
use crate::history::{Limits, MemoryBudget};
use crate::metrics::{self, Limit};
use crate::storage;
use crate::token::MAX_LIFETIME;
#[cfg(feature = "jwks")]
use crate::token::{Jwks, JwksError};

/// A builder of a [`Hub`]. See [`Hub::builder`].
#[derive(Clone, Debug)]
#[must_use = "call `build` to get the hub"]
pub struct HubBuilder {
    registry: &'static Registry,
    signing_key: String,
    accepted_signing_keys: Vec<String>,
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
    admin_routes: bool,
}

impl HubBuilder {
    pub(super) fn new(registry: &'static Registry) -> Self {
        Self {
            registry,
            signing_key: String::new(),
            accepted_signing_keys: Vec::new(),
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
                max_unsubscribed_connections: 5_000,
                text_streams_for_guests: false,
            },
            rates: Rates::default(),
            max_in_flight_bytes: 256 * 1024 * 1024,
            client_address_header: None,
            admin_routes: false,
        }
    }

    /// Sets the key that signs tokens and that backends send as their bearer. Required. Use at least 32 random
    /// characters, such as the output of `openssl rand -hex 32`.
    pub fn signing_key(mut self, key: impl Into<String>) -> Self {
        self.signing_key = key.into();
        self
    }

    /// Adds another key whose tokens the hub accepts, but with which it does not sign. The key authorizes backends as the
    /// signing key does. Can be called several times.
    ///
    /// Use it to rotate the signing key. First, every server accepts the new key. Then they sign with it, and accept
    /// the old one. Remove the old key once its last token has expired and no backend sends it.
    pub fn accepted_signing_key(mut self, key: impl Into<String>) -> Self {
        self.accepted_signing_keys.push(key.into());
        self
    }

    /// Sets the issuer (`iss`) of tokens that are signed with the signing key or an accepted signing key. Minted tokens have
    /// it, and tokens that these keys signed for another issuer are rejected. [`jwks`](Self::jwks) adds further issuers.
    ///
    /// Default: each key is an issuer of its own, `fanfare:<kid>`, where `<kid>` is the id of the key in the header of
    /// its tokens. Set it if others sign with the key.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets the audience (`aud`) of tokens. Minted tokens have it, and tokens without it are rejected. Default: minted
    /// tokens have no audience, and tokens with one are rejected.
    ///
    /// Set it if several services accept tokens of one issuer or key, for example to the URL of this service.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Accepts the tokens of another issuer, such as an authentication service, by its public keys. They must have the
    /// claims of the hub's own tokens. Can be called several times, for several issuers.
    #[cfg(feature = "jwks")]
    pub fn jwks(mut self, jwks: Jwks) -> Self {
        self.jwks.push(jwks);
        self
    }

    /// Sets the maximum lifetime of a token (`exp` − `iat`), including those of other issuers, from a second to a day.
    /// Default: a day.
    pub fn max_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_token_lifetime = lifetime.clamp(Duration::from_secs(1), MAX_LIFETIME);
        self
    }

    /// Sets the origins whose pages may use the routes, such as `https://example.com`. Requests without an `Origin`
    /// header are always allowed: those of programs other than browsers, and a page's GET requests to its own origin.
    /// `http://localhost:*` allows every port of this host.
    ///
    /// Default: every origin is allowed, because tokens protect channels, and a browser does not send them by itself.
    /// ([`authorize`](Self::authorize) is stricter.)
    pub fn allowed_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let origins = origins.into_iter().map(|origin| origin.into().trim_end_matches('/').to_owned());
        self.allowed_origins = Some(origins.collect());
        self
    }

    /// Lets pages use a session of this server, such as a cookie, in place of a token. The hub calls the hook for a
    /// request without a token, and again before the grant expires. The hook may take 10 seconds.
    ///
    /// Browsers send cookies with the requests of every page. So the hook is called only for pages of
    /// [`allowed_origins`](Self::allowed_origins), or of the request's own host if no origins are set. Requests that do
    /// not come from a page need a token.
    ///
    /// ```
    /// use fanfare::{AuthorizeError, AuthorizeRequest, Channel, HubBuilder, SessionGrant};
    ///
    /// # async fn find_user(cookie: &str) -> Option<String> { None }
    /// // `inbox` returns the channel of a user. Generated code has a type for it.
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

    /// Sets the maximum number of connections that use a token, or tokens that share an id, at the same time. Default:
    /// 100.
    pub fn max_connections_per_token(mut self, count: usize) -> Self {
        self.settings.max_connections_per_token = count.max(1);
        self
    }

    /// Sets the maximum number of connections of this hub, WebSocket or event stream, at the same time. Default:
    /// 20,000. At the limit, a new connection replaces one that has no subscription. If all have one, the new
    /// connection is rejected.
    ///
    /// [`Serve::max_connections`](crate::Serve::max_connections) limits the sockets of a server.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.settings.max_connections = count;
        self
    }

    /// Sets the maximum number of connections without a subscription at the same time: those that have not sent a token
    /// yet, or have ended all their subscriptions. Default: 5,000. Beyond that, the one that has had none for longest
    /// is closed, with the code 4408.
    pub fn max_unsubscribed_connections(mut self, count: usize) -> Self {
        self.settings.max_unsubscribed_connections = count.max(1);
        self
    }

    /// Sets how often each token, each subject and each client address may connect. Default: 100 per second with bursts
    /// of 2,000. Beyond that, the client receives 429 with the code `rate_limited` and a `Retry-After`, or an `error`
    /// frame with this code.
    ///
    /// The address of a client is known in a server that provides `ConnectInfo<SocketAddr>` to handlers, as
    /// [`serve`](crate::serve()) does. Addresses on the machine or a private network are not limited, because they are
    /// probably a proxy's: see [`client_address_header`](Self::client_address_header).
    pub fn max_connection_rate(mut self, rate: Rate) -> Self {
        self.rates.connections = rate;
        self
    }

    /// Sets how often each token, each subject and each client address may publish over HTTP. Default: 200 per
    /// second with bursts of 1,000. Backends, which have the signing key, are not limited.
    pub fn max_publish_rate(mut self, rate: Rate) -> Self {
        self.rates.publishes = rate;
        self
    }

    /// Sets how often each token, each subject and each client address may send signals over HTTP. Default: 50 per
    /// second with bursts of 500. Backends are not limited.
    pub fn max_signal_rate(mut self, rate: Rate) -> Self {
        self.rates.signals = rate;
        self
    }

    /// Sets how often each client address may fail to authenticate: without a token, with an invalid token or key, with a
    /// token that does not grant the topic it publishes to, or with a session that the hook refuses. Default: 20 per second
    /// with bursts of 500. Beyond that, the response is 429 instead of 401, or an `error` frame with the code
    /// `rate_limited`, and the hook of [`authorize`](Self::authorize) is not called. Requests that authenticate with a token
    /// are not affected, even if they have the same address.
    pub fn max_auth_failure_rate(mut self, rate: Rate) -> Self {
        self.rates.auth_failures = rate;
        self
    }

    /// Sets the maximum bytes of messages that are being written to all connections together: read from history, but
    /// not yet accepted by the clients' sockets. Default: 256 MiB.
    ///
    /// At the limit, connections wait and lag in their channels. If some have not read for a second meanwhile, those
    /// that have not read for longest are closed. Their clients resume, and receive a `gap` if the messages are no
    /// longer in the history.
    pub fn max_in_flight_bytes(mut self, bytes: usize) -> Self {
        self.max_in_flight_bytes = bytes;
        self
    }

    /// Sets the header in which a proxy passes the address of the client, such as `X-Forwarded-For`. Of several
    /// addresses the last one counts, which the nearest proxy added. Default: the address is that of the socket.
    ///
    /// Set it only if all requests come through a proxy that writes the header itself. Otherwise clients can choose
    /// their address and so evade the limits.
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

    /// Also sends the frames of text streams to guests: clients that do not offer the subprotocol `fanfare.v1`, such as
    /// Inngest's SDK. Default: `false`, so guests receive payloads and run events only. Fanfare's own clients always
    /// receive text streams.
    ///
    /// Enable it if all your guests ignore frames of an unknown kind. Inngest's SDK 4.24 does not: its process ends at
    /// the first such frame.
    pub fn text_streams_for_guests(mut self, sent: bool) -> Self {
        self.settings.text_streams_for_guests = sent;
        self
    }

    /// Serves the admin routes, which show channels, runs and connections, and cancel, retry, wake and rerun runs.
    /// Default: `false`, so these routes do not exist.
    ///
    /// They require the signing key, or a token from [`Admin::token`](crate::admin::Admin::token). An issuer of tokens
    /// that the hub trusts can also grant access. `docs/management.md` explains how to secure them.
    pub fn admin_routes(mut self, enabled: bool) -> Self {
        self.admin_routes = enabled;
        self
    }

    /// Sets how many channels without a subscriber and without history the hub keeps in memory. Default: 10,000. Beyond
    /// that, the channels that were idle for longest are dropped. If the storage is [`Memory`](crate::Memory), their
    /// retained messages are lost, and a subscriber that resumes receives a gap even if it missed nothing.
    pub fn max_idle_channels(mut self, count: usize) -> Self {
        self.max_idle_channels = count;
        self
    }

    /// Sets the maximum bytes of messages in the history of one channel, whatever its definition allows. Default: 64
    /// MiB.
    pub fn max_channel_bytes(mut self, bytes: usize) -> Self {
        self.max_channel_bytes = bytes;
        self
    }

    /// Sets the maximum bytes of text that a channel keeps for each topic of text streams. Default: 4 MiB. The oldest
    /// text is dropped first, and subscribers that miss it receive a gap.
    pub fn max_stream_bytes(mut self, bytes: usize) -> Self {
        self.max_stream_bytes = bytes;
        self
    }

    /// Sets the maximum bytes of messages in memory for all channels together. Default: 1 GiB. Near the limit, unused
    /// channels are unloaded (and lost, if the storage is [`Memory`](crate::Memory)); then the history of channels that are published to is
    /// shortened.
    pub fn max_history_bytes(mut self, bytes: usize) -> Self {
        self.max_history_bytes = bytes;
        self
    }

    /// Sets the storage for history, runs and revocations, such as a `Sqlite` file, in which they outlive the process.
    /// Default: a [`Memory`](crate::Memory) of its own. After a restart, history is then empty, subscribers receive a gap, and
    /// revoked tokens are valid again.
    pub fn storage(mut self, storage: impl Into<Storage>) -> Self {
        self.storage = Some(storage.into());
        self
    }

    /// Sets how often a WebSocket is pinged, and how often clients receive a heartbeat. Default: 15 seconds. A WebSocket
    /// whose client does not answer two pings is closed when the third is due.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.settings.ping_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Sets how long a write to a connection may take before the connection is closed. Default: 30 seconds.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.settings.write_timeout = timeout;
        self
    }

    /// Sets how long [`Hub::shutdown`] waits for connections to send their waiting messages. Default: 10 seconds.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.settings.drain_timeout = timeout;
        self
    }

    /// Sets the maximum time over which clients spread their reconnects when the hub shuts down. Default: 5
    /// seconds.
    ///
    /// Each client is asked to reconnect after a random delay, so that they do not all connect to another server at
    /// once. The spread grows with the number of connections: 1 millisecond for each, and at least 100 milliseconds if
    /// there are several.
    pub fn max_reconnect_spread(mut self, max: Duration) -> Self {
        self.settings.max_reconnect_spread = max;
        self
    }

    /// Builds the hub.
    ///
    /// # Errors
    /// Returns an error if the signing key is missing, a key has fewer than 32 characters, or a key set is not valid.
    pub fn build(self) -> Result<Hub, BuildError> {
        metrics::describe();
        metrics::limit_max(Limit::Connections, self.settings.max_connections);
        metrics::limit_max(Limit::UnsubscribedConnections, self.settings.max_unsubscribed_connections);
        if self.signing_key.is_empty() {
            return Err(BuildError::NoSigningKey);
        }
        let key = |key: &str| SigningKey::new(key).map_err(|_| BuildError::WeakSigningKey);
        let keys = Keys {
            signing: key(&self.signing_key)?,
            accepted: self.accepted_signing_keys.iter().map(|text| key(text)).collect::<Result<_, _>>()?,
            #[cfg(feature = "jwks")]
            key_sets: self.jwks.iter().map(Jwks::load).collect::<Result<_, _>>()?,
            issuer: self.issuer,
            audience: self.audience,
            max_lifetime: self.max_token_lifetime,
        };
        let limits = Limits {
            max_channel_bytes: self.max_channel_bytes,
            max_stream_bytes: self.max_stream_bytes,
            memory: Arc::new(MemoryBudget::new(self.max_history_bytes)),
        };
        let storage = self.storage.unwrap_or_else(|| storage::Memory::new().into());
        let revoked = storage.engine().list_revoked();
        let shared = Shared {
            registry: self.registry,
            keys,
            channels: Channels::new(self.registry, storage, self.max_idle_channels, limits),
            settings: self.settings,
            phase: watch::Sender::new(Phase::Open),
            connections: watch::Sender::default(),
            revocations: Arc::new(Revocations::restore(revoked.into_iter())),
            token_uses: Arc::default(),
            listeners: Listeners::default(),
            local_runs: AllLocalRuns::default(),
            reconnect_spread: OnceLock::new(),
            awaited: Mutex::default(),
            allowed_origins: self.allowed_origins,
            rate_limits: RateLimits::new(self.rates),
            in_flight: InFlight::new(self.max_in_flight_bytes),
            client_address_header: self.client_address_header,
            authorizer: self.authorizer,
            logged_drifts: LoggedDrifts::default(),
            log_state: LogState::default(),
            has_admin_routes: self.admin_routes,
            started_at: clock::wall_time(),
        };
        let (revocations, token_uses) = (Arc::clone(&shared.revocations), Arc::clone(&shared.token_uses));
        // Does not capture the hub: the storage must not keep it alive.
        let listener = move |id: &str, age| revoke(&revocations, &token_uses, id, age);
        shared.channels.storage().follow_revocations(Box::new(listener));
        let hub = Hub { shared: Arc::new(shared) };
        hub.follow_due_runs();
        Ok(hub)
    }
}

/// An error from [`HubBuilder::build`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The signing key is missing.
    NoSigningKey,
    /// The signing key or an accepted signing key has fewer than 32 characters.
    WeakSigningKey,
    /// The key set of an issuer is not valid. The text says which one, and why.
    KeySet(String),
}

impl fmt::Display for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoSigningKey => {
                "missing signing key: call `HubBuilder::signing_key` with the output of `openssl rand -hex 32`"
            }
            Self::WeakSigningKey => {
                "the signing key or an accepted signing key has fewer than 32 characters and could be guessed: use random ones, \
                 such as the output of `openssl rand -hex 32`"
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

/// Prints the message, because a `main` that returns the error prints this.
impl fmt::Debug for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl std::error::Error for BuildError {}
