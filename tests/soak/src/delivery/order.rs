//! The order of each channel's messages, by which everything else is judged.
//!
//! With a file, triggers note each message in the transaction that commits it. Without one, a reader that is never
//! cut off notes what it gets.

use super::reader::{Record, Step};
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
    /// How many messages or streams a new reader gets.
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

/// An id, taken apart: it has two numbers of nine base-36 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct At {
    pub(super) epoch: u64,
    pub(super) offset: u64,
}

impl At {
    /// The id as text.
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

impl FromStr for At {
    type Err = crate::Error;

    fn from_str(id: &str) -> Result<Self> {
        let (epoch, offset) = id.split_once('-').ok_or_else(|| format!("{id:?} is not an id"))?;
        Ok(Self { epoch: u64::from_str_radix(epoch, 36)?, offset: u64::from_str_radix(offset, 36)? })
    }
}

impl fmt::Display for At {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.epoch, self.offset)
    }
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Message(u32),
    Start(String),
    Piece { stream: String, text: String },
    End { stream: String, is_failed: bool },
}

impl What {
    /// Reads a frame. Returns `None` if it is not one of a message or a text stream.
    pub(super) fn of(frame: Frame) -> Option<Self> {
        let data = frame.data?;
        Some(match frame.kind.as_str() {
            "data" => Self::Message(data.number?),
            "datastream-start" => Self::Start(data.text?),
            "chunk" => Self::Piece { stream: frame.stream_id?, text: data.text? },
            "datastream-end" => Self::End { stream: data.text?, is_failed: frame.error.is_some() },
            _ => return None,
        })
    }

    /// Whether it counts as one message in a channel's history and in what a topic retains.
    pub(super) fn begins(&self) -> bool {
        matches!(self, Self::Message(_) | Self::Start(_))
    }
}

/// One message in its order.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) offset: u64,
    /// How many messages and streams the channel had, including this one.
    pub(super) rank: usize,
    /// In milliseconds since 1970.
    pub(super) published: i64,
    pub(super) what: What,
}

/// All messages of a channel that have ids in one epoch.
#[derive(Clone, Debug, Default)]
pub(super) struct Epoch {
    /// Messages up to this offset were published in an earlier epoch: they are not in history.
    pub(super) begun_at: u64,
    pub(super) head: u64,
    pub(super) topics: [Vec<Entry>; TOPICS.len()],
    /// When each message and stream was published that counts.
    pub(super) begins: Vec<i64>,
}

/// One message as it was noted.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) at: At,
    pub(super) topic: usize,
    pub(super) published: i64,
    pub(super) what: What,
}

impl Epoch {
    fn new(begun_at: u64, rows: &[Row]) -> Self {
        let mut epoch = Self { begun_at, head: begun_at, ..Self::default() };
        for row in rows {
            epoch.push(row);
        }
        epoch
    }

    fn push(&mut self, row: &Row) {
        let Row { at, topic, published, what } = row.clone();
        if what.begins() {
            self.begins.push(published);
        }
        self.head = at.offset;
        self.topics[topic].push(Entry { offset: at.offset, rank: self.begins.len(), published, what });
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

/// The order of all channels, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Order {
    pub(super) channels: Vec<Channel>,
    /// How many messages it has, each once.
    pub(super) messages: usize,
    /// What is wrong with the order itself.
    pub(super) faults: Vec<String>,
}

/// Notes each message and each new epoch in the file itself, so that a copy of the file has its own notes.
const TRIGGERS: &str = "
    CREATE TABLE noted (channel TEXT, life INTEGER, offset INTEGER, topic TEXT, published INTEGER, frame TEXT);
    CREATE TRIGGER note_message AFTER INSERT ON messages BEGIN
        INSERT INTO noted SELECT name, life, NEW.offset, NEW.topic, NEW.published, NEW.frame
        FROM channels WHERE id = NEW.channel;
    END;
    CREATE TABLE noted_epochs (channel TEXT, life INTEGER, head INTEGER);
    CREATE TRIGGER note_channel AFTER INSERT ON channels BEGIN
        INSERT INTO noted_epochs VALUES (NEW.name, NEW.life, NEW.head);
    END;
    CREATE TRIGGER note_epoch AFTER UPDATE OF life ON channels WHEN NEW.life <> 0 BEGIN
        INSERT INTO noted_epochs VALUES (NEW.name, NEW.life, NEW.head);
    END;
";

/// Has the file note its messages from now on.
pub(super) fn install_triggers(database: &Path) -> Result {
    let connection = Connection::open(database)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    Ok(connection.execute_batch(TRIGGERS)?)
}

impl Order {
    pub(super) fn new(channels: usize) -> Self {
        Self { channels: vec![Channel::new(); channels], ..Self::default() }
    }

    /// Adds what a file noted. Call it when no server has the file open: before it is replaced, and at the end.
    pub(super) fn add_file(&mut self, database: &Path, names: &[String]) -> Result {
        let connection = Connection::open(database)?;
        for (channel, name) in names.iter().enumerate() {
            let rows = noted(&connection, name)?;
            for pair in rows.windows(2).filter(|pair| pair[0].at.offset + 1 != pair[1].at.offset) {
                self.faults.push(format!("{name}: {} was committed after {}", pair[1].at, pair[0].at));
            }
            let mut numbers = HashSet::new();
            for row in &rows {
                if let What::Message(number) = row.what
                    && !numbers.insert(number)
                {
                    self.faults.push(format!("{name}: number {number} was committed again as {}", row.at));
                }
            }
            let mut statement = connection
                .prepare("SELECT life, head FROM noted_epochs WHERE channel = ?1 ORDER BY rowid")?;
            let begun = statement.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let begun: Vec<(u64, u64)> = begun.collect::<rusqlite::Result<_>>()?;
            for (index, (life, begun_at)) in begun.iter().enumerate() {
                let end = begun.get(index + 1).map_or(u64::MAX, |(_, head)| *head);
                let end = rows.partition_point(|row| row.at.offset <= end);
                let epoch = Epoch::new(*begun_at, &rows[..end]);
                let known = self.channels[channel].entry(*life).or_default();
                // An epoch that a copy of the file has, too, goes on for longer in the file.
                if epoch.head >= known.head {
                    self.messages += usize::try_from(epoch.head - known.head.max(*begun_at))?;
                    *known = epoch;
                }
            }
        }
        Ok(())
    }

    /// Adds an epoch of a channel.
    #[cfg(test)]
    pub(super) fn add_rows(&mut self, channel: usize, life: u64, begun_at: u64, rows: &[Row]) {
        self.channels[channel].insert(life, Epoch::new(begun_at, rows));
    }

    /// Adds what one reader got of a channel, which must be everything.
    pub(super) fn add_reference(&mut self, channel: usize, record: &Record) {
        let epochs = &mut self.channels[channel];
        for step in &record.steps {
            // The server may be killed before it sends a message of the epoch.
            let known: Option<At> = match step {
                Step::Ready { position, .. } => position.split('~').next().and_then(|id| id.parse().ok()),
                Step::Gap { before, .. } => Some(*before),
                Step::Message(_) => None,
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
                self.faults.push(format!("the reader of everything got {} after offset {head}", row.at));
                return;
            }
        }
    }

    /// Adds what other readers got when the server was killed, and the reader of everything did not get any more.
    pub(super) fn add_tails(&mut self, channel: usize, records: &[&Record]) {
        let epochs = &mut self.channels[channel];
        let heads: BTreeMap<u64, u64> = epochs.iter().map(|(life, epoch)| (*life, epoch.head)).collect();
        let mut tail: BTreeMap<At, Row> = BTreeMap::new();
        for row in records.iter().flat_map(|record| record.rows()) {
            if row.at.offset <= heads.get(&row.at.epoch).copied().unwrap_or(0) {
                continue;
            }
            let known = tail.entry(row.at).or_insert_with(|| row.clone());
            if known.what != row.what {
                let (one, other) = (&known.what, &row.what);
                self.faults.push(format!("two readers got two messages as {}: {one:?}, {other:?}", row.at));
            }
        }
        for row in tail.values() {
            epochs.entry(row.at.epoch).or_default().push(row);
        }
    }
}

fn noted(connection: &Connection, channel: &str) -> Result<Vec<Row>> {
    let mut statement = connection.prepare(
        "SELECT life, offset, topic, published, frame FROM noted WHERE channel = ?1 ORDER BY rowid",
    )?;
    let mut rows = statement.query([channel])?;
    let mut noted = Vec::new();
    while let Some(row) = rows.next()? {
        let at = At { epoch: row.get(0)?, offset: row.get(1)? };
        let (topic, text): (String, String) = (row.get(2)?, row.get(4)?);
        let frame = frames::read(&text)?.pop();
        let (Some(topic), Some(what)) = (topic_index(&topic), frame.and_then(What::of)) else {
            return Err(format!("a message that was not published: {text}").into());
        };
        noted.push(Row { at, topic, published: row.get(3)?, what });
    }
    Ok(noted)
}

impl Record {
    /// The messages of a record.
    fn rows(&self) -> impl Iterator<Item = Row> {
        self.steps.iter().filter_map(|step| match step {
            Step::Message(row) => Some(row.clone()),
            Step::Ready { .. } | Step::Gap { .. } => None,
        })
    }
}
