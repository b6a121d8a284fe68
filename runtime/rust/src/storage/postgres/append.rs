//! The statement that appends messages.

use std::collections::BTreeMap;

use tokio_postgres::types::Type;

use super::connection::Param;
use super::logs::channel_id;
use super::{Entry, int8};
use crate::history::Log;

pub(super) const APPEND: &str = r#"
    SELECT channel, epoch, "offset", published, outcome
    FROM fanfare.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ORDER BY n
"#;

/// The arguments of the SQL function.
#[derive(Default)]
pub(super) struct AppendArrays<'b> {
    ids: Vec<i64>,
    names: Vec<&'b str>,
    definitions: Vec<&'b str>,
    epochs: Vec<i64>,
    heads: Vec<i64>,
    channel_of: Vec<i32>,
    topics: Vec<&'b str>,
    frames: Vec<&'b str>,
    keys: Vec<Option<&'b [u8]>>,
    contents: Vec<Option<&'b [u8]>>,
}

impl<'b> AppendArrays<'b> {
    pub(super) fn new(entries: impl Iterator<Item = &'b Entry> + Clone) -> Self {
        let key_of = |log: &Log| (channel_id(log), log.epoch());
        let logs: BTreeMap<(i64, u64), &Log> =
            entries.clone().map(|entry| (key_of(&entry.log), &*entry.log)).collect();
        let mut arrays = Self::default();
        for ((channel, epoch), log) in &logs {
            arrays.ids.push(*channel);
            arrays.names.push(log.channel().name());
            arrays.definitions.push(log.channel().definition().fingerprint);
            arrays.epochs.push(int8(*epoch));
            arrays.heads.push(int8(log.head()));
        }
        let positions: BTreeMap<(i64, u64), i32> = logs.keys().copied().zip(1..).collect();
        for Entry { log, topic, frame, key } in entries {
            arrays.channel_of.push(positions.get(&key_of(log)).copied().unwrap_or(0));
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
}
