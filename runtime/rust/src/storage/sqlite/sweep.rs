//! Deleting what became too old while nobody used its channel.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, Result, Transaction, params};

use super::channels;
use super::messages::trim;
use super::schema::milliseconds;
use crate::channel::{Channel, Registry};
use crate::history::{KEY_AGE, Limits, Log, OpenStream};

pub(super) const INTERVAL: Duration = Duration::from_secs(30);

/// How long a channel is remembered after the last message in its history was too old: what its
/// topics retain, and that subscribers who resume have missed nothing.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

/// When to sweep again if there was more to do than one sweep does.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// How often to look at a channel that this process has open.
const OPEN_INTERVAL: Duration = Duration::from_secs(600);

/// The most channels that one sweep looks at: publishers wait meanwhile.
const CHANNELS: usize = 200;

pub(super) struct Due {
    pub(super) row: i64,
    pub(super) name: String,
    /// In milliseconds since 1970, as all times here: they add up without end.
    used: i64,
}

/// Deletes old messages and forgotten channels, and old keys. Returns whether there is more to do.
pub(super) fn sweep(
    transaction: &Transaction<'_>,
    registry: &Registry,
    is_open: impl Fn(i64) -> bool,
    time: SystemTime,
) -> Result<bool> {
    let now = milliseconds(time);
    transaction.execute("DELETE FROM keys WHERE used < ?1", [now - length(KEY_AGE)])?;
    let due = due(transaction, time)?;
    let has_more = due.len() == CHANNELS;
    for due in due {
        let channel = registry.resolve(&due.name);
        let age = channel.as_ref().map_or(0, |channel| length(channel.definition().history.age));
        let youngest = due.used.saturating_add(age);
        let forget_at = youngest.saturating_add(length(REMEMBERED));
        match channel {
            // Its log deletes messages.
            _ if is_open(due.row) => again(transaction, due.row, now + length(OPEN_INTERVAL))?,
            _ if forget_at <= now => forget(transaction, due.row)?,
            Some(channel) => {
                trim_closed(transaction, &channel, time)?;
                again(transaction, due.row, if youngest > now { youngest } else { forget_at })?;
            }
            // No definition knows it any more; one that is put back within the week finds it again.
            None => again(transaction, due.row, forget_at)?,
        }
    }
    Ok(has_more)
}

/// Deletes what the log of a channel would lose if it were open.
fn trim_closed(transaction: &Transaction<'_>, channel: &Channel, now: SystemTime) -> Result<()> {
    let Some(kept) = channels::read(transaction, channel, now)? else { return Ok(()) };
    // The next process that opens the channel ends these streams, because readers may wait for the rest.
    if !OpenStream::among(channel.definition(), &kept.messages).is_empty() {
        return Ok(());
    }
    let (row, before) = (kept.row, kept.gone.clone());
    let log = Log::restore(channel, kept, &Limits::none());
    trim(transaction, row, channel.definition(), &before, &log.take_lost(1))
}

/// Returns the channels to look at.
pub(super) fn due(connection: &Connection, now: SystemTime) -> Result<Vec<Due>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, used FROM channels WHERE sweep_at <= ?1 ORDER BY sweep_at LIMIT ?2",
    )?;
    let rows = statement.query_map(params![milliseconds(now), CHANNELS], |row| {
        Ok(Due { row: row.get(0)?, name: row.get(1)?, used: row.get(2)? })
    })?;
    rows.collect()
}

fn again(transaction: &Transaction<'_>, row: i64, at: i64) -> Result<()> {
    let mut statement = transaction.prepare_cached("UPDATE channels SET sweep_at = ?2 WHERE id = ?1")?;
    statement.execute(params![row, at])?;
    Ok(())
}

fn length(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn forget(transaction: &Transaction<'_>, row: i64) -> Result<()> {
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
