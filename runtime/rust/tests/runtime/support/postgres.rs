//! A schema in a PostgreSQL server that all tests of this process share.

use std::sync::atomic::{AtomicU32, Ordering};

use fanfare::Postgres;
use fanfare_postgres_server::TestServer;

use super::server::Server;

/// A schema that no other test uses.
pub(crate) struct Schema(String);

impl Schema {
    /// Returns a new schema if the environment variable `FANFARE_TEST_ENGINE` is `postgres`.
    pub(crate) fn of_test() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let is_chosen = std::env::var_os("FANFARE_TEST_ENGINE").is_some_and(|engine| engine == "postgres");
        is_chosen.then(|| Self(format!("runtime_{}", COUNT.fetch_add(1, Ordering::Relaxed))))
    }

    /// Starts a server that uses the schema.
    pub(crate) async fn server(&self) -> Server {
        let storage = Postgres::connect(&TestServer::shared().url()).schema(&self.0).await.unwrap();
        Server::start_with(|builder| builder.storage(storage)).await
    }
}
