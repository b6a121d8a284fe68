//! The order of each channel's messages, which everything else is compared with.
//!
//! With a file, triggers record each message in the transaction that commits it. Without one, a reader that never
//! disconnects on purpose records what it receives.

use super::reader::{Event, Record};
use crate::Result;
use crate::subscribers::frames::{self, Frame};
use rusqlite::Connection;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

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

/// A message id: two numbers of nine base-36 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct MessageId {
    pub(super) epoch: u64,
    pub(super) offset: u64,
}

impl MessageId {
    /// Returns the id as text.
    pub(super) fn id(self) -> String {
        let half = |mut number: u64| {
            let mut digits = [b'0'; 9];
            for digit in digits.iter_mut().rev() {
                *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize];
                number /= 36;
            }
            String::from_utf8_lossy(&digits).into_owned()
        };
        format!("{}-{}", half(self.epoch), half(self.offset))
    }
}

impl FromStr for MessageId {
    type Err = crate::Error;

    fn from_str(id: &str) -> Result<Self> {
        let (epoch, offset) = id.split_once('-').ok_or_else(|| format!("{id:?} is not an id"))?;
        Ok(Self { epoch: u64::from_str_radix(epoch, 36)?, offset: u64::from_str_radix(offset, 36)? })
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.epoch, self.offset)
    }
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

/// Records each message and each new epoch in the file itself, so that a copy of the file has its own records.
const TRIGGERS: &str = "
    CREATE TABLE recorded (channel TEXT, life INTEGER, offset INTEGER, topic TEXT, published INTEGER, frame TEXT);
    CREATE TRIGGER record_message AFTER INSERT ON messages BEGIN
        INSERT INTO recorded SELECT name, life, NEW.offset, NEW.topic, NEW.published, NEW.frame
        FROM channels WHERE id = NEW.channel;
    END;
    CREATE TABLE recorded_epochs (channel TEXT, life INTEGER, head INTEGER);
    CREATE TRIGGER record_channel AFTER INSERT ON channels BEGIN
        INSERT INTO recorded_epochs VALUES (NEW.name, NEW.life, NEW.head);
    END;
    CREATE TRIGGER record_epoch AFTER UPDATE OF life ON channels WHEN NEW.life <> 0 BEGIN
        INSERT INTO recorded_epochs VALUES (NEW.name, NEW.life, NEW.head);
    END;
";

/// Makes the file record its messages from now on.
pub(super) fn install_triggers(database: &Path) -> Result {
    let connection = Connection::open(database)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    Ok(connection.execute_batch(TRIGGERS)?)
}

impl Order {
    pub(super) fn new(channels: usize) -> Self {
        Self { channels: vec![Channel::new(); channels], ..Self::default() }
    }

    /// Adds the records of a file. Call this while no server has the file open: before it is replaced, and at the end.
    pub(super) fn add_file(&mut self, database: &Path, names: &[String]) -> Result {
        let connection = Connection::open(database)?;
        for (channel, name) in names.iter().enumerate() {
            let rows = read_recorded(&connection, name)?;
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
            let mut statement = connection
                .prepare("SELECT life, head FROM recorded_epochs WHERE channel = ?1 ORDER BY rowid")?;
            let started = statement.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let started: Vec<(u64, u64)> = started.collect::<rusqlite::Result<_>>()?;
            for (index, (number, start)) in started.iter().enumerate() {
                let end = started.get(index + 1).map_or(u64::MAX, |(_, head)| *head);
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

fn read_recorded(connection: &Connection, channel: &str) -> Result<Vec<Row>> {
    let mut statement = connection.prepare(
        "SELECT life, offset, topic, published, frame FROM recorded WHERE channel = ?1 ORDER BY rowid",
    )?;
    let mut rows = statement.query([channel])?;
    let mut recorded = Vec::new();
    while let Some(row) = rows.next()? {
        let at = MessageId { epoch: row.get(0)?, offset: row.get(1)? };
        let (topic, text): (String, String) = (row.get(2)?, row.get(4)?);
        let frame = frames::read(&text)?.pop();
        let (Some(topic), Some(content)) = (topic_index(&topic), frame.and_then(Content::from_frame)) else {
            return Err(format!("a message that no publisher sent: {text}").into());
        };
        recorded.push(Row { at, topic, published_at: row.get(3)?, content });
    }
    Ok(recorded)
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
