//! The ids of revoked tokens, and when they were revoked by the storage's clock.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, Result, params};

use crate::clock::{from_milliseconds, to_milliseconds};
use crate::token::REVOKED_FOR;

/// Returns the revocations after the one with the id `after`, each with the time since then, and the latest id.
pub(super) fn read(
    connection: &Connection,
    after: i64,
    now: SystemTime,
) -> Result<(Vec<(String, Duration)>, i64)> {
    let mut statement =
        connection.prepare_cached("SELECT id, token, at FROM revoked WHERE id > ?1 ORDER BY id")?;
    let mut rows = statement.query([after])?;
    let (mut revoked, mut latest) = (Vec::new(), after);
    while let Some(row) = rows.next()? {
        latest = row.get(0)?;
        let age = now.duration_since(from_milliseconds(row.get(2)?)).unwrap_or_default();
        revoked.push((row.get(1)?, age));
    }
    Ok((revoked, latest))
}

pub(super) fn record(connection: &Connection, id: &str, now: SystemTime) -> Result<()> {
    let forgotten = now.checked_sub(REVOKED_FOR).map_or(0, to_milliseconds);
    connection.prepare_cached("DELETE FROM revoked WHERE at < ?1")?.execute([forgotten])?;
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO revoked (token, at) VALUES (?1, ?2)")?;
    statement.execute(params![id, to_milliseconds(now)])?;
    Ok(())
}
