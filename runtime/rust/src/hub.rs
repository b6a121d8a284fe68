//! The in-process broker that a server embeds.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::channel::{Channel, Grant, Registry, ResolveError};
use crate::history::Log;
use crate::storage::{Engine, Storage};
use crate::token::{DEFAULT_LIFETIME, Keys, Revocations, SigningKey, TopicClaim};
use crate::wire::Cursor;

mod authorize;
mod builder;
mod channels;
mod client;
mod connections;
mod error;
mod in_flight;
mod listeners;
mod local_runs;
mod logging;
mod outdated_client;
mod rate;
mod reader;
mod subscription_view;
mod token_builder;
mod token_guard;

use authorize::Authorizer;
pub(crate) use authorize::SessionError;
pub use authorize::{Action, AuthorizeError, AuthorizeRequest, SessionGrant};
pub use builder::{BuildError, HubBuilder};
use channels::Channels;
pub(crate) use channels::StreamGuard;
pub(crate) use client::Client;
use connections::Connections;
pub(crate) use connections::{ConnectionGuard, ConnectionHandle, ConnectionSummary, ServerConnection};
pub(crate) use error::{OpenError, RenewError, SubscribeError};
use in_flight::InFlight;
pub(crate) use in_flight::{PendingWrite, WriteReservation};
use listeners::Listeners;
pub(crate) use listeners::{CURRENT_RUN, WakeSignal};
use local_runs::AllLocalRuns;
pub(crate) use local_runs::LocalRuns;
use logging::LogState;
use outdated_client::LoggedDrifts;
pub use rate::Rate;
use rate::RateLimits;
pub(crate) use rate::{RateLimited, RatedAction};
pub(crate) use reader::{Event, Notice, Reader, Ready, SubscriptionId};
pub(crate) use subscription_view::{SubscribedTopic, SubscriptionSummary, SubscriptionViews};
pub use token_builder::TokenBuilder;
pub use token_guard::RevokeError;
pub(crate) use token_guard::TokenGuard;
use token_guard::TokenUses;

/// The in-process broker that a server embeds. Clones are cheap and share one hub.
///
/// ```
/// use fanfare::{Channel, Hub};
/// # use std::time::Duration;
/// # use fanfare::schema::{Schema, Text};
/// # use fanfare::{AddressPart, Carries, ChannelDefinition, History, ParamDefinition, Registry, Retain, TopicDefinition};
/// # static TEXT: Schema = Schema::Text(Text::ANY);
/// # static PIPELINE: ChannelDefinition = ChannelDefinition {
/// #     name: "pipeline",
/// #     address: &[AddressPart::Literal("pipeline:"), AddressPart::Param(0)],
/// #     params: &[ParamDefinition { name: "runId", schema: &TEXT }],
/// #     topics: &[TopicDefinition::new("tokens", Carries::Payload(&TEXT), Retain::None)],
/// #     history: History { messages: 100, age: Duration::from_secs(300) },
/// #     fingerprint: "9f2c",
/// #     ..ChannelDefinition::EMPTY
/// # };
/// # static REGISTRY: Registry = Registry { channels: &[&PIPELINE] };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Generated code provides `REGISTRY`, and a type with a method per topic: `pipeline.tokens()` in place of
/// // `pipeline.topic::<str>(0)`.
/// let hub = Hub::builder(&REGISTRY).signing_key("signkey-test-00112233445566778899aabbccddeeff").build()?;
/// let pipeline = Channel::new(&PIPELINE, &[&"run_42"])?;
///
/// hub.publish(pipeline.topic::<str>(0), "Once upon").await?;
/// let token = hub.token(pipeline.grant(["tokens"])).expires_in(Duration::from_secs(300)).mint()?;
/// let app: axum::Router = fanfare::routes(hub);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

/// A weak reference, which does not keep the hub and its storage open.
#[derive(Clone)]
pub(crate) struct WeakHub(Weak<Shared>);

impl WeakHub {
    /// Returns the hub, unless all other references to it are dropped.
    pub(crate) fn upgrade(&self) -> Option<Hub> {
        self.0.upgrade().map(|shared| Hub { shared })
    }
}

struct Shared {
    registry: &'static Registry,
    keys: Keys,
    channels: Channels,
    settings: Settings,
    phase: watch::Sender<Phase>,
    connections: watch::Sender<Connections>,
    revocations: Arc<Revocations>,
    token_uses: Arc<TokenUses>,
    listeners: Listeners,
    local_runs: AllLocalRuns,
    /// Tasks that end when the hub closes. A shutdown waits for them.
    awaited: Mutex<Vec<JoinHandle<()>>>,
    /// Set when a shutdown begins.
    reconnect_spread: OnceLock<Duration>,
    /// The origins whose pages may use the routes. `None` allows every origin.
    allowed_origins: Option<Vec<String>>,
    rate_limits: RateLimits,
    in_flight: InFlight,
    /// The header in which a proxy passes the client's address.
    client_address_header: Option<String>,
    authorizer: Option<Authorizer>,
    logged_drifts: LoggedDrifts,
    log_state: LogState,
    has_admin_routes: bool,
    /// When the hub was built, by the wall clock.
    started_at: SystemTime,
}

/// The settings of connections that [`HubBuilder`] sets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) ping_interval: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) max_reconnect_spread: Duration,
    pub(crate) max_connections_per_token: usize,
    pub(crate) max_connections: usize,
    pub(crate) max_unsubscribed_connections: usize,
    pub(crate) text_streams_for_guests: bool,
}

/// The phases of a hub, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Open,
    /// Connections notify their clients, send waiting messages and close. New connections are rejected.
    Closing,
    /// Everything is rejected.
    Closed,
}

/// The result of a health check.
pub(crate) enum Health {
    Open,
    /// The hub is shutting down.
    Closing,
    /// The storage failed.
    Failing,
}

impl Hub {
    /// Returns a builder of a hub for the channels of a registry.
    pub fn builder(registry: &'static Registry) -> HubBuilder {
        HubBuilder::new(registry)
    }

    /// Returns the channels that the hub serves.
    #[must_use]
    pub fn registry(&self) -> &'static Registry {
        self.shared.registry
    }

    /// Returns a builder of a token that carries a grant, for subscribing and sending signals. Default lifetime: 60
    /// seconds, or the maximum lifetime of tokens if that is shorter.
    pub fn token(&self, grant: Grant) -> TokenBuilder<'_> {
        TokenBuilder::new(self, grant)
    }

    /// Returns the lifetime of a token whose request does not set one.
    pub(crate) fn default_lifetime(&self) -> Duration {
        DEFAULT_LIFETIME.min(self.keys().max_lifetime)
    }

    /// Stops gracefully. Runs are released, so that other processes can claim them. Clients receive `closing` and
    /// the messages that wait for them, and reconnect to another server. Returns once every connection has closed or
    /// the drain timeout elapses. From then on, publishing fails.
    pub async fn shutdown(&self) {
        self.shared.reconnect_spread.get_or_init(|| {
            let count = self.shared.connections.borrow().len();
            connections::reconnect_spread(count, self.settings().max_reconnect_spread)
        });
        self.enter(Phase::Closing);
        let deadline = Instant::now() + self.settings().drain_timeout;
        let awaited =
            std::mem::take(&mut *self.shared.awaited.lock().unwrap_or_else(PoisonError::into_inner));
        for task in awaited {
            if timeout_at(deadline, task).await.is_err() {
                tracing::warn!(
                    "drain timeout elapsed; other processes can claim the runs of this one once their leases expire"
                );
            }
        }
        let mut connections = self.shared.connections.subscribe();
        let drained = connections.wait_for(Connections::is_empty);
        if timeout_at(deadline, drained).await.is_err() {
            tracing::warn!("drain timeout elapsed; closing connections with unsent messages");
        }
        self.enter(Phase::Closed);
    }

    /// Makes a shutdown wait for a task that ends when the hub closes.
    pub(crate) fn await_at_shutdown(&self, task: JoinHandle<()>) {
        self.shared.awaited.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// Returns a random delay, in milliseconds, after which a client reconnects when the hub shuts down.
    pub(crate) fn reconnect_delay(&self) -> u64 {
        let spread = self.shared.reconnect_spread.get().map_or(0, Duration::as_millis);
        rand::random_range(0..u64::try_from(spread).unwrap_or(u64::MAX).max(1))
    }

    pub(crate) fn downgrade(&self) -> WeakHub {
        WeakHub(Arc::downgrade(&self.shared))
    }

    fn enter(&self, phase: Phase) {
        self.shared.phase.send_if_modified(|current| {
            let later = phase > *current;
            if later {
                *current = phase;
            }
            later
        });
        // Wake connections without holding the lock, which each takes when it closes.
        let inboxes = self.shared.connections.borrow().inboxes();
        for inbox in inboxes {
            inbox.alarm();
        }
    }

    pub(crate) fn phase(&self) -> watch::Receiver<Phase> {
        self.shared.phase.subscribe()
    }

    pub(crate) fn has_entered(&self, phase: Phase) -> bool {
        *self.shared.phase.borrow() >= phase
    }

    pub(crate) fn health(&self) -> Health {
        match self.storage().health() {
            _ if self.has_entered(Phase::Closing) => Health::Closing,
            Err(_) => Health::Failing,
            Ok(()) => Health::Open,
        }
    }

    /// Returns `true` if the hub serves the admin routes.
    pub(crate) fn has_admin_routes(&self) -> bool {
        self.shared.has_admin_routes
    }

    /// Returns when the hub was built, by the wall clock.
    pub(crate) fn started_at(&self) -> SystemTime {
        self.shared.started_at
    }

    /// Returns a channel's log if it is in memory.
    pub(crate) fn find_open_log(&self, channel: &str) -> Option<Arc<Log>> {
        self.shared.channels.find_open(channel)
    }

    pub(crate) fn settings(&self) -> Settings {
        self.shared.settings
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    /// Returns a channel's log, or `None` if opening it must wait for the storage.
    pub(crate) fn try_open_log(&self, channel: &Channel) -> Option<Result<Arc<Log>, OpenError>> {
        self.shared.channels.try_open(channel)
    }

    /// Returns a channel's log, which it restores from the storage if necessary.
    pub(crate) async fn open_log(&self, channel: &Channel) -> Result<Arc<Log>, OpenError> {
        self.shared.channels.open(channel).await
    }

    /// Returns a channel's log. If the cursor is ahead of it, first catches up with what other processes appended.
    pub(crate) async fn open_log_at(&self, channel: &Channel, cursor: Cursor) -> Result<Arc<Log>, OpenError> {
        let log = self.open_log(channel).await?;
        if log.has_reached(cursor) { Ok(log) } else { self.open_latest_log(channel).await }
    }

    /// Returns a channel's log, with everything that other processes have appended until now.
    pub(crate) async fn open_latest_log(&self, channel: &Channel) -> Result<Arc<Log>, OpenError> {
        self.open_log(channel).await?;
        // Until then, the hub cannot know whether the log has lost messages or only lags behind.
        self.storage().catch_up(channel).await.map_err(OpenError::Storage)?;
        // Catching up may have replaced the log by one of a new epoch.
        self.open_log(channel).await
    }

    /// Registers a text stream that this process writes, until the result is dropped.
    pub(crate) fn register_stream(&self, id: &str) -> StreamGuard {
        self.shared.channels.register_stream(id)
    }

    pub(crate) fn storage(&self) -> &dyn Engine {
        self.shared.channels.storage()
    }

    /// Returns the time by the storage's clock.
    pub(crate) fn storage_time(&self) -> SystemTime {
        self.storage().storage_time()
    }

    /// Returns the time of a signal that has just arrived. It is never before the time of a question that the sender
    /// has seen.
    pub(crate) fn arrival_time(&self) -> SystemTime {
        self.storage().latest_storage_time()
    }

    /// Returns the origins whose pages may use the routes. `None` allows every origin.
    pub(crate) fn allowed_origins(&self) -> Option<&[String]> {
        self.shared.allowed_origins.as_deref()
    }

    /// Returns the header in which a proxy passes the client's address.
    pub(crate) fn client_address_header(&self) -> Option<&str> {
        self.shared.client_address_header.as_deref()
    }

    /// Resolves the topics of claims, grouped by channel. Returns their names as indices
    /// ([`ChannelDefinition::topic_name`](crate::channel::ChannelDefinition)).
    pub(crate) fn resolve_topics(
        &self,
        claims: &[TopicClaim],
    ) -> Result<Vec<(Channel, Vec<usize>)>, ResolveError> {
        let mut channels: Vec<(Channel, Vec<usize>)> = Vec::new();
        for claim in claims {
            let known = channels.iter().position(|(channel, _)| channel.name() == claim.channel);
            let index = if let Some(index) = known {
                index
            } else {
                channels.push((self.shared.registry.channel(&claim.channel)?, Vec::new()));
                channels.len() - 1
            };
            let (channel, topics) = &mut channels[index];
            let topic = channel.find_topic_name(&claim.name)?;
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        Ok(channels)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Hub").finish_non_exhaustive()
    }
}
