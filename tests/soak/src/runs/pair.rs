//! Two servers on one journal, of which one is sometimes suspended for longer than its leases, so that both believe
//! that they hold the same runs.

use super::driver::{self, Drivers};
use super::{Files, Work, conclude};
use crate::Result;
use crate::network::{Network, Party};
use crate::random::{between, decisions};
use crate::server::{Installation, Server};
use crate::soak::{Soak, line};
use crate::subscribers::Subscribers;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;

/// The duration of leases.
const LEASE: Duration = Duration::from_millis(200);

/// The offset of the second server's clock.
const AHEAD: &str = "+3s";

pub(super) async fn test(soak: &Soak, work: Work, files: &Files) -> Result {
    println!("\n# {}: {} runs on two servers, leases of {LEASE:?}", work.name, work.max_runs);
    if cfg!(windows) {
        println!("skipped: this system cannot suspend processes");
        return Ok(());
    }
    run(soak, work, files, Vec::new()).await
}

/// Runs [`test`] with clocks that differ by seconds.
pub(super) async fn test_with_other_clocks(soak: &Soak, work: Work) -> Result {
    println!("\n# {}: {} runs on two servers, the clock of one {AHEAD}", work.name, work.max_runs);
    let Some(library) = faketime() else {
        println!("skipped: libfaketime was not found (Debian: `apt-get install faketime`)");
        return Ok(());
    };
    let fake = [
        ("LD_PRELOAD", &*library.to_string_lossy()),
        ("FAKETIME", AHEAD),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let fake = fake.map(|(name, value)| (name.to_owned(), value.to_owned()));
    run(soak, work, &Files::new(soak, work.name)?, fake.into()).await
}

/// Returns the path of libfaketime: that in `FANFARE_FAKETIME`, or Debian's.
fn faketime() -> Option<PathBuf> {
    if let Some(library) = std::env::var_os("FANFARE_FAKETIME") {
        return Some(library.into());
    }
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let library = |folder: PathBuf| folder.join("faketime/libfaketime.so.1");
    folders.map(library).find(|library| Path::is_file(library))
}

async fn run(soak: &Soak, work: Work, files: &Files, environment: Vec<(String, String)>) -> Result {
    let lease = LEASE.as_millis().to_string();
    let effects = files.effects.display().to_string();
    let arguments = vec!["--effects".into(), effects, "--lease-milliseconds".into(), lease];
    let server = Installation { arguments, ..Installation::new(&soak.server, &files.folder) };
    let mut installed = files.database.install(&server, 2)?;
    installed[1].0.environment = environment;
    let servers = [installed[0].0.start().await?, installed[1].0.start().await?];
    let mut networks = [Network::new(work.seed), Network::new(work.seed)];
    let (mut ports, mut logs, mut subscribed) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (network, server)) in networks.iter_mut().zip(&servers).enumerate() {
        network.forward_to(Some(server.port));
        let plan = work.plan(2, usize::from(index == 0));
        let subscribers = Subscribers::start(&plan, network, server.port, &soak.node).await?;
        subscribers.wait_until_ready().await?;
        network.counts().reset();
        logs.extend(subscribers.logs.iter().cloned());
        subscribed.push(subscribers);
        ports.push(network.open_port(Party::Publisher, format!("drivers-{index}")).await?);
    }
    let drivers = Drivers::new(work, servers[0].port, ports).await?;
    let mut stops = 0;
    let finished = tokio::select! {
        finished = driver::join_all(drivers.start()) => finished?,
        failed = suspend_at_random(&work, &servers, &mut stops) => return Err(failed),
    };
    // One may still be suspended.
    servers.iter().try_for_each(Server::resume)?;
    line("suspensions of a server", stops);
    let networks = networks.each_ref();
    conclude(&work, files, &finished, &drivers.counts, &networks, &logs).await
}

/// Suspends one of the servers at random times, mostly for longer than a lease.
async fn suspend_at_random(work: &Work, servers: &[Server], stops: &mut u32) -> crate::Error {
    let mut random = decisions(work.seed, work.name, 1);
    loop {
        let server = &servers[random.usize(0..servers.len())];
        sleep(between(&mut random, Duration::from_millis(20), Duration::from_millis(300))).await;
        if let Err(failed) = server.stop() {
            return failed;
        }
        *stops += 1;
        sleep(between(&mut random, LEASE / 2, LEASE * 4)).await;
        if let Err(failed) = server.resume() {
            return failed;
        }
    }
}
