//! A schema in a PostgreSQL server that all tests of this process share.

use std::sync::atomic::{AtomicU32, Ordering};

use fanfare::Postgres;

use super::server::Server;

#[path = "../../../src/storage/postgres/test_server.rs"]
#[allow(dead_code, reason = "these tests do not restart the server")]
mod test_server;

use test_server::TestServer;

/// A schema that no other test uses.
pub(crate) struct Schema(String);

impl Schema {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Self(format!("runtime_{}", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Starts a server that uses the schema.
    pub(crate) async fn server(&self) -> Server {
        let storage = Postgres::connect(&TestServer::shared().url()).schema(&self.0).await.unwrap();
        Server::start_with(|builder| builder.storage(storage)).await
    }
}
