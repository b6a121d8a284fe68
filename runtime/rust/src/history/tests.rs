//! Compares a log with a model that evicts nothing: whatever readers do, each receives every message in order or a gap.

use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tokio::task::{JoinSet, yield_now};

use super::{Inbox, Limits, Log, MemoryBudget, ReadCursor, StoredLog, StoredMessage, TURN_BYTES, requeue};
use crate::channel::{Carries, Channel, ChannelDefinition, History, Retain, TopicDefinition};
use crate::schema::{Schema, Text};
use crate::wire::{Cursor, DataFrame, Envelope, LogKind, MessageId, with_id};

static TEXT: Schema = Schema::Text(Text::ANY);

type Aliases = &'static [&'static str];

const fn topic(name: &'static str, retain: Retain, aliases: Aliases) -> TopicDefinition {
    TopicDefinition { aliases, ..TopicDefinition::new(name, Carries::Payload(&TEXT), retain) }
}

const fn stream(name: &'static str, retain: Retain, aliases: Aliases) -> TopicDefinition {
    TopicDefinition { aliases, ..TopicDefinition::new(name, Carries::TextStream, retain) }
}

const TOPICS: [TopicDefinition; 6] = [
    topic("said", Retain::None, &["says", "spoke"]),
    topic("status", Retain::Last, &["state"]),
    topic("journal", Retain::LastN(7), &[]),
    stream("log", Retain::None, &[]),
    stream("draft", Retain::Last, &["sketch"]),
    stream("drafts", Retain::LastN(3), &["sketches"]),
];

const STATUS: usize = 1;
/// The topic names that are aliases.
const ALIASES: std::ops::Range<usize> = 7..12;

const fn channel(messages: u32, seconds: u64) -> ChannelDefinition {
    ChannelDefinition {
        name: "room",
        address: &[],
        topics: &TOPICS,
        history: History::new(messages, seconds),
        fingerprint: "",
        ..ChannelDefinition::EMPTY
    }
}

static CHANNELS: [ChannelDefinition; 4] =
    [channel(1, 1000), channel(5, 1000), channel(40, 3), channel(1000, 1000)];

/// The message at an offset, in the model.
struct Entry {
    topic: usize,
    what: What,
    /// The number of messages and streams that the channel has had.
    rank: u64,
    published: SystemTime,
}

#[derive(Clone, PartialEq)]
enum What {
    Message(String),
    Start(String),
    Chunk(String, String),
    End(String),
}

struct World {
    random: StdRng,
    definition: &'static ChannelDefinition,
    limits: Limits,
    log: Log,
    epoch: u64,
    continues: Option<MessageId>,
    /// The entry at offset 1 comes first.
    entries: Vec<Entry>,
    /// The messages that a storage would have.
    stored: Vec<StoredMessage>,
    evicted: HashMap<usize, u64>,
    /// The ids of open streams, with their topics.
    open: Vec<(usize, String)>,
    now: SystemTime,
    readers: Vec<Reader>,
}

/// A client that follows the protocol.
struct Reader {
    read_cursor: Option<ReadCursor>,
    inbox: Arc<Inbox>,
    definition: &'static ChannelDefinition,
    /// The topic names.
    names: Vec<usize>,
    cursor: Cursor,
    /// For each topic name, the offset up to which it has received every message or a gap.
    seen: HashMap<usize, u64>,
    /// For each topic name, the offset of the last message that it received.
    had: HashMap<usize, u64>,
    /// The offset of the last message, and the names under which it was received.
    last: (u64, HashSet<usize>),
    /// The topic names whose next text may begin earlier than the reader needs, because it reads the history or after a gap.
    early: HashSet<usize>,
    reads_history: bool,
    gaps: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let definition = &CHANNELS[random.random_range(0..CHANNELS.len())];
        let max_stream_bytes = if random.random_bool(0.2) { 40_000 } else { usize::MAX };
        let memory = Arc::new(MemoryBudget::new(usize::MAX));
        let limits = Limits { max_channel_bytes: usize::MAX, max_stream_bytes, memory };
        let log = Log::new(Channel::without_params(definition), 1, &limits);
        let (entries, stored, open, readers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let (epoch, continues, evicted) = (1, None, HashMap::new());
        Self {
            random,
            definition,
            limits,
            log,
            epoch,
            continues,
            entries,
            stored,
            evicted,
            open,
            now,
            readers,
        }
    }

    fn head(&self) -> u64 {
        self.entries.len() as u64
    }

    fn count(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.rank)
    }

    fn append(&mut self, topic: usize, what: What) {
        let (kind, text) = match &what {
            What::Message(text) => (LogKind::Data, text),
            What::Start(id) => (LogKind::StreamStart, id),
            What::Chunk(id, text) => (LogKind::Chunk { stream_id: id }, text),
            What::End(id) => (LogKind::StreamEnd { error: None, is_stopped: false }, id),
        };
        let envelope =
            Envelope { kind, channel: "room", topic: self.definition.topics[topic].name, run_id: None };
        let offset = self.head() + 1;
        let frame = DataFrame::of_text(envelope, text).stamp(MessageId::new(self.epoch, offset), self.now);
        let message = StoredMessage { offset, topic, published_at: self.now, frame, is_refused: false };
        let rank = self.count() + u64::from(matches!(what, What::Message(_) | What::Start(_)));
        self.entries.push(Entry { topic, what, rank, published: self.now });
        self.stored.push(message.clone());
        self.log.append_stored(message);
    }

    async fn act(&mut self) {
        match self.random.random_range(0..100) {
            0..30 => {
                let text = format!("\"{}\\é", self.head());
                let topic = self.random.random_range(0..3);
                self.append(topic, What::Message(text));
            }
            30..34 if self.open.len() < 4 => {
                let (topic, id) = (self.random.random_range(3..6), format!("s{}", self.head()));
                self.append(topic, What::Start(id.clone()));
                self.open.push((topic, id));
            }
            34..60 if !self.open.is_empty() => {
                let (topic, id) = self.open[self.random.random_range(0..self.open.len())].clone();
                for _ in 0..self.random.random_range(1..60) {
                    let chunk = format!("{}\n\"é ", self.random.random_range(0..1000))
                        .repeat(self.random.random_range(1..4));
                    self.append(topic, What::Chunk(id.clone(), chunk));
                }
            }
            60..62 if !self.open.is_empty() => {
                let (topic, id) = self.open.swap_remove(self.random.random_range(0..self.open.len()));
                self.append(topic, What::End(id));
            }
            62..70 => {
                let time = Duration::from_millis(self.random.random_range(0..4000));
                self.now += time;
                tokio::time::advance(time).await;
            }
            70..72 => self.trim(),
            72..74 => self.restart(),
            74..82 => self.join(),
            _ if !self.readers.is_empty() => {
                let reader = self.random.random_range(0..self.readers.len());
                if self.random.random_bool(0.1) {
                    self.readers[reader].read_cursor = None;
                } else {
                    let max_bytes = self.random.random_range(1..4000);
                    self.read(reader, max_bytes);
                }
            }
            _ => {}
        }
    }

    /// Deletes evicted messages, as a storage does.
    fn trim(&mut self) {
        self.log.tidy();
        for (topic, evicted) in self.log.take_evicted(1) {
            self.stored.retain(|message| message.topic != topic || message.offset > evicted);
            self.evicted.insert(topic, evicted);
        }
    }

    fn stored(&self) -> StoredLog {
        StoredLog {
            channel: super::ChannelHandle::new(1),
            epoch: self.epoch,
            continues: self.continues,
            head: self.head(),
            messages: self.stored.clone(),
            evicted: self.evicted.iter().map(|(topic, evicted)| (*topic, *evicted)).collect(),
            has_other_definition: false,
            now: self.now,
        }
    }

    /// Restarts the process, or reloads the log as after missed messages.
    fn restart(&mut self) {
        if self.random.random_bool(0.5) {
            return self.log.reload(self.stored());
        }
        if self.random.random_bool(0.5) {
            self.begin_epoch();
        }
        self.log = Log::restore(&Channel::without_params(self.definition), self.stored(), &self.limits);
        for reader in &mut self.readers {
            reader.read_cursor = None;
        }
    }

    /// Begins an epoch that continues the current one. Cursors of an earlier one are then unknown.
    fn begin_epoch(&mut self) {
        let is_current = |reader: &Reader| match reader.cursor {
            Cursor::Now | Cursor::Start => true,
            Cursor::After(id) | Cursor::Replaying { position: id, .. } => id.epoch() == self.epoch,
        };
        if !self.readers.iter().all(is_current) {
            return;
        }
        self.continues = Some(MessageId::new(self.epoch, self.head()));
        self.epoch += 1;
        for message in &mut self.stored {
            let id = MessageId::new(self.epoch, message.offset);
            message.frame = with_id(message.frame.as_str().to_owned(), id).into();
        }
    }

    fn join(&mut self) {
        let mut names: Vec<usize> = (0..6).filter(|_| self.random.random_bool(0.6)).collect();
        if self.random.random_bool(0.5) {
            names.extend(ALIASES.filter(|_| self.random.random_bool(0.6)));
        }
        if names.is_empty() {
            names = vec![4];
        }
        let cursor = if self.random.random_bool(0.8) { Cursor::Now } else { Cursor::Start };
        let start = |name: &usize| (*name, self.start(self.definition.topic_of(*name), cursor));
        let seen: HashMap<usize, u64> = names.iter().map(start).collect();
        let had = seen.clone();
        let inbox = Arc::new(Inbox::default());
        let reads_history = cursor == Cursor::Start;
        let early = if reads_history { names.iter().copied().collect() } else { HashSet::new() };
        self.readers.push(Reader {
            read_cursor: None,
            inbox,
            definition: self.definition,
            names,
            cursor,
            seen,
            had,
            last: (0, HashSet::new()),
            early,
            reads_history,
            gaps: 0,
        });
        let reader = self.readers.len() - 1;
        self.connect(reader);
    }

    /// Returns the offset after which a new subscriber receives every message of a topic.
    fn start(&self, topic: usize, cursor: Cursor) -> u64 {
        let of_topic = || self.entries.iter().zip(1..).filter(|(entry, _)| entry.topic == topic);
        if cursor == Cursor::Start {
            if topic > 2 && self.limits.max_stream_bytes < usize::MAX {
                // Text beyond the limit is not in the history.
                return self.head();
            }
            let History { messages, age } = self.definition.history;
            let is_history = |entry: &Entry| {
                let is_young = self.now.duration_since(entry.published).unwrap() <= age;
                entry.rank + u64::from(messages) > self.count() && is_young
            };
            let first = of_topic().find(|(entry, _)| is_history(entry));
            return first.map_or(self.head(), |(_, offset)| offset - 1);
        }
        let retained = match self.definition.topics[topic].retain {
            Retain::None => return self.head(),
            Retain::Last => 1,
            Retain::LastN(count) => count as usize,
        };
        let begins = |(entry, _): &(&Entry, u64)| matches!(entry.what, What::Message(_) | What::Start(_));
        let begun: Vec<u64> = of_topic().filter(begins).map(|(_, offset)| offset).collect();
        let first = begun.len().saturating_sub(retained);
        begun.get(first).map_or(self.head(), |offset| offset - 1)
    }

    fn connect(&mut self, reader: usize) {
        let latest = self.start(STATUS, Cursor::Now);
        let reader = &mut self.readers[reader];
        for (name, seen) in &mut reader.seen {
            // The latest status replaces the previous one.
            if let Cursor::Replaying { position, .. } = reader.cursor
                && self.definition.topic_of(*name) == STATUS
            {
                *seen = (*seen).max(position.offset().min(latest));
            }
        }
        let (read_cursor, cursor) = self.log.start(&reader.names, reader.cursor);
        reader.read_cursor = Some(read_cursor);
        reader.cursor = cursor;
        reader.last = (0, HashSet::new());
    }

    /// Reads one turn. Returns whether there is more.
    fn read(&mut self, index: usize, max_bytes: usize) -> bool {
        if self.readers[index].read_cursor.is_none() {
            self.connect(index);
        }
        let reader = &mut self.readers[index];
        let inbox = Arc::clone(&reader.inbox);
        let read = self.log.read(reader.read_cursor.as_mut().unwrap(), max_bytes, &inbox, 0);
        if let Some(gap) = read.gap {
            reader.gaps += 1;
            let before = gap.before.offset();
            let is_missed = |(entry, offset): (&Entry, u64)| {
                let mut had =
                    reader.had.iter().filter(|(name, _)| reader.definition.topic_of(**name) == entry.topic);
                had.any(|(_, had)| *had < offset) && offset < before
            };
            let is_missed = self.entries.iter().zip(1..).any(is_missed);
            // A reader of the history has one offset, before which some topics may have evicted messages.
            assert!(is_missed || reader.reads_history, "a gap without missed messages");
            reader.early.extend(&reader.names);
            reader.seen.values_mut().for_each(|seen| *seen = (*seen).max(before - 1));
        }
        for frame in read.messages.iter().flat_map(|batch| batch.messages()) {
            let frame: Value = serde_json::from_str(frame).unwrap();
            let id: MessageId = frame["id"].as_str().unwrap().parse().unwrap();
            reader.advance(&frame, id.offset());
            reader.cursor = reader.cursor.after(id);
            reader.take(&frame, id.offset(), &self.entries);
        }
        read.more
    }

    /// Lets all readers read to the end.
    fn settle(&mut self) -> usize {
        for reader in 0..self.readers.len() {
            while self.read(reader, 1000) {}
            let Reader { seen, .. } = &self.readers[reader];
            for (name, seen) in seen {
                let topic = self.definition.topic_of(*name);
                let latest = self.entries.iter().zip(1..).filter(|(entry, _)| entry.topic == topic).last();
                assert!(
                    latest.is_none_or(|(_, offset)| offset <= *seen),
                    "topic name {name} is silent after {seen}"
                );
            }
        }
        self.readers.iter().map(|reader| reader.gaps).sum()
    }
}

impl Reader {
    fn name_of(&self, frame: &Value) -> usize {
        self.definition.topic_name(frame["topic"].as_str().unwrap()).unwrap()
    }

    /// Checks that messages are in order, and that each one arrives once under each name.
    fn advance(&mut self, frame: &Value, offset: u64) {
        let name = self.name_of(frame);
        let (last, names) = &mut self.last;
        assert!(offset >= *last, "out of order");
        if offset > *last {
            (*last, *names) = (offset, HashSet::new());
        }
        assert!(names.insert(name), "a message is repeated");
    }

    fn take(&mut self, frame: &Value, offset: u64, entries: &[Entry]) {
        let (name, topic) = (self.name_of(frame), entries[index(offset) - 1].topic);
        assert_eq!(self.definition.topic_of(name), topic);
        let seen = self.seen.get_mut(&name).expect("the topic name is subscribed");
        // Ignore text that was received before.
        if offset <= *seen {
            return;
        }
        let new = entries.iter().zip(1..=offset).skip(index(*seen)).filter(|(entry, _)| entry.topic == topic);
        let new: Vec<&What> = new.map(|(entry, _)| &entry.what).collect();
        *seen = offset;
        self.had.insert(name, offset);
        let is_early = self.early.remove(&name);
        let data = frame["data"].as_str().unwrap();
        match (frame["kind"].as_str().unwrap(), &new[..]) {
            ("data", [What::Message(text)]) => assert_eq!(data, text),
            ("datastream-start", [What::Start(id)]) | ("datastream-end", [What::End(id)]) => {
                assert_eq!(data, id)
            }
            ("chunk", chunks) => {
                let mut text = String::new();
                for chunk in chunks {
                    let What::Chunk(id, more) = chunk else { panic!("a chunk skips a message") };
                    assert_eq!(frame["stream_id"], **id);
                    text.push_str(more);
                }
                let is_whole = data == text || (is_early && data.ends_with(&text));
                assert!(is_whole, "{data:?} instead of {text:?}");
            }
            (kind, new) => panic!("a frame {kind} instead of {} messages", new.len()),
        }
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

/// Returns the number of seeds: 10, or `FANFARE_SEEDS`.
fn seeds() -> u64 {
    std::env::var("FANFARE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(10)
}

#[tokio::test(start_paused = true)]
async fn every_reader_receives_everything_in_order_or_a_gap() {
    let (mut gaps, mut readers) = (0, 0);
    for seed in 0..seeds() {
        let mut world = World::new(seed);
        for _ in 0..400 {
            world.act().await;
        }
        gaps += world.settle();
        readers += world.readers.len();
    }
    assert!(gaps > 10 && readers > 100, "{gaps} gaps, {readers} readers");
}

fn inbox() -> Arc<Inbox> {
    Arc::new(Inbox::default())
}

#[tokio::test(start_paused = true)]
async fn evictions_before_the_first_turn_extend_the_pending_gap() {
    let mut world = World::new(0);
    world.log = Log::new(Channel::without_params(&CHANNELS[0]), 2, &world.limits);
    world.append(STATUS, What::Message("1".into()));
    let of_another_epoch = Cursor::After(MessageId::new(1, 9));
    let (mut read_cursor, _) = world.log.start(&[STATUS], of_another_epoch);
    for text in ["2", "3"] {
        world.append(STATUS, What::Message(text.into()));
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    world.log.tidy();
    let gap = world.log.read(&mut read_cursor, 1000, &inbox(), 0).gap.unwrap();
    assert_eq!(gap.before, MessageId::new(2, 3));
}

#[tokio::test]
async fn a_new_subscriber_receives_a_gap_if_retained_messages_were_evicted_before_a_restart() {
    let mut world = World::new(0);
    world.evicted.insert(4, 7);
    let stored = StoredLog { head: 9, ..world.stored() };
    let log = Log::restore(&Channel::without_params(world.definition), stored, &world.limits);
    let gap = |topic: usize| {
        let (mut read_cursor, _) = log.start(&[topic], Cursor::Now);
        log.read(&mut read_cursor, 1000, &inbox(), 0).gap.map(|gap| gap.before)
    };
    assert_eq!((gap(4), gap(5)), (Some(MessageId::new(1, 8)), None));
}

#[tokio::test(start_paused = true)]
async fn a_restored_history_is_as_long_as_before_although_a_text_lacks_its_start() {
    let mut world = World::new(0);
    world.definition = &CHANNELS[1];
    world.log = Log::new(Channel::without_params(world.definition), 1, &world.limits);
    world.append(3, What::Start("s".into()));
    for number in 0..12 {
        world.append(0, What::Message(number.to_string()));
        if number == 9 {
            world.append(3, What::Chunk("s".into(), "more".into()));
        }
    }
    // A live log keeps messages for some seconds, regardless of the history.
    tokio::time::advance(Duration::from_secs(60)).await;
    world.now += Duration::from_secs(60);
    world.trim();
    assert!(world.stored[0].offset > 1, "the start of the text was deleted");
    let read = |log: &Log| {
        let (mut read_cursor, _) = log.start(&[0], Cursor::Start);
        log.read(&mut read_cursor, usize::MAX, &inbox(), 0)
            .messages
            .iter()
            .map(|batch| batch.messages().len())
            .sum()
    };
    let restored = Log::restore(&Channel::without_params(world.definition), world.stored(), &world.limits);
    let counts: [usize; 2] = [read(&world.log), read(&restored)];
    assert_eq!(counts, [5, 5]);
}

#[tokio::test]
async fn a_subscriber_with_messages_that_an_epoch_does_not_continue_receives_the_retained_ones_again() {
    let mut world = World::new(0);
    for text in ["1", "2"] {
        world.append(STATUS, What::Message(text.into()));
    }
    world.append(0, What::Message("3".into()));
    world.begin_epoch();
    let log = Log::restore(&Channel::without_params(world.definition), world.stored(), &world.limits);
    let resume = |cursor| {
        let (mut read_cursor, _) = log.start(&[0, STATUS], cursor);
        let read = log.read(&mut read_cursor, 1000, &inbox(), 0);
        let frames = read.messages.iter().flat_map(|batch| batch.messages());
        let data =
            |frame: &str| serde_json::from_str::<Value>(frame).unwrap()["data"].as_str().unwrap().to_owned();
        (read.gap.map(|gap| gap.before), frames.map(|frame| data(frame)).collect::<Vec<_>>())
    };
    assert_eq!(resume(Cursor::After(MessageId::new(1, 2))), (None, vec!["3".to_owned()]));
    assert_eq!(resume(Cursor::After(MessageId::new(1, 3))), (None, vec![]));
    let gap = Some(MessageId::new(2, 4));
    for lost in [MessageId::new(1, 4), MessageId::new(9, 1)] {
        assert_eq!(resume(Cursor::After(lost)), (gap, vec!["2".to_owned()]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_subscribers_receive_a_burst_that_exceeds_the_history() {
    const MESSAGES: usize = 2_000;
    let log = Arc::new(Log::new(Channel::without_params(&CHANNELS[0]), 1, &Limits::none()));
    let mut subscribers = JoinSet::new();
    for _ in 0..2_000 {
        let (log, inbox, mut received) = (Arc::clone(&log), inbox(), 0);
        let (mut read_cursor, _) = log.start(&[0], Cursor::Now);
        subscribers.spawn(async move {
            while received < MESSAGES {
                let read = log.read(&mut read_cursor, TURN_BYTES, &inbox, 0);
                assert!(read.gap.is_none(), "after {received} messages: {:?}", read.gap);
                received += read.messages.map_or(0, |batch| batch.messages().len());
                if !read.more && received < MESSAGES {
                    poll_fn(|context| inbox.poll_take(&mut Vec::new(), context)).await;
                }
                yield_now().await;
            }
        });
    }
    let publisher = tokio::spawn(async move {
        let text = "x".repeat(1_000);
        for _ in 0..MESSAGES {
            let envelope = Envelope { kind: LogKind::Data, channel: "room", topic: "said", run_id: None };
            if log.append(0, DataFrame::of_text(envelope, &text), None).unwrap().should_yield {
                requeue().await;
            }
        }
    });
    publisher.await.unwrap();
    subscribers.join_all().await;
}
