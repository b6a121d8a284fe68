//! The order of each channel's messages, with which all other results are compared.
//!
//! `record` has the messages that a storage recorded. Without a storage, a reader that never disconnects on purpose
//! records what it receives.

use super::reader::{Event, Record};
use super::record::Recorded;
use crate::Result;
use crate::log::MessageId;
use crate::subscribers::frames::Frame;
use std::collections::{BTreeMap, HashSet};

/// One topic of the channels in `schemas/delivery.yaml`.
pub(super) struct Topic {
    pub(super) name: &'static str,
    /// The number of messages or streams that a new reader receives.
    pub(super) retained: usize,
    pub(super) is_stream: bool,
}

const fn topic(name: &'static str, retained: usize, is_stream: bool) -> Topic {
    Topic { name, retained, is_stream }
}

pub(super) const TOPICS: [Topic; 6] = [
    topic("status", 1, false),
    topic("journal", 1000, false),
    topic("recent", 7, false),
    topic("said", 0, false),
    topic("draft", 1, true),
    topic("log", 0, true),
];

/// Returns the index of a topic.
pub(super) fn topic_index(name: &str) -> Option<usize> {
    TOPICS.iter().position(|topic| topic.name == name)
}

/// The content of a frame that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Message(u32),
    Start(String),
    Chunk { stream: String, text: String },
    End { stream: String, is_failed: bool },
}

impl Content {
    /// Converts a frame. Returns `None` if it is neither a message nor part of a text stream.
    pub(super) fn from_frame(frame: Frame) -> Option<Self> {
        let data = frame.data?;
        Some(match frame.kind.as_str() {
            "data" => Self::Message(data.number?),
            "datastream-start" => Self::Start(data.text?),
            "chunk" => Self::Chunk { stream: frame.stream_id?, text: data.text? },
            "datastream-end" => Self::End { stream: data.text?, is_failed: frame.error.is_some() },
            _ => return None,
        })
    }

    /// Returns `true` if it counts as a message for the length of the history and for retention.
    pub(super) fn starts_message(&self) -> bool {
        matches!(self, Self::Message(_) | Self::Start(_))
    }
}

/// A message in the order.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) offset: u64,
    /// The number of messages and streams in the channel so far, including this one.
    pub(super) rank: usize,
    /// In milliseconds since 1970.
    pub(super) published_at: i64,
    pub(super) content: Content,
}

/// All messages of a channel in one epoch.
#[derive(Clone, Debug, Default)]
pub(super) struct Epoch {
    /// Messages up to this offset were published in an earlier epoch and are not in the history.
    pub(super) start: u64,
    pub(super) head: u64,
    pub(super) topics: [Vec<Entry>; TOPICS.len()],
    /// When each message and stream was published.
    pub(super) start_times: Vec<i64>,
}

/// A recorded message.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) at: MessageId,
    pub(super) topic: usize,
    pub(super) published_at: i64,
    pub(super) content: Content,
}

impl Epoch {
    fn new(start: u64, rows: &[Row]) -> Self {
        let mut epoch = Self { start, head: start, ..Self::default() };
        for row in rows {
            epoch.push(row);
        }
        epoch
    }

    fn push(&mut self, row: &Row) {
        let Row { at, topic, published_at, content } = row.clone();
        if content.starts_message() {
            self.start_times.push(published_at);
        }
        self.head = at.offset;
        self.topics[topic].push(Entry {
            offset: at.offset,
            rank: self.start_times.len(),
            published_at,
            content,
        });
    }

    /// Returns the topic and the message at an offset.
    pub(super) fn find(&self, offset: u64) -> Option<(usize, &Entry)> {
        self.topics.iter().enumerate().find_map(|(topic, entries)| {
            let index = entries.binary_search_by_key(&offset, |entry| entry.offset).ok()?;
            Some((topic, &entries[index]))
        })
    }
}

/// The order of one channel, by epoch.
pub(super) type Channel = BTreeMap<u64, Epoch>;

/// The order of all channels.
#[derive(Debug, Default)]
pub(super) struct Order {
    pub(super) channels: Vec<Channel>,
    /// The number of distinct messages.
    pub(super) messages: usize,
    /// Violations in the order itself.
    pub(super) violations: Vec<String>,
}

impl Order {
    pub(super) fn new(channels: usize) -> Self {
        Self { channels: vec![Channel::new(); channels], ..Self::default() }
    }

    /// Adds the records of all channels.
    pub(super) fn add_records(&mut self, records: Vec<Recorded>, names: &[String]) -> Result {
        for (channel, (Recorded { rows, epochs, violations }, name)) in
            records.into_iter().zip(names).enumerate()
        {
            self.violations.extend(violations.into_iter().map(|violation| format!("{name}: {violation}")));
            for pair in rows.windows(2).filter(|pair| pair[0].at.offset + 1 != pair[1].at.offset) {
                self.violations.push(format!("{name}: {} was committed after {}", pair[1].at, pair[0].at));
            }
            let mut numbers = HashSet::new();
            for row in &rows {
                if let Content::Message(number) = row.content
                    && !numbers.insert(number)
                {
                    self.violations
                        .push(format!("{name}: number {number} was committed again as {}", row.at));
                }
            }
            for (index, (number, start)) in epochs.iter().enumerate() {
                let end = epochs.get(index + 1).map_or(u64::MAX, |(_, head)| *head);
                let end = rows.partition_point(|row| row.at.offset <= end);
                let epoch = Epoch::new(*start, &rows[..end]);
                let known = self.channels[channel].entry(*number).or_default();
                // A copy of the file may contain a shorter part of the same epoch.
                if epoch.head >= known.head {
                    self.messages += usize::try_from(epoch.head - known.head.max(*start))?;
                    *known = epoch;
                }
            }
        }
        Ok(())
    }

    /// Adds an epoch of a channel.
    #[cfg(test)]
    pub(super) fn add_rows(&mut self, channel: usize, epoch: u64, start: u64, rows: &[Row]) {
        self.channels[channel].insert(epoch, Epoch::new(start, rows));
    }

    /// Adds the messages of the reader of everything.
    pub(super) fn add_reference(&mut self, channel: usize, record: &Record) {
        let epochs = &mut self.channels[channel];
        for event in &record.events {
            // The server may have been killed before it sent a message of the epoch.
            let known: Option<MessageId> = match event {
                Event::Ready { position, .. } => position.split('~').next().and_then(|id| id.parse().ok()),
                Event::Gap { before, .. } => Some(*before),
                Event::Message(_) => None,
            };
            if let Some(at) = known {
                epochs.entry(at.epoch).or_default();
            }
        }
        for row in record.rows() {
            let epoch = epochs.entry(row.at.epoch).or_default();
            if row.at.offset == epoch.head + 1 {
                epoch.push(&row);
                self.messages += 1;
            } else {
                let head = epoch.head;
                self.violations
                    .push(format!("the reader of everything received {} after offset {head}", row.at));
                return;
            }
        }
    }

    /// Adds messages that other readers received just before a kill and the reader of everything did not.
    pub(super) fn add_tails(&mut self, channel: usize, records: &[&Record]) {
        let epochs = &mut self.channels[channel];
        let heads: BTreeMap<u64, u64> = epochs.iter().map(|(number, epoch)| (*number, epoch.head)).collect();
        let mut tail: BTreeMap<MessageId, Row> = BTreeMap::new();
        for row in records.iter().flat_map(|record| record.rows()) {
            if row.at.offset <= heads.get(&row.at.epoch).copied().unwrap_or(0) {
                continue;
            }
            let known = tail.entry(row.at).or_insert_with(|| row.clone());
            if known.content != row.content {
                let (one, other) = (&known.content, &row.content);
                self.violations.push(format!(
                    "two readers received different messages as {}: {one:?}, {other:?}",
                    row.at
                ));
            }
        }
        for row in tail.values() {
            epochs.entry(row.at.epoch).or_default().push(row);
        }
    }
}

impl Record {
    /// Returns the messages of a record.
    fn rows(&self) -> impl Iterator<Item = Row> {
        self.events.iter().filter_map(|event| match event {
            Event::Message(row) => Some(row.clone()),
            Event::Ready { .. } | Event::Gap { .. } => None,
        })
    }
}
