//! Facts: named values that the database stores about itself.

use rusqlite::{Connection, OptionalExtension, Result};

pub(super) fn get(connection: &Connection, name: &str) -> Result<Option<String>> {
    let mut statement = connection.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
    statement.query_row([name], |row| row.get(0)).optional()
}

pub(super) fn set(connection: &Connection, name: &str, value: &str) -> Result<()> {
    let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO facts VALUES (?1, ?2)")?;
    statement.execute([name, value]).map(drop)
}

pub(super) fn remove(connection: &Connection, name: &str) -> Result<()> {
    connection.prepare_cached("DELETE FROM facts WHERE name = ?1")?.execute([name]).map(drop)
}
