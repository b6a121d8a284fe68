//! The settings of a storage in PostgreSQL.

use std::future::IntoFuture;
use std::pin::Pin;

use super::Postgres;
use super::StorageError;
use super::schema::Schema;
use crate::storage::queue::Queue;

/// How many connections a process opens for runs unless it sets another number.
const CONNECTIONS: usize = 4;

/// Connects to a database. See [`Postgres::connect`].
#[derive(Debug)]
#[must_use = "await it to connect"]
pub struct ConnectPostgres<'u> {
    pub(super) url: &'u str,
    pub(super) schema: &'u str,
    max_queue_bytes: Option<usize>,
    pub(super) connections: usize,
}

impl<'u> ConnectPostgres<'u> {
    pub(super) fn new(url: &'u str) -> Self {
        Self { url, schema: "fanfare", max_queue_bytes: None, connections: CONNECTIONS }
    }

    /// Sets the schema of the tables, which is created if it does not exist. Default: `fanfare`. Servers with different
    /// schemas do not see each other, even in one database.
    pub fn schema(mut self, name: &'u str) -> Self {
        self.schema = name;
        self
    }

    /// Sets the maximum bytes of messages, signals and new runs that wait to be written. Default: 128 MiB. While more
    /// are waiting, publishing, sending signals and starting runs fail with an error that says that the storage is
    /// busy; over HTTP, the response is 503. Runs that are being executed continue.
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        self.max_queue_bytes = Some(bytes);
        self
    }

    /// Sets the maximum number of connections for runs, signals and the admin routes, at least 1. Default: 4. They are
    /// opened when they are needed. A server has four more connections, which publish, notify, receive and maintain.
    pub fn connections(mut self, max: usize) -> Self {
        self.connections = max.max(1);
        self
    }
}

/// # Errors
/// Returns an error if the URL or the schema's name is invalid, if the database cannot be reached, or if a later version
/// of this library has migrated it. A schema's name has 1 to 48 lowercase letters, digits and underscores, and does not
/// begin with a digit.
impl<'u> IntoFuture for ConnectPostgres<'u> {
    type Output = Result<Postgres, StorageError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'u>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let queue = self.max_queue_bytes.map_or_else(Queue::default, Queue::new);
            Postgres::start(self.url, Schema::new(self.schema)?, queue, self.connections).await
        })
    }
}
