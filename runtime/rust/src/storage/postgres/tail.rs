//! The task that reads what other processes append.
//!
//! Notifications name the channels with new messages; those that arrive together are read in one statement. A
//! notification may be lost: the connection fails, its sender ends before it has sent it, or a pooler does not pass it
//! on. So the tail also asks for all open channels from time to time, and often while it receives no notifications.
//!
//! A pooler may give each transaction another of its connections to the server. It then passes on few notifications,
//! and PgBouncer loses the answers to other clients' statements on a connection that receives some. So the tail asks for
//! notifications only if no other client executes statements on its connection, and relies on them only while it
//! receives those of its own process's reports.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::announcer::Announcer;
use super::beat::BEAT_INTERVAL;
use super::channels::{self, begin_epoch, read_changes};
use super::connection::{Database, FailureKind, Link, RequestError, Session};
use super::logs::{Applied, channel_id};
use super::notices::{Notice, is_of_transaction};
use super::{Shared, StorageError};
use crate::history::Log;
use crate::storage::remote_clock::steady_milliseconds;

/// How often to ask for all open channels while notifications arrive, and while they do not.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
const POLL_INTERVAL_WITHOUT_NOTICES: Duration = Duration::from_millis(200);

/// Each process sends a notification per beat. If its own does not arrive for this long, none reach this process.
const MAX_SILENCE: Duration = Duration::from_secs(2 * BEAT_INTERVAL.as_secs() + 1);

/// How long the simplest of statements may take. After that the server is regarded as lost. This is shorter than for
/// other requests, so that load balancers soon learn that it does not answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The most channels in one statement.
const MAX_CHANNELS: usize = 2_000;

/// How many times to read a channel again if it changes while it is read.
const MAX_ATTEMPTS: usize = 10;

pub(super) enum TailCommand {
    /// Read all open channels, then reply.
    CatchUp {
        reply: oneshot::Sender<Result<(), StorageError>>,
    },
    /// Read the channels with these ids.
    Read(Vec<i64>),
    ReadRevocations,
}

pub(super) struct Tail {
    link: Link,
    shared: Arc<Shared>,
    commands: mpsc::UnboundedReceiver<TailCommand>,
    notices: mpsc::UnboundedReceiver<String>,
    /// The connection that receives notifications unless it is pooled, and the server process at its other end.
    listening: Option<(Arc<Session>, i32)>,
    /// Whether a pooler gives each transaction another connection.
    is_pooled: bool,
    /// The time of the last notification of this process's own reports, and the time since which they have arrived in
    /// time.
    noticed_at: Option<Instant>,
    noticed_since: Option<Instant>,
    polled_at: Instant,
    announcer: Announcer,
}

/// The work of one turn.
#[derive(Default)]
struct Turn {
    reads_all: bool,
    reads_revocations: bool,
    /// The heads of changed channels, by id.
    changed: BTreeMap<i64, u64>,
    /// The number of notifications from transactions of applications.
    transactions: usize,
    has_due_runs: bool,
    /// The processes that have reported.
    reported: BTreeSet<u32>,
    /// The channels whose runs have received signals.
    signalled: BTreeSet<String>,
    replies: Vec<oneshot::Sender<Result<(), StorageError>>>,
}

impl Turn {
    fn add_command(&mut self, command: TailCommand) {
        match command {
            TailCommand::CatchUp { reply } => {
                self.reads_all = true;
                self.replies.push(reply);
            }
            TailCommand::Read(channels) => {
                self.changed.extend(channels.into_iter().map(|channel| (channel, u64::MAX)));
            }
            TailCommand::ReadRevocations => self.reads_revocations = true,
        }
    }

    fn add_notice(&mut self, notice: &str) {
        self.transactions += usize::from(is_of_transaction(notice));
        match Notice::parse(notice) {
            Notice::Revoked => self.reads_revocations = true,
            Notice::DueRuns => self.has_due_runs = true,
            Notice::Beat(owner) => drop(self.reported.insert(owner)),
            Notice::Signal(channel) => drop(self.signalled.insert(channel.to_owned())),
            Notice::Heads(heads) => {
                for (channel, head) in heads {
                    let known = self.changed.entry(channel).or_insert(head);
                    *known = head.max(*known);
                }
            }
        }
    }
}

impl Tail {
    pub(super) fn new(
        database: Arc<Database>,
        shared: Arc<Shared>,
        commands: mpsc::UnboundedReceiver<TailCommand>,
    ) -> Self {
        let (notice_sender, notices) = mpsc::unbounded_channel();
        let link = Link::with_notices(database, notice_sender);
        Self {
            link,
            shared,
            commands,
            notices,
            listening: None,
            is_pooled: false,
            noticed_at: None,
            noticed_since: None,
            polled_at: Instant::now(),
            announcer: Announcer::default(),
        }
    }

    /// Follows the database until the storage is dropped.
    pub(super) async fn run(mut self) {
        loop {
            let mut turn = Turn { reads_all: self.listen().await, ..Turn::default() };
            if !turn.reads_all && !self.wait(&mut turn).await {
                return;
            }
            while let Ok(command) = self.commands.try_recv() {
                turn.add_command(command);
            }
            while let Ok(notice) = self.notices.try_recv() {
                turn.add_notice(&notice);
            }
            self.record_reports(&turn.reported);
            let outcome = self.execute(&turn).await;
            if let Err(failure) = &outcome {
                // Other failures are logged with the storage's health.
                if failure.kind == FailureKind::RolledBack {
                    tracing::error!(error = %failure.error, "failed to read the storage");
                }
                self.polled_at = Instant::now();
            }
            let outcome = outcome.map_err(|failure| failure.error);
            for reply in turn.replies {
                let _ = reply.send(outcome.clone());
            }
        }
    }

    /// Records that processes have reported.
    fn record_reports(&mut self, reported: &BTreeSet<u32>) {
        // The writer notifies a process that has just started from now on.
        self.shared.running.lock().unwrap_or_else(PoisonError::into_inner).extend(reported);
        if reported.contains(&self.shared.process.owner()) {
            if !self.is_noticed() {
                self.noticed_since = Some(Instant::now());
            }
            self.noticed_at = Some(Instant::now());
        }
    }

    /// Returns whether notifications reach this process.
    fn is_noticed(&self) -> bool {
        !self.is_pooled && self.noticed_at.is_some_and(|at| at.elapsed() < MAX_SILENCE)
    }

    /// Starts to receive notifications if the connection is new. Returns whether it did: earlier ones were missed.
    async fn listen(&mut self) -> bool {
        let Ok(session) = self.link.session().await else {
            self.noticed_at = None;
            return false;
        };
        if self.listening.as_ref().is_some_and(|(listening, _)| Arc::ptr_eq(listening, &session)) {
            return false;
        }
        self.noticed_at = None;
        self.start_listening(session).await.is_ok()
    }

    async fn start_listening(&mut self, session: Arc<Session>) -> Result<(), RequestError> {
        let process = self.probe(&session).await?;
        self.is_pooled = self.shares_connection(&session, process).await?;
        self.link.database.set_direct(!self.is_pooled);
        if !self.is_pooled {
            let listen = format!("LISTEN \"{}\"", self.link.database.schema.notifications());
            self.link.request(&session, session.client.batch_execute(&listen)).await?;
        }
        self.listening = Some((session, process));
        Ok(())
    }

    /// Returns whether the server process that executes the connection's statements also executes those of others.
    async fn shares_connection(&self, session: &Arc<Session>, process: i32) -> Result<bool, RequestError> {
        let Ok(other) = self.link.database.connect(None).await else { return Ok(false) };
        let other = Arc::new(other);
        // A pooler gives the next client the connection that was used last, or the one that is unused for longest.
        for _ in 0..2 {
            if self.probe(&other).await? == process
                || self.probe(session).await? != process
                || self.probe(session).await? != process
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the server process that executes the connection's statements. Closes the connection if the server does
    /// not answer soon.
    async fn probe(&self, session: &Arc<Session>) -> Result<i32, RequestError> {
        let answer =
            self.link.request(session, session.client.query_typed_one("SELECT pg_backend_pid()", &[]));
        match timeout(PROBE_TIMEOUT, answer).await {
            Ok(answer) => answer.map(|row| row.get(0)),
            Err(_) => Err(self.link.give_up(session, PROBE_TIMEOUT).await),
        }
    }

    /// Waits for work. Returns `false` once the storage is dropped.
    async fn wait(&mut self, turn: &mut Turn) -> bool {
        // Some time must pass until all processes that are alone, and so do not notify, know of this one.
        let is_notified =
            self.is_noticed() && self.noticed_since.is_some_and(|since| since.elapsed() > MAX_SILENCE);
        let interval = if is_notified { POLL_INTERVAL } else { POLL_INTERVAL_WITHOUT_NOTICES };
        let announce_at = self.announcer.look_at();
        tokio::select! {
            Some(notice) = self.notices.recv() => turn.add_notice(&notice),
            command = self.commands.recv() => match command {
                Some(command) => turn.add_command(command),
                None => return false,
            },
            () = tokio::time::sleep_until(self.polled_at + interval) => turn.reads_all = true,
            () = async { tokio::time::sleep_until(announce_at.unwrap_or_else(Instant::now)).await },
                if announce_at.is_some() => {}
        }
        true
    }

    async fn execute(&mut self, turn: &Turn) -> Result<(), RequestError> {
        let begun_at = steady_milliseconds();
        self.shared.wake_runs(turn.has_due_runs, &turn.signalled);
        if turn.reads_all
            && let Some((session, process)) = &self.listening
        {
            self.is_pooled |= self.probe(session).await? != *process;
            if self.is_pooled {
                self.link.database.set_direct(false);
                self.link.request(session, session.client.batch_execute("UNLISTEN *")).await?;
            }
        }
        if turn.reads_all || turn.reads_revocations {
            self.shared.read_revocations(&self.link).await?;
        }
        let logs: Vec<Arc<Log>> = if turn.reads_all {
            self.shared.logs.list()
        } else {
            let changed = turn.changed.iter();
            let logs = changed.filter_map(|(channel, head)| {
                self.shared.logs.find(*channel).filter(|log| log.head() < *head)
            });
            logs.collect()
        };
        read(&self.link, &self.shared, &logs).await?;
        if turn.reads_all {
            self.polled_at = Instant::now();
        }
        // Notifications arrive in the order of the commits, so those before this process's own report have arrived, too.
        let is_current = turn.reads_all || turn.reported.contains(&self.shared.process.owner());
        if is_current {
            self.shared.current_at.store(begun_at, Ordering::Relaxed);
        }
        if let Err(failure) = self.announce(turn).await {
            // Everything is read. Transactions notify the servers themselves while nobody announces for them.
            tracing::debug!(error = %failure.error, "failed to announce messages of transactions");
        }
        Ok(())
    }

    /// Announces for transactions of applications if they are many and this process announces for them.
    async fn announce(&mut self, turn: &Turn) -> Result<(), RequestError> {
        self.announcer.record_transactions(turn.transactions);
        if turn.reported.contains(&self.shared.process.owner()) {
            self.announcer.clean_up(&self.link).await?;
        }
        match &self.listening {
            Some((session, _)) if !self.is_pooled => self.announcer.work(&self.link, session).await,
            _ => {
                self.announcer.stop(&self.link).await;
                Ok(())
            }
        }
    }
}

/// Hands logs what was appended to their channels, and retires those whose epoch has ended.
pub(super) async fn read(link: &Link, shared: &Shared, logs: &[Arc<Log>]) -> Result<(), RequestError> {
    for logs in logs.chunks(MAX_CHANNELS) {
        let by_id: BTreeMap<i64, &Arc<Log>> = logs.iter().map(|log| (channel_id(log), log)).collect();
        let asked: Vec<(i64, &Log)> = by_id.iter().map(|(channel, log)| (*channel, &***log)).collect();
        let heads: BTreeMap<i64, u64> = asked.iter().map(|(channel, log)| (*channel, log.head())).collect();
        let after: Vec<u64> = heads.values().copied().collect();
        for change in read_changes(link, &asked, &after).await? {
            let channel = change.channel;
            let (Some(log), Some(after)) = (by_id.get(&channel), heads.get(&channel)) else { continue };
            match shared.logs.apply(log, change, *after) {
                Applied::Whole | Applied::Ended => {}
                Applied::Incomplete => reload(link, shared, log).await?,
                Applied::Lost => {
                    tracing::error!(
                        channel = log.channel().name(),
                        "the database lost messages: the channel begins a new epoch"
                    );
                    begin_epoch(link, channel, log.epoch()).await?;
                    shared.logs.retire(log);
                }
            }
        }
    }
    Ok(())
}

/// Replaces a log's messages with the stored ones. This process missed messages that are deleted; readers receive a gap
/// up to the evicted offsets.
async fn reload(link: &Link, shared: &Shared, log: &Arc<Log>) -> Result<(), RequestError> {
    for _ in 0..MAX_ATTEMPTS {
        let stored = channels::load(link, log.channel().definition(), channel_id(log)).await?;
        let Some(stored) = stored.filter(|stored| stored.epoch == log.epoch()) else {
            shared.logs.retire(log);
            return Ok(());
        };
        if shared.logs.reload(log, stored) {
            return Ok(());
        }
    }
    // Publishers are faster than this process. The next turn tries again.
    let _ = shared.tail.send(TailCommand::Read(vec![channel_id(log)]));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_keeps_the_greatest_head_of_each_channel() {
        let mut turn = Turn::default();
        for notice in ["", "7:3,8:1", "7:2", "x", "revoked", "9:x,:,10", "signal:room:1", "signal:room:1"] {
            turn.add_notice(notice);
        }
        assert_eq!(turn.changed, BTreeMap::from([(7, 3), (8, 1)]));
        assert_eq!(turn.signalled, BTreeSet::from(["room:1".to_owned()]));
        assert!(turn.reads_revocations && !turn.reads_all && !turn.has_due_runs);
    }
}
