//! The settings of a storage in NATS.

use std::fmt;
use std::future::IntoFuture;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};

use async_nats::Client;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::credentials::{Credentials, required_permissions};
use super::jetstream::{JetStream, no_connection};
use super::streams::{self, Setup};
use super::upkeep::Upkeep;
use super::versions::{REQUIRED, is_supported};
use super::{Channels, Nats, Revoked, Running, Shared, StorageError, Writers};
use crate::random;
use crate::storage::queue::Queue;
use crate::storage::remote_clock::StorageClock;

/// Connects to NATS servers. See [`Nats::connect`].
#[must_use = "await it to connect"]
pub struct ConnectNats<'u> {
    pub(super) url: &'u str,
    space: &'u str,
    shards: Option<usize>,
    replicas: Option<usize>,
    max_queue_bytes: Option<usize>,
    pub(super) credentials: Credentials,
}

impl<'u> ConnectNats<'u> {
    pub(super) fn new(url: &'u str) -> Self {
        Self {
            url,
            space: "fanfare",
            shards: None,
            replicas: None,
            max_queue_bytes: None,
            credentials: Credentials::default(),
        }
    }

    /// Sets the prefix of the names of streams and subjects: 1 to 48 letters, digits, `-` and `_`. Default: `fanfare`.
    /// Servers with different prefixes do not see each other, even on the same NATS servers.
    pub fn space(mut self, name: &'u str) -> Self {
        self.space = name;
        self
    }

    /// Sets the number of streams over which channels are spread, from 1 to 256. Default: the number that exists, or 4.
    /// It cannot be changed later, because it determines where the messages of a channel are.
    pub fn shards(mut self, number: usize) -> Self {
        self.shards = Some(number);
        self
    }

    /// Sets the number of NATS servers that store each stream: 1, 3 or 5. Default: the number with which the streams
    /// were created, or 1. With 3, one server may fail.
    pub fn replicas(mut self, number: usize) -> Self {
        self.replicas = Some(number);
        self
    }

    /// Sets the maximum bytes of messages that wait to be written. Default: 128 MiB. While more are waiting, publishing
    /// fails with an error that says that the storage is busy; over HTTP, the response is 503.
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        self.max_queue_bytes = Some(bytes);
        self
    }

    /// Authenticates with the JWT and the seed in a credentials file, as `nsc` writes it.
    pub fn credentials_file(mut self, path: impl AsRef<Path>) -> Self {
        self.credentials.file = Some(path.as_ref().to_owned());
        self
    }

    /// Authenticates with the seed of an nkey, which begins with `SU`.
    pub fn nkey(mut self, seed: impl Into<String>) -> Self {
        self.credentials.nkey = Some(seed.into());
        self
    }

    /// Authenticates with the name and the password of a user. The URL must not contain them.
    pub fn user_and_password(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials.user = Some((user.into(), password.into()));
        self
    }

    /// Authenticates with a token.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.credentials.token = Some(token.into());
        self
    }

    /// Trusts the certificate authorities in a PEM file instead of the system's, and requires TLS.
    pub fn root_certificates(mut self, path: impl AsRef<Path>) -> Self {
        self.credentials.root_certificates = Some(path.as_ref().to_owned());
        self
    }

    /// Authenticates with a certificate and its private key, in PEM files, and requires TLS. Can be combined with the
    /// other credentials.
    pub fn client_certificate(mut self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        self.credentials.client_certificate =
            Some((certificate.as_ref().to_owned(), key.as_ref().to_owned()));
        self
    }

    pub(super) fn setup(&self) -> Result<Setup, StorageError> {
        Setup::new(self.space, self.shards, self.replicas)
    }

    async fn connect(self) -> Result<Nats, StorageError> {
        let setup = self.setup()?;
        let urls: Vec<&str> = self.url.split(',').map(str::trim).collect();
        let (client, mut refusals) = self.credentials.connect(urls).await?;
        tokio::select! {
            nats = self.start(client, &setup) => nats,
            refusal = refusals.next() => Err(StorageError::new(format!(
                "the NATS user lacks a permission ({refusal}): {}",
                required_permissions(self.space)
            ))),
        }
    }

    async fn start(&self, client: Client, setup: &Setup) -> Result<Nats, StorageError> {
        let version = client.server_info().version;
        if !is_supported(&version) {
            return Err(StorageError::new(format!("the NATS server has version {version}, but {REQUIRED}")));
        }
        let jetstream = JetStream { client };
        let streams = streams::set_up(&jetstream, setup).await?;
        let (trims, trim_requests) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            jetstream,
            runtime: Handle::current(),
            space: self.space.to_owned(),
            meta_stream: streams.meta,
            setup: streams.setup,
            shards: streams.shards,
            channels: Channels::default(),
            clock: StorageClock::new(&streams.clock),
            owner: random::number(),
            registry: OnceLock::new(),
            running: Mutex::new(Running::default()),
            last_beat: tokio::sync::Mutex::default(),
            revoked: Mutex::new(Revoked::default()),
            trims,
            writers: Writers::default(),
        });
        let mut tasks = JoinSet::new();
        for shard in 0..shared.shard_count() {
            let messages = shared.subscribe(shard).await?;
            // Messages that are stored from now on arrive.
            shared.jetstream.client.flush().await.map_err(no_connection)?;
            shared.mark_seen(shard).await?;
            tasks.spawn(Arc::clone(&shared).follow(shard, messages));
            tasks.spawn(Arc::clone(&shared).poll(shard));
        }
        let messages = shared.subscribe_to_revoked().await?;
        tasks.spawn(Arc::clone(&shared).follow_revoked(messages));
        shared.beat().await?;
        let revoked = shared.read_revoked().await?;
        tasks.spawn(Arc::clone(&shared).follow_trims(trim_requests));
        tasks.spawn(Upkeep::new(Arc::clone(&shared)).run());
        let queue = self.max_queue_bytes.map_or_else(Queue::default, Queue::new);
        Ok(Nats { tasks, shared, queue, revoked })
    }
}

/// Shows no secrets: the URL may contain a password.
impl fmt::Debug for ConnectNats<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ConnectNats").field("space", &self.space).finish_non_exhaustive()
    }
}

/// # Errors
/// Returns an error if the servers cannot be reached or reject the credentials, if the user lacks permissions, if the
/// servers are older than 2.12 or do not have JetStream, if an option is invalid, or if the streams exist with other
/// settings.
impl<'u> IntoFuture for ConnectNats<'u> {
    type Output = Result<Nats, StorageError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'u>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.connect())
    }
}
