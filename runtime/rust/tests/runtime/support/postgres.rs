//! A schema in a PostgreSQL server.

use std::sync::atomic::{AtomicU32, Ordering};

use fanfare::Postgres;
use fanfare_test_servers::postgres::TestServer;
use tokio_postgres::{Client, NoTls};

use super::server::Server;

/// A schema that no other test uses.
pub(crate) struct Schema {
    pub(crate) url: String,
    pub(crate) name: String,
}

impl Schema {
    /// Returns a schema in the server that the tests of this process share.
    pub(crate) fn new() -> Self {
        Self::of(TestServer::shared())
    }

    pub(crate) fn of(server: &TestServer) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("runtime_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        Self { url: server.url(), name }
    }

    /// Returns a new schema if the environment variable `FANFARE_TEST_ENGINE` is `postgres`.
    pub(crate) fn of_test() -> Option<Self> {
        let is_chosen = std::env::var_os("FANFARE_TEST_ENGINE").is_some_and(|engine| engine == "postgres");
        is_chosen.then(Self::new)
    }

    /// Starts a server that uses the schema.
    pub(crate) async fn server(&self) -> Server {
        let storage = Postgres::connect(&self.url).schema(&self.name).await.unwrap();
        Server::start_with(|builder| builder.storage(storage)).await
    }

    /// Opens a connection whose search path is the schema.
    pub(crate) async fn client(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("SET search_path = {}", self.name)).await.unwrap();
        client
    }
}
