//! Whether ids may be given twice: commits may be missing because the machine stopped without warning, or the file
//! was replaced by a backup of itself.
//!
//! A commit is in the system's hands when it comes back, and on the disk some time later. What
//! only a process's end cuts off is not lost; what a machine's end cuts off may be. Then an id
//! that somebody has seen could be given again to another message: so all channels begin a new
//! epoch, whose ids are others.

use rusqlite::{Connection, OptionalExtension, Result, Transaction};

use super::batch::in_transaction;
use super::clock::StorageClock;
use super::file::File;
use super::{journal, process};

/// Has commits wait for the disk if they must: if it is asked for, or if the system cannot say that it is the same.
pub(super) fn set_synchronous(connection: &Connection, synchronous: bool) -> Result<()> {
    let waits = synchronous || boot_id().is_none();
    connection.pragma_update(None, "synchronous", if waits { "full" } else { "normal" })
}

/// Compares the running system with the one that had the file open, and the file with the one that was open. Begins
/// new epochs if commits may be missing. Gives the file a new mark.
pub(super) fn begin(transaction: &Transaction<'_>, synchronous: bool, file: Option<&File>) -> Result<()> {
    let boot = boot_id();
    let written: Option<String> = transaction
        .query_row("SELECT value FROM facts WHERE name = 'open_since_boot'", [], |row| row.get(0))
        .optional()?;
    if written.is_some_and(|written| written != "synchronous" && Some(&written) != boot.as_ref()) {
        tracing::warn!("the machine stopped while the storage was open: all channels begin a new epoch");
        begin_epochs(transaction)?;
    }
    if let Some(file) = file
        && !file.has_own_mark(transaction)?
        && begin_epochs(transaction)? > 0
    {
        let file = file.path().display();
        tracing::warn!(%file, "the storage was replaced, by a backup for example: all channels begin a new epoch");
    }
    let boot = if synchronous { None } else { boot }.unwrap_or_else(|| "synchronous".to_owned());
    transaction.execute("INSERT OR REPLACE INTO facts VALUES ('open_since_boot', ?1)", [boot])?;
    file.map_or(Ok(()), |file| file.renew_mark(transaction))
}

/// Has each channel begin a new epoch when it is used next. Returns how many there are.
fn begin_epochs(transaction: &Transaction<'_>) -> Result<usize> {
    transaction.execute("UPDATE channels SET life = 0", [])
}

/// Notes that this process has left, and where it was the last that all commits are on the disk.
pub(super) fn end(
    connection: &mut Connection,
    owner: u32,
    clock: StorageClock,
    file: Option<&File>,
) -> Result<()> {
    connection.pragma_update(None, "synchronous", "full")?;
    in_transaction(connection, |transaction| {
        journal::release(transaction, owner)?;
        process::leave(transaction, owner)?;
        clock.record(transaction)?;
        if !process::is_any_here(transaction)? {
            transaction.execute("DELETE FROM facts WHERE name = 'open_since_boot'", [])?;
        }
        file.map_or(Ok(()), |file| file.renew_mark(transaction))
    })?;
    if let Some(file) = file {
        in_transaction(connection, |transaction| file.publish_mark(transaction))?;
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// What is another after each start of the system.
fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}
