//! The server is killed again and again, at random and inside of transactions.

use super::driver::{self, Drivers};
use super::{Place, Work, conclude};
use crate::Result;
use crate::network::{Network, Party};
use crate::random::{between, decisions};
use crate::server::{Installation, Server};
use crate::soak::{Soak, line};
use crate::subscribers::Subscribers;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::sleep;

/// Where the storage can be stopped.
const FAILPOINTS: [&str; 4] =
    ["before-commit", "after-commit", "between-message-and-step", "between-signal-and-step"];

/// A server that has not come to where it is to stop is killed after this time wherever it is.
const LONGEST: Duration = Duration::from_secs(1);

/// How a server's life ends.
enum Death {
    /// After so long.
    After(Duration),
    /// When it comes to a place for the so-and-so-many-th time.
    At(&'static str, u32),
}

impl Death {
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

    /// Waits for it, and tells whether it came where it was to.
    async fn wait(&self, server: &mut Server) -> bool {
        match self {
            Self::After(duration) => {
                sleep(*duration).await;
                false
            }
            Self::At(..) => server.has_stopped(LONGEST).await,
        }
    }
}

pub(super) async fn test(soak: &Soak, work: Work, kills: u32) -> Result {
    println!("\n# {}: {kills} kills, runs with {} steps of each kind", work.name, work.rounds);
    let place = Place::new(soak, work.name)?;
    let installation = Installation {
        arguments: vec!["--effects".into(), place.effects.display().to_string()],
        ..Installation::new(&soak.server, &place.folder)
    };
    let mut network = Network::new(work.seed);
    let mut server = installation.start().await?;
    network.lead_to(Some(server.port));
    let subscribers = Subscribers::start(&work.plan(4, 1), &mut network, server.port, &soak.node).await?;
    subscribers.stand().await?;
    network.counts().begin_anew();
    let door = network.door(Party::Publisher, "drivers".into()).await?;
    let drivers = Drivers::new(work, server.port, vec![door]).await?;
    let running = drivers.start();
    let mut random = decisions(work.seed, work.name, 1);
    let mut inside = [0; FAILPOINTS.len()];
    // The first kill has no server of its own that was told when.
    for _ in 1..kills {
        let death = Death::random(&mut random);
        network.lead_to(None);
        server.kill().await?;
        server = installation.start_to_stop(&death.arguments()).await?;
        network.lead_to(Some(server.port).filter(|port| *port != 0));
        let stopped = death.wait(&mut server).await;
        if let (Death::At(failpoint, _), true) = (&death, stopped) {
            inside[FAILPOINTS.iter().position(|known| known == failpoint).unwrap_or(0)] += 1;
        }
    }
    network.lead_to(None);
    server.kill().await?;
    server = installation.start().await?;
    network.lead_to(Some(server.port));
    drivers.over.store(true, Ordering::Relaxed);
    let finished = driver::all(running).await?;
    line("kills", kills);
    line("of these where it stopped", inside.iter().sum::<u32>());
    for (failpoint, kills) in FAILPOINTS.iter().zip(inside) {
        line(&format!("  {failpoint}"), kills);
    }
    conclude(&work, &place, &finished, &drivers.counts, &[&network], &subscribers.logs).await?;
    server.kill().await
}
