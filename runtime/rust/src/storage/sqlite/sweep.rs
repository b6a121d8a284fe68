//! Deleting old data of channels that are not in use.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, Result, params};

use super::channels;
use super::messages::trim;
use super::transaction::Transaction;
use crate::channel::{Channel, Registry};
use crate::clock::{milliseconds, to_milliseconds};
use crate::history::{Limits, Log, MAX_KEY_AGE, OpenStream};

pub(super) const INTERVAL: Duration = Duration::from_secs(30);

/// How long a channel is kept after the last message in its history expired. Meanwhile it keeps its retained messages,
/// and subscribers that resume have no gap.
const CHANNEL_RETENTION: Duration = Duration::from_secs(7 * 86_400);

/// When to sweep again if channels are left.
pub(super) const UNFINISHED_INTERVAL: Duration = Duration::from_secs(1);

/// How often to check a channel that this process has open.
const OPEN_INTERVAL: Duration = Duration::from_secs(600);

/// The maximum number of channels per sweep. Publishers wait meanwhile.
const MAX_CHANNELS: usize = 200;

pub(super) struct DueChannel {
    pub(super) row: i64,
    pub(super) name: String,
    /// In milliseconds since 1970. Sums of such times must saturate.
    used_at: i64,
}

/// Deletes old messages, channels and keys. Returns whether there is more to do.
pub(super) fn sweep(
    transaction: &Transaction<'_>,
    registry: &Registry,
    is_open: impl Fn(i64) -> bool,
    time: SystemTime,
) -> Result<bool> {
    let now = to_milliseconds(time);
    transaction.execute("DELETE FROM keys WHERE used < ?1", [now - milliseconds(MAX_KEY_AGE)])?;
    let due = find_due(transaction, time)?;
    let has_more = due.len() == MAX_CHANNELS;
    for due in due {
        let channel = registry.resolve(&due.name);
        let age = channel.as_ref().map_or(0, |channel| milliseconds(channel.definition().history.age));
        let expires_at = due.used_at.saturating_add(age);
        let delete_at = expires_at.saturating_add(milliseconds(CHANNEL_RETENTION));
        match channel {
            // Open logs delete their own messages.
            _ if is_open(due.row) => sweep_again_at(transaction, due.row, now + milliseconds(OPEN_INTERVAL))?,
            _ if delete_at <= now => delete_channel(transaction, due.row)?,
            Some(channel) => {
                trim_closed(transaction, &channel, time)?;
                sweep_again_at(transaction, due.row, if expires_at > now { expires_at } else { delete_at })?;
            }
            // No definition has the channel. A definition that is restored within the week finds it again.
            None => sweep_again_at(transaction, due.row, delete_at)?,
        }
    }
    Ok(has_more)
}

/// Deletes the messages that the log of a channel would evict if it were open.
fn trim_closed(transaction: &Transaction<'_>, channel: &Channel, now: SystemTime) -> Result<()> {
    let Some(stored) = channels::read(transaction, channel, now)? else { return Ok(()) };
    // Leave open streams to the next process that opens the channel. It ends them, because readers may wait for more.
    if !OpenStream::among(channel.definition(), &stored.messages).is_empty() {
        return Ok(());
    }
    let (row, before) = (stored.channel.id(), stored.evicted.clone());
    let log = Log::restore(channel, stored, &Limits::none());
    trim(transaction, row, channel.definition(), &before, &log.take_evicted(1))
}

/// Returns the channels that are due for a sweep.
pub(super) fn find_due(connection: &Connection, now: SystemTime) -> Result<Vec<DueChannel>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, used FROM channels WHERE sweep_at <= ?1 ORDER BY sweep_at LIMIT ?2",
    )?;
    let rows = statement.query_map(params![to_milliseconds(now), MAX_CHANNELS], |row| {
        Ok(DueChannel { row: row.get(0)?, name: row.get(1)?, used_at: row.get(2)? })
    })?;
    rows.collect()
}

fn sweep_again_at(transaction: &Transaction<'_>, row: i64, at: i64) -> Result<()> {
    let mut statement = transaction.prepare_cached("UPDATE channels SET sweep_at = ?2 WHERE id = ?1")?;
    statement.execute(params![row, at])?;
    Ok(())
}

fn delete_channel(transaction: &Transaction<'_>, row: i64) -> Result<()> {
    for deletion in [
        "DELETE FROM messages WHERE channel = ?1",
        "DELETE FROM gone WHERE channel = ?1",
        "DELETE FROM keys WHERE channel = ?1",
        "DELETE FROM channels WHERE id = ?1",
    ] {
        transaction.prepare_cached(deletion)?.execute([row])?;
    }
    Ok(())
}
