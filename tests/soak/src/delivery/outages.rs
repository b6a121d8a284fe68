//! Injects faults into a PostgreSQL server and the networks between it and the servers.

use super::cluster::{Cluster, Counts, Phase};
use super::faults::Plan;
use crate::Result;
use crate::postgres::{Condition, Server};
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
    loop {
        cluster.pause(until_next(&mut random, plan.every)).await;
        if !cluster.is(Phase::Faults) {
            break;
        }
        let server = random.usize(0..cluster.servers());
        match random.u8(0..10) {
            0..4 => {
                partitions.spawn(partition(Arc::clone(cluster), plan, server, random.fork()));
            }
            4..6 => {
                Counts::add(&cluster.counts.resets);
                cluster.record_fault(format_args!("the connections of server {server} are reset"));
                cluster.link(server).inspect(|link| link.reset());
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
    while let Some(ended) = partitions.join_next().await {
        ended?;
    }
    for server in 0..cluster.servers() {
        cluster.link(server).inspect(|link| link.reset());
    }
    Ok(())
}

/// Interrupts the network between a server and the database. If the plan allows, it sometimes forgets the connections that
/// lost data, so that the server has to notice.
async fn partition(cluster: Arc<Cluster>, plan: Plan, server: usize, mut random: fastrand::Rng) {
    let Some(link) = cluster.link(server) else { return };
    let condition = if random.u8(0..3) == 0 { Condition::Delaying } else { Condition::Losing };
    let forgets = plan.forgets_connections && random.bool();
    if !link.begin(condition) {
        return;
    }
    cluster.record_fault(format_args!("the link of server {server} is {condition:?}, forgets: {forgets}"));
    Counts::add(&cluster.counts.partitions);
    cluster.pause(between(&mut random, plan.max_outage / 4, plan.max_outage)).await;
    link.end();
    cluster.record_fault(format_args!("the link of server {server} is sound"));
    if condition == Condition::Losing && !forgets {
        link.reset();
    }
}
