//! Measures healthy subscribers while one never reads and one is frozen.

use super::super::figures::Figures;
use super::super::statistics::Measured;
use super::load::{Ports, client_command};
use super::measure::{self, Plan};
use super::server::Server;
use crate::failure::{Failure, Result};
use crate::process::{Running, command, run, start};
use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The names of the scenarios.
pub(crate) const WITH: &str = "with slow subscribers";
pub(crate) const WITHOUT: &str = "without slow subscribers";

/// The load: 20 messages of 100 KB per second to 20 subscribers.
const LOAD: &str = "--mode steady --rate 20 --size 100000 --subscribers 20";

const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How long it takes to subscribe.
const CONNECTING: Duration = Duration::from_secs(1);

/// Measures with and without slow subscribers, and when the slow ones are dropped.
pub(crate) fn measure(server: &Server, plan: &Plan, measured: &mut Measured) -> Result {
    let arguments = format!("{LOAD} --milliseconds {}", plan.milliseconds * 2);
    measure::add(server, WITHOUT, &[&arguments], measured)?;

    let started = server.start()?;
    let _frozen = Frozen::start(started.ports, server.protocol)?;
    let arguments = format!("{LOAD} --deaf 1 --milliseconds {}", plan.slow_milliseconds);
    let mut healthy =
        start(client_command(started.ports, server.protocol, &arguments).stdout(Stdio::piped()))?;
    sleep(CONNECTING);
    let dropped = time_dropped_connections(started.ports.process, &mut healthy);
    let mut line = String::new();
    if let Some(mut stdout) = healthy.child.stdout.take() {
        stdout
            .read_to_string(&mut line)
            .map_err(|error| Failure::new(format!("cannot read the output of the load client: {error}")))?;
    }
    let mut figures = Figures::read(&line)?;
    for (name, time) in ["first_dropped", "second_dropped"].into_iter().zip(dropped) {
        figures.set(name, (time + CONNECTING).as_secs_f64());
    }
    measured.add(WITH, server.title, figures);
    Ok(())
}

/// Returns when the server closed the slow connections, while the load client still ran.
fn time_dropped_connections(process: u32, healthy: &mut Running) -> Vec<Duration> {
    let (since, mut most, mut dropped) = (Instant::now(), count_sockets(process), Vec::new());
    while matches!(healthy.child.try_wait(), Ok(None)) {
        let now = count_sockets(process);
        // Losing more than one at a time means that the load client disconnects.
        if now + 1 == most && dropped.len() < 2 {
            dropped.push(since.elapsed());
            most = now;
        }
        most = most.max(now);
        sleep(POLL_INTERVAL);
    }
    dropped
}

/// Returns the number of open sockets of a process.
fn count_sockets(process: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten();
    let targets = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

/// A subscriber whose process is suspended until it is dropped.
struct Frozen(Running);

impl Frozen {
    fn start(ports: Ports, protocol: &str) -> Result<Self> {
        let arguments = "--mode idle --subscribers 1 --milliseconds 600000";
        let frozen = Self(start(client_command(ports, protocol, arguments).stdout(Stdio::null()))?);
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
        // A suspended process does not handle the signal that ends it.
        let _ = self.signal("-CONT");
    }
}
