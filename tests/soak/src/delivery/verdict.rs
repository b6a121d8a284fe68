//! Compares what a reader received from one channel with the order of the channel.

use super::order::{Channel, Content, Entry, Epoch, Row, TOPICS};
use super::reader::{Event, Record, Sent};
use crate::log::MessageId;

/// The tolerance for clocks and delivery times, in milliseconds, if an age determines what a reader must receive.
const MARGIN: i64 = 500;

/// The length of a channel's history in messages and milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct History {
    pub(super) messages: usize,
    pub(super) age: i64,
}

/// The numbers of messages and gaps that a reader received.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) messages: u64,
    pub(super) gaps: u64,
    /// The number of times that it continued in another epoch.
    pub(super) epochs: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.gaps += other.gaps;
        self.epochs += other.epochs;
    }
}

/// Checks what a reader received, and returns the counts or the first violation.
pub(super) fn judge(
    record: &Record,
    channel: &Channel,
    history: History,
    is_last: bool,
) -> Result<Counts, String> {
    let mut reader = Reader {
        channel,
        history,
        wanted: record.topics,
        epoch: None,
        topics: [Progress::default(); TOPICS.len()],
        last: 0,
        ready_at: 0,
        reads_history: false,
        counts: Counts::default(),
    };
    for (index, event) in record.events.iter().enumerate() {
        let taken = match event {
            Event::Ready { sent, position, at } => reader.ready(sent, position, *at),
            Event::Gap { after, before, at } => reader.gap(*after, *before, *at),
            Event::Message(row) => reader.message(row),
        };
        taken.map_err(|what| format!("event {index}: {what}"))?;
    }
    if is_last {
        reader.check_complete().map_err(|what| format!("at the end: {what}"))?;
    }
    Ok(reader.counts)
}

/// The progress of a reader in one topic.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// The offset up to which the reader has every message that it must receive.
    seen: u64,
    /// The offset of the last message, or of the start if there was none.
    had: u64,
    /// Whether the next message may be older than `seen`, as after a gap or in a history, and a text may start before
    /// it.
    is_early: bool,
    /// The offset up to which a later message may replace retained ones: a new reader lost its connection during the
    /// replay and resumes.
    replaceable: u64,
}

struct Reader<'r> {
    channel: &'r Channel,
    history: History,
    wanted: [bool; TOPICS.len()],
    /// The number and the messages of the current epoch.
    epoch: Option<(u64, &'r Epoch)>,
    topics: [Progress; TOPICS.len()],
    /// The offset of the last message on this connection.
    last: u64,
    ready_at: i64,
    reads_history: bool,
    counts: Counts,
}

impl<'r> Reader<'r> {
    fn find_epoch(&self, epoch: u64) -> Result<(u64, &'r Epoch), String> {
        let found = self.channel.get(&epoch).map(|found| (epoch, found));
        found.ok_or_else(|| format!("the channel has no epoch {epoch}"))
    }

    fn ready(&mut self, sent: &Sent, position: &str, at: i64) -> Result<(), String> {
        self.last = 0;
        self.ready_at = at;
        let (id, replaying) = position.split_once('~').map_or((position, false), |(id, _)| (id, true));
        let id: MessageId = id.parse().map_err(|_| format!("{position:?} is not a position"))?;
        if let Sent::Cursor(cursor) = sent {
            if cursor != position {
                return Err(format!("resumed from {cursor:?}, but `ready` has the position {position:?}"));
            }
            for (rule, topic) in TOPICS.iter().zip(&mut self.topics) {
                let may_be_replaced = replaying && rule.retained == 1 && !rule.is_stream;
                topic.replaceable = if may_be_replaced { id.offset } else { 0 };
            }
            return Ok(());
        }
        let (number, epoch) = self.find_epoch(id.epoch)?;
        self.epoch = Some((number, epoch));
        self.reads_history = *sent == Sent::Start;
        for index in 0..TOPICS.len() {
            self.topics[index] = if self.reads_history {
                let seen = history_start(epoch, index, self.history, at);
                Progress { seen, is_early: true, ..Progress::default() }
            } else {
                let seen = retained_start(epoch, index, |entry| entry.offset <= id.offset);
                let seen = seen.unwrap_or(id.offset);
                Progress { seen, had: seen, ..Progress::default() }
            };
        }
        Ok(())
    }

    fn gap(&mut self, after: MessageId, before: MessageId, at: i64) -> Result<(), String> {
        self.counts.gaps += 1;
        let (number, epoch) = self.find_epoch(before.epoch)?;
        let shown = format!("the gap after {after} before {before}");
        if self.epoch.map(|(number, _)| number) != Some(number) {
            self.counts.epochs += 1;
            self.epoch = Some((number, epoch));
            self.topics = Default::default();
        } else if after.epoch == number && after >= before {
            return Err(format!("{shown} covers nothing"));
        } else if after.epoch == number && !self.reads_history {
            let missing = (0..TOPICS.len()).filter(|index| self.wanted[*index]).flat_map(|index| {
                let had = self.topics[index].had;
                let entries = epoch.topics[index].iter();
                entries.filter(move |entry| entry.offset > had && entry.offset < before.offset)
            });
            let missing: Vec<_> = missing.collect();
            if missing.is_empty() {
                return Err(format!("{shown} covers no missing message"));
            }
            if missing.iter().all(|entry| is_in_history(epoch, entry, self.history, at)) {
                return Err(format!("{shown} covers only messages that the history contains"));
            }
        }
        for (index, topic) in self.topics.iter_mut().enumerate() {
            // Retained messages are still sent, regardless of their age.
            let retained = retained_start(epoch, index, |entry| entry.published_at <= at + MARGIN);
            let owed = retained.map_or(before.offset - 1, |retained| retained.min(before.offset - 1));
            topic.seen = topic.seen.max(owed);
            topic.is_early = true;
        }
        Ok(())
    }

    fn message(&mut self, row: &Row) -> Result<(), String> {
        self.counts.messages += 1;
        let Row { at, topic: index, content, .. } = row;
        let name = TOPICS[*index].name;
        let (number, epoch) = self.epoch.ok_or_else(|| format!("{at} arrived before `ready`"))?;
        if at.epoch != number {
            return Err(format!("{at} arrived without a gap in epoch {number}"));
        }
        if at.offset <= self.last {
            return Err(format!("{at} arrived after offset {}", self.last));
        }
        if !self.wanted[*index] {
            return Err(format!("{at} is on {name}, which the reader did not subscribe to"));
        }
        self.last = at.offset;
        let entries = &epoch.topics[*index];
        let found = entries.binary_search_by_key(&at.offset, |entry| entry.offset);
        let found = found.map_err(|_| format!("{at} was never published on {name}: {content:?}"))?;
        let first = first_of(entries, found, content).ok_or_else(|| {
            format!("{at} on {name} is {content:?}, and {:?} was published", entries[found].content)
        })?;
        let topic = &mut self.topics[*index];
        if entries[first].offset <= topic.had {
            return Err(format!("{at} on {name} was repeated after offset {}", topic.had));
        }
        if at.offset > topic.seen {
            let from =
                if at.offset > topic.replaceable { topic.seen.max(topic.replaceable) } else { topic.seen };
            let missing = entries[..first].iter().rev().take_while(|entry| entry.offset > from);
            let (count, earliest) = (missing.clone().count(), missing.last());
            if let Some(earliest) = earliest {
                let offset = earliest.offset;
                return Err(format!("{count} messages are missing on {name} from {offset} before {at}"));
            }
            if !topic.is_early && entries[first].offset <= topic.seen {
                return Err(format!("{at} on {name} starts before the expected message"));
            }
            topic.is_early = false;
        } else if !topic.is_early {
            return Err(format!("{at} on {name} is older than the expected message"));
        }
        topic.had = at.offset;
        topic.seen = topic.seen.max(at.offset);
        Ok(())
    }

    /// Checks that the reader has received everything.
    fn check_complete(&self) -> Result<(), String> {
        let latest = self.channel.last_key_value().map(|(number, _)| *number);
        let Some((number, epoch)) = self.epoch else { return Err("it never became ready".into()) };
        if Some(number) != latest {
            return Err(format!("the reader is in epoch {number}, but the channel in {latest:?}"));
        }
        for (index, topic) in self.topics.iter().enumerate().filter(|(index, _)| self.wanted[*index]) {
            if let Some(missing) = epoch.topics[index].iter().find(|entry| entry.offset > topic.seen) {
                return Err(format!("it lacks {} from offset {}", TOPICS[index].name, missing.offset));
            }
        }
        Ok(())
    }
}

/// Returns the offset after which a topic's messages are retained, considering only those for which `is_known` returns
/// `true`. Returns `None` if it retains nothing.
fn retained_start(epoch: &Epoch, index: usize, is_known: impl Fn(&Entry) -> bool) -> Option<u64> {
    let start_times = epoch.topics[index].iter().filter(|entry| entry.content.starts_message());
    let started: Vec<u64> =
        start_times.take_while(|entry| is_known(entry)).map(|entry| entry.offset).collect();
    let first = started.len().saturating_sub(TOPICS[index].retained);
    started.get(first).map(|offset| offset - 1)
}

/// Returns the offset after which a reader of the history must receive a topic's messages. It may receive more, because
/// the history may have shrunk before the reader recorded `at`.
fn history_start(epoch: &Epoch, index: usize, history: History, at: i64) -> u64 {
    let first = epoch.topics[index].iter().find(|entry| is_in_history(epoch, entry, history, at));
    first.map_or(epoch.head, |entry| entry.offset - 1)
}

/// Returns `true` if the history certainly contains a message at a time.
fn is_in_history(epoch: &Epoch, entry: &Entry, history: History, at: i64) -> bool {
    let count = epoch.start_times.partition_point(|published| *published <= at + MARGIN);
    let is_young = at - entry.published_at <= history.age - MARGIN;
    entry.offset > epoch.start
        && ((entry.rank + history.messages > count && is_young) || entry.published_at > at + MARGIN)
}

/// Returns the index of the first entry of a message that a reader received at `last`, or `None` if it was not
/// published. Only chunks of a text may be joined.
fn first_of(entries: &[Entry], last: usize, content: &Content) -> Option<usize> {
    let Content::Chunk { stream, text } = content else {
        return (entries[last].content == *content).then_some(last);
    };
    let mut rest = text.as_str();
    for (index, entry) in entries[..=last].iter().enumerate().rev() {
        let Content::Chunk { stream: of, text: chunk } = &entry.content else { return None };
        rest = rest.strip_suffix(chunk.as_str()).filter(|_| of == stream)?;
        if rest.is_empty() {
            return Some(index);
        }
    }
    None
}
