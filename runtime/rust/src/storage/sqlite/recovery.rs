//! Detects that message ids could be assigned twice: the machine stopped without warning and lost commits, or the
//! file was replaced by a backup of itself.
//!
//! When a commit returns, the operating system has it; the disk has it some time later. If a process ends, nothing is
//! lost. If the machine stops, the last commits may be. Another message could then get an id that a
//! subscriber has seen. So all channels begin a new epoch, with new ids.

use rusqlite::{Connection, Result};

use super::super::sql::release_runs;
use super::batch::in_transaction;
use super::clock::StorageClock;
use super::database_file::DatabaseFile;
use super::statements::{Statements, finish};
use super::transaction::Transaction;
use super::{facts, processes};
use crate::clock;

/// The fact that records the boot of the machine during which the file was opened, while any process has it open.
const OPEN_SINCE: &str = "open_since_boot";

/// Makes commits wait for the disk if the user asked for it or if the system has no boot id. Returns whether they do.
pub(super) fn set_synchronous(connection: &Connection, synchronous: bool) -> Result<bool> {
    let waits = synchronous || clock::boot_id().is_none();
    connection.pragma_update(None, "synchronous", if waits { "full" } else { "normal" })?;
    Ok(waits)
}

/// Compares the current boot and the file with those that were recorded. Begins new epochs if commits may be missing.
/// Gives the file a new mark.
pub(super) fn begin_use(
    transaction: &Transaction<'_>,
    synchronous: bool,
    file: Option<&DatabaseFile>,
) -> Result<()> {
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
        tracing::warn!(%file, "the storage file was replaced, for example by a backup: all channels begin a new epoch");
    }
    let boot = if synchronous { None } else { boot }.unwrap_or_else(|| "synchronous".to_owned());
    facts::set(transaction, OPEN_SINCE, &boot)?;
    file.map_or(Ok(()), |file| file.renew_mark(transaction))
}

/// Makes each channel begin a new epoch when it is used next. Returns the number of channels.
fn begin_epochs(transaction: &Transaction<'_>) -> Result<usize> {
    transaction.execute("UPDATE channels SET life = 0", [])
}

/// Removes this process. If it was the last one, records that all commits are on the disk.
pub(super) fn end_use(
    connection: &mut Connection,
    owner: u32,
    clock: StorageClock,
    file: Option<&DatabaseFile>,
) -> Result<()> {
    connection.pragma_update(None, "synchronous", "full")?;
    in_transaction(connection, |transaction| {
        if !bug!(RunsNotReleased) {
            finish(release_runs(&mut Statements(transaction), owner))?;
        }
        processes::unregister(transaction, owner)?;
        clock.record(transaction)?;
        if !processes::is_any_running(transaction)? {
            facts::remove(transaction, OPEN_SINCE)?;
        }
        file.map_or(Ok(()), |file| file.renew_mark(transaction))
    })?;
    if let Some(file) = file {
        in_transaction(connection, |transaction| file.publish_mark(transaction))?;
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
