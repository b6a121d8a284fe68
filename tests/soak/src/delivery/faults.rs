//! Injects faults into the servers and their file, and revokes tokens.

use super::cluster::{Cluster, Counts};
use super::order::Order;
use super::reader::Shared;
use super::record;
use crate::database::Database;
use crate::random::{between, decisions, until_next};
use crate::{Result, SIGNING_KEY, http};
use rusqlite::Connection;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// The time within which a reader must lose its subscription after its token was revoked.
const REVOCATION_TIME: Duration = Duration::from_secs(2);

/// The frequency and the duration of faults.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    /// The mean time between two faults of servers, and of the database or the network between them and the storage.
    pub(super) every: Duration,
    pub(super) max_stop: Duration,
    /// The longest time for which a file is locked or a server cannot reach its storage.
    pub(super) max_outage: Duration,
    /// Whether connections to the storage are lost without a reset. Servers need longer than a short round to notice.
    pub(super) forgets_connections: bool,
}

/// The current readers of a round.
pub(super) type Readers = Arc<Mutex<Vec<Arc<Shared>>>>;

/// Kills and suspends servers and sometimes restores an earlier copy of the file, until the phase ends.
pub(super) async fn fault_servers(
    cluster: &Cluster,
    plan: Plan,
    file: Option<&Path>,
    everything: Option<&Shared>,
    order: &mut Order,
) -> Result {
    let mut random = decisions(cluster.seed, "servers", cluster.servers() as u64);
    let mut copy = None;
    while cluster.pause(until_next(&mut random, plan.every)).await {
        let server = random.usize(0..cluster.servers());
        match (random.u8(0..10), file) {
            (0..4, _) => {
                let pause = between(&mut random, Duration::from_millis(20), Duration::from_millis(500));
                kill(cluster, server, pause, everything).await?;
            }
            (7..10, Some(file)) => match copy.take() {
                Some(copy) => {
                    restore(cluster, file, copy, order).await?;
                    Counts::add(&cluster.counts.restores);
                }
                None => {
                    copy = Some(copy_file(file).await?);
                    // Servers recognize a copy by its mark, which they renew when they open the file and every 30
                    // seconds.
                    kill(cluster, server, Duration::ZERO, everything).await?;
                }
            },
            _ => {
                cluster.stop(server).await?;
                Counts::add(&cluster.counts.stops);
                cluster.pause(between(&mut random, plan.max_stop / 30, plan.max_stop)).await;
                if random.u8(0..4) == 0 {
                    kill(cluster, server, Duration::ZERO, everything).await?;
                } else {
                    cluster.resume(server).await?;
                }
            }
        }
    }
    Ok(())
}

/// Kills and restarts a server. The reader of everything must be subscribed before publishers may connect.
async fn kill(cluster: &Cluster, server: usize, pause: Duration, everything: Option<&Shared>) -> Result {
    Counts::add(&cluster.counts.kills);
    let Some(everything) = everything else {
        cluster.kill(server).await?;
        sleep(pause).await;
        return cluster.start(server, true).await;
    };
    let former = everything.connection.load(Ordering::Relaxed);
    cluster.kill(server).await?;
    sleep(pause).await;
    cluster.start(server, false).await?;
    while everything.connection.load(Ordering::Relaxed) == former
        || everything.ready.load(Ordering::Relaxed) < cluster.channels.len()
    {
        sleep(Duration::from_millis(10)).await;
    }
    cluster.open(server);
    Ok(())
}

/// Copies the file as a backup tool does.
async fn copy_file(database: &Path) -> Result<PathBuf> {
    let (database, copy) = (database.to_owned(), database.with_extension("copy"));
    tokio::task::spawn_blocking(move || {
        if copy.exists() {
            std::fs::remove_file(&copy)?;
        }
        let connection = Connection::open(database)?;
        connection.busy_timeout(Duration::from_secs(30))?;
        connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
        Ok(copy)
    })
    .await?
}

/// Replaces the file with an earlier copy.
async fn restore(cluster: &Cluster, path: &Path, copy: PathBuf, order: &mut Order) -> Result {
    let _alone = cluster.file_in_use.lock().await;
    for server in 0..cluster.servers() {
        cluster.kill(server).await?;
    }
    let records = record::read_database(&Database::File(path.to_owned()), &cluster.channels).await?;
    order.add_records(records, &cluster.channels)?;
    for suffix in ["-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{suffix}", path.display()));
        if file.exists() {
            std::fs::remove_file(file)?;
        }
    }
    std::fs::rename(copy, path)?;
    for server in 0..cluster.servers() {
        cluster.start(server, true).await?;
    }
    Ok(())
}

/// Locks the file and revokes tokens, until the phase ends.
pub(super) async fn fault_file_and_tokens(
    cluster: &Arc<Cluster>,
    plan: Plan,
    file: Option<&Path>,
    readers: &Readers,
) -> Result {
    let mut random = decisions(cluster.seed, "others", cluster.servers() as u64);
    while cluster.pause(until_next(&mut random, plan.every / 3)).await {
        match file {
            Some(file) if random.u8(0..5) == 0 => {
                let duration = between(&mut random, Duration::from_millis(500), plan.max_outage);
                lock_file(cluster, file, duration).await?;
            }
            _ => revoke(cluster, readers, &mut random).await?,
        }
    }
    Ok(())
}

/// Locks the file as another program does.
async fn lock_file(cluster: &Cluster, database: &Path, duration: Duration) -> Result {
    let _alone = cluster.file_in_use.lock().await;
    let database = database.to_owned();
    cluster.set_available(false);
    let locked = tokio::task::spawn_blocking(move || -> rusqlite::Result<bool> {
        let connection = Connection::open(database)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        // A suspended server may hold the lock.
        if connection.execute_batch("BEGIN IMMEDIATE").is_err() {
            return Ok(false);
        }
        std::thread::sleep(duration);
        connection.execute_batch("ROLLBACK")?;
        Ok(true)
    });
    let locked = locked.await?;
    cluster.set_available(true);
    if locked? {
        Counts::add(&cluster.counts.locks);
    }
    Ok(())
}

/// Revokes the token of a reader, and checks that the reader loses its connection.
async fn revoke(cluster: &Arc<Cluster>, readers: &Readers, random: &mut fastrand::Rng) -> Result {
    let reader = {
        let readers = readers.lock().unwrap_or_else(PoisonError::into_inner);
        let connected = readers.iter().filter(|reader| reader.connection.load(Ordering::Relaxed) % 2 == 1);
        let connected: Vec<_> = connected.cloned().collect();
        if connected.is_empty() {
            return Ok(());
        }
        Arc::clone(&connected[random.usize(0..connected.len())])
    };
    let connection = reader.connection.load(Ordering::Relaxed);
    let (used_at, id) = (reader.server.load(Ordering::Relaxed), reader.token_id());
    // Mostly at a server that the reader does not use.
    let others = cluster.servers() - 1;
    let is_other = others > 0 && random.u8(0..4) > 0;
    let server = if is_other { (used_at + random.usize(1..=others)) % cluster.servers() } else { used_at };
    let Some(port) = cluster.port(server) else { return Ok(()) };
    cluster.revoke(&id);
    let bearer = format!("Authorization: Bearer {SIGNING_KEY}\r\n");
    let body = json!({ "jti": id }).to_string();
    let request = http::request(port, "POST /v1/realtime/revoke", &bearer, &body);
    let Ok(Ok(response)) = timeout(REVOCATION_TIME * 4, request).await else { return Ok(()) };
    match response.head.status {
        204 => Counts::add(&cluster.counts.revocations),
        503 => return Ok(()),
        status => {
            cluster.report_violation(format!("revoking {id} failed with {status}"));
            return Ok(());
        }
    }
    let (cluster, answered) = (Arc::clone(cluster), Instant::now());
    tokio::spawn(async move {
        while cluster.elapsed(answered) < REVOCATION_TIME {
            sleep(Duration::from_millis(50)).await;
            if reader.connection.load(Ordering::Relaxed) != connection {
                return;
            }
        }
        if cluster.could_write_since(used_at, answered) {
            let after = answered.elapsed();
            cluster.report_violation(format!(
                "{id} was revoked at server {server} and still subscribed at {used_at} after {after:?}"
            ));
        }
    });
    Ok(())
}
