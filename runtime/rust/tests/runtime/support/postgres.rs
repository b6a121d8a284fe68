//! A schema in a PostgreSQL server.

use std::sync::atomic::{AtomicU32, Ordering};

use fanfare::Postgres;
use fanfare_postgres_server::TestServer;

use super::server::Server;

/// A schema that no other test uses.
pub(crate) struct Schema(String);

impl Schema {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Self(format!("runtime_{}", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Returns a new schema if the environment variable `FANFARE_TEST_ENGINE` is `postgres`.
    pub(crate) fn of_test() -> Option<Self> {
        let is_chosen = std::env::var_os("FANFARE_TEST_ENGINE").is_some_and(|engine| engine == "postgres");
        is_chosen.then(Self::new)
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// Starts a server that uses the schema in the database server of this process.
    pub(crate) async fn server(&self) -> Server {
        self.server_of(TestServer::shared()).await
    }

    /// Starts a server that uses the schema in a database server.
    pub(crate) async fn server_of(&self, database: &TestServer) -> Server {
        let storage = Postgres::connect(&database.url()).schema(&self.0).await.unwrap();
        Server::start_with(|builder| builder.storage(storage)).await
    }
}
