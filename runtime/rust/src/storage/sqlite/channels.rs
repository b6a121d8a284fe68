//! Reading and creating the stored state of a channel.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode, OptionalExtension, Result, params};

use super::transaction::Transaction;
use crate::channel::{Channel, ChannelDefinition};
use crate::clock::{from_milliseconds, to_milliseconds};
use crate::history::{ChannelHandle, StoredLog, StoredMessage};
use crate::wire::{MessageId, with_id};

/// How often to record that a channel is in use while nothing is published to it.
pub(super) const USE_RECORD_INTERVAL: Duration = Duration::from_secs(86_400);

/// A channel's row.
pub(super) struct ChannelRow {
    pub(super) row: i64,
    pub(super) epoch: u64,
    pub(super) head: u64,
    fingerprint: String,
    is_new: bool,
}

/// Opens a channel, and creates it if it does not exist. Returns its stored state.
pub(super) fn open(transaction: &Transaction<'_>, channel: &Channel, now: SystemTime) -> Result<StoredLog> {
    let definition = channel.definition();
    let found = find_or_create(transaction, channel, now)?;
    if !found.is_new {
        record_use(transaction, found.row, now)?;
    }
    let has_other_definition = found.fingerprint != definition.fingerprint;
    if has_other_definition {
        let mut statement =
            transaction.prepare_cached("UPDATE channels SET fingerprint = ?2 WHERE id = ?1")?;
        statement.execute(params![found.row, definition.fingerprint])?;
    }
    let stored = load(transaction, definition, &found, now)?;
    Ok(StoredLog { has_other_definition, ..stored })
}

/// Returns the stored state of a channel, or `None` if it does not exist.
pub(super) fn read(connection: &Connection, channel: &Channel, now: SystemTime) -> Result<Option<StoredLog>> {
    let found = find(connection, channel.name())?;
    found.map(|found| load(connection, channel.definition(), &found, now)).transpose()
}

fn load(
    connection: &Connection,
    definition: &ChannelDefinition,
    found: &ChannelRow,
    now: SystemTime,
) -> Result<StoredLog> {
    let ChannelRow { row, epoch, head, .. } = *found;
    Ok(StoredLog {
        continues: None,
        channel: ChannelHandle::new(row),
        epoch,
        head,
        messages: read_messages(connection, row, epoch, definition, 0)?.messages,
        evicted: read_evicted(connection, row, definition)?,
        has_other_definition: false,
        now,
    })
}

/// Finds a channel, or creates it. Begins a new epoch if the channel has none.
pub(super) fn find_or_create(
    transaction: &Transaction<'_>,
    channel: &Channel,
    now: SystemTime,
) -> Result<ChannelRow> {
    let Some(found) = find(transaction, channel.name())? else { return create(transaction, channel, now) };
    if found.epoch != 0 {
        return Ok(found);
    }
    begin_epoch(transaction, found.row, now)?;
    find_or_create(transaction, channel, now)
}

/// Records that a process has a channel open, so that no process deletes it. Writes at most once a day.
pub(super) fn record_use(transaction: &Transaction<'_>, row: i64, now: SystemTime) -> Result<()> {
    let mut statement =
        transaction.prepare_cached("UPDATE channels SET used = ?2 WHERE id = ?1 AND used < ?3")?;
    let recorded_before = now.checked_sub(USE_RECORD_INTERVAL).map_or(0, to_milliseconds);
    statement.execute(params![row, to_milliseconds(now), recorded_before])?;
    Ok(())
}

/// Renames the row of a channel that cannot be read. The channel begins a new epoch under another row when it is used
/// next. The damaged rows stay in the file and are not read again.
pub(super) fn set_aside(transaction: &Transaction<'_>, row: i64, now: SystemTime) -> Result<()> {
    let epoch = next_epoch(transaction, now)?;
    let mut statement = transaction.prepare_cached(
        "UPDATE channels SET name = 'damaged/' || id || '/' || name, life = ?2, sweep_at = ?3 WHERE id = ?1",
    )?;
    statement.execute(params![row, epoch, i64::MAX])?;
    Ok(())
}

/// Returns whether the file is damaged where a channel's rows are.
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
pub(super) fn find_row(connection: &Connection, name: &str) -> Result<Option<i64>> {
    connection.query_row("SELECT id FROM channels WHERE name = ?1", [name], |row| row.get(0)).optional()
}

fn find(connection: &Connection, name: &str) -> Result<Option<ChannelRow>> {
    let mut statement =
        connection.prepare_cached("SELECT id, life, head, fingerprint FROM channels WHERE name = ?1")?;
    let found = statement.query_row([name], |row| {
        Ok(ChannelRow {
            row: row.get(0)?,
            epoch: row.get(1)?,
            head: row.get(2)?,
            fingerprint: row.get(3)?,
            is_new: false,
        })
    });
    found.optional()
}

fn create(transaction: &Transaction<'_>, channel: &Channel, now: SystemTime) -> Result<ChannelRow> {
    let fingerprint = channel.definition().fingerprint;
    let epoch = next_epoch(transaction, now)?;
    if bug!(ChannelRowsReused) {
        transaction.execute("DELETE FROM sqlite_sequence WHERE name = 'channels'", [])?;
    }
    let mut statement = transaction.prepare_cached(
        "INSERT INTO channels (name, life, head, fingerprint, used, sweep_at) VALUES (?1, ?2, 0, ?3, ?4, ?4)",
    )?;
    statement.execute(params![channel.name(), epoch, fingerprint, to_milliseconds(now)])?;
    let (row, fingerprint) = (transaction.last_insert_rowid(), fingerprint.to_owned());
    Ok(ChannelRow { row, epoch, head: 0, fingerprint, is_new: true })
}

/// Begins a new epoch. Messages of the history are not sent again under new ids: clients that resume receive a gap.
/// Retained messages stay.
fn begin_epoch(transaction: &Transaction<'_>, row: i64, now: SystemTime) -> Result<()> {
    let epoch = next_epoch(transaction, now)?;
    transaction.execute("UPDATE channels SET life = ?2 WHERE id = ?1", params![row, epoch])?;
    transaction.execute("UPDATE messages SET published = 0 WHERE channel = ?1", [row])?;
    Ok(())
}

/// Returns an epoch greater than all earlier ones. It follows the clock, so it is also greater than epochs that a
/// restored backup does not know.
fn next_epoch(transaction: &Transaction<'_>, now: SystemTime) -> Result<u64> {
    let now = to_milliseconds(now);
    let mut statement = transaction.prepare_cached(
        "INSERT INTO facts VALUES ('last_life', ?1)
         ON CONFLICT DO UPDATE SET value = max(CAST(value AS INTEGER) + 1, CAST(excluded.value AS INTEGER))
         RETURNING CAST(value AS INTEGER)",
    )?;
    statement.query_row([now.to_string()], |row| row.get(0))
}

/// The messages of a channel after an offset.
pub(super) struct MessageRows {
    /// The number of rows. If none was deleted, it is the number of offsets since then.
    pub(super) count: u64,
    /// The messages of topics that the definition has.
    pub(super) messages: Vec<StoredMessage>,
}

/// Reads the messages of a channel after an offset.
pub(super) fn read_messages(
    connection: &Connection,
    row: i64,
    epoch: u64,
    definition: &ChannelDefinition,
    after: u64,
) -> Result<MessageRows> {
    let mut statement = connection.prepare_cached(
        "SELECT offset, topic, published, frame FROM messages WHERE channel = ?1 AND offset > ?2
         ORDER BY offset",
    )?;
    let mut rows = statement.query(params![row, after])?;
    let (mut count, mut messages) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        count += 1;
        // Skip topics that the definition no longer has. Clients cannot subscribe to them.
        let name: String = row.get(1)?;
        let Some(topic) = definition.stored_topic(&name) else { continue };
        let offset = row.get(0)?;
        let frame = with_id(row.get(3)?, MessageId::new(epoch, offset));
        let frame = definition.with_current_names(topic, &name, frame).into();
        messages.push(StoredMessage {
            offset,
            topic,
            published_at: from_milliseconds(row.get(2)?),
            frame,
            is_refused: false,
        });
    }
    Ok(MessageRows { count, messages })
}

fn read_evicted(
    connection: &Connection,
    row: i64,
    definition: &ChannelDefinition,
) -> Result<Vec<(usize, u64)>> {
    let mut statement = connection.prepare_cached("SELECT topic, offset FROM gone WHERE channel = ?1")?;
    let rows = statement.query_map([row], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let mut evicted = Vec::new();
    for row in rows {
        let (topic, offset) = row?;
        evicted.extend(definition.stored_topic(&topic).map(|topic| (topic, offset)));
    }
    Ok(evicted)
}
