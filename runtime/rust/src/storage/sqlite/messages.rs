//! Appending messages, and deleting those that history has moved past.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Result, Transaction, params};

use super::Entry;
use super::schema::milliseconds;
use crate::channel::ChannelDefinition;
use crate::clock;
use crate::history::{KeptMessage, Key, Log, MAX_KEYS};
use crate::wire::MessageId;

/// What appending one message came to.
pub(super) enum Outcome {
    Kept(MessageId),
    Repeated(MessageId),
    KeyReused,
}

/// The row and the epoch of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Epoch {
    pub(super) row: i64,
    pub(super) life: u64,
}

impl Epoch {
    /// Returns the row and the epoch that a log was opened with.
    pub(super) fn of(log: &Log) -> Self {
        // Only a log that no storage opened has no row, and none is ever given to this one.
        Self { row: log.row().unwrap_or_default(), life: log.life() }
    }
}

/// Returns the offset of the latest message, or `None` if the epoch is over: another process forgot the channel,
/// or began a new epoch.
pub(super) fn head(connection: &Connection, epoch: Epoch) -> Result<Option<u64>> {
    let sql = if bug!(RowsReused) {
        "SELECT head FROM channels WHERE id = ?1 AND ?2"
    } else {
        "SELECT head FROM channels WHERE id = ?1 AND life = ?2"
    };
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row(params![epoch.row, epoch.life], |row| row.get(0)).optional()
}

/// Appends a message after the latest one, unless its key was used before.
pub(super) fn append(
    transaction: &Transaction<'_>,
    entry: &Entry,
    epoch: Epoch,
    head: u64,
    published: SystemTime,
) -> Result<(Outcome, Option<KeptMessage>)> {
    let Entry { log, topic, frame, key } = entry;
    let (row, offset) = (epoch.row, head + 1);
    let key = key.filter(|_| !bug!(KeysForgotten));
    if let Some(key) = key
        && let Some(outcome) = used(transaction, epoch, key)?
    {
        return Ok((outcome, None));
    }
    let id = MessageId::new(epoch.life, offset);
    let frame = frame.clone().stamp(id, clock::now());
    let name = log.channel().definition().log_topic(*topic).name;
    let mut statement = transaction.prepare_cached(
        "INSERT INTO messages (channel, offset, topic, published, frame) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    statement.execute(params![row, offset, name, milliseconds(published), frame.as_str()])?;
    if let Some(key) = key {
        remember(transaction, row, key, offset, published)?;
    }
    Ok((Outcome::Kept(id), Some(KeptMessage { offset, topic: *topic, published, frame })))
}

/// What to answer where the key was used before.
fn used(transaction: &Transaction<'_>, epoch: Epoch, key: Key) -> Result<Option<Outcome>> {
    let mut statement =
        transaction.prepare_cached("SELECT content, offset FROM keys WHERE channel = ?1 AND key = ?2")?;
    let found = statement.query_row(params![epoch.row, key.key], |row| {
        Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, u64>(1)?))
    });
    Ok(found.optional()?.map(|(content, offset)| {
        if content == key.content {
            Outcome::Repeated(MessageId::new(epoch.life, offset))
        } else {
            Outcome::KeyReused
        }
    }))
}

fn remember(transaction: &Transaction<'_>, row: i64, key: Key, offset: u64, now: SystemTime) -> Result<()> {
    let mut statement = transaction.prepare_cached("INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5)")?;
    statement.execute(params![row, key.key, key.content, offset, milliseconds(now)])?;
    if offset.is_multiple_of(256) {
        let mut statement = transaction.prepare_cached(
            "DELETE FROM keys WHERE channel = ?1 AND offset <=
             (SELECT offset FROM keys WHERE channel = ?1 ORDER BY offset DESC LIMIT 1 OFFSET ?2)",
        )?;
        statement.execute(params![row, MAX_KEYS])?;
    }
    Ok(())
}

/// Deletes a channel's messages that are lost, and notes what is gone. `lost` has for each topic the offset up to which
/// its messages are lost, `before` the offset up to which they were when this was last called.
pub(super) fn trim(
    transaction: &Transaction<'_>,
    row: i64,
    definition: &ChannelDefinition,
    before: &[(usize, u64)],
    lost: &[(usize, u64)],
) -> Result<()> {
    for (topic, until) in lost {
        let after = before.iter().find(|(known, _)| known == topic).map_or(0, |(_, offset)| *offset);
        let name = definition.log_topic(*topic).name;
        if after >= *until {
            continue;
        }
        let mut gone = transaction.prepare_cached(
            "INSERT INTO gone VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET offset = max(offset, excluded.offset)",
        )?;
        gone.execute(params![row, name, until])?;
        let mut deleted = transaction.prepare_cached(
            "DELETE FROM messages WHERE channel = ?1 AND offset > ?2 AND offset <= ?3 AND topic = ?4",
        )?;
        deleted.execute(params![row, after, until, name])?;
    }
    Ok(())
}
