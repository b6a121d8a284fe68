//! Every message that was committed, whatever became of it since. Readers are compared with it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;

use super::channels::{PAYLOADS, Room, TOPIC_COUNT, retained, topic_of};
use crate::file::File;

/// Records each message that is committed, and each message that a new epoch takes over.
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
        let (epoch, offset) = text.split_once('-').ok_or_else(|| format!("{text:?} is no id"))?;
        let half = |text| u64::from_str_radix(text, 36).map_err(|error| error.to_string());
        Ok(Self { epoch: half(epoch)?, offset: half(offset)? })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.epoch, self.offset)
    }
}

pub(super) enum What {
    Message(String),
    Start(String),
    Piece { stream: String, text: String },
    End { stream: String, error: Option<String> },
}

pub(super) struct Entry {
    pub(super) topic: usize,
    pub(super) what: What,
    /// How many messages and streams the channel has had.
    rank: u64,
    /// By the clock of the storage.
    published: Duration,
    /// Without its id. Pieces of texts have none: readers may get them joined.
    pub(super) frame: Value,
    /// A new epoch took it over.
    pub(super) is_copy: bool,
}

/// One epoch of a channel.
#[derive(Default)]
pub(super) struct Epoch {
    pub(super) entries: BTreeMap<u64, Entry>,
    /// The offsets of each topic.
    topics: [Vec<u64>; TOPIC_COUNT],
    /// The offsets at which a message or stream of each topic begins.
    begun: [Vec<u64>; TOPIC_COUNT],
    count: u64,
    /// The offset of the latest message that was taken over.
    pub(super) copied: u64,
    /// Epochs in the order in which they began. Their ids need not be in this order: wall clocks jump.
    number: usize,
}

#[derive(Default)]
pub(super) struct Reference {
    pub(super) epochs: BTreeMap<(usize, u64), Epoch>,
    seq: i64,
    /// How far the storage's clock is ahead of the simulation's.
    pub(super) clock: Duration,
}

impl Reference {
    /// Takes over what was committed since the last time. Returns how many messages.
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

    /// Goes on with a file that was replaced by an earlier copy of itself.
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
        let what = read_frame(&frame);
        if let Some(frame) = frame.as_object_mut() {
            frame.remove("id");
        }
        if matches!(what, What::Piece { .. }) {
            frame = Value::Null;
        }
        let number = self.epochs.len();
        let begin = || Epoch { number, ..Epoch::default() };
        let epoch = self.epochs.entry((channel, id.epoch)).or_insert_with(begin);
        let begins = matches!(what, What::Message(_) | What::Start(_));
        epoch.count += u64::from(begins || epoch.topics[topic].is_empty());
        epoch.topics[topic].push(id.offset);
        if begins {
            epoch.begun[topic].push(id.offset);
        }
        if is_copy {
            epoch.copied = id.offset;
        }
        let rank = epoch.count;
        epoch.entries.insert(id.offset, Entry { topic, what, rank, published, frame, is_copy });
    }

    pub(super) fn epoch(&self, channel: usize, epoch: u64) -> Option<&Epoch> {
        self.epochs.get(&(channel, epoch))
    }

    /// Returns whether a topic has messages in an epoch after this one.
    pub(super) fn goes_on_after(&self, channel: usize, epoch: u64, topic: usize) -> bool {
        self.later(channel, epoch).any(|epoch| !epoch.topics[topic].is_empty())
    }

    /// Returns whether a new subscriber gets a stream of a topic.
    pub(super) fn retains(&self, (channel, topic): (usize, usize), epoch: u64, name: &str) -> bool {
        let Some(epoch) = self.epoch(channel, epoch) else { return false };
        let latest = epoch.begun[topic].iter().rev().take(retained(topic));
        let mut latest = latest.filter_map(|offset| epoch.entries.get(offset));
        latest.any(|entry| matches!(&entry.what, What::Start(stream) if stream == name))
    }

    /// Returns whether a channel has begun no epoch after this one.
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
    /// Returns the offset of a topic's latest message.
    pub(super) fn latest(&self, topic: usize) -> u64 {
        self.topics[topic].last().copied().unwrap_or(0)
    }

    /// Returns the offsets of a topic's messages between two offsets, without these.
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

    /// Returns the offset before what the topic retains for a subscriber that is new at `position`.
    pub(super) fn before_retained(&self, topic: usize, position: u64) -> u64 {
        let begun = &self.begun[topic];
        let begun = &begun[..begun.partition_point(|offset| *offset <= position)];
        let first = begun.len().saturating_sub(retained(topic));
        begun.get(first).map_or(position, |offset| offset - 1)
    }

    /// Returns the offset before the first message of a topic that is certainly in history at a time.
    pub(super) fn before_history(&self, room: &Room, topic: usize, now: Duration) -> u64 {
        let history = room.history();
        // Processes take turns, and look at their clocks at different times in them.
        let age = history.age.saturating_sub(Duration::from_secs(1));
        // A log that was opened in the middle of text streams counts each of them again.
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

fn read_frame(frame: &Value) -> What {
    let text = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
    match frame["kind"].as_str() {
        Some("datastream-start") => What::Start(text("data")),
        Some("chunk") => What::Piece { stream: text("stream_id"), text: text("data") },
        Some("datastream-end") => {
            What::End { stream: text("data"), error: frame["error"].as_str().map(str::to_owned) }
        }
        _ => What::Message(text("data")),
    }
}
