//! Kills the server repeatedly, at random times and inside of transactions.

use super::driver::{self, Drivers};
use super::{Files, Work, conclude};
use crate::Result;
use crate::network::{Network, Party};
use crate::random::{between, decisions};
use crate::server::{Installation, Server};
use crate::soak::{Soak, line};
use crate::subscribers::Subscribers;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::sleep;

/// The failpoints of the storage.
const FAILPOINTS: [&str; 4] =
    ["before-commit", "after-commit", "between-message-and-step", "between-signal-and-step"];

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

pub(super) async fn test(soak: &Soak, work: Work, kills: u32) -> Result {
    println!("\n# {}: {kills} kills, runs with {} calls of each kind", work.name, work.iterations);
    let files = Files::new(soak, work.name)?;
    let installation = Installation {
        arguments: vec!["--effects".into(), files.effects.display().to_string()],
        ..Installation::new(&soak.server, &files.folder)
    };
    let mut network = Network::new(work.seed);
    let mut server = installation.start().await?;
    network.forward_to(Some(server.port));
    let subscribers = Subscribers::start(&work.plan(4, 1), &mut network, server.port, &soak.node).await?;
    subscribers.wait_until_ready().await?;
    network.counts().reset();
    let port = network.open_port(Party::Publisher, "drivers".into()).await?;
    let drivers = Drivers::new(work, server.port, vec![port]).await?;
    let running = drivers.start();
    let mut random = decisions(work.seed, work.name, 1);
    let mut inside = [0; FAILPOINTS.len()];
    // The first server has no planned kill.
    for _ in 1..kills {
        let death = Kill::random(&mut random);
        network.forward_to(None);
        server.kill().await?;
        server = installation.start_to_stop(&death.arguments()).await?;
        network.forward_to(Some(server.port).filter(|port| *port != 0));
        let stopped = death.wait(&mut server).await;
        if let (Kill::At(failpoint, _), true) = (&death, stopped) {
            inside[FAILPOINTS.iter().position(|known| known == failpoint).unwrap_or(0)] += 1;
        }
    }
    network.forward_to(None);
    server.kill().await?;
    server = installation.start().await?;
    network.forward_to(Some(server.port));
    drivers.over.store(true, Ordering::Relaxed);
    let finished = driver::join_all(running).await?;
    line("kills", kills);
    line("of which at failpoints", inside.iter().sum::<u32>());
    for (failpoint, kills) in FAILPOINTS.iter().zip(inside) {
        line(&format!("  {failpoint}"), kills);
    }
    conclude(&work, &files, &finished, &drivers.counts, &[&network], &subscribers.logs).await?;
    server.kill().await
}
