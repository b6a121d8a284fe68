//! The statements that append messages.

use std::collections::BTreeMap;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::beat::Registration;
use super::connection::{FailureKind, Link, Param, RequestError};
use super::logs::channel_id;
use super::{Entry, from_int8, int8};
use crate::history::Log;
use crate::metrics;

pub(super) const APPEND: &str = r#"
    SELECT channel, epoch, "offset", published, outcome
    FROM fanfare.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ORDER BY n
"#;

/// Like [`APPEND`], but waits at most 100 ms for a channel that another transaction has locked.
const APPEND_UNLESS_LOCKED: &str = r#"
    SELECT channel, epoch, "offset", published, outcome
    FROM fanfare.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, max_wait => 100) ORDER BY n
"#;

/// The same for a batch that contains messages of this process's text streams.
const APPEND_STREAMS_UNLESS_LOCKED: &str = r#"
    SELECT channel, epoch, "offset", published, outcome
    FROM fanfare.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, max_wait => 100)
    WHERE CASE n WHEN 1 THEN fanfare.require_process('{}', $11, $12) IS NOT NULL ELSE true END ORDER BY n
"#;

/// Appends messages without idempotency keys. A call in the select list is planned faster than one that returns
/// columns.
const APPEND_UNKEYED: &str =
    "SELECT fanfare.append_unkeyed($1, $2, $3, $4, $5, $6, $7, $8, $9, max_wait => 100)";

/// The same for a batch that contains messages of this process's text streams.
const APPEND_STREAMS_UNKEYED: &str = "
    SELECT fanfare.require_process(
        fanfare.append_unkeyed($1, $2, $3, $4, $5, $6, $7, $8, $9, max_wait => 100), $10, $11
    )
";

/// Where a message is stored.
pub(super) struct Placed {
    pub(super) channel: i64,
    pub(super) epoch: u64,
    pub(super) offset: u64,
    /// In milliseconds since 1970.
    pub(super) published: i64,
    pub(super) outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Stored,
    /// The message was published before, under the same key.
    Repeated,
    /// Another message was published under the key.
    KeyReused,
}

impl Placed {
    /// Reads a row of [`APPEND`].
    pub(super) fn from_row(row: &Row) -> Self {
        let outcome = match row.get(4) {
            "stored" => Outcome::Stored,
            "repeated" => Outcome::Repeated,
            _ => Outcome::KeyReused,
        };
        let (epoch, offset) = (from_int8(row.get(1)), from_int8(row.get(2)));
        Self { channel: row.get(0), epoch, offset, published: row.get(3), outcome }
    }
}

/// The arguments of the SQL functions.
#[derive(Default)]
pub(super) struct AppendArrays<'b> {
    ids: Vec<i64>,
    names: Vec<&'b str>,
    definitions: Vec<&'b str>,
    epochs: Vec<i64>,
    heads: Vec<i64>,
    /// The number of messages of each channel, and the bytes of their frames.
    counts: Vec<i32>,
    sizes: Vec<i64>,
    channel_of: Vec<i32>,
    /// The place of each message among those of its channel.
    places: Vec<i32>,
    topics: Vec<&'b str>,
    frames: Vec<&'b str>,
    keys: Vec<Option<&'b [u8]>>,
    contents: Vec<Option<&'b [u8]>>,
    /// The process that writes the text streams among the messages.
    writer: Option<u32>,
}

impl<'b> AppendArrays<'b> {
    pub(super) fn new(entries: impl Iterator<Item = &'b Entry> + Clone) -> Self {
        // Ordered by name, because all transactions must lock channels in one order.
        let key_of = |log: &'b Log| (log.channel().name(), channel_id(log), log.epoch());
        let logs: BTreeMap<(&str, i64, u64), &Log> =
            entries.clone().map(|entry| (key_of(&entry.log), &*entry.log)).collect();
        let mut arrays = Self::default();
        for ((_, channel, epoch), log) in &logs {
            arrays.ids.push(*channel);
            arrays.names.push(log.channel().name());
            arrays.definitions.push(log.channel().definition().fingerprint);
            arrays.epochs.push(int8(*epoch));
            arrays.heads.push(int8(log.head()));
        }
        arrays.counts = vec![0; logs.len()];
        arrays.sizes = vec![0; logs.len()];
        let indices: BTreeMap<(&str, i64, u64), usize> = logs.keys().copied().zip(0..).collect();
        for Entry { log, topic, frame, key, writer } in entries {
            let index = indices[&key_of(log)];
            arrays.counts[index] += 1;
            arrays.sizes[index] += int8(frame.as_str().len() as u64);
            arrays.places.push(arrays.counts[index]);
            // The arrays of SQL begin at 1.
            arrays.channel_of.push(i32::try_from(index + 1).unwrap_or(i32::MAX));
            arrays.writer = arrays.writer.or(*writer);
            arrays.topics.push(log.channel().definition().log_topic(*topic).name);
            arrays.frames.push(frame.as_str());
            arrays.keys.push(key.as_ref().map(|key| &key.hash[..]));
            arrays.contents.push(key.as_ref().map(|key| &key.content_hash[..]));
        }
        arrays
    }

    pub(super) fn params(&self) -> [Param<'_>; 10] {
        [
            (&self.ids, Type::INT8_ARRAY),
            (&self.names, Type::TEXT_ARRAY),
            (&self.definitions, Type::TEXT_ARRAY),
            (&self.epochs, Type::INT8_ARRAY),
            (&self.heads, Type::INT8_ARRAY),
            (&self.channel_of, Type::INT4_ARRAY),
            (&self.topics, Type::TEXT_ARRAY),
            (&self.frames, Type::TEXT_ARRAY),
            (&self.keys, Type::BYTEA_ARRAY),
            (&self.contents, Type::BYTEA_ARRAY),
        ]
    }

    /// Appends the messages in one transaction, and returns where each is stored. Fails if another transaction has locked
    /// one of the channels for long, or if they contain text streams of a process that was declared dead.
    pub(super) async fn append(
        &self,
        link: &Link,
        process: &Registration,
    ) -> Result<Vec<Placed>, RequestError> {
        let (writer, connection) = (self.writer.map(i64::from), process.connection());
        let process: [Param<'_>; 2] = [(&writer, Type::INT8), (&connection, Type::INT8)];
        let process = if writer.is_some() { &process[..] } else { &[] };
        if self.keys.iter().all(Option::is_none) {
            match self.append_unkeyed(link, process).await {
                Err(failure) if failure.kind == FailureKind::ChannelChanged => metrics::record_conflict(),
                outcome => return outcome,
            }
        }
        let sql = if process.is_empty() { APPEND_UNLESS_LOCKED } else { APPEND_STREAMS_UNLESS_LOCKED };
        let rows = link.query(sql, &[&self.params(), process].concat()).await?;
        Ok(rows.iter().map(Placed::from_row).collect())
    }

    async fn append_unkeyed(&self, link: &Link, process: &[Param<'_>]) -> Result<Vec<Placed>, RequestError> {
        let params: [Param<'_>; 9] = [
            (&self.ids, Type::INT8_ARRAY),
            (&self.epochs, Type::INT8_ARRAY),
            (&self.heads, Type::INT8_ARRAY),
            (&self.counts, Type::INT4_ARRAY),
            (&self.sizes, Type::INT8_ARRAY),
            (&self.channel_of, Type::INT4_ARRAY),
            (&self.places, Type::INT4_ARRAY),
            (&self.topics, Type::TEXT_ARRAY),
            (&self.frames, Type::TEXT_ARRAY),
        ];
        let sql = if process.is_empty() { APPEND_UNKEYED } else { APPEND_STREAMS_UNKEYED };
        let rows = link.query_prepared(sql, &[&params, process].concat()).await?;
        let returned: Vec<i64> = rows.first().map(|row| row.get(0)).unwrap_or_default();
        let Some((befores, times)) = returned.split_at_checked(self.ids.len()) else {
            return Err(RequestError::unknown("the database did not return the offsets of the messages"));
        };
        let placed = self.channel_of.iter().zip(&self.places).filter_map(|(channel, place)| {
            let index = usize::try_from(channel - 1).ok()?;
            let offset = from_int8(befores.get(index)? + i64::from(*place));
            let (channel, epoch) = (self.ids[index], from_int8(self.epochs[index]));
            Some(Placed { channel, epoch, offset, published: *times.get(index)?, outcome: Outcome::Stored })
        });
        Ok(placed.collect())
    }
}
