//! Listing channels, and reading their messages.

use rusqlite::{OptionalExtension, Result, Transaction, params};

use super::super::super::inspection::{
    ChannelQuery, ChannelSummary, HistoryQuery, HistoryRow, HistoryRows, PageBudget, Rows,
};
use crate::wire::{MessageId, with_id};

/// Lists channels by name.
pub(in super::super) fn list(
    transaction: &Transaction<'_>,
    query: &ChannelQuery,
) -> Result<Rows<ChannelSummary, String>> {
    // No name contains this character in its canonical spelling.
    let end = format!("{}{}", query.prefix, char::MAX);
    let mut statement = transaction.prepare_cached(
        "SELECT name, messages, bytes, used FROM channels WHERE name > ?1 AND name >= ?2 AND name < ?3 ORDER BY name",
    )?;
    let mut rows = statement.query(params![query.after, query.prefix, end])?;
    let (mut channels, mut budget) = (Vec::new(), PageBudget::new(query.limit));
    let mut last = query.after.clone();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let is_wanted = (query.is_wanted)(&name);
        if !budget.examine(1) || (is_wanted && !budget.add(128 + name.len())) {
            return Ok(Rows { rows: channels, next: Some(last) });
        }
        if is_wanted {
            let (messages, bytes) = (row.get(1)?, row.get(2)?);
            channels.push(ChannelSummary { name: name.clone(), messages, bytes, used: row.get(3)? });
        }
        last = name;
    }
    Ok(Rows { rows: channels, next: None })
}

/// Reads messages of a channel in either order.
pub(super) fn read_history(
    transaction: &Transaction<'_>,
    query: &HistoryQuery,
) -> Result<Option<HistoryRows>> {
    let mut statement = transaction.prepare_cached("SELECT id, life FROM channels WHERE name = ?1")?;
    let found = statement.query_row([&query.channel], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((channel, epoch)): Option<(i64, u64)> = found else { return Ok(None) };
    let sql = if query.newest_first {
        "SELECT offset, topic, frame FROM messages WHERE channel = ?1 AND offset < ?2 ORDER BY offset DESC"
    } else {
        "SELECT offset, topic, frame FROM messages WHERE channel = ?1 AND offset > ?2 ORDER BY offset"
    };
    let start = if query.newest_first { i64::MAX.unsigned_abs() } else { 0 };
    let start = query.cursor.map_or(start, |(_, offset)| offset);
    let mut statement = transaction.prepare_cached(sql)?;
    let mut rows = statement.query(params![channel, start])?;
    let mut history = HistoryRows { epoch, rows: Vec::new(), examined_to: None, has_more: false };
    let mut budget = PageBudget::new(query.limit);
    while let Some(row) = rows.next()? {
        let (offset, topic): (u64, String) = (row.get(0)?, row.get(1)?);
        if !budget.examine(1) {
            history.has_more = true;
            break;
        }
        if query.topics.is_empty() || query.topics.contains(&topic) {
            let frame: String = row.get(2)?;
            if !budget.add_frame(&frame) {
                history.has_more = true;
                break;
            }
            // An epoch of 0 has no ids: the frames keep those of the previous epoch.
            let frame = if epoch == 0 { frame } else { with_id(frame, MessageId::new(epoch, offset)) };
            history.rows.push(HistoryRow { offset, topic, frame });
        }
        history.examined_to = Some(offset);
    }
    Ok(Some(history))
}
