//! Injects faults into a PostgreSQL server, and into the networks between servers and their storage.

use super::cluster::{Cluster, Counts};
use super::faults::Plan;
use crate::Result;
use crate::link::{Condition, Link};
use crate::postgres::Server;
use crate::random::{between, decisions, until_next};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::task::JoinSet;

/// Ends half of the sessions of the servers.
const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'fanfare' AND random() < 0.5";

/// Restarts the database, ends sessions, and resets and interrupts connections, until the phase ends.
pub(super) async fn fault_database(cluster: &Arc<Cluster>, plan: Plan, database: &Server) -> Result {
    let mut random = decisions(cluster.seed, "database", cluster.servers() as u64);
    let mut partitions = JoinSet::new();
    while cluster.pause(until_next(&mut random, plan.every)).await {
        let server = random.usize(0..cluster.servers());
        match random.u8(0..10) {
            0..4 => {
                partitions.spawn(partition(Arc::clone(cluster), plan, server, 0, random.fork()));
            }
            4..6 => {
                reset(cluster, server);
            }
            6..8 => {
                Counts::add(&cluster.counts.restarts);
                cluster.set_available(false);
                let restarted = database.restart().await;
                cluster.set_available(true);
                restarted?;
            }
            _ => {
                let terminated = database.connect().await?.query(TERMINATE, &[]).await?.len();
                cluster.record_fault(format_args!("{terminated} sessions are terminated"));
                cluster.counts.terminations.fetch_add(terminated as u64, Ordering::Relaxed);
            }
        }
    }
    end_all(cluster, partitions).await
}

/// Resets all connections of a server to the storage.
pub(super) fn reset(cluster: &Cluster, server: usize) {
    Counts::add(&cluster.counts.resets);
    cluster.record_fault(format_args!("the connections of server {server} are reset"));
    cluster.links(server).iter().for_each(Link::reset);
}

/// Waits until all partitions have ended, and resets all connections that may have lost data.
pub(super) async fn end_all(cluster: &Cluster, mut partitions: JoinSet<()>) -> Result {
    while let Some(ended) = partitions.join_next().await {
        ended?;
    }
    (0..cluster.servers()).for_each(|server| cluster.links(server).iter().for_each(Link::reset));
    Ok(())
}

/// Interrupts the network between a server and the storage, except for the server's first `spared` links. If the plan
/// allows, sometimes forgets the connections that lost data, so that the server has to notice the loss.
pub(super) async fn partition(
    cluster: Arc<Cluster>,
    plan: Plan,
    server: usize,
    spared: usize,
    mut random: fastrand::Rng,
) {
    let condition = if random.u8(0..3) == 0 { Condition::Delaying } else { Condition::Losing };
    let forgets = plan.forgets_connections && random.bool();
    let links: Vec<&Link> =
        cluster.links(server).iter().skip(spared).filter(|link| link.begin(condition)).collect();
    if links.is_empty() {
        return;
    }
    cluster.record_fault(format_args!(
        "{} links of server {server} are {condition:?}, forgets: {forgets}",
        links.len()
    ));
    Counts::add(&cluster.counts.partitions);
    cluster.pause(between(&mut random, plan.max_outage / 4, plan.max_outage)).await;
    for link in links {
        link.end();
        if condition == Condition::Losing && !forgets {
            link.reset();
        }
    }
    cluster.record_fault(format_args!("the links of server {server} are sound"));
}
