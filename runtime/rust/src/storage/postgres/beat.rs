//! Reporting that this process is running, and finding out which others are.
//!
//! A process that has not reported for [`MAX_BEAT_AGE`] is declared dead: another one deletes its row, and then ends
//! its text streams. It may only be suspended or cut off. So each append of its text streams requires the row, and a
//! process that finds its row deleted registers under another number.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;
use tokio_postgres::types::Type;

use super::connection::{Link, RequestError};
use super::notices::beat_notice;
use crate::clock::milliseconds;
use crate::random;
use crate::storage::remote_clock::{Reading, steady_milliseconds};

/// The interval at which a process reports that it is running.
pub(super) const BEAT_INTERVAL: Duration = Duration::from_secs(2);

/// A process that has not reported for this long has ended.
pub(super) const MAX_BEAT_AGE: Duration = Duration::from_secs(15);

/// After failing to report, a process declares no other dead for this long, so that all can report first.
const GRACE: Duration = Duration::from_secs(4);

/// The notification lets the process notice whether notifications reach it.
///
/// A late report declares no process dead, because the cause of the delay may have delayed all reports. Locked rows are
/// those of processes that are reporting.
const BEAT: &str = "
    WITH beat AS (
        UPDATE fanfare.processes SET seen = fanfare.now_ms() WHERE owner = $1 RETURNING owner
    ), dead AS (
        DELETE FROM fanfare.processes WHERE owner IN (
            SELECT owner FROM fanfare.processes p WHERE seen < fanfare.now_ms() - $2 AND owner <> $1 AND $3
            AND EXISTS (SELECT FROM fanfare.processes WHERE owner = $1 AND seen > fanfare.now_ms() - $2 / 2)
            FOR UPDATE OF p SKIP LOCKED
        ) RETURNING owner
    )
    SELECT fanfare.now_ms(), EXISTS (SELECT FROM beat),
        array(SELECT owner FROM fanfare.processes EXCEPT SELECT owner FROM dead),
        set_config('synchronous_commit', 'off', true), pg_notify($4, $5)
";

/// The answer to a report.
pub(super) struct Beat {
    pub(super) clock: Reading,
    /// The processes that are running.
    pub(super) running: BTreeSet<u32>,
}

/// This process's row in `fanfare.processes`.
pub(super) struct Registration {
    owner: AtomicU32,
    /// The number of the writer's connection.
    connection: AtomicI64,
    reports: Mutex<Reports>,
    /// Held while another number is registered.
    registering: AsyncMutex<()>,
}

/// The time since which this process has reported without an interruption, and its latest report.
#[derive(Clone, Copy)]
struct Reports {
    since: Instant,
    latest: Instant,
}

impl Registration {
    pub(super) async fn new(link: &Link) -> Result<Self, RequestError> {
        let now = Instant::now();
        let registration = Self {
            owner: AtomicU32::new(random::number()),
            connection: AtomicI64::new(0),
            reports: Mutex::new(Reports { since: now, latest: now }),
            registering: AsyncMutex::default(),
        };
        registration.insert(link, registration.owner()).await?;
        Ok(registration)
    }

    /// Returns the number of this process.
    pub(super) fn owner(&self) -> u32 {
        self.owner.load(Ordering::Relaxed)
    }

    /// Returns the number of the writer's connection.
    pub(super) fn connection(&self) -> i64 {
        self.connection.load(Ordering::Relaxed)
    }

    /// Makes the database refuse the text streams in requests that were sent before and may still arrive.
    pub(super) fn forget_connection(&self) {
        self.connection.fetch_add(1, Ordering::Relaxed);
    }

    /// Registers the writer's connection. If this process was declared dead, registers the process under another
    /// number.
    pub(super) async fn renew(&self, link: &Link) -> Result<(), RequestError> {
        let (owner, connection) = (self.owner(), self.connection());
        let sql = "UPDATE fanfare.processes SET connection = $2 WHERE owner = $1 RETURNING 1";
        let params = [(&i64::from(owner) as _, Type::INT8), (&connection as _, Type::INT8)];
        if link.query(sql, &params).await?.is_empty() {
            self.replace(link, owner).await?;
        }
        Ok(())
    }

    /// Reports that this process is running.
    pub(super) async fn beat(&self, link: &Link) -> Result<Beat, RequestError> {
        let owner = self.owner();
        let (number, age) = (i64::from(owner), milliseconds(MAX_BEAT_AGE));
        let (name, notice) = (link.database.schema.notifications(), beat_notice(owner));
        let may_judge = self.has_reported_for(GRACE);
        let sent = steady_milliseconds();
        let params = [
            (&number as _, Type::INT8),
            (&age as _, Type::INT8),
            (&may_judge as _, Type::BOOL),
            (&name as _, Type::TEXT),
            (&notice as _, Type::TEXT),
        ];
        let rows = link.query(BEAT, &params).await?;
        let received = steady_milliseconds();
        self.record_report();
        let (time, is_registered, owners): (i64, bool, Vec<i64>) =
            rows.first().map(|row| (row.get(0), row.get(1), row.get(2))).unwrap_or_default();
        if !is_registered {
            self.replace(link, owner).await?;
        }
        let mut running: BTreeSet<u32> =
            owners.into_iter().filter_map(|owner| u32::try_from(owner).ok()).collect();
        running.insert(self.owner());
        Ok(Beat { clock: Reading { time, sent, received }, running })
    }

    /// Removes this process from those that are running, and releases its runs.
    pub(super) async fn unregister(&self, link: &Link) {
        let owner = i64::from(self.owner());
        let sql = "
            WITH released AS (UPDATE fanfare.runs SET owner = NULL, lease = 0 WHERE owner = $1)
            DELETE FROM fanfare.processes WHERE owner = $1
        ";
        // If it fails, others notice after a while that this process does not report.
        let _ = link.query(sql, &[(&owner, Type::INT8)]).await;
    }

    /// Takes another number, unless another task has taken one since.
    async fn replace(&self, link: &Link, lost: u32) -> Result<(), RequestError> {
        let _registering = self.registering.lock().await;
        if self.owner() == lost {
            let owner = random::number();
            self.insert(link, owner).await?;
            self.owner.store(owner, Ordering::Relaxed);
            tracing::warn!(
                "this server did not report to the database for {} s: its text streams have ended, and other servers \
                 may have claimed its runs",
                MAX_BEAT_AGE.as_secs()
            );
        }
        Ok(())
    }

    async fn insert(&self, link: &Link, owner: u32) -> Result<(), RequestError> {
        let sql = "INSERT INTO fanfare.processes (owner, seen, connection) VALUES ($1, fanfare.now_ms(), $2)";
        let params = [(&i64::from(owner) as _, Type::INT8), (&self.connection() as _, Type::INT8)];
        link.query(sql, &params).await.map(drop)
    }

    fn record_report(&self) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now - reports.latest > MAX_BEAT_AGE / 2 {
            reports.since = now;
        }
        reports.latest = now;
    }

    /// Returns whether this process has reported without an interruption for at least this long.
    fn has_reported_for(&self, long: Duration) -> bool {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).since.elapsed() >= long
    }
}
