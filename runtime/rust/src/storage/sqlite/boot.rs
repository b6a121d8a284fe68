//! Whether ids may be given twice: commits may be missing because the machine stopped without warning, or the file
//! was replaced by a backup of itself.
//!
//! A commit is in the system's hands when it comes back, and on the disk some time later. What
//! only a process's end cuts off is not lost; what a machine's end cuts off may be. Then an id
//! that somebody has seen could be given again to another message: so all channels begin a new
//! epoch, whose ids are others.

use rusqlite::{Connection, Result, Transaction};

use super::batch::in_transaction;
use super::clock::StorageClock;
use super::file::File;
use super::{facts, journal, process};
use crate::clock;

/// The fact that says during which start of the machine the file was opened, while any process has it open.
const OPEN_SINCE: &str = "open_since_boot";

/// Makes commits wait for the disk if the user asked for it, or if the system has no boot id.
pub(super) fn set_synchronous(connection: &Connection, synchronous: bool) -> Result<()> {
    let waits = synchronous || clock::boot_id().is_none();
    connection.pragma_update(None, "synchronous", if waits { "full" } else { "normal" })
}

/// Compares the running system with the one that had the file open, and the file with the one that was open. Begins
/// new epochs if commits may be missing. Gives the file a new mark.
pub(super) fn begin(transaction: &Transaction<'_>, synchronous: bool, file: Option<&File>) -> Result<()> {
    let boot = clock::boot_id();
    let written = facts::get(transaction, OPEN_SINCE)?;
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
    facts::set(transaction, OPEN_SINCE, &boot)?;
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
            facts::remove(transaction, OPEN_SINCE)?;
        }
        file.map_or(Ok(()), |file| file.renew_mark(transaction))
    })?;
    if let Some(file) = file {
        in_transaction(connection, |transaction| file.publish_mark(transaction))?;
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
