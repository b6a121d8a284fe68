//! The servers of a round, and the time since which each has run without a fault.

use crate::Result;
use crate::link::Link;
use crate::server::{Installation, Server};
use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// The phase of a round, which determines the work of readers and publishers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum Phase {
    /// Publish, join, leave and resume.
    Faults,
    /// Stop publishing, and read to the end.
    Settling,
    /// Leave.
    Over,
}

/// The state that all tasks of a round share.
pub(super) struct Cluster {
    pub(super) seed: u64,
    /// The names of the channels.
    pub(super) channels: Vec<String>,
    servers: Vec<Slot>,
    /// Whether the storage is writable, and since when.
    storage: Mutex<Condition>,
    /// For each channel, the start of the publish that was acknowledged last.
    published: Vec<Mutex<Instant>>,
    /// The durations until publishing worked again after the storage failed.
    recoveries: Mutex<Vec<Duration>>,
    /// Held while the file is locked or replaced.
    pub(super) file_in_use: tokio::sync::Mutex<()>,
    pub(super) phase: watch::Sender<Phase>,
    /// The number of the next message.
    numbers: AtomicU32,
    /// The ids of tokens that are being revoked or were revoked.
    revoked: Mutex<HashSet<String>>,
    violations: Mutex<Vec<String>>,
    /// The beginning and the end of each fault, with the time since the start and the number of acknowledged messages.
    faults: Mutex<Vec<String>>,
    started: Instant,
    /// When this process was scheduled late, and by how much.
    delays: Mutex<Vec<(Instant, Duration)>>,
    pub(super) counts: Counts,
}

/// The number of events of each kind.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) connections: AtomicU64,
    pub(super) answered: AtomicU64,
    pub(super) unavailable: AtomicU64,
    pub(super) repeated: AtomicU64,
    pub(super) kills: AtomicU64,
    pub(super) stops: AtomicU64,
    pub(super) locks: AtomicU64,
    pub(super) revocations: AtomicU64,
    pub(super) restores: AtomicU64,
    pub(super) partitions: AtomicU64,
    pub(super) resets: AtomicU64,
    pub(super) restarts: AtomicU64,
    pub(super) terminations: AtomicU64,
    pub(super) isolations: AtomicU64,
    pub(super) suspensions: AtomicU64,
    /// Readers that have received everything and wait for the end.
    pub(super) complete: AtomicUsize,
}

impl Counts {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Shows the faults.
impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = [
            (&self.kills, "kills"),
            (&self.stops, "stops"),
            (&self.locks, "locks"),
            (&self.restores, "restores"),
            (&self.partitions, "partitions"),
            (&self.resets, "resets of connections"),
            (&self.restarts, "kills of storage servers"),
            (&self.isolations, "isolated storage servers"),
            (&self.suspensions, "suspended storage servers"),
            (&self.terminations, "terminated sessions"),
            (&self.revocations, "revocations"),
        ];
        let counts = faults.iter().map(|(counter, name)| (counter.load(Ordering::Relaxed), name));
        let shown: Vec<String> =
            counts.filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
        formatter.write_str(&shown.join(", "))
    }
}

struct Slot {
    installation: Installation,
    /// The network between it and the servers of the storage.
    links: Vec<Link>,
    server: tokio::sync::Mutex<Option<Server>>,
    port: AtomicU16,
    /// Whether readers and publishers may connect.
    is_open: AtomicBool,
    condition: Mutex<Condition>,
}

#[derive(Clone, Copy)]
struct Condition {
    is_good: bool,
    since: Instant,
}

impl Condition {
    fn now(is_good: bool) -> Mutex<Self> {
        Mutex::new(Self { is_good, since: Instant::now() })
    }

    fn set(this: &Mutex<Self>, is_good: bool) {
        *lock(this) = Self { is_good, since: Instant::now() };
    }

    fn was_good_since(this: &Mutex<Self>, time: Instant) -> bool {
        let Self { is_good, since } = *lock(this);
        is_good && since <= time
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time within which a server must start. It waits while the file is locked.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(100);

impl Cluster {
    pub(super) fn new(
        seed: u64,
        channels: Vec<String>,
        installations: Vec<(Installation, Vec<Link>)>,
    ) -> Self {
        let slot = |(installation, links)| Slot {
            installation,
            links,
            server: tokio::sync::Mutex::new(None),
            port: AtomicU16::new(0),
            is_open: AtomicBool::new(false),
            condition: Condition::now(false),
        };
        Self {
            seed,
            published: channels.iter().map(|_| Mutex::new(Instant::now())).collect(),
            recoveries: Mutex::default(),
            channels,
            servers: installations.into_iter().map(slot).collect(),
            storage: Condition::now(true),
            file_in_use: tokio::sync::Mutex::new(()),
            phase: watch::Sender::new(Phase::Faults),
            numbers: AtomicU32::new(0),
            revoked: Mutex::default(),
            violations: Mutex::default(),
            faults: Mutex::default(),
            started: Instant::now(),
            delays: Mutex::default(),
            counts: Counts::default(),
        }
    }

    pub(super) fn servers(&self) -> usize {
        self.servers.len()
    }

    /// Starts a server, and lets readers and publishers connect if `opens`.
    pub(super) async fn start(&self, server: usize, opens: bool) -> Result {
        let slot = &self.servers[server];
        let start = Instant::now();
        let running = loop {
            match slot.installation.start().await {
                Ok(running) => break running,
                Err(error) if start.elapsed() > START_TIMEOUT => return Err(error),
                Err(_) => sleep(TICK).await,
            }
        };
        slot.port.store(running.port, Ordering::Relaxed);
        self.record_fault(format_args!("server {server} started"));
        *slot.server.lock().await = Some(running);
        Condition::set(&slot.condition, true);
        if opens {
            self.open(server);
        }
        Ok(())
    }

    /// Lets readers and publishers connect.
    pub(super) fn open(&self, server: usize) {
        self.servers[server].is_open.store(true, Ordering::Relaxed);
    }

    pub(super) async fn kill(&self, server: usize) -> Result {
        let slot = &self.servers[server];
        Condition::set(&slot.condition, false);
        slot.is_open.store(false, Ordering::Relaxed);
        slot.port.store(0, Ordering::Relaxed);
        self.record_fault(format_args!("server {server} is killed"));
        match slot.server.lock().await.take() {
            Some(mut server) => server.kill().await,
            None => Ok(()),
        }
    }

    /// Suspends a server.
    pub(super) async fn stop(&self, server: usize) -> Result {
        let slot = &self.servers[server];
        Condition::set(&slot.condition, false);
        self.record_fault(format_args!("server {server} is suspended"));
        slot.server.lock().await.as_ref().map_or(Ok(()), Server::stop)
    }

    /// Resumes a suspended server.
    pub(super) async fn resume(&self, server: usize) -> Result {
        let slot = &self.servers[server];
        slot.server.lock().await.as_ref().map_or(Ok(()), Server::resume)?;
        self.record_fault(format_args!("server {server} resumes"));
        Condition::set(&slot.condition, true);
        Ok(())
    }

    /// Returns the port of a server that readers and publishers may connect to.
    pub(super) fn port(&self, server: usize) -> Option<u16> {
        self.servers[server].is_open.load(Ordering::Relaxed).then(|| self.any_port(server))?
    }

    /// Returns the port of a running server.
    pub(super) fn any_port(&self, server: usize) -> Option<u16> {
        Some(self.servers[server].port.load(Ordering::Relaxed)).filter(|port| *port != 0)
    }

    /// Returns `true` if a server has run since `time` without being suspended.
    pub(super) fn has_run_since(&self, server: usize, time: Instant) -> bool {
        Condition::was_good_since(&self.servers[server].condition, time)
    }

    /// Returns the network between a server and the servers of the storage.
    pub(super) fn links(&self, server: usize) -> &[Link] {
        &self.servers[server].links
    }

    /// Returns `true` if a server has run since `time` and nothing delayed its requests to the storage. On a busy
    /// machine, a PostgreSQL server that restarts accepts connections long before it answers.
    pub(super) fn could_answer_since(&self, server: usize, time: Instant) -> bool {
        let links = self.links(server);
        let is_reachable = links.iter().all(|link| link.was_sound_since(time));
        let is_available = links.is_empty() || Condition::was_good_since(&self.storage, time);
        self.has_run_since(server, time) && is_reachable && is_available
    }

    pub(super) fn set_available(&self, is_available: bool) {
        self.record_fault(format_args!("the storage is available: {is_available}"));
        Condition::set(&self.storage, is_available);
    }

    /// Returns `true` if a server could read from the storage and write to it since `time`.
    pub(super) fn could_write_since(&self, server: usize, time: Instant) -> bool {
        // A suspended server may hold the lock of a file.
        let is_unlocked = !self.links(server).is_empty()
            || (0..self.servers.len()).all(|server| self.has_run_since(server, time));
        is_unlocked && self.could_answer_since(server, time) && Condition::was_good_since(&self.storage, time)
    }

    /// Records that a publish that began at `since` was acknowledged.
    pub(super) fn record_published(&self, channel: usize, since: Instant) {
        let mut last = lock(&self.published[channel]);
        *last = since.max(*last);
    }

    /// Returns `true` if a publish that began after `time` was acknowledged on each channel.
    pub(super) fn has_published_since(&self, time: Instant) -> bool {
        self.published.iter().all(|last| *lock(last) > time)
    }

    pub(super) fn record_recovery(&self, duration: Duration) {
        self.record_fault(format_args!("publishing works again after {duration:?}"));
        lock(&self.recoveries).push(duration);
    }

    /// Returns the durations that were recorded, the shortest first.
    pub(super) fn recoveries(&self) -> Vec<Duration> {
        let mut recoveries = lock(&self.recoveries).clone();
        recoveries.sort_unstable();
        recoveries
    }

    pub(super) fn next_number(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn is(&self, phase: Phase) -> bool {
        *self.phase.borrow() == phase
    }

    /// Waits for a duration, or until the phase of faults ends. Returns `false` if it has ended.
    pub(super) async fn pause(&self, duration: Duration) -> bool {
        let mut phase = self.phase.subscribe();
        timeout(duration, phase.wait_for(|phase| *phase > Phase::Faults)).await.is_err()
    }

    /// Records that a token is being revoked.
    pub(super) fn revoke(&self, id: &str) {
        lock(&self.revoked).insert(id.to_owned());
    }

    pub(super) fn is_revoked(&self, id: &str) -> bool {
        lock(&self.revoked).contains(id)
    }

    /// Records a violation.
    pub(super) fn report_violation(&self, violation: String) {
        lock(&self.violations).push(violation);
    }

    pub(super) fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.violations))
    }

    /// Records the beginning or the end of a fault.
    pub(super) fn record_fault(&self, fault: impl fmt::Display) {
        let (seconds, answered) =
            (self.started.elapsed().as_secs_f64(), self.counts.answered.load(Ordering::Relaxed));
        lock(&self.faults).push(format!("{seconds:.3} s, {answered} acknowledged: {fault}"));
    }

    pub(super) fn take_faults(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.faults))
    }

    /// Measures how late this process is scheduled. A busy machine delays all other processes, too.
    pub(super) async fn measure_delays(&self) {
        loop {
            let started = Instant::now();
            sleep(TICK).await;
            let late = started.elapsed().saturating_sub(TICK);
            if late > TICK / 5 {
                lock(&self.delays).push((Instant::now(), late));
            }
        }
    }

    /// Returns the time since `since`, minus the time for which this process was not scheduled.
    pub(super) fn elapsed(&self, since: Instant) -> Duration {
        let delays = lock(&self.delays);
        let delays = delays.iter().rev().take_while(|(at, _)| *at > since).map(|(_, late)| *late);
        since.elapsed().saturating_sub(delays.sum())
    }
}
