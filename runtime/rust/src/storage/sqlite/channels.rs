//! Opening a channel: all that is kept of it.

use std::time::UNIX_EPOCH;

use rusqlite::{Connection, OptionalExtension, Result, Transaction, params};

use super::schema::{milliseconds, time};
use crate::channel::{Channel, ChannelDefinition};
use crate::clock;
use crate::history::{Kept, KeptMessage};
use crate::wire::{MessageId, with_id};

struct Found {
    row: i64,
    life: u64,
    head: u64,
    fingerprint: String,
}

/// What is kept of a channel that is being opened; of one that is new, nothing.
pub(super) fn open(transaction: &Transaction<'_>, channel: &Channel) -> Result<Kept> {
    let definition = channel.definition();
    let Some(found) = find(transaction, channel.name())? else { return create(transaction, channel) };
    let history_after = if found.life == 0 { found.head } else { 0 };
    let life = if found.life == 0 { begin_life(transaction, found.row)? } else { found.life };
    let is_of_another_definition = found.fingerprint != definition.fingerprint;
    if is_of_another_definition {
        let mut statement =
            transaction.prepare_cached("UPDATE channels SET fingerprint = ?2 WHERE id = ?1")?;
        statement.execute(params![found.row, definition.fingerprint])?;
    }
    let kept = kept(transaction, definition, Found { life, ..found })?;
    // What was in history is not sent again under other ids: those who resume are told a gap.
    Ok(Kept { history_after, is_of_another_definition, ..kept })
}

/// What is kept of a channel, if anything is.
pub(super) fn read(transaction: &Connection, channel: &Channel) -> Result<Option<Kept>> {
    let found = find(transaction, channel.name())?;
    found.map(|found| kept(transaction, channel.definition(), found)).transpose()
}

fn kept(connection: &Connection, definition: &ChannelDefinition, found: Found) -> Result<Kept> {
    let Found { row, life, head, .. } = found;
    Ok(Kept {
        row,
        life,
        head,
        history_after: 0,
        messages: messages(connection, row, life, definition, 0)?,
        gone: gone(connection, row, definition)?,
        is_of_another_definition: false,
        now: clock::now(),
    })
}

fn find(connection: &Connection, name: &str) -> Result<Option<Found>> {
    let mut statement =
        connection.prepare_cached("SELECT id, life, head, fingerprint FROM channels WHERE name = ?1")?;
    let found = statement.query_row([name], |row| {
        Ok(Found { row: row.get(0)?, life: row.get(1)?, head: row.get(2)?, fingerprint: row.get(3)? })
    });
    found.optional()
}

fn create(transaction: &Transaction<'_>, channel: &Channel) -> Result<Kept> {
    let definition = channel.definition();
    let life = next_life(transaction)?;
    let mut statement = transaction.prepare_cached(
        "INSERT INTO channels (name, life, head, first, fingerprint, used, sweep_at)
         VALUES (?1, ?2, 0, 1, ?3, ?4, ?4)",
    )?;
    let now = milliseconds(clock::now());
    statement.execute(params![channel.name(), life, definition.fingerprint, now])?;
    let row = transaction.last_insert_rowid();
    Ok(Kept {
        row,
        life,
        head: 0,
        history_after: 0,
        messages: Vec::new(),
        gone: Vec::new(),
        is_of_another_definition: false,
        now: clock::now(),
    })
}

fn begin_life(transaction: &Transaction<'_>, row: i64) -> Result<u64> {
    let life = next_life(transaction)?;
    transaction.execute("UPDATE channels SET life = ?2 WHERE id = ?1", params![row, life])?;
    Ok(life)
}

/// Lives are the time in milliseconds, and ascend even where the clock does not.
fn next_life(transaction: &Transaction<'_>) -> Result<u64> {
    let now = clock::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut statement = transaction.prepare_cached(
        "INSERT INTO facts VALUES ('last_life', ?1)
         ON CONFLICT DO UPDATE SET value = max(CAST(value AS INTEGER) + 1, CAST(excluded.value AS INTEGER))
         RETURNING CAST(value AS INTEGER)",
    )?;
    statement.query_row([now.to_string()], |row| row.get(0))
}

/// What is kept of a channel after an offset.
pub(super) fn messages(
    connection: &Connection,
    row: i64,
    life: u64,
    definition: &ChannelDefinition,
    after: u64,
) -> Result<Vec<KeptMessage>> {
    let mut statement = connection.prepare_cached(
        "SELECT offset, topic, published, frame FROM messages WHERE channel = ?1 AND offset > ?2
         ORDER BY offset",
    )?;
    let mut rows = statement.query(params![row, after])?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        // What no topic of the definition is for any more, nobody can subscribe to.
        let Some(topic) = definition.logged_as(&row.get::<_, String>(1)?) else { continue };
        let offset = row.get(0)?;
        let frame = with_id(row.get(3)?, MessageId::new(life, offset)).into();
        messages.push(KeptMessage { offset, topic, published: time(row.get(2)?), frame });
    }
    Ok(messages)
}

fn gone(connection: &Connection, row: i64, definition: &ChannelDefinition) -> Result<Vec<(usize, u64)>> {
    let mut statement = connection.prepare_cached("SELECT topic, offset FROM gone WHERE channel = ?1")?;
    let rows = statement.query_map([row], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let mut gone = Vec::new();
    for row in rows {
        let (topic, offset) = row?;
        gone.extend(definition.logged_as(&topic).map(|topic| (topic, offset)));
    }
    Ok(gone)
}
