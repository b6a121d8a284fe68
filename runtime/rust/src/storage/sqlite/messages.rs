//! Appending messages, and deleting those that were evicted.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::Entry;
use super::transaction::Transaction;
use crate::channel::ChannelDefinition;
use crate::clock;
use crate::clock::to_milliseconds;
use crate::history::{ChannelHandle, IdempotencyKey, Log, MAX_KEYS, StoredMessage};
use crate::wire::MessageId;

/// The outcome of appending a message.
pub(super) enum AppendOutcome {
    Stored(MessageId),
    Repeated(MessageId),
    KeyReused,
    /// The process that writes the text stream was declared dead.
    StreamEnded,
}

/// The row and the epoch of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ChannelEpoch {
    pub(super) row: i64,
    pub(super) number: u64,
}

impl ChannelEpoch {
    /// Returns the row and the epoch that a log was opened with.
    pub(super) fn from_log(log: &Log) -> Self {
        // A log without a storage has no row, and is never given to this storage.
        Self { row: log.handle().map_or(0, ChannelHandle::id), number: log.epoch() }
    }
}

/// Returns the offset of the latest message, or `None` if the epoch has ended because another process deleted the
/// channel or began a new epoch.
pub(super) fn head(connection: &Connection, epoch: ChannelEpoch) -> Result<Option<u64>> {
    let sql = if bug!(ChannelRowsReused) {
        "SELECT head FROM channels WHERE id = ?1 AND ?2"
    } else {
        "SELECT head FROM channels WHERE id = ?1 AND life = ?2"
    };
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row(params![epoch.row, epoch.number], |row| row.get(0)).optional()
}

/// Appends a message after the head, unless its key was used before.
pub(super) fn append(
    transaction: &Transaction<'_>,
    entry: &Entry,
    epoch: ChannelEpoch,
    head: u64,
    published_at: SystemTime,
) -> Result<(AppendOutcome, Option<StoredMessage>)> {
    let Entry { log, topic, frame, key, .. } = entry;
    let (row, offset) = (epoch.row, head + 1);
    let key = key.filter(|_| !bug!(IdempotencyKeysForgotten));
    if let Some(key) = key
        && let Some(outcome) = find_repeated(transaction, epoch, key)?
    {
        return Ok((outcome, None));
    }
    let id = MessageId::new(epoch.number, offset);
    let frame = frame.clone().stamp(id, clock::wall_time());
    let name = log.channel().definition().log_topic(*topic).name;
    let mut statement = transaction.prepare_cached(
        "INSERT INTO messages (channel, offset, topic, published, frame) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    statement.execute(params![row, offset, name, to_milliseconds(published_at), frame.as_str()])?;
    if let Some(key) = key {
        record_key(transaction, row, key, offset, published_at)?;
    }
    Ok((
        AppendOutcome::Stored(id),
        Some(StoredMessage { offset, topic: *topic, published_at, frame, is_refused: false }),
    ))
}

/// Returns the outcome for a key that was used before.
fn find_repeated(
    transaction: &Transaction<'_>,
    epoch: ChannelEpoch,
    key: IdempotencyKey,
) -> Result<Option<AppendOutcome>> {
    let mut statement =
        transaction.prepare_cached("SELECT content, offset FROM keys WHERE channel = ?1 AND key = ?2")?;
    let found = statement.query_row(params![epoch.row, key.hash], |row| {
        Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, u64>(1)?))
    });
    Ok(found.optional()?.map(|(content, offset)| {
        if content == key.content_hash {
            AppendOutcome::Repeated(MessageId::new(epoch.number, offset))
        } else {
            AppendOutcome::KeyReused
        }
    }))
}

/// Records a used key, and sometimes deletes the oldest of a channel with too many.
fn record_key(
    transaction: &Transaction<'_>,
    row: i64,
    key: IdempotencyKey,
    offset: u64,
    used_at: SystemTime,
) -> Result<()> {
    let mut statement = transaction.prepare_cached("INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5)")?;
    statement.execute(params![row, key.hash, key.content_hash, offset, to_milliseconds(used_at)])?;
    if offset.is_multiple_of(256) {
        let mut statement = transaction.prepare_cached(
            "DELETE FROM keys WHERE channel = ?1 AND offset <=
             (SELECT offset FROM keys WHERE channel = ?1 ORDER BY offset DESC LIMIT 1 OFFSET ?2)",
        )?;
        statement.execute(params![row, MAX_KEYS])?;
    }
    Ok(())
}

/// Deletes the evicted messages of a channel, and records up to where. `evicted` has for each topic the offset up to
/// which its messages are evicted, `before` the same offset at the last call.
pub(super) fn trim(
    transaction: &Transaction<'_>,
    row: i64,
    definition: &ChannelDefinition,
    before: &[(usize, u64)],
    evicted: &[(usize, u64)],
) -> Result<()> {
    let (mut messages, mut bytes) = (0_u64, 0_u64);
    for (topic, until) in evicted {
        let after = before.iter().find(|(known, _)| known == topic).map_or(0, |(_, offset)| *offset);
        let name = definition.log_topic(*topic).name;
        if after >= *until {
            continue;
        }
        let mut record = transaction.prepare_cached(
            "INSERT INTO gone VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET offset = max(offset, excluded.offset)",
        )?;
        record.execute(params![row, name, until])?;
        let mut delete = transaction.prepare_cached(
            "DELETE FROM messages WHERE channel = ?1 AND offset > ?2 AND offset <= ?3 AND topic = ?4
             RETURNING octet_length(frame)",
        )?;
        for name in definition.stored_names(*topic) {
            let mut deleted = delete.query(params![row, after, until, name])?;
            while let Some(deleted) = deleted.next()? {
                messages += 1;
                bytes += deleted.get::<_, u64>(0)?;
            }
        }
    }
    if messages > 0 {
        let mut count = transaction.prepare_cached(
            "UPDATE channels SET messages = messages - ?2, bytes = bytes - ?3 WHERE id = ?1",
        )?;
        count.execute(params![row, messages, bytes])?;
    }
    Ok(())
}
