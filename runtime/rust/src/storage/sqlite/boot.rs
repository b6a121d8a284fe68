//! Whether the machine has stopped without warning since the file was last open.
//!
//! A commit is in the system's hands when it comes back, and on the disk some time later. What
//! only a process's end cuts off is not lost; what a machine's end cuts off may be. Then an id
//! that somebody has seen could be given again to another message: so all channels begin a new
//! life, whose ids are others.

use rusqlite::{Connection, OptionalExtension, Result};

use super::batch::in_transaction;
use super::{journal, process};

/// Compares the running system with the one that had the file open, and begins new lives where
/// commits may be missing.
pub(super) fn begin(connection: &Connection, synchronous: bool) -> Result<()> {
    let boot = boot_id();
    // Where the system cannot say that it is the same, every commit waits for the disk.
    let waits = synchronous || boot.is_none();
    connection.pragma_update(None, "synchronous", if waits { "full" } else { "normal" })?;
    let written: Option<String> = connection
        .query_row("SELECT value FROM facts WHERE name = 'open_since_boot'", [], |row| row.get(0))
        .optional()?;
    if written.is_some_and(|written| written != "synchronous" && Some(&written) != boot.as_ref()) {
        tracing::warn!("the machine stopped while the storage was open: all channels begin a new life");
        connection.execute("UPDATE channels SET life = 0", [])?;
    }
    let mark = if waits { Some("synchronous".to_owned()) } else { boot };
    connection.execute("INSERT OR REPLACE INTO facts VALUES ('open_since_boot', ?1)", [mark])?;
    Ok(())
}

/// Notes that this process has left, and where it was the last that all commits are on the disk.
pub(super) fn end(connection: &mut Connection, owner: u32) -> Result<()> {
    connection.pragma_update(None, "synchronous", "full")?;
    in_transaction(connection, |transaction| {
        journal::release(transaction, owner)?;
        process::leave(transaction, owner)?;
        if !process::is_any_here(transaction)? {
            transaction.execute("DELETE FROM facts WHERE name = 'open_since_boot'", [])?;
        }
        Ok(())
    })?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// What is another after each start of the system.
fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}
