//! The ids of tokens that were revoked.

use rusqlite::{Connection, Result, params};

use crate::token::MAX_LIFETIME;

/// All that are revoked, and when.
pub(super) fn read(connection: &Connection) -> Result<Vec<(String, u64)>> {
    let mut statement = connection.prepare("SELECT token, at FROM revoked")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

pub(super) fn record(connection: &Connection, id: &str, at: u64) -> Result<()> {
    connection.execute("INSERT OR REPLACE INTO revoked VALUES (?1, ?2)", params![id, at])?;
    connection.execute("DELETE FROM revoked WHERE at < ?1", [at.saturating_sub(MAX_LIFETIME.as_secs())])?;
    Ok(())
}
