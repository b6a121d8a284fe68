//! Injects faults into NATS servers, which elect leaders for their streams, and into the networks between them and the
//! Fanfare servers.

use super::cluster::{Cluster, Counts, Phase};
use super::faults::Plan;
use super::outages;
use crate::link::Condition;
use crate::nats::{SERVERS, Servers};
use crate::random::{between, decisions, until_next};
use crate::{NATS_SHARDS, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// The longest time between two faults of NATS servers.
const MAX_PAUSE: Duration = Duration::from_secs(4);
/// The time from one kill to the next, if several leaders are killed in a row.
const KILL_INTERVAL: Duration = Duration::from_secs(5);
/// The time within which each stream must have a leader after a fault has ended.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// The time within which publishers must succeed again on all channels.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// Kills, isolates and suspends NATS servers, and resets and interrupts the connections of servers, until the phase ends.
pub(super) async fn fault_servers(cluster: &Arc<Cluster>, plan: Plan, servers: &Servers) -> Result {
    tokio::try_join!(fault_nats(cluster, plan, servers), fault_links(cluster, plan)).map(drop)
}

async fn fault_links(cluster: &Arc<Cluster>, plan: Plan) -> Result {
    let mut random = decisions(cluster.seed, "links", cluster.servers() as u64);
    let mut partitions = JoinSet::new();
    while cluster.pause(until_next(&mut random, plan.every)).await {
        let server = random.usize(0..cluster.servers());
        if random.bool() {
            outages::reset(cluster, server);
        } else {
            let spared = random.usize(0..SERVERS);
            partitions.spawn(outages::partition(Arc::clone(cluster), plan, server, spared, random.fork()));
        }
    }
    outages::end_all(cluster, partitions).await
}

async fn fault_nats(cluster: &Cluster, plan: Plan, servers: &Servers) -> Result {
    let mut random = decisions(cluster.seed, "nats", SERVERS as u64);
    for number in 0.. {
        if !cluster.pause(between(&mut random, MAX_PAUSE / 4, MAX_PAUSE)).await {
            break;
        }
        cluster.set_available(false);
        // Every round begins with each kind of fault, if it is long enough.
        match if number < 5 { number } else { random.u8(0..5) } {
            0 => kill_leader(cluster, servers, &mut random).await?,
            1 => isolate_leader(cluster, plan, servers, &mut random).await,
            2 => suspend_leader(cluster, plan, servers, &mut random).await?,
            3 => kill_majority(cluster, plan, servers, &mut random).await?,
            _ => {
                for _ in 0..3 {
                    let next = Instant::now() + KILL_INTERVAL;
                    kill_and_restart(cluster, servers, &mut random).await?;
                    cluster.pause(next.saturating_duration_since(Instant::now())).await;
                }
            }
        }
        wait_for_leaders(cluster, servers).await?;
        cluster.set_available(true);
    }
    Ok(())
}

/// Returns the server that leads a random stream.
async fn choose_leader(servers: &Servers, random: &mut fastrand::Rng) -> usize {
    let stream = format!("fanfare-{}", random.usize(0..NATS_SHARDS));
    let other = random.usize(0..SERVERS);
    servers.find_leader(&stream, &[0, 1, 2]).await.unwrap_or(other)
}

/// Kills a leader, and measures how long publishers take to succeed again on all channels.
async fn kill_leader(cluster: &Cluster, servers: &Servers, random: &mut fastrand::Rng) -> Result {
    let killed = kill_and_restart(cluster, servers, random).await?;
    while cluster.is(Phase::Faults) && killed.elapsed() < RECOVERY_TIMEOUT {
        if cluster.has_published_since(killed) {
            cluster.record_recovery(killed.elapsed());
            break;
        }
        sleep(POLL).await;
    }
    Ok(())
}

/// Kills a leader and starts it again. Returns the time of the kill.
async fn kill_and_restart(
    cluster: &Cluster,
    servers: &Servers,
    random: &mut fastrand::Rng,
) -> Result<Instant> {
    let server = choose_leader(servers, random).await;
    kill(cluster, servers, server).await?;
    let killed = Instant::now();
    sleep(between(random, Duration::from_millis(20), Duration::from_secs(3))).await;
    restart(cluster, servers, server).await?;
    Ok(killed)
}

/// Kills all servers but one, and starts them again. In the meantime, no stream can elect a leader.
async fn kill_majority(
    cluster: &Cluster,
    plan: Plan,
    servers: &Servers,
    random: &mut fastrand::Rng,
) -> Result {
    let spared = random.usize(0..SERVERS);
    let killed = (0..SERVERS).filter(|server| *server != spared);
    for server in killed.clone() {
        kill(cluster, servers, server).await?;
    }
    cluster.pause(between(random, plan.max_outage / 4, plan.max_outage)).await;
    for server in killed {
        restart(cluster, servers, server).await?;
    }
    Ok(())
}

async fn kill(cluster: &Cluster, servers: &Servers, server: usize) -> Result {
    Counts::add(&cluster.counts.restarts);
    servers.kill(server).await?;
    cluster.record_fault(format_args!("NATS server {server} is killed"));
    Ok(())
}

async fn restart(cluster: &Cluster, servers: &Servers, server: usize) -> Result {
    servers.restart(server).await?;
    cluster.record_fault(format_args!("NATS server {server} started"));
    Ok(())
}

async fn suspend_leader(
    cluster: &Cluster,
    plan: Plan,
    servers: &Servers,
    random: &mut fastrand::Rng,
) -> Result {
    let server = choose_leader(servers, random).await;
    Counts::add(&cluster.counts.suspensions);
    cluster.record_fault(format_args!("NATS server {server} is suspended"));
    servers.suspend(server).await?;
    cluster.pause(between(random, plan.max_outage / 4, plan.max_outage)).await;
    servers.resume(server).await?;
    cluster.record_fault(format_args!("NATS server {server} resumes"));
    Ok(())
}

/// Interrupts the network between a leader and the other NATS servers, and sometimes that to its clients.
async fn isolate_leader(cluster: &Cluster, plan: Plan, servers: &Servers, random: &mut fastrand::Rng) {
    let server = choose_leader(servers, random).await;
    Counts::add(&cluster.counts.isolations);
    let condition = if random.bool() { Condition::Delaying } else { Condition::Losing };
    let keeps_clients = random.bool();
    cluster.record_fault(format_args!(
        "NATS server {server} is isolated: {condition:?}, keeps its clients: {keeps_clients}"
    ));
    let hubs = if keeps_clients { 0 } else { cluster.servers() };
    let hubs = (0..hubs).map(|hub| &cluster.links(hub)[server]);
    let links: Vec<_> = servers.routes_of(server).chain(hubs).filter(|link| link.begin(condition)).collect();
    cluster.pause(plan.max_outage).await;
    for link in links {
        link.end();
        if condition == Condition::Losing {
            link.reset();
        }
    }
    cluster.record_fault(format_args!("NATS server {server} is no longer isolated"));
}

/// Waits until each stream has a leader.
async fn wait_for_leaders(cluster: &Cluster, servers: &Servers) -> Result {
    let all = async {
        for stream in (0..NATS_SHARDS).map(|shard| shard.to_string()).chain(["meta".to_owned()]) {
            while servers.find_leader(&format!("fanfare-{stream}"), &[0, 1, 2]).await.is_none() {
                sleep(POLL).await;
            }
        }
    };
    timeout(ELECTION_TIMEOUT, all)
        .await
        .map_err(|_| "a stream has no leader, although all NATS servers run")?;
    cluster.record_fault("all streams have leaders");
    Ok(())
}
