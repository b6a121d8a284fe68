//! A PostgreSQL server that hubs reach through links with faults.

use crate::Result;
use crate::link::{Link, Target};
use fanfare_test_servers::postgres::TestServer;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use tokio_postgres::{Client, NoTls};

/// A PostgreSQL server. Dropping it ends it.
pub(crate) struct Server {
    /// `None` while it restarts.
    running: Mutex<Option<TestServer>>,
    url: String,
    socket: PathBuf,
}

impl Server {
    /// Creates a database and starts its server. A durable one waits for the disk when it commits.
    pub(crate) async fn start(is_durable: bool) -> Result<Self> {
        let running = tokio::task::spawn_blocking(move || TestServer::start(is_durable)).await?;
        let (url, socket) = (running.url(), running.socket());
        Ok(Self { running: Mutex::new(Some(running)), url, socket })
    }

    /// Ends the server without a shutdown, as a crash does, and starts it again.
    pub(crate) async fn restart(&self) -> Result {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut running = running.ok_or("the database is already restarting")?;
        let restarted = tokio::task::spawn_blocking(move || {
            running.kill("QUIT");
            running.restart();
            running
        });
        let restarted = restarted.await?;
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(restarted);
        Ok(())
    }

    /// Opens a link, through which one hub reaches the server, and returns the URL for the hub.
    pub(crate) fn link(&self) -> Result<(Link, String)> {
        let link = Link::open(Target::Socket(self.socket.clone()))?;
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", link.port());
        Ok((link, url))
    }

    /// Connects without a link. Statements find the tables of the hubs, and other tables are created in `public`.
    pub(crate) async fn connect(&self) -> Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute("SET search_path = public, fanfare").await?;
        Ok(client)
    }
}
