//! A process that uses an engine: it opens logs, publishes and reads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::timeout;

use super::super::{AppendError, Engine, Entry, OpenedLog, StorageCall, StorageError};
use crate::channel::{
    AddressPart, Carries, Channel, ChannelDefinition, History, ParamDefinition, Registry, Retain,
    TopicDefinition,
};
use crate::history::{Appended, Gap, IdempotencyKey, Inbox, Limits, Log, OpenStream, ReadCursor};
use crate::schema::{Schema, Text};
use crate::wire::{Cursor, DataFrame, Envelope, LogKind, MessageId, id_of};

pub(super) const SECOND: Duration = Duration::from_secs(1);

static TEXT: Schema = Schema::Text(Text::ANY);
static NUMBERS: Schema = Schema::Text(Text { max_length: 3, ..Text::ANY });

pub(super) const SAID: usize = 0;
pub(super) const STATE: usize = 1;
pub(super) const DRAFT: usize = 2;

const fn topics(said: &'static Schema) -> [TopicDefinition; 3] {
    [
        TopicDefinition::new("said", Carries::Payload(said), Retain::None),
        TopicDefinition::new("state", Carries::Payload(&TEXT), Retain::Last),
        TopicDefinition::new("draft", Carries::TextStream, Retain::Last),
    ]
}

const fn definition(
    name: &'static str,
    address: &'static [AddressPart],
    topics: &'static [TopicDefinition],
    messages: u32,
    fingerprint: &'static str,
) -> ChannelDefinition {
    ChannelDefinition {
        name,
        address,
        params: &PARAMS,
        topics,
        history: History::new(messages, 3600),
        fingerprint,
        ..ChannelDefinition::EMPTY
    }
}

static PARAMS: [ParamDefinition; 1] = [ParamDefinition { name: "id", schema: &TEXT }];
static TOPICS: [TopicDefinition; 3] = topics(&TEXT);
static STRICT_TOPICS: [TopicDefinition; 3] = topics(&NUMBERS);
const ROOM_ADDRESS: &[AddressPart] = &[AddressPart::Literal("room:"), AddressPart::Param(0)];
const SMALL_ADDRESS: &[AddressPart] = &[AddressPart::Literal("small:"), AddressPart::Param(0)];
static ROOM: ChannelDefinition = definition("room", ROOM_ADDRESS, &TOPICS, 10_000, "a");
static STRICT_ROOM: ChannelDefinition = definition("room", ROOM_ADDRESS, &STRICT_TOPICS, 10_000, "b");
static SMALL: ChannelDefinition = definition("small", SMALL_ADDRESS, &TOPICS, 5, "a");
pub(super) static REGISTRY: Registry = Registry { channels: &[&ROOM, &SMALL] };

/// Returns a channel with a long history.
pub(super) fn room(id: &str) -> Channel {
    Channel::new(&ROOM, &[&id]).unwrap()
}

/// Returns a room whose messages have at most three characters.
pub(super) fn strict_room(id: &str) -> Channel {
    Channel::new(&STRICT_ROOM, &[&id]).unwrap()
}

/// Returns a channel with a history of five messages.
pub(super) fn small(id: &str) -> Channel {
    Channel::new(&SMALL, &[&id]).unwrap()
}

/// A process.
#[derive(Clone)]
pub(super) struct Process {
    pub(super) engine: Arc<dyn Engine>,
    logs: Arc<Mutex<HashMap<String, Arc<Log>>>>,
    /// The ids of revoked tokens that the engine has reported.
    pub(super) revoked: Arc<Mutex<Vec<String>>>,
}

impl Process {
    pub(super) fn new(engine: impl Engine + 'static) -> Self {
        engine.set_registry(&REGISTRY);
        let revoked: Vec<_> = engine.list_revoked().into_iter().map(|(id, _)| id).collect();
        let revoked = Arc::new(Mutex::new(revoked));
        let following = Arc::clone(&revoked);
        engine.follow_revocations(Box::new(move |id, _| following.lock().unwrap().push(id.to_owned())));
        Self { engine: Arc::new(engine), logs: Arc::default(), revoked }
    }

    /// Returns the log of a channel, as a hub does: opens it again if it was retired.
    pub(super) async fn log(&self, channel: &Channel) -> Arc<Log> {
        self.open(channel).await.0
    }

    /// Returns the log of a channel, and the text streams that were abandoned when it was opened.
    pub(super) async fn open(&self, channel: &Channel) -> (Arc<Log>, Vec<OpenStream>) {
        let name = channel.name().to_owned();
        let open = self.logs.lock().unwrap().get(&name).filter(|log| !log.is_retired()).cloned();
        if let Some(log) = open {
            return (log, Vec::new());
        }
        let OpenedLog { log, abandoned } =
            self.engine.open_log(channel.clone(), Limits::none()).await.unwrap();
        self.logs.lock().unwrap().insert(name, Arc::clone(&log));
        (log, abandoned)
    }

    pub(super) fn append(&self, entry: Entry) -> StorageCall<Result<Appended, AppendError>> {
        self.engine.append(entry)
    }

    /// Catches up with other processes in all channels whose logs were opened.
    pub(super) async fn catch_up(&self) -> Result<(), StorageError> {
        let channels: Vec<_> = self.logs.lock().unwrap().values().map(|log| log.channel().clone()).collect();
        for channel in &channels {
            self.engine.catch_up(channel).await?;
        }
        Ok(())
    }

    pub(super) async fn say(&self, channel: &Channel, text: &str) -> MessageId {
        self.publish(channel, SAID, text, None).await.unwrap().id
    }

    pub(super) async fn publish(
        &self,
        channel: &Channel,
        topic: usize,
        text: &str,
        key: Option<&str>,
    ) -> Result<Appended, AppendError> {
        let log = self.log(channel).await;
        self.append(entry(&log, topic, LogKind::Data, text, key)).await
    }

    pub(super) async fn read_from(&self, channel: &Channel, topics: &[usize], cursor: Cursor) -> Reader {
        Reader::new(self.log(channel).await, topics, cursor)
    }

    /// Returns a reader of everything in a channel.
    pub(super) async fn read_all(&self, channel: &Channel) -> Reader {
        self.read_from(channel, &[SAID, STATE, DRAFT], Cursor::Start).await
    }
}

/// Returns a message to append.
pub(super) fn entry(log: &Arc<Log>, topic: usize, kind: LogKind<'_>, text: &str, key: Option<&str>) -> Entry {
    let name = log.channel().definition().topics[topic].name;
    let envelope = Envelope { kind, channel: log.channel().name(), topic: name, run_id: None };
    let frame = DataFrame::of_text(envelope, text);
    let key = key.map(|key| IdempotencyKey::new(key, name, frame.payload()));
    Entry { log: Arc::clone(log), topic, frame, key, writer: None }
}

/// A subscriber.
pub(super) struct Reader {
    log: Arc<Log>,
    cursor: ReadCursor,
    inbox: Arc<Inbox>,
}

/// The messages and gaps that a reader received.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) gap: Option<Gap>,
    pub(super) frames: Vec<String>,
}

impl Received {
    pub(super) fn ids(&self) -> Vec<MessageId> {
        self.frames.iter().map(|frame| id_of(frame).unwrap()).collect()
    }

    /// Returns the payloads, which are texts.
    pub(super) fn texts(&self) -> Vec<String> {
        let payload = |frame: &String| {
            let frame: serde_json::Value = serde_json::from_str(frame).unwrap();
            frame["data"].as_str().unwrap().to_owned()
        };
        self.frames.iter().map(payload).collect()
    }
}

impl Reader {
    pub(super) fn new(log: Arc<Log>, topics: &[usize], cursor: Cursor) -> Self {
        let (cursor, _) = log.start(topics, cursor);
        Self { log, cursor, inbox: Arc::default() }
    }

    /// Returns everything that can be read now. Joined chunks are one frame.
    pub(super) fn read(&mut self) -> Received {
        let mut received = Received::default();
        loop {
            let read = self.log.read(&mut self.cursor, 64 * 1024, &self.inbox, 0);
            received.gap = received.gap.or(read.gap);
            let messages = read.messages.iter().flat_map(|batch| batch.messages());
            received.frames.extend(messages.map(|frame| frame.as_str().to_owned()));
            if !read.more {
                return received;
            }
        }
    }

    /// Waits until this many frames have been read.
    pub(super) async fn read_until(&mut self, frames: usize) -> Received {
        let mut received = Received::default();
        let reading = timeout(60 * SECOND, async {
            while received.frames.len() < frames {
                let more = self.read();
                received.gap = received.gap.or(more.gap);
                received.frames.extend(more.frames);
                tokio::time::sleep(SECOND / 200).await;
            }
        });
        assert!(reading.await.is_ok(), "only {} of {frames} frames arrived", received.frames.len());
        received
    }
}

/// Waits until a condition holds.
pub(super) async fn wait_until(condition: impl Fn() -> bool) {
    let waiting = timeout(30 * SECOND, async {
        while !condition() {
            tokio::time::sleep(SECOND / 200).await;
        }
    });
    assert!(waiting.await.is_ok(), "it did not happen within 30 seconds");
}
