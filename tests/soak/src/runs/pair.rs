//! Two servers on one journal, of which now and then one is stopped for longer than its leases last, so that
//! both believe that they hold the same runs.

use super::driver::{self, Drivers};
use super::{Place, Work, conclude};
use crate::Result;
use crate::network::{Network, Party};
use crate::random::{between, decisions};
use crate::server::{Installation, Server};
use crate::soak::{Soak, line};
use crate::subscribers::Subscribers;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;

/// How long others leave a run alone.
const LEASE: Duration = Duration::from_millis(200);

/// How far ahead the second server's clock is.
const AHEAD: &str = "+3s";

pub(super) async fn test(soak: &Soak, work: Work) -> Result {
    println!("\n# {}: {} runs on two servers, leases of {LEASE:?}", work.name, work.most);
    if cfg!(windows) {
        println!("skipped: this system stops no processes");
        return Ok(());
    }
    play(soak, work, Vec::new()).await
}

/// As [`test`], with clocks that differ by seconds.
pub(super) async fn test_with_other_clocks(soak: &Soak, work: Work) -> Result {
    println!("\n# {}: {} runs on two servers, one's clock {AHEAD}", work.name, work.most);
    let Some(library) = faketime() else {
        println!("skipped: the library of Debian's package faketime is not there");
        return Ok(());
    };
    let fake = [
        ("LD_PRELOAD", &*library.to_string_lossy()),
        ("FAKETIME", AHEAD),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    play(soak, work, fake.map(|(name, value)| (name.to_owned(), value.to_owned())).into()).await
}

/// The library that lets a process see another time; `FANFARE_FAKETIME` may name it.
fn faketime() -> Option<PathBuf> {
    if let Some(library) = std::env::var_os("FANFARE_FAKETIME") {
        return Some(library.into());
    }
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let library = |folder: PathBuf| folder.join("faketime/libfaketime.so.1");
    folders.map(library).find(|library| Path::is_file(library))
}

async fn play(soak: &Soak, work: Work, environment: Vec<(String, String)>) -> Result {
    let place = Place::new(soak, work.name)?;
    let lease = LEASE.as_millis().to_string();
    let effects = place.effects.display().to_string();
    let arguments = vec!["--effects".into(), effects, "--lease-milliseconds".into(), lease];
    let first = Installation { arguments, ..Installation::new(&soak.server, &place.folder) };
    let second = Installation { environment, ..first.clone() };
    let servers = [first.start().await?, second.start().await?];
    let mut networks = [Network::new(work.seed), Network::new(work.seed)];
    let (mut doors, mut logs, mut subscribed) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (network, server)) in networks.iter_mut().zip(&servers).enumerate() {
        network.lead_to(Some(server.port));
        let plan = work.plan(2, usize::from(index == 0));
        let subscribers = Subscribers::start(&plan, network, server.port, &soak.node).await?;
        subscribers.stand().await?;
        network.counts().begin_anew();
        logs.extend(subscribers.logs.iter().cloned());
        subscribed.push(subscribers);
        doors.push(network.door(Party::Publisher, format!("drivers-{index}")).await?);
    }
    let drivers = Drivers::new(work, servers[0].port, doors).await?;
    let mut stops = 0;
    let finished = tokio::select! {
        finished = driver::all(drivers.start()) => finished?,
        failed = stop_now_and_then(&work, &servers, &mut stops) => return Err(failed),
    };
    // It may have been stopped.
    servers.iter().try_for_each(Server::go_on)?;
    line("times a server was stopped", stops);
    let networks = networks.each_ref();
    conclude(&work, &place, &finished, &drivers.counts, &networks, &logs).await
}

/// Stops one of the servers at random times, mostly for longer than a lease.
async fn stop_now_and_then(work: &Work, servers: &[Server], stops: &mut u32) -> crate::Error {
    let mut random = decisions(work.seed, work.name, 1);
    loop {
        let server = &servers[random.usize(0..servers.len())];
        sleep(between(&mut random, Duration::from_millis(20), Duration::from_millis(300))).await;
        if let Err(failed) = server.stop() {
            return failed;
        }
        *stops += 1;
        sleep(between(&mut random, LEASE / 2, LEASE * 4)).await;
        if let Err(failed) = server.go_on() {
            return failed;
        }
    }
}
