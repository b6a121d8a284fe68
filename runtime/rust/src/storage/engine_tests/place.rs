//! Where the engines of tests keep their data.

#![allow(clippy::unused_async, reason = "the features decide which functions wait")]

#[cfg(any(feature = "nats", feature = "postgres", feature = "sqlite"))]
use std::sync::atomic::{AtomicU32, Ordering};

use super::process::Process;
use crate::channel::Channel;

pub(super) enum Place {
    /// Opening it clones it, and so counts as another process.
    Memory(super::super::Memory),
    #[cfg(feature = "sqlite")]
    Sqlite { folder: std::path::PathBuf },
    #[cfg(all(feature = "postgres", unix))]
    Postgres { url: String, schema: String },
    #[cfg(all(feature = "nats", unix))]
    Nats(super::super::nats::tests::TestSpace),
}

/// Returns a number that identifies a place within this process.
#[cfg(any(feature = "nats", feature = "postgres", feature = "sqlite"))]
pub(super) fn next_number() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

impl Place {
    pub(super) fn memory() -> Self {
        Self::Memory(super::super::Memory::new())
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn sqlite() -> Self {
        let name = format!("fanfare-engine-{}-{}", std::process::id(), next_number());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        Self::Sqlite { folder }
    }

    #[cfg(all(feature = "postgres", unix))]
    pub(super) fn postgres() -> Self {
        let url = fanfare_test_servers::postgres::TestServer::shared().url();
        Self::Postgres { url, schema: format!("place_{}", next_number()) }
    }

    #[cfg(all(feature = "nats", unix))]
    pub(super) fn nats() -> Self {
        let url = fanfare_test_servers::nats::TestServer::shared().url();
        Self::Nats(super::super::nats::tests::TestSpace::new(url, format!("place-{}", next_number()), 1))
    }

    /// Three servers, each of which has every message.
    #[cfg(all(feature = "nats", unix))]
    pub(super) fn nats_cluster() -> Self {
        use fanfare_test_servers::nats::TestServer;
        static SERVERS: std::sync::OnceLock<[TestServer; 3]> = std::sync::OnceLock::new();
        let servers = SERVERS.get_or_init(TestServer::start_cluster);
        let urls = [0, 1, 2].map(|number: usize| servers[number].url()).join(",");
        Self::Nats(super::super::nats::tests::TestSpace::new(urls, format!("place-{}", next_number()), 3))
    }

    /// Starts a process.
    pub(super) async fn open(&self) -> Process {
        match self {
            Self::Memory(memory) => Process::new(memory.clone()),
            #[cfg(feature = "sqlite")]
            Self::Sqlite { folder } => {
                let engine = super::super::Sqlite::open(folder.join("fanfare.db")).unwrap();
                Process::new(engine)
            }
            #[cfg(all(feature = "postgres", unix))]
            Self::Postgres { url, schema } => {
                let engine = super::super::postgres::Postgres::connect(url).schema(schema).await.unwrap();
                Process::new(engine)
            }
            #[cfg(all(feature = "nats", unix))]
            Self::Nats(space) => Process::new(space.connect().await),
        }
    }

    /// Ends a process, and waits until others can know that it has ended.
    pub(super) async fn close(&self, process: Process) {
        let owner = process.engine.owner();
        drop(process);
        #[cfg(all(feature = "postgres", unix))]
        if let Self::Postgres { schema, .. } = self {
            let registered = format!("SELECT 1 FROM {schema}.processes WHERE owner = {owner}");
            for _ in 0..2_000 {
                if self.query(&registered).await == 0 {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            panic!("the process is still registered");
        }
        #[cfg(all(feature = "nats", unix))]
        if let Self::Nats(space) = self {
            space.wait_until_ended(owner).await;
        }
        let _ = owner;
    }

    /// Makes others believe that a process has ended without releasing its runs.
    pub(super) async fn mark_ended(&self, process: &Process) {
        self.mark_owner_ended(process.engine.owner()).await;
    }

    /// Makes others believe that the process with this number has ended without releasing its runs and text streams.
    pub(super) async fn mark_owner_ended(&self, owner: u32) {
        match self {
            Self::Memory(memory) => memory.mark_ended(owner),
            #[cfg(feature = "sqlite")]
            Self::Sqlite { .. } => {
                let mark = "UPDATE processes SET began = '1' WHERE began <> 'ended'";
                self.execute(&format!("{mark} AND owner = {owner};")).await;
            }
            #[cfg(all(feature = "postgres", unix))]
            Self::Postgres { .. } => {
                self.execute(&format!("UPDATE processes SET seen = 0 WHERE owner = {owner};")).await;
            }
            #[cfg(all(feature = "nats", unix))]
            Self::Nats(space) => space.mark_ended(owner).await,
        }
    }

    /// Waits until a process whose number was marked as ended is registered again. In NATS, it keeps the number.
    pub(super) async fn wait_until_registered(&self, process: &Process, marked: u32) {
        #[cfg(all(feature = "nats", unix))]
        if let Self::Nats(space) = self {
            return space.wait_until_registered(marked).await;
        }
        super::process::wait_until(|| process.engine.owner() != marked).await;
    }

    /// Deletes a channel, as a process does once it was unused for a week.
    pub(super) async fn delete_channel(&self, name: &str) {
        if let Self::Memory(memory) = self {
            return memory.delete_channel(name);
        }
        #[cfg(all(feature = "nats", unix))]
        if let Self::Nats(space) = self {
            return space.delete_channel(name).await;
        }
        self.execute(&format!(
            "DELETE FROM messages WHERE channel = (SELECT id FROM channels WHERE name = '{name}');
             DELETE FROM channels WHERE name = '{name}';"
        ))
        .await;
    }

    /// Adds a message to the only channel, and deletes it before any process reads it.
    pub(super) async fn lose_next_message(&self, channel: &Channel) {
        if let Self::Memory(_) = self {
            let process = self.open().await;
            process.say(channel, "lost").await;
            return process.log(channel).await.evict_all();
        }
        #[cfg(all(feature = "nats", unix))]
        if let Self::Nats(space) = self {
            return space.lose_next_message(channel).await;
        }
        self.execute(
            "INSERT INTO gone SELECT id, 'said', head + 1 FROM channels; UPDATE channels SET head = head + 1;",
        )
        .await;
    }

    /// Changes the tables, whose names and columns are the same in all engines that have tables.
    async fn execute(&self, sql: &str) {
        match self {
            Self::Memory(_) => unreachable!("{sql}"),
            #[cfg(all(feature = "nats", unix))]
            Self::Nats(_) => unreachable!("{sql}"),
            #[cfg(feature = "sqlite")]
            Self::Sqlite { folder } => {
                let connection = rusqlite::Connection::open(folder.join("fanfare.db")).unwrap();
                connection.execute_batch(&format!("BEGIN IMMEDIATE; {sql} COMMIT;")).unwrap();
            }
            #[cfg(all(feature = "postgres", unix))]
            Self::Postgres { schema, .. } => {
                self.query(&format!("BEGIN; SET LOCAL search_path = {schema}; {sql} COMMIT;")).await;
            }
        }
    }

    /// Executes SQL, and returns the number of rows.
    #[cfg(all(feature = "postgres", unix))]
    async fn query(&self, sql: &str) -> usize {
        let Self::Postgres { url, .. } = self else { return 0 };
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let rows = client.simple_query(sql).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
        rows.iter().filter(|message| matches!(message, tokio_postgres::SimpleQueryMessage::Row(_))).count()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        #[cfg(feature = "sqlite")]
        if let Self::Sqlite { folder } = self {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
