//! Every message that was ever committed. Readers are compared with it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;

use super::channels::{PAYLOADS, Room, TOPIC_COUNT, retained, topic_of};
use crate::file::File;

/// Records each committed message, and each message that a new epoch takes over.
pub(super) const TRIGGERS: &str = "
    CREATE TABLE committed (
        seq INTEGER PRIMARY KEY, channel TEXT, epoch INTEGER, offset INTEGER, topic TEXT, published INTEGER,
        frame TEXT, is_copy INTEGER
    );
    CREATE TRIGGER committed_message AFTER INSERT ON messages BEGIN
        INSERT INTO committed (channel, epoch, offset, topic, published, frame, is_copy)
        SELECT name, life, new.offset, new.topic, new.published, new.frame, 0 FROM channels WHERE id = new.channel;
    END;
    CREATE TRIGGER begun_epoch AFTER UPDATE OF life ON channels WHEN new.life <> old.life AND new.life <> 0 BEGIN
        INSERT INTO committed (channel, epoch, offset, topic, published, frame, is_copy)
        SELECT new.name, new.life, offset, topic, 0, frame, 1 FROM messages WHERE channel = new.id ORDER BY offset;
    END;
";

/// A message's id: the epoch of its channel, and its offset there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) epoch: u64,
    pub(super) offset: u64,
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (epoch, offset) = text.split_once('-').ok_or_else(|| format!("{text:?} is not an id"))?;
        let half = |text| u64::from_str_radix(text, 36).map_err(|error| error.to_string());
        Ok(Self { epoch: half(epoch)?, offset: half(offset)? })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.epoch, self.offset)
    }
}

pub(super) enum Content {
    Message(String),
    Start(String),
    Chunk { stream: String, text: String },
    End { stream: String, error: Option<String> },
}

pub(super) struct Entry {
    pub(super) topic: usize,
    pub(super) content: Content,
    /// The number of messages and streams in the channel so far.
    rank: u64,
    /// The time of the storage's clock.
    published: Duration,
    /// The frame without its id. Null for chunks, which readers may receive joined.
    pub(super) frame: Value,
    /// Whether a new epoch took it over.
    pub(super) is_copy: bool,
}

/// One epoch of a channel.
#[derive(Default)]
pub(super) struct Epoch {
    pub(super) entries: BTreeMap<u64, Entry>,
    /// The offsets of each topic.
    topics: [Vec<u64>; TOPIC_COUNT],
    /// The offsets at which messages and streams of each topic start.
    starts: [Vec<u64>; TOPIC_COUNT],
    count: u64,
    /// The offset of the last message that was taken over.
    pub(super) copied: u64,
    /// The number of the epoch in order of creation. Epoch ids may not be in this order, because wall clocks jump.
    number: usize,
}

#[derive(Default)]
pub(super) struct Reference {
    pub(super) epochs: BTreeMap<(usize, u64), Epoch>,
    seq: i64,
    /// How far the clock of the storage is ahead of the simulation's.
    pub(super) clock: Duration,
}

impl Reference {
    /// Reads the messages committed since the last call, and returns their number.
    pub(super) fn read(&mut self, file: &File) -> usize {
        let sql = format!(
            "SELECT seq, channel, epoch, offset, topic, published, frame, is_copy FROM committed WHERE seq > {}
             ORDER BY seq",
            self.seq
        );
        let rows = file.query(&sql, |row| {
            let place: (i64, String, u64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let what: (String, u64, String, bool) = (row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?);
            Ok((place, what))
        });
        let count = rows.len();
        for ((seq, channel, epoch, offset), (topic, published, frame, is_copy)) in rows {
            self.seq = seq;
            let channel = Room::find(&channel).unwrap_or_else(|| panic!("no channel {channel:?}"));
            let topic = topic_of(&topic).unwrap_or_else(|| panic!("no topic {topic:?}"));
            let frame = serde_json::from_str(&frame).unwrap_or_default();
            let published = Duration::from_millis(published);
            self.add(channel, Id { epoch, offset }, topic, published, frame, is_copy);
        }
        count
    }

    /// Continues with a file that was replaced by an earlier copy.
    pub(super) fn resume(&mut self, file: &File) {
        self.seq = file.count("SELECT coalesce(max(seq), 0) FROM committed");
    }

    pub(super) fn add(
        &mut self,
        channel: usize,
        id: Id,
        topic: usize,
        published: Duration,
        mut frame: Value,
        is_copy: bool,
    ) {
        let content = read_frame(&frame);
        if let Some(frame) = frame.as_object_mut() {
            frame.remove("id");
        }
        if matches!(content, Content::Chunk { .. }) {
            frame = Value::Null;
        }
        let number = self.epochs.len();
        let begin = || Epoch { number, ..Epoch::default() };
        let epoch = self.epochs.entry((channel, id.epoch)).or_insert_with(begin);
        let begins = matches!(content, Content::Message(_) | Content::Start(_));
        epoch.count += u64::from(begins || epoch.topics[topic].is_empty());
        epoch.topics[topic].push(id.offset);
        if begins {
            epoch.starts[topic].push(id.offset);
        }
        if is_copy {
            epoch.copied = id.offset;
        }
        let rank = epoch.count;
        epoch.entries.insert(id.offset, Entry { topic, content, rank, published, frame, is_copy });
    }

    pub(super) fn epoch(&self, channel: usize, epoch: u64) -> Option<&Epoch> {
        self.epochs.get(&(channel, epoch))
    }

    /// Returns `true` if a topic has messages in a later epoch.
    pub(super) fn continues_after(&self, channel: usize, epoch: u64, topic: usize) -> bool {
        self.later(channel, epoch).any(|epoch| !epoch.topics[topic].is_empty())
    }

    /// Returns `true` if a new subscriber receives a stream of a topic.
    pub(super) fn retains(&self, (channel, topic): (usize, usize), epoch: u64, name: &str) -> bool {
        let Some(epoch) = self.epoch(channel, epoch) else { return false };
        let latest = epoch.starts[topic].iter().rev().take(retained(topic));
        let mut latest = latest.filter_map(|offset| epoch.entries.get(offset));
        latest.any(|entry| matches!(&entry.content, Content::Start(stream) if stream == name))
    }

    /// Returns `true` if a channel has no later epoch.
    pub(super) fn is_latest(&self, channel: usize, epoch: u64) -> bool {
        self.later(channel, epoch).next().is_none()
    }

    fn later(&self, channel: usize, epoch: u64) -> impl Iterator<Item = &Epoch> {
        let number = self.epoch(channel, epoch).map(|epoch| epoch.number);
        let of_channel = self.epochs.range((channel, 0)..(channel + 1, 0)).map(|(_, epoch)| epoch);
        of_channel.filter(move |epoch| number.is_some_and(|number| epoch.number > number))
    }

    /// Returns all messages in the order of their ids.
    pub(super) fn entries(&self) -> impl Iterator<Item = (usize, Id, &Entry)> {
        self.epochs.iter().flat_map(|((channel, epoch), known)| {
            known
                .entries
                .iter()
                .map(|(offset, entry)| (*channel, Id { epoch: *epoch, offset: *offset }, entry))
        })
    }
}

impl Epoch {
    /// Returns the offset of the latest message of a topic.
    pub(super) fn latest(&self, topic: usize) -> u64 {
        self.topics[topic].last().copied().unwrap_or(0)
    }

    /// Returns the offsets of a topic's messages between two offsets, exclusive.
    pub(super) fn between(&self, topic: usize, after: u64, before: u64) -> &[u64] {
        let offsets = &self.topics[topic];
        let from = offsets.partition_point(|offset| *offset <= after);
        let to = offsets.partition_point(|offset| *offset < before);
        offsets.get(from..to).unwrap_or(&[])
    }

    /// Returns the offsets of a topic's messages up to an offset.
    pub(super) fn until(&self, topic: usize, last: u64) -> &[u64] {
        self.between(topic, 0, last + 1)
    }

    /// Returns the offset before the messages that a topic retains for a subscriber that is new at `position`.
    pub(super) fn before_retained(&self, topic: usize, position: u64) -> u64 {
        let starts = &self.starts[topic];
        let starts = &starts[..starts.partition_point(|offset| *offset <= position)];
        let first = starts.len().saturating_sub(retained(topic));
        starts.get(first).map_or(position, |offset| offset - 1)
    }

    /// Returns the offset before the first message of a topic that must be in the history at a time.
    pub(super) fn before_history(&self, room: &Room, topic: usize, now: Duration) -> u64 {
        let history = room.history();
        // Processes take turns, and read their clocks at different times in a turn.
        let age = history.age.saturating_sub(Duration::from_secs(1));
        // A log that was opened during text streams counts each of them again.
        let messages = u64::from(history.messages).saturating_sub((TOPIC_COUNT - PAYLOADS) as u64);
        let is_in_history = |offset: &&u64| {
            self.entries.get(offset).is_some_and(|entry| {
                entry.rank + messages > self.count && now.saturating_sub(entry.published) <= age
            })
        };
        let first = self.topics[topic].iter().rev().take_while(is_in_history).last();
        first.map_or(self.latest(topic), |offset| offset - 1)
    }
}

fn read_frame(frame: &Value) -> Content {
    let text = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
    match frame["kind"].as_str() {
        Some("datastream-start") => Content::Start(text("data")),
        Some("chunk") => Content::Chunk { stream: text("stream_id"), text: text("data") },
        Some("datastream-end") => {
            Content::End { stream: text("data"), error: frame["error"].as_str().map(str::to_owned) }
        }
        _ => Content::Message(text("data")),
    }
}
