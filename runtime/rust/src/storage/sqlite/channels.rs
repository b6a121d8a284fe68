//! Opening a channel: all that is kept of it.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode, OptionalExtension, Result, Transaction, params};

use super::schema::{milliseconds, time};
use crate::channel::{Channel, ChannelDefinition};
use crate::history::{Kept, KeptMessage};
use crate::wire::{MessageId, with_id};

/// How often to record that a channel is in use, while nothing is published to it.
pub(super) const NOTED: Duration = Duration::from_secs(86_400);

/// A channel in the file.
pub(super) struct Found {
    pub(super) row: i64,
    pub(super) life: u64,
    pub(super) head: u64,
    fingerprint: String,
    is_new: bool,
}

/// What is kept of a channel; of one that is new, nothing.
pub(super) fn open(transaction: &Transaction<'_>, channel: &Channel, now: SystemTime) -> Result<Kept> {
    let definition = channel.definition();
    let found = find_or_create(transaction, channel, now)?;
    if !found.is_new {
        note_use(transaction, found.row, now)?;
    }
    let is_of_another_definition = found.fingerprint != definition.fingerprint;
    if is_of_another_definition {
        let mut statement =
            transaction.prepare_cached("UPDATE channels SET fingerprint = ?2 WHERE id = ?1")?;
        statement.execute(params![found.row, definition.fingerprint])?;
    }
    let kept = kept(transaction, definition, &found, now)?;
    Ok(Kept { is_of_another_definition, ..kept })
}

/// What is kept of a channel, if anything is.
pub(super) fn read(connection: &Connection, channel: &Channel, now: SystemTime) -> Result<Option<Kept>> {
    let found = find(connection, channel.name())?;
    found.map(|found| kept(connection, channel.definition(), &found, now)).transpose()
}

fn kept(
    connection: &Connection,
    definition: &ChannelDefinition,
    found: &Found,
    now: SystemTime,
) -> Result<Kept> {
    let Found { row, life, head, .. } = *found;
    Ok(Kept {
        row,
        life,
        head,
        messages: messages(connection, row, life, definition, 0)?.messages,
        gone: gone(connection, row, definition)?,
        is_of_another_definition: false,
        now,
    })
}

/// Finds a channel, or creates it. Begins a new epoch if the channel has none.
pub(super) fn find_or_create(
    transaction: &Transaction<'_>,
    channel: &Channel,
    now: SystemTime,
) -> Result<Found> {
    let Some(found) = find(transaction, channel.name())? else { return create(transaction, channel, now) };
    if found.life != 0 {
        return Ok(found);
    }
    begin_life(transaction, found.row, now)?;
    find_or_create(transaction, channel, now)
}

/// Notes that a process has a channel open, so that no process forgets it. Does so once a day at most.
pub(super) fn note_use(transaction: &Transaction<'_>, row: i64, now: SystemTime) -> Result<()> {
    let mut statement =
        transaction.prepare_cached("UPDATE channels SET used = ?2 WHERE id = ?1 AND used < ?3")?;
    let noted = now.checked_sub(NOTED).map_or(0, milliseconds);
    statement.execute(params![row, milliseconds(now), noted])?;
    Ok(())
}

/// Sets a channel aside whose rows cannot be read. The channel begins a new epoch under another row when it is used
/// next. The rows stay in the file under another name, and nothing looks at them again.
pub(super) fn set_aside(transaction: &Transaction<'_>, row: i64, now: SystemTime) -> Result<()> {
    let life = next_life(transaction, now)?;
    let mut statement = transaction.prepare_cached(
        "UPDATE channels SET name = 'damaged/' || id || '/' || name, life = ?2, sweep_at = ?3 WHERE id = ?1",
    )?;
    statement.execute(params![row, life, i64::MAX])?;
    Ok(())
}

/// Returns whether a channel's rows cannot be read because the file is damaged.
pub(super) fn is_damaged(connection: &Connection, row: i64) -> bool {
    let read = |sql: &str| connection.query_row(sql, [row], |_| Ok(()));
    let reads = [
        "SELECT count(*), sum(length(topic || frame)) FROM messages WHERE channel = ?1",
        "SELECT count(*), sum(length(topic)) FROM gone WHERE channel = ?1",
        "SELECT count(*), sum(length(content)) FROM keys WHERE channel = ?1",
        "SELECT count(*), sum(offset) FROM keys WHERE channel = ?1",
    ];
    reads.into_iter().any(|sql| read(sql).is_err_and(|error| is_corrupt(&error)))
}

/// Returns whether an error says that the file is damaged.
pub(super) fn is_corrupt(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt)
}

/// Returns the row of a channel by its name.
pub(super) fn row_of(connection: &Connection, name: &str) -> Result<Option<i64>> {
    connection.query_row("SELECT id FROM channels WHERE name = ?1", [name], |row| row.get(0)).optional()
}

fn find(connection: &Connection, name: &str) -> Result<Option<Found>> {
    let mut statement =
        connection.prepare_cached("SELECT id, life, head, fingerprint FROM channels WHERE name = ?1")?;
    let found = statement.query_row([name], |row| {
        Ok(Found {
            row: row.get(0)?,
            life: row.get(1)?,
            head: row.get(2)?,
            fingerprint: row.get(3)?,
            is_new: false,
        })
    });
    found.optional()
}

fn create(transaction: &Transaction<'_>, channel: &Channel, now: SystemTime) -> Result<Found> {
    let fingerprint = channel.definition().fingerprint;
    let life = next_life(transaction, now)?;
    if bug!(RowsReused) {
        transaction.execute("DELETE FROM sqlite_sequence WHERE name = 'channels'", [])?;
    }
    let mut statement = transaction.prepare_cached(
        "INSERT INTO channels (name, life, head, fingerprint, used, sweep_at) VALUES (?1, ?2, 0, ?3, ?4, ?4)",
    )?;
    statement.execute(params![channel.name(), life, fingerprint, milliseconds(now)])?;
    let (row, fingerprint) = (transaction.last_insert_rowid(), fingerprint.to_owned());
    Ok(Found { row, life, head: 0, fingerprint, is_new: true })
}

/// Begins a new epoch. What was in history is not sent again under other ids: those who resume are told a gap. What
/// topics retain stays.
fn begin_life(transaction: &Transaction<'_>, row: i64, now: SystemTime) -> Result<()> {
    let life = next_life(transaction, now)?;
    transaction.execute("UPDATE channels SET life = ?2 WHERE id = ?1", params![row, life])?;
    transaction.execute("UPDATE messages SET published = 0 WHERE channel = ?1", [row])?;
    Ok(())
}

/// Returns an epoch greater than all earlier ones. It follows the clock, so it is also greater than epochs that a
/// restored backup does not know.
fn next_life(transaction: &Transaction<'_>, now: SystemTime) -> Result<u64> {
    let now = milliseconds(now);
    let mut statement = transaction.prepare_cached(
        "INSERT INTO facts VALUES ('last_life', ?1)
         ON CONFLICT DO UPDATE SET value = max(CAST(value AS INTEGER) + 1, CAST(excluded.value AS INTEGER))
         RETURNING CAST(value AS INTEGER)",
    )?;
    statement.query_row([now.to_string()], |row| row.get(0))
}

/// The messages of a channel after an offset.
pub(super) struct Messages {
    /// How many the file has. If all are there, as many as offsets were given.
    pub(super) count: u64,
    /// Those of topics that the definition has.
    pub(super) messages: Vec<KeptMessage>,
}

/// Reads the messages of a channel after an offset.
pub(super) fn messages(
    connection: &Connection,
    row: i64,
    life: u64,
    definition: &ChannelDefinition,
    after: u64,
) -> Result<Messages> {
    let mut statement = connection.prepare_cached(
        "SELECT offset, topic, published, frame FROM messages WHERE channel = ?1 AND offset > ?2
         ORDER BY offset",
    )?;
    let mut rows = statement.query(params![row, after])?;
    let (mut count, mut messages) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        count += 1;
        // What no topic of the definition is for any more, nobody can subscribe to.
        let Some(topic) = definition.log_topic_index(&row.get::<_, String>(1)?) else { continue };
        let offset = row.get(0)?;
        let frame = with_id(row.get(3)?, MessageId::new(life, offset)).into();
        messages.push(KeptMessage { offset, topic, published: time(row.get(2)?), frame });
    }
    Ok(Messages { count, messages })
}

fn gone(connection: &Connection, row: i64, definition: &ChannelDefinition) -> Result<Vec<(usize, u64)>> {
    let mut statement = connection.prepare_cached("SELECT topic, offset FROM gone WHERE channel = ?1")?;
    let rows = statement.query_map([row], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let mut gone = Vec::new();
    for row in rows {
        let (topic, offset) = row?;
        gone.extend(definition.log_topic_index(&topic).map(|topic| (topic, offset)));
    }
    Ok(gone)
}
