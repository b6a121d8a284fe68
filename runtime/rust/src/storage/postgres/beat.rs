//! Reporting that this process is running, and finding out which others are.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_postgres::types::Type;

use super::connection::{Link, RequestError};
use super::milliseconds;
use super::notices::beat_notice;
use crate::storage::remote_clock::{Reading, steady_milliseconds};

/// How often a process reports that it is running.
pub(super) const BEAT_INTERVAL: Duration = Duration::from_secs(2);

/// A process that has not reported for this long has ended.
pub(super) const MAX_BEAT_AGE: Duration = Duration::from_secs(15);

/// The row of a process that ended without removing it is deleted after this long.
const PROCESS_RETENTION: Duration = Duration::from_secs(3600);

/// The notification lets the process notice whether notifications reach it.
const BEAT: &str = "
    WITH beat AS (
        INSERT INTO fanfare.processes VALUES ($1, fanfare.now_ms())
        ON CONFLICT (owner) DO UPDATE SET seen = excluded.seen
    ), forgotten AS (
        DELETE FROM fanfare.processes WHERE seen < fanfare.now_ms() - $3 AND owner <> $1
    )
    SELECT fanfare.now_ms(), array(SELECT owner FROM fanfare.processes WHERE seen > fanfare.now_ms() - $2),
        set_config('synchronous_commit', 'off', true), pg_notify($4, $5)
";

/// The answer to a report.
pub(super) struct Beat {
    pub(super) clock: Reading,
    /// The processes that are running.
    pub(super) running: BTreeSet<u32>,
}

/// Reports that a process is running.
pub(super) async fn beat(link: &Link, owner: u32) -> Result<Beat, RequestError> {
    let number = i64::from(owner);
    let ages = [MAX_BEAT_AGE, PROCESS_RETENTION].map(milliseconds);
    let (name, notice) = (link.database.schema.notifications(), beat_notice(owner));
    let sent = steady_milliseconds();
    let params = [
        (&number as _, Type::INT8),
        (&ages[0] as _, Type::INT8),
        (&ages[1] as _, Type::INT8),
        (&name as _, Type::TEXT),
        (&notice as _, Type::TEXT),
    ];
    let rows = link.query(BEAT, &params).await?;
    let received = steady_milliseconds();
    let (time, others): (i64, Vec<i64>) =
        rows.first().map(|row| (row.get(0), row.get(1))).unwrap_or_default();
    let mut running: BTreeSet<u32> =
        others.into_iter().filter_map(|owner| u32::try_from(owner).ok()).collect();
    running.insert(owner);
    Ok(Beat { clock: Reading { time, sent, received }, running })
}

/// Removes a process from those that are running, and releases its runs.
pub(super) async fn unregister(link: &Link, owner: u32) {
    let owner = i64::from(owner);
    let sql = "
        WITH released AS (UPDATE fanfare.runs SET owner = NULL, lease = 0 WHERE owner = $1)
        DELETE FROM fanfare.processes WHERE owner = $1
    ";
    // If it fails, others notice after a while that this process does not report.
    let _ = link.query(sql, &[(&owner, Type::INT8)]).await;
}
