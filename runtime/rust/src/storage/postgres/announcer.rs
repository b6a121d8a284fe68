//! Announces the messages that transactions of applications publish.
//!
//! PostgreSQL commits one transaction with notifications at a time. If many transactions publish, one process promises
//! to look for their announcements, and notifies all processes for them; see `0005_announcements.sql`. If it fails, its
//! promise ends after [`PROMISE`], and transactions notify the processes themselves. The next beat of any process finds
//! the announcements that it has left behind.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::connection::{Link, RequestError, Session};
use crate::clock::milliseconds;

/// A process becomes the announcer if this many transactions notify it within this time.
const START_COUNT: usize = 3;
const START_WINDOW: Duration = Duration::from_millis(100);

/// The time for which transactions rely on the announcer after it has last looked for announcements.
const PROMISE: Duration = Duration::from_millis(300);

/// The limits of the wait between two looks: the minimum if there were announcements, otherwise twice the previous
/// wait.
const MIN_INTERVAL: Duration = Duration::from_millis(2);
const MAX_INTERVAL: Duration = Duration::from_millis(16);
const MAX_INTERVAL_AT_END: Duration = Duration::from_millis(200);

/// The announcer stops after this long without announcements.
const MAX_IDLE: Duration = Duration::from_millis(500);

/// The interval at which to find the oldest transaction that may still write an announcement. Looks begin at its
/// number, so that deleted rows are not read again.
const OLDEST_INTERVAL: Duration = Duration::from_secs(1);

/// The connection holds a lock while its process is the announcer. Looks rely on a new snapshot for each statement.
const START: &str = "
    SELECT CASE WHEN current_setting('default_transaction_isolation') = 'read committed'
        AND has_function_privilege('fanfare.announce(int8, int8, boolean)', 'EXECUTE')
        THEN pg_try_advisory_lock(1179534930, fanfare.announcement_locks()) ELSE false END
";
const STOP: &str = "SELECT pg_advisory_unlock(1179534930, fanfare.announcement_locks())";

const ANNOUNCE: &str = "SELECT announced, next_first, is_awaited FROM fanfare.announce($1, $2, $3)";

/// Announces for transactions while many of them publish.
#[derive(Default)]
pub(super) struct Announcer {
    /// When the latest transactions notified this process.
    notified: VecDeque<Instant>,
    active: Option<Active>,
}

/// The state while this process is the announcer.
struct Active {
    /// The connection that holds the lock.
    session: Arc<Session>,
    /// The number from which to look for announcements.
    first: i64,
    look_at: Instant,
    interval: Duration,
    announced_at: Instant,
    oldest_found_at: Option<Instant>,
    /// Whether the promise is withdrawn. Transactions that have relied on it may not have ended yet.
    is_ending: bool,
}

impl Announcer {
    /// Records that transactions have notified this process.
    pub(super) fn record_transactions(&mut self, count: usize) {
        let now = Instant::now();
        for _ in 0..count.min(START_COUNT) {
            self.notified.push_back(now);
        }
        while self.notified.len() > START_COUNT {
            self.notified.pop_front();
        }
    }

    /// Returns when to look for announcements, if this process is the announcer.
    pub(super) fn look_at(&self) -> Option<Instant> {
        self.active.as_ref().map(|active| active.look_at)
    }

    /// Looks for announcements if that is due. Becomes the announcer if there are many transactions and no announcer
    /// yet.
    pub(super) async fn work(&mut self, link: &Link, session: &Arc<Session>) -> Result<(), RequestError> {
        let are_many = self.notified.len() == START_COUNT
            && self.notified.front().is_some_and(|first| first.elapsed() < START_WINDOW);
        let Some(active) = self.active.as_mut().filter(|active| Arc::ptr_eq(&active.session, session)) else {
            self.active = None;
            if are_many {
                self.notified.clear();
                let is_first = link.query(START, &[]).await?.first().is_some_and(|row| row.get(0));
                self.active = is_first.then(|| Active::new(session));
            }
            return Ok(());
        };
        if active.look_at > Instant::now() {
            return Ok(());
        }
        if active.is_ending && are_many {
            self.notified.clear();
            (active.is_ending, active.announced_at) = (false, Instant::now());
        }
        if active.look(link).await? {
            self.active = None;
            link.query(STOP, &[]).await?;
        }
        Ok(())
    }

    /// Stops announcing, because the connection is shared. Another process may then announce.
    pub(super) async fn stop(&mut self, link: &Link) {
        self.notified.clear();
        if self.active.take().is_some() {
            // If the connection has already changed, the lock stays until that one is closed.
            let _ = link.query(STOP, &[]).await;
        }
    }

    /// Announces the messages that a failed announcer has left behind.
    pub(super) async fn clean_up(&self, link: &Link) -> Result<(), RequestError> {
        if self.active.is_none() {
            announce(link, 0, None, false).await?;
        }
        Ok(())
    }
}

impl Active {
    fn new(session: &Arc<Session>) -> Self {
        let now = Instant::now();
        Self {
            session: Arc::clone(session),
            first: 0,
            look_at: now,
            interval: MIN_INTERVAL,
            announced_at: now,
            oldest_found_at: None,
            is_ending: false,
        }
    }

    /// Looks for announcements. Returns whether this process need not look again.
    async fn look(&mut self, link: &Link) -> Result<bool, RequestError> {
        // If looking fails, the next attempt waits.
        self.look_at = Instant::now() + MAX_INTERVAL_AT_END;
        self.is_ending |= self.announced_at.elapsed() > MAX_IDLE;
        let promise = if self.is_ending { Duration::ZERO } else { PROMISE };
        let finds_oldest =
            self.is_ending || self.oldest_found_at.is_none_or(|at| at.elapsed() > OLDEST_INTERVAL);
        let looked = announce(link, self.first, Some(promise), finds_oldest).await?;
        let Some(row) = looked.first() else { return Ok(false) };
        let now = Instant::now();
        if row.get::<_, i64>(0) > 0 {
            (self.announced_at, self.interval) = (now, MIN_INTERVAL);
        } else {
            let max = if self.is_ending { MAX_INTERVAL_AT_END } else { MAX_INTERVAL };
            self.interval = (self.interval * 2).min(max);
        }
        self.look_at = now + self.interval;
        if let Some(next) = row.get::<_, Option<i64>>(1) {
            (self.first, self.oldest_found_at) = (next, Some(now));
        }
        Ok(self.is_ending && !row.get::<_, Option<bool>>(2).unwrap_or(true))
    }
}

async fn announce(
    link: &Link,
    first: i64,
    promise: Option<Duration>,
    finds_oldest: bool,
) -> Result<Vec<Row>, RequestError> {
    let promise = promise.map(milliseconds);
    let params = [(&first as _, Type::INT8), (&promise as _, Type::INT8), (&finds_oldest as _, Type::BOOL)];
    link.query_prepared(ANNOUNCE, &params).await
}
