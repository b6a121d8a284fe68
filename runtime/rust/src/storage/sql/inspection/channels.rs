//! Listing channels, and reading their messages.

use std::collections::HashMap;

use super::super::{SqlTransaction, lists};
use super::CHUNK;
use crate::storage::inspection::{
    ChannelQuery, ChannelSummary, HistoryQuery, HistoryRow, HistoryRows, PageBudget, Rows,
};

/// A message as an engine stores it.
pub(in crate::storage) struct StoredFrame {
    pub(in crate::storage) epoch: u64,
    pub(in crate::storage) offset: u64,
    /// In milliseconds since 1970.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "the frames of a file contain it"))]
    pub(in crate::storage) published: i64,
    pub(in crate::storage) frame: String,
}

/// Lists channels by name.
pub(in crate::storage) async fn list<T: SqlTransaction>(
    sql: &mut T,
    query: &ChannelQuery,
) -> Result<Rows<ChannelSummary, String>, T::Error> {
    // No name contains this character in its canonical spelling.
    let end = format!("{}{}", query.prefix, char::MAX);
    let (mut channels, mut budget) = (Vec::new(), PageBudget::new(query.limit));
    let mut last = query.after.clone();
    loop {
        let mut rows = sql
            .query(
                "SELECT name, messages, bytes, used FROM channels WHERE name > ?1 AND name >= ?2 AND name < ?3
                 ORDER BY name LIMIT 0 + ?4",
                &[(&last).into(), (&query.prefix).into(), (&end).into(), CHUNK.into()],
            )
            .await?;
        let is_last = !super::is_full(&rows);
        for row in &mut rows {
            let name = row.text(0);
            let is_wanted = (query.is_wanted)(&name);
            if !budget.examine(1) || (is_wanted && !budget.add(128 + name.len())) {
                return Ok(Rows { rows: channels, next: Some(last) });
            }
            if is_wanted {
                let (messages, bytes) = (row.int(1).unsigned_abs(), row.int(2).unsigned_abs());
                channels.push(ChannelSummary { name: name.clone(), messages, bytes, used: row.int(3) });
            }
            last = name;
        }
        if is_last {
            return Ok(Rows { rows: channels, next: None });
        }
    }
}

/// Reads messages of a channel in either order. `find_channel` selects the id and the epoch of a channel by its name.
/// `finish` returns a frame as subscribers receive it.
pub(in crate::storage) async fn read_history<T: SqlTransaction>(
    sql: &mut T,
    query: &HistoryQuery,
    find_channel: &'static str,
    finish: impl Fn(StoredFrame) -> String,
) -> Result<Option<HistoryRows>, T::Error> {
    let found = sql.query(find_channel, &[(&query.channel).into()]).await?;
    let Some(found) = found.first() else { return Ok(None) };
    let (channel, epoch) = (found.int(0), found.int(1).unsigned_abs());
    let mut history = HistoryRows { epoch, rows: Vec::new(), examined_to: None, has_more: false };
    let mut budget = PageBudget::new(query.limit);
    let start = if query.newest_first { i64::MAX } else { 0 };
    let mut last = query.cursor.map_or(start, |(_, offset)| i64::try_from(offset).unwrap_or(i64::MAX));
    loop {
        let mut rows =
            sql.query(list_frames(query.newest_first), &[channel.into(), last.into(), CHUNK.into()]).await?;
        history.has_more = super::is_full(&rows);
        // Frames may be large, so they are read once it is known which of them fit.
        let mut chosen = Vec::new();
        for row in &mut rows {
            let (offset, topic, bytes) = (row.int(0), row.text(1), row.int(2));
            let is_wanted = query.topics.is_empty() || query.topics.contains(&topic);
            let fits = budget.examine(1)
                && (!is_wanted
                    || budget.add_frame_of(&row.text(3), usize::try_from(bytes).unwrap_or(usize::MAX)));
            if !fits {
                history.has_more = true;
                history.rows.extend(read_frames(sql, channel, epoch, chosen, &finish).await?);
                return Ok(Some(history));
            }
            if is_wanted {
                chosen.push((offset, topic));
            }
            last = offset;
            history.examined_to = Some(offset.unsigned_abs());
        }
        history.rows.extend(read_frames(sql, channel, epoch, chosen, &finish).await?);
        if !history.has_more {
            return Ok(Some(history));
        }
    }
}

/// Returns the statement that lists messages after or before an offset, with their sizes and the starts of their frames,
/// which contain the kind.
fn list_frames(newest_first: bool) -> &'static str {
    if newest_first {
        "SELECT \"offset\", topic, octet_length(frame), substr(frame, 1, 40) FROM messages
         WHERE channel = ?1 AND \"offset\" < ?2 ORDER BY \"offset\" DESC LIMIT 0 + ?3"
    } else {
        "SELECT \"offset\", topic, octet_length(frame), substr(frame, 1, 40) FROM messages
         WHERE channel = ?1 AND \"offset\" > ?2 ORDER BY \"offset\" LIMIT 0 + ?3"
    }
}

/// Reads the frames of messages, which are given with their topics.
async fn read_frames<T: SqlTransaction>(
    sql: &mut T,
    channel: i64,
    epoch: u64,
    messages: Vec<(i64, String)>,
    finish: impl Fn(StoredFrame) -> String,
) -> Result<Vec<HistoryRow>, T::Error> {
    let mut frames = HashMap::new();
    for params in lists(&[channel.into()], messages.iter().map(|(offset, _)| *offset)) {
        let rows = sql
            .query(
                "SELECT \"offset\", published, frame FROM messages WHERE channel = ?1 AND \"offset\" IN (?2, ?3, ?4,
                     ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
                &params,
            )
            .await?;
        for mut row in rows {
            let offset = row.int(0);
            let stored = StoredFrame {
                epoch,
                offset: offset.unsigned_abs(),
                published: row.int(1),
                frame: row.text(2),
            };
            frames.insert(offset, finish(stored));
        }
    }
    // Another process may have deleted some of them meanwhile.
    let rows = messages.into_iter().filter_map(|(offset, topic)| {
        let frame = frames.remove(&offset)?;
        Some(HistoryRow { offset: offset.unsigned_abs(), topic, frame })
    });
    Ok(rows.collect())
}
