//! Reading the stored state of channels.

use std::collections::HashMap;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::connection::{FailureKind, Link, RequestError};
use super::unchecked::{self, Verdict};
use super::{StorageError, from_int8, int8};
use crate::channel::{Channel, ChannelDefinition};
use crate::clock::from_milliseconds;
use crate::history::{ChannelHandle, Log, StoredLog, StoredMessage};
use crate::wire::{MessageId, stamped};

/// Reads everything in one statement, and so from one snapshot.
const LOAD: &str = r#"
    SELECT c.epoch, c.epoch_start, c.previous_epoch, c.head, fanfare.now_ms(), r.is_gone, r."offset", r.topic, r.published,
           r.frame, r.unchecked
    FROM fanfare.channels c LEFT JOIN LATERAL (
        SELECT true AS is_gone, g."offset", g.topic, NULL::int8 AS published, NULL::text AS frame,
               false AS unchecked
        FROM fanfare.gone g WHERE g.channel = c.id
        UNION ALL
        SELECT false, m."offset", m.topic, m.published, m.frame, m.unchecked
        FROM fanfare.messages m WHERE m.channel = c.id
    ) r ON true
    WHERE c.id = $1 ORDER BY r."offset"
"#;

/// Reads what changed in some channels, in one statement.
const READ_CHANGES: &str = r#"
    SELECT channel, epoch, head, "offset", topic, published, frame, unchecked FROM fanfare.read_changes($1, $2, $3)
"#;

/// A channel that changed since its log was last read.
pub(super) struct Change {
    pub(super) channel: i64,
    /// `None` if the channel was deleted.
    pub(super) epoch: Option<u64>,
    pub(super) head: u64,
    /// The number of stored messages after the log's head. If none was deleted, it equals the number of offsets after it.
    pub(super) count: u64,
    /// The messages of topics that the definition has.
    pub(super) messages: Vec<StoredMessage>,
}

/// Opens a channel, and creates it if it does not exist. Returns its stored state.
pub(super) async fn open(link: &Link, channel: &Channel) -> Result<StoredLog, RequestError> {
    let (name, fingerprint) = (channel.name(), channel.definition().fingerprint);
    // The channel may be deleted between the two statements, once it was unused for a week.
    for _ in 0..3 {
        let sql = "SELECT id, has_other_definition FROM fanfare.open_channel($1, $2)";
        let rows = link.query(sql, &[(&name, Type::TEXT), (&fingerprint, Type::TEXT)]).await?;
        let Some(row) = rows.first() else { break };
        let (id, has_other_definition) = (row.get(0), row.get(1));
        if let Some(stored) = load(link, channel.definition(), id).await? {
            return Ok(StoredLog { has_other_definition, ..stored });
        }
    }
    let error = StorageError::new("the channel was deleted while it was being opened");
    Err(RequestError { error, kind: FailureKind::RolledBack })
}

/// Returns the stored state of a channel, or `None` if it does not exist.
pub(super) async fn load(
    link: &Link,
    definition: &ChannelDefinition,
    id: i64,
) -> Result<Option<StoredLog>, RequestError> {
    let rows = link.query(LOAD, &[(&id, Type::INT8)]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let (epoch, previous) = (from_int8(first.get(0)), from_int8(first.get(2)));
    let mut stored = StoredLog {
        channel: ChannelHandle::new(id),
        epoch,
        continues: (previous > 0).then(|| MessageId::new(previous, from_int8(first.get(1)))),
        head: from_int8(first.get(3)),
        messages: Vec::new(),
        evicted: Vec::new(),
        has_other_definition: false,
        now: from_milliseconds(first.get(4)),
    };
    for row in &rows {
        match row.get::<_, Option<bool>>(5) {
            None => {}
            Some(true) => {
                let topic = definition.stored_topic(row.get(7));
                stored.evicted.extend(topic.map(|topic| (topic, from_int8(row.get(6)))));
            }
            Some(false) => stored.messages.extend(read_message(row, 6, epoch, definition)),
        }
    }
    Ok(Some(stored))
}

/// Returns the message in a row, whose offset is in the column `at`. Returns `None` if clients cannot subscribe to its
/// topic.
fn read_message(row: &Row, at: usize, epoch: u64, definition: &ChannelDefinition) -> Option<StoredMessage> {
    let (name, frame, is_unchecked): (&str, String, bool) =
        (row.get(at + 1), row.get(at + 3), row.get(at + 4));
    let id = MessageId::new(epoch, from_int8(row.get(at)));
    let verdict = if is_unchecked { unchecked::check(definition, name, id, &frame) } else { Verdict::Valid };
    let topic = definition.stored_topic(name).filter(|_| verdict != Verdict::NoTopic)?;
    let published_at = from_milliseconds(row.get(at + 2));
    let frame = stamped(frame, id, published_at);
    let frame = definition.with_current_names(topic, name, frame).into();
    let is_refused = verdict == Verdict::Invalid;
    Some(StoredMessage { offset: id.offset(), topic, published_at, frame, is_refused })
}

/// Reads what changed since the logs' heads, which are given in `after`.
pub(super) async fn read_changes(
    link: &Link,
    logs: &[(i64, &Log)],
    after: &[u64],
) -> Result<Vec<Change>, RequestError> {
    let channels: Vec<i64> = logs.iter().map(|(channel, _)| *channel).collect();
    let epochs: Vec<i64> = logs.iter().map(|(_, log)| int8(log.epoch())).collect();
    let after: Vec<i64> = after.iter().map(|offset| int8(*offset)).collect();
    let arrays = [&channels, &epochs, &after].map(|array| (array as _, Type::INT8_ARRAY));
    let rows = link.query_prepared(READ_CHANGES, &arrays).await?;
    let logs: HashMap<i64, &Log> = logs.iter().copied().collect();
    let mut changes: Vec<Change> = Vec::new();
    for row in &rows {
        let channel = row.get(0);
        if changes.last().is_none_or(|change| change.channel != channel) {
            let epoch = row.get::<_, Option<i64>>(1).map(from_int8);
            let head = row.get::<_, Option<i64>>(2).map_or(0, from_int8);
            changes.push(Change { channel, epoch, head, count: 0, messages: Vec::new() });
        }
        if let (Some(log), Some(change), Some(_)) =
            (logs.get(&channel), changes.last_mut(), row.get::<_, Option<i64>>(3))
        {
            change.count += 1;
            change.messages.extend(read_message(row, 3, log.epoch(), log.channel().definition()));
        }
    }
    Ok(changes)
}

/// Begins a new epoch, unless another process has.
pub(super) async fn begin_epoch(link: &Link, channel: i64, epoch: u64) -> Result<(), RequestError> {
    let sql =
        "SELECT fanfare.begin_epoch(id) FROM fanfare.channels WHERE id = $1 AND epoch = $2 FOR NO KEY UPDATE";
    link.query(sql, &[(&channel, Type::INT8), (&int8(epoch), Type::INT8)]).await.map(drop)
}
