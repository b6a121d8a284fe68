//! Healthy subscribers beside one that never reads and one whose process is frozen.

use super::figures::Figures;
use super::load::{self, Ports, client};
use super::measure::{Measured, Plan};
use super::server::Server;
use crate::failure::{Failure, Result};
use crate::process::{Running, command, run, start};
use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What everyone is sent: 20 messages of 100 KB a second.
const WORDS: &str = "--mode steady --rate 20 --size 100000 --subscribers 20";

const POLL: Duration = Duration::from_millis(100);

/// How long it takes to subscribe.
const CONNECTING: Duration = Duration::from_secs(1);

/// Measures with and without slow subscribers, and when these are dropped.
pub(crate) fn measure(server: &Server, plan: &Plan, measured: &mut Measured) -> Result {
    let started = server.start()?;
    let time = format!("{WORDS} --milliseconds {}", plan.milliseconds * 2);
    measured.add(server, "healthy alone", load::load(started.ports, server.protocol, &time)?);
    drop(started);

    let started = server.start()?;
    let _frozen = Frozen::start(started.ports, server.protocol)?;
    let words = format!("{WORDS} --deaf 1 --milliseconds {}", plan.watched_milliseconds);
    let mut healthy = start(client(started.ports, server.protocol, &words).stdout(Stdio::piped()))?;
    sleep(CONNECTING);
    let dropped = watch(started.ports.process, &mut healthy);
    let mut line = String::new();
    if let Some(mut stdout) = healthy.child.stdout.take() {
        stdout
            .read_to_string(&mut line)
            .map_err(|error| Failure::new(format!("the load client: {error}")))?;
    }
    let mut figures = Figures::read(&line)?;
    for (name, time) in ["first_dropped", "second_dropped"].into_iter().zip(dropped) {
        figures.set(name, (time + CONNECTING).as_secs_f64());
    }
    measured.add(server, "healthy beside slow", figures);
    Ok(())
}

/// When connections went away while the load client still had its own.
fn watch(process: u32, healthy: &mut Running) -> Vec<Duration> {
    let (since, mut most, mut dropped) = (Instant::now(), sockets(process), Vec::new());
    while matches!(healthy.child.try_wait(), Ok(None)) {
        let now = sockets(process);
        // More than two are gone only when the load client leaves.
        if now + 1 == most && dropped.len() < 2 {
            dropped.push(since.elapsed());
            most = now;
        }
        most = most.max(now);
        sleep(POLL);
    }
    dropped
}

/// How many sockets a process has.
fn sockets(process: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten();
    let targets = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

/// A subscriber whose process is stopped and goes on only to be ended.
struct Frozen(Running);

impl Frozen {
    fn start(ports: Ports, protocol: &str) -> Result<Self> {
        let words = "--mode idle --subscribers 1 --milliseconds 600000";
        let frozen = Self(start(client(ports, protocol, words).stdout(Stdio::null()))?);
        sleep(CONNECTING);
        frozen.signal("-STOP")?;
        Ok(frozen)
    }

    fn signal(&self, signal: &str) -> Result {
        run(&mut command("kill", &[signal, &self.0.child.id().to_string()]))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // A process that is stopped would not hear that it is to end.
        let _ = self.signal("-CONT");
    }
}
