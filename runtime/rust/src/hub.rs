//! The in-process broker that a server embeds.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::channel::{Channel, Grant, Registry, ResolveError};
use crate::clock;
use crate::history::Log;
use crate::storage::{Storage, StorageError};
use crate::token::{DEFAULT_LIFETIME, Keys, Revocations, SigningKey, TopicClaim};
use crate::wire::Cursor;

mod authorize;
mod builder;
mod channels;
mod client;
mod connections;
mod in_flight;
mod lease;
mod mint;
mod rate;
mod reader;
mod signals;

use authorize::Authorizer;
pub(crate) use authorize::NoSession;
pub use authorize::{Action, AuthorizeError, AuthorizeRequest, SessionGrant};
pub use builder::{BuildError, HubBuilder};
use channels::Channels;
pub(crate) use channels::StreamGuard;
pub(crate) use client::Client;
use connections::Connections;
pub(crate) use connections::{Connected, HoldPlace, ServerPlace};
use in_flight::InFlight;
pub(crate) use in_flight::{Pending, Room};
pub use lease::RevokeError;
use lease::Usages;
pub(crate) use lease::{Lease, NoLease};
pub use mint::TokenBuilder;
pub use rate::Rate;
use rate::RateLimits;
pub(crate) use rate::{RatedAction, TooOften};
pub(crate) use reader::{Event, NoSubscription, NotRenewed, Notice, Reader, Ready, Reference};
use signals::Listeners;
pub(crate) use signals::{CURRENT_RUN, WakeSignal};

/// The in-process broker that a server embeds. Cloning it is cheap, and all
/// clones are one hub.
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
/// #     topics: &[TopicDefinition { name: "tokens", carries: Carries::Payload(&TEXT), retain: Retain::None }],
/// #     signals: &[],
/// #     result: None,
/// #     history: History { messages: 100, age: Duration::from_secs(300) },
/// #     fingerprint: "9f2c",
/// # };
/// # static REGISTRY: Registry = Registry { channels: &[&PIPELINE] };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // REGISTRY is generated, and so are types around `Channel` and `topic`.
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

/// A reference that does not keep the hub and its storage open.
pub(crate) struct WeakHub(Weak<Shared>);

impl WeakHub {
    /// Returns the hub, unless it is gone.
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
    usages: Arc<Usages>,
    listeners: Listeners,
    /// Tasks that end once the hub closes, and that a shutdown waits for.
    awaited: Mutex<Vec<JoinHandle<()>>>,
    /// Set when a shutdown begins.
    reconnect_spread: OnceLock<Duration>,
    /// The origins whose pages may come; all of them where nothing is said.
    allowed_origins: Option<Vec<String>>,
    rate_limits: RateLimits,
    in_flight: InFlight,
    /// The header in which a proxy names the address of the client.
    client_address_header: Option<String>,
    authorizer: Option<Authorizer>,
}

/// What the hub's builder may change about connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) ping_interval: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) max_reconnect_spread: Duration,
    pub(crate) max_connections_per_token: usize,
    pub(crate) max_connections: usize,
    pub(crate) max_unsubscribed: usize,
    pub(crate) inngest_streams: bool,
}

/// How far a hub is on its way to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Open,
    /// Connections are told, send what is waiting, and close; there are no new ones.
    Closing,
    /// Nothing is taken any more.
    Closed,
}

/// What health checks report.
pub(crate) enum Health {
    Open,
    /// The hub shuts down.
    Closing,
    /// The storage failed.
    Failing,
}

impl Hub {
    /// Starts to set up a hub for the channels of a definition.
    pub fn builder(registry: &'static Registry) -> HubBuilder {
        HubBuilder::new(registry)
    }

    /// The channels that the hub knows.
    #[must_use]
    pub fn registry(&self) -> &'static Registry {
        self.shared.registry
    }

    /// Starts to make a token that may subscribe to the topics of a grant. It lasts
    /// 60 seconds unless told otherwise.
    pub fn token(&self, grant: Grant) -> TokenBuilder<'_> {
        TokenBuilder::new(self, grant)
    }

    /// Returns how long a token lasts if nothing else is asked for.
    pub(crate) fn default_lifetime(&self) -> Duration {
        DEFAULT_LIFETIME.min(self.keys().max_lifetime)
    }

    /// Stops gracefully. Runs are released, so that other processes can claim them. Clients receive `closing` and
    /// what is waiting for them, and reconnect elsewhere. Returns once every connection has closed or the drain
    /// timeout elapses. Publishing fails from then on.
    pub async fn shutdown(&self) {
        self.shared.reconnect_spread.get_or_init(|| {
            let count = self.shared.connections.borrow().len();
            connections::reconnect_spread(count, self.settings().max_reconnect_spread)
        });
        self.enter(Phase::Closing);
        let awaited =
            std::mem::take(&mut *self.shared.awaited.lock().unwrap_or_else(PoisonError::into_inner));
        for task in awaited {
            if tokio::time::timeout(self.settings().drain_timeout, task).await.is_err() {
                tracing::warn!("drain timeout elapsed; runs may be held until their leases end");
            }
        }
        let mut connections = self.shared.connections.subscribe();
        let drained = connections.wait_for(Connections::is_empty);
        if tokio::time::timeout(self.settings().drain_timeout, drained).await.is_err() {
            tracing::warn!("drain timeout elapsed; closing connections with unsent messages");
        }
        self.enter(Phase::Closed);
    }

    /// Has a shutdown wait for a task that ends once the hub closes.
    pub(crate) fn await_at_shutdown(&self, task: JoinHandle<()>) {
        self.shared.awaited.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// Returns the milliseconds after which a connection is to reconnect when the hub shuts down.
    pub(crate) fn reconnect_in(&self) -> u64 {
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
        // Nobody is woken under the lock that who leaves takes.
        let inboxes = self.shared.connections.borrow().inboxes();
        for inbox in inboxes {
            inbox.alarm();
        }
    }

    pub(crate) fn phase(&self) -> watch::Receiver<Phase> {
        self.shared.phase.subscribe()
    }

    pub(crate) fn is_at_least(&self, phase: Phase) -> bool {
        *self.shared.phase.borrow() >= phase
    }

    pub(crate) fn health(&self) -> Health {
        let is_failing = self.storage().is_some_and(|storage| storage.engine().health().is_err());
        match is_failing {
            _ if self.is_at_least(Phase::Closing) => Health::Closing,
            true => Health::Failing,
            false => Health::Open,
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        self.shared.settings
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    /// The log of a channel, where that takes no waiting for a storage.
    pub(crate) fn log(&self, channel: &Channel) -> Option<Result<Arc<Log>, Unavailable>> {
        self.shared.channels.log(channel)
    }

    /// The log of a channel, with all that is kept of it.
    pub(crate) async fn open_log(&self, channel: &Channel) -> Result<Arc<Log>, Unavailable> {
        self.shared.channels.open(channel).await
    }

    /// Returns a channel's log. If the cursor is ahead of it, first catches up with what other processes have appended.
    pub(crate) async fn open_log_at(
        &self,
        channel: &Channel,
        cursor: Cursor,
    ) -> Result<Arc<Log>, Unavailable> {
        let log = self.open_log(channel).await?;
        let Some(storage) = self.storage().filter(|_| !log.has_reached(cursor)) else { return Ok(log) };
        storage.engine().catch_up().await;
        // Its epoch may be over.
        self.open_log(channel).await
    }

    /// Notes that this process writes a text stream.
    pub(crate) fn write_stream(&self, id: &str) -> StreamGuard {
        self.shared.channels.write_stream(id)
    }

    pub(crate) fn storage(&self) -> Option<&Storage> {
        self.shared.channels.storage()
    }

    /// Returns the time by the storage's clock, or by the wall clock if there is no storage.
    pub(crate) fn storage_time(&self) -> SystemTime {
        self.storage().map_or_else(clock::now, |storage| storage.engine().now())
    }

    /// The origins whose pages may come; all of them where nothing is said.
    pub(crate) fn allowed_origins(&self) -> Option<&[String]> {
        self.shared.allowed_origins.as_deref()
    }

    /// The header in which a proxy names the address of the client.
    pub(crate) fn client_address_header(&self) -> Option<&str> {
        self.shared.client_address_header.as_deref()
    }

    /// The channels and topics that claims name, a channel once.
    pub(crate) fn permitted(
        &self,
        claims: &[TopicClaim],
    ) -> Result<Vec<(Channel, Vec<usize>)>, ResolveError> {
        let mut permitted: Vec<(Channel, Vec<usize>)> = Vec::new();
        for claim in claims {
            let known = permitted.iter().position(|(channel, _)| channel.name() == claim.channel);
            let index = if let Some(index) = known {
                index
            } else {
                permitted.push((self.shared.registry.channel(&claim.channel)?, Vec::new()));
                permitted.len() - 1
            };
            let (channel, topics) = &mut permitted[index];
            let topic = channel.find_topic(&claim.name)?;
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        Ok(permitted)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Hub").finish_non_exhaustive()
    }
}

/// Why a channel's log cannot be used.
#[derive(Debug)]
pub(crate) enum Unavailable {
    /// The registry does not have the channel.
    Unknown,
    Storage(StorageError),
}
