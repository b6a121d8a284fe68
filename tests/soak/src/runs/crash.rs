//! Kills servers repeatedly, at random times and inside of transactions.

use super::driver::{self, Drivers};
use super::{Files, Work, conclude};
use crate::Result;
use crate::link::Link;
use crate::network::{Network, Party};
use crate::random::{between, decisions};
use crate::server::{Installation, Server};
use crate::soak::{Soak, line};
use crate::subscribers::Subscribers;
use futures_util::future::try_join_all;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::sleep;

/// The failpoints of the storage.
const FAILPOINTS: [&str; 4] =
    ["before-commit", "after-commit", "between-message-and-step", "between-signal-and-step"];

/// The duration of leases if several servers execute the runs.
const LEASE: Duration = Duration::from_secs(1);

/// How long to wait until a server reaches its failpoint. Then it is killed anyway.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// When a server is killed.
enum Kill {
    /// After a duration.
    After(Duration),
    /// When it reaches a failpoint for the nth time.
    At(&'static str, u32),
}

impl Kill {
    fn random(random: &mut fastrand::Rng) -> Self {
        if random.bool() {
            return Self::After(between(random, Duration::from_millis(1), Duration::from_millis(250)));
        }
        let failpoint = FAILPOINTS[random.usize(0..FAILPOINTS.len())];
        Self::At(failpoint, random.u32(1..=60))
    }

    fn arguments(&self) -> Vec<String> {
        match self {
            Self::After(_) => Vec::new(),
            Self::At(failpoint, nth) => vec!["--stop-at".into(), format!("{failpoint}:{nth}")],
        }
    }

    /// Waits until the server is to be killed. Returns `true` if it reached its failpoint.
    async fn wait(&self, server: &mut Server) -> bool {
        match self {
            Self::After(duration) => {
                sleep(*duration).await;
                false
            }
            Self::At(..) => server.has_stopped(MAX_WAIT).await,
        }
    }
}

/// The number of kills at each failpoint.
type Inside = [u32; FAILPOINTS.len()];

/// A server that is killed and restarted.
struct Slot {
    installation: Installation,
    /// Keeps the network between it and a PostgreSQL server.
    _link: Option<Link>,
    server: Server,
    network: Network,
}

impl Slot {
    /// Kills the server `kills` times. The last one that it starts stays.
    async fn kill_repeatedly(&mut self, kills: u32, mut random: fastrand::Rng) -> Result<Inside> {
        let mut inside = Inside::default();
        // The first server has no planned kill.
        for _ in 1..kills {
            let death = Kill::random(&mut random);
            self.restart(&death.arguments()).await?;
            let stopped = death.wait(&mut self.server).await;
            if let (Kill::At(failpoint, _), true) = (&death, stopped) {
                inside[FAILPOINTS.iter().position(|known| known == failpoint).unwrap_or(0)] += 1;
            }
        }
        self.restart(&[]).await?;
        Ok(inside)
    }

    /// Restarts the server, which is to be killed later.
    async fn restart(&mut self, arguments: &[String]) -> Result {
        self.network.forward_to(None);
        self.server.kill().await?;
        self.server = self.installation.start_to_stop(arguments).await?;
        self.network.forward_to(Some(self.server.port).filter(|port| *port != 0));
        Ok(())
    }
}

/// Kills servers that share a database.
pub(super) async fn test(work: &Work, soak: &Soak, files: &Files, servers: usize, kills: u32) -> Result {
    println!(
        "\n# {}: {kills} kills, {servers} servers, runs with {} calls of each kind",
        work.name, work.iterations
    );
    let mut installation = Installation::new(&soak.server, &files.folder);
    installation.arguments = vec!["--effects".into(), files.effects.display().to_string()];
    if servers > 1 {
        // Servers on other machines learn that one has ended from its leases.
        installation.arguments.extend(["--lease-milliseconds".into(), LEASE.as_millis().to_string()]);
    }
    let (mut slots, mut ports, mut logs, mut subscribed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (index, (installation, link)) in
        files.database.install(&installation, servers)?.into_iter().enumerate()
    {
        let (server, mut network) = (installation.start().await?, Network::new(work.seed));
        network.forward_to(Some(server.port));
        let plan = work.plan(4 / servers.min(2), usize::from(index == 0));
        let subscribers = Subscribers::start(&plan, &mut network, server.port, &soak.node).await?;
        subscribers.wait_until_ready().await?;
        network.counts().reset();
        logs.extend(subscribers.logs.iter().cloned());
        subscribed.push(subscribers);
        ports.push(network.open_port(Party::Publisher, format!("drivers-{index}")).await?);
        slots.push(Slot { installation, _link: link, server, network });
    }
    let drivers = Drivers::new(*work, slots[0].server.port, ports).await?;
    let running = drivers.start();
    let share = kills / u32::try_from(servers)?;
    let killed = slots
        .iter_mut()
        .zip(1..)
        .map(|(slot, nth)| slot.kill_repeatedly(share, decisions(work.seed, work.name, nth)));
    let inside = try_join_all(killed).await?;
    let inside = inside.iter().fold(Inside::default(), |mut sum, counts| {
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        sum
    });
    drivers.over.store(true, Ordering::Relaxed);
    let finished = driver::join_all(running).await?;
    line("kills", kills);
    line("of which at failpoints", inside.iter().sum::<u32>());
    for (failpoint, kills) in FAILPOINTS.iter().zip(inside) {
        line(&format!("  {failpoint}"), kills);
    }
    let networks: Vec<&Network> = slots.iter().map(|slot| &slot.network).collect();
    conclude(work, files, &finished, &drivers.counts, &networks, &logs).await?;
    for slot in &mut slots {
        slot.server.kill().await?;
    }
    Ok(())
}
