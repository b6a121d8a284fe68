//! The storage that the servers of a round share.

use super::cluster::Cluster;
use super::faults::Plan;
use super::order::Order;
use super::{elections, outages, record};
use crate::Result;
use crate::database::Database;
use crate::link::Link;
use crate::nats::{self, Recorder};
use crate::postgres::Server;
use crate::server::Installation;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The time within which servers must end the text streams of servers that were killed, or that could not reach their
/// storage. After NATS has failed, servers end none for 30 seconds, because reports of other servers may be missing.
const END_TIMEOUT: Duration = Duration::from_secs(60);

/// The kind of storage in which the servers of a round keep messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    Memory,
    File,
    Postgres { is_durable: bool },
    Nats,
}

/// A storage outside of the servers.
pub(super) enum SharedStorage {
    Database(Database),
    Nats { servers: Arc<nats::Servers>, recorder: Recorder },
}

impl Storage {
    /// Starts the storage. Returns `None` for memory.
    pub(super) async fn start(self, folder: &Path) -> Result<Option<SharedStorage>> {
        Ok(Some(match self {
            Self::Memory => return Ok(None),
            Self::File => SharedStorage::Database(Database::File(folder.join("fanfare.db"))),
            Self::Postgres { is_durable } => {
                SharedStorage::Database(Database::Postgres(Arc::new(Server::start(is_durable).await?)))
            }
            Self::Nats => {
                let servers = Arc::new(nats::Servers::start().await?);
                let recorder = Recorder::start(&servers).await?;
                SharedStorage::Nats { servers, recorder }
            }
        }))
    }
}

impl SharedStorage {
    /// Returns servers that use the storage, each with the links between it and the storage.
    pub(super) fn install(
        &self,
        server: &Installation,
        count: usize,
    ) -> Result<Vec<(Installation, Vec<Link>)>> {
        match self {
            Self::Database(database) => {
                let installed = database.install(server, count)?.into_iter();
                Ok(installed.map(|(server, link)| (server, link.into_iter().collect())).collect())
            }
            Self::Nats { servers, .. } => servers.install(server, count),
        }
    }

    /// Returns the file, if the storage is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Database(Database::File(path)) => Some(path),
            _ => None,
        }
    }

    /// Makes the storage record its messages from now on. Call this after the first server has started.
    pub(super) async fn record(&self) -> Result {
        match self {
            Self::Database(database) => record::install_triggers(database).await,
            Self::Nats { .. } => Ok(()),
        }
    }

    /// Injects faults into the storage and the links, until the phase ends.
    pub(super) async fn inject_faults(&self, cluster: &Arc<Cluster>, plan: Plan) -> Result {
        match self {
            Self::Database(Database::File(_)) => Ok(()),
            Self::Database(Database::Postgres(server)) => {
                outages::fault_database(cluster, plan, server).await
            }
            Self::Nats { servers, .. } => elections::fault_servers(cluster, plan, servers).await,
        }
    }

    /// Waits until servers have ended all text streams, including those of servers that were killed. Returns the streams
    /// that have no end in time. Call this after the faults have stopped, while servers run and have all channels open.
    pub(super) async fn wait_for_ends(&self, channels: &[String]) -> Result<Vec<String>> {
        let end = Instant::now() + END_TIMEOUT;
        loop {
            let (records, _) = self.read_records(channels).await?;
            let open: Vec<String> = records.iter().flat_map(record::Recorded::list_open_streams).collect();
            if open.is_empty() || Instant::now() > end {
                let without = open.iter().map(|stream| format!("the text stream {stream} has no end"));
                return Ok(without.collect());
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// Adds the recorded messages to the order. Call this while no server runs.
    pub(super) async fn add_records(&self, order: &mut Order, channels: &[String]) -> Result {
        let (records, violations) = self.read_records(channels).await?;
        order.violations.extend(violations);
        order.add_records(records, channels)
    }

    /// Returns the recorded messages of each channel, and the violations that their recorder found.
    async fn read_records(&self, channels: &[String]) -> Result<(Vec<record::Recorded>, Vec<String>)> {
        match self {
            Self::Database(database) => Ok((record::read_database(database, channels).await?, Vec::new())),
            Self::Nats { recorder, .. } => {
                let record = recorder.finish(channels).await?;
                let records = record::read_nats(&record, channels)?;
                Ok((records, record.violations))
            }
        }
    }
}
