//! Behaviour of this engine only: which logs it keeps, lists, and definitions that change.

use std::time::Duration;

use super::*;
use crate::channel::{
    AddressPart, Carries, ChannelDefinition, History, ParamDefinition, Retain, TopicDefinition,
};
use crate::history::{Gap, IdempotencyKey, Inbox, MemoryBudget};
use crate::schema::{Schema, Text};
use crate::wire::{Cursor, DataFrame, Envelope, LogKind, MessageId, id_of};

static TEXT: Schema = Schema::Text(Text::ANY);
static SHORT: Schema = Schema::Text(Text { max_length: 3, ..Text::ANY });

static PARAMS: [ParamDefinition; 1] = [ParamDefinition { name: "id", schema: &TEXT }];

const fn definition(topics: &'static [TopicDefinition], fingerprint: &'static str) -> ChannelDefinition {
    ChannelDefinition {
        name: "room",
        address: &[AddressPart::Literal("room:"), AddressPart::Param(0)],
        params: &PARAMS,
        topics,
        history: History { messages: 10, age: Duration::from_secs(60) },
        fingerprint,
        ..ChannelDefinition::EMPTY
    }
}

static ROOM: ChannelDefinition = definition(
    &[
        TopicDefinition::new("said", Carries::Payload(&TEXT), Retain::None),
        TopicDefinition::new("state", Carries::Payload(&TEXT), Retain::Last),
        TopicDefinition::new("draft", Carries::TextStream, Retain::Last),
    ],
    "a",
);
/// Its topics have another order, one is renamed, one is gone, and payloads are shorter.
static CHANGED: ChannelDefinition = definition(
    &[
        TopicDefinition::new("draft", Carries::TextStream, Retain::Last),
        TopicDefinition {
            renamed_from: &["said"],
            ..TopicDefinition::new("spoken", Carries::Payload(&SHORT), Retain::None)
        },
    ],
    "b",
);

const SAID: usize = 0;
const STATE: usize = 1;
const DRAFT: usize = 2;

fn room(definition: &'static ChannelDefinition, id: u32) -> Channel {
    Channel::new(definition, &[&id]).unwrap()
}

fn limits(max: usize) -> Limits {
    let memory = Arc::new(MemoryBudget::new(max));
    Limits { max_channel_bytes: usize::MAX, max_stream_bytes: usize::MAX, memory }
}

fn append(log: &Log, topic: usize, kind: LogKind<'_>, text: &str, key: Option<&str>) -> Appended {
    let name = log.channel().definition().topics[topic].name;
    let envelope = Envelope { kind, channel: log.channel().name(), topic: name, run_id: None };
    let frame = DataFrame::of_text(envelope, text);
    let key = key.map(|key| IdempotencyKey::new(key, name, frame.payload()));
    log.append(topic, frame, key).unwrap()
}

fn say(log: &Log, text: &str, key: Option<&str>) -> Appended {
    append(log, SAID, LogKind::Data, text, key)
}

/// Reads a log from a cursor. Returns the gap, and the frames.
fn read(log: &Log, topics: &[usize], cursor: Cursor) -> (Option<Gap>, Vec<String>) {
    let (mut cursor, _) = log.start(topics, cursor);
    let read = log.read(&mut cursor, usize::MAX, &Arc::<Inbox>::default(), 0);
    let messages = read.messages.iter().flat_map(|batch| batch.messages());
    (read.gap, messages.map(|frame| frame.as_str().to_owned()).collect())
}

fn names(logs: &[Arc<Log>]) -> Vec<String> {
    logs.iter().map(|log| log.channel().name().to_owned()).collect()
}

#[test]
fn each_log_has_an_epoch_of_its_own_in_order() {
    let memory = Memory::new();
    let epochs: Vec<_> = (0..100)
        .map(|id| memory.shared.open(&room(&ROOM, id), &limits(usize::MAX)).unwrap().epoch())
        .collect();
    assert!(epochs.is_sorted_by(|a, b| a < b));
}

#[test]
fn a_list_starts_after_a_name_and_has_the_names_with_a_prefix_only() {
    let memory = Memory::new();
    for id in [12, 3, 1, 20, 2, 11] {
        memory.shared.open(&room(&ROOM, id), &limits(usize::MAX)).unwrap();
    }
    for (prefix, after, limit, expected) in [
        ("", "", 10, &[1, 11, 12, 2, 20, 3][..]),
        ("room:1", "", 10, &[1, 11, 12]),
        ("room:1", "room:1", 10, &[11, 12]),
        ("room:1", "room:11", 10, &[12]),
        ("room:1", "room:2", 10, &[]),
        ("room:2", "room:1", 1, &[2]),
        ("rooms", "", 10, &[]),
    ] {
        let listed = names(&memory.shared.logs.list(prefix, after, limit));
        let expected: Vec<_> = expected.iter().map(|id| format!("room:{id}")).collect();
        assert_eq!(listed, expected, "{limit} with {prefix:?} after {after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_remains_while_it_has_history_or_keys() {
    let memory = Memory::new();
    let open = |id| memory.shared.open(&room(&ROOM, id), &limits(usize::MAX)).unwrap();
    open(1);
    say(&open(2), "hello", None);
    say(&open(3), "hello", Some("k"));
    append(&open(4), STATE, LogKind::Data, "retained", None);
    assert_eq!(memory.tidy(2), 4);
    assert_eq!(memory.tidy(0), 3, "only the first one has no history");
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(memory.tidy(2), 3, "two are empty");
    assert_eq!(memory.tidy(0), 1);
    assert!(say(&open(3), "hello", Some("k")).repeated);
    tokio::time::sleep(Duration::from_secs(3700)).await;
    assert_eq!(memory.tidy(0), 0);
}

#[tokio::test(start_paused = true)]
async fn unused_logs_go_when_memory_is_short_and_keys_stay() {
    let memory = Memory::new();
    let limits = limits(100_000);
    let open = |id| memory.shared.open(&room(&ROOM, id), &limits).unwrap();
    let text = "x".repeat(5_000);
    for id in 0..21 {
        say(&open(id), &text, (id < 2).then_some("k"));
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    let used = open(2);
    memory.tidy(1000);
    assert!(!limits.memory.is_crowded(), "{} bytes are left", limits.memory.bytes());
    let left = names(&memory.shared.logs.list("", "", 100));
    assert!(
        ["room:0", "room:1", "room:2", "room:20"].iter().all(|name| left.iter().any(|left| left == name))
    );
    assert!(left.iter().all(|name| name != "room:3"), "the unused one that was idle for longest: {left:?}");
    assert_eq!(read(&used, &[SAID], Cursor::Start).1.len(), 1);
    assert!(read(&open(0), &[SAID], Cursor::Start).1.is_empty());
    assert!(say(&open(0), &text, Some("k")).repeated);
}

#[test]
fn a_changed_definition_keeps_the_messages_that_it_accepts() {
    let memory = Memory::new();
    let log = memory.shared.open(&room(&ROOM, 1), &limits(usize::MAX)).unwrap();
    say(&log, "1", Some("k"));
    let rejected = say(&log, "too long", None).id;
    append(&log, STATE, LogKind::Data, "state", None);
    append(&log, DRAFT, LogKind::StreamStart, "s", None);
    for chunk in ["Once ", "upon "] {
        append(&log, DRAFT, LogKind::Chunk { stream_id: "s" }, chunk, None);
    }
    let last = say(&log, "3", None).id;
    let changed = room(&CHANGED, 1);
    let error = memory.shared.open(&changed, &limits(usize::MAX)).err().unwrap().to_string();
    assert!(error.contains("with another definition"), "{error}");
    drop(log);

    let log = memory.shared.open(&changed, &limits(usize::MAX)).unwrap();
    assert!(Arc::ptr_eq(&log, &memory.shared.open(&changed, &limits(usize::MAX)).unwrap()));
    let (gap, frames) = read(&log, &[0, 1], Cursor::After(MessageId::new(last.epoch(), 1)));
    assert_eq!(gap.map(|gap| gap.after.offset()), Some(1), "the second message is not valid any more");
    let ids: Vec<_> = frames.iter().map(|frame| id_of(frame).unwrap().offset()).collect();
    assert_eq!(ids, [4, 5, 6, 7], "{rejected} and the removed topic are missing: {frames:?}");
    assert!(frames[3].contains(r#""topic":"spoken""#) && frames[3].contains(r#""data":"3""#), "{frames:?}");
    let next = append(&log, 1, LogKind::Data, "4", None).id;
    assert_eq!(next, MessageId::new(last.epoch(), last.offset() + 1));
    let again = IdempotencyKey::new("k", "said", br#""1""#);
    let frame = DataFrame::of_text(
        Envelope { kind: LogKind::Data, channel: "room:1", topic: "spoken", run_id: None },
        "1",
    );
    assert!(log.append(1, frame, Some(again)).unwrap().repeated, "keys outlive the change");
}

#[test]
fn the_clock_does_not_go_back() {
    let memory = Memory::new();
    let times: Vec<_> = (0..100).map(|_| memory.storage_time()).collect();
    assert!(times.is_sorted());
    let now = clock::wall_time();
    let drift = now.duration_since(times[0]).unwrap_or_default();
    assert!(drift < Duration::from_secs(60), "{drift:?}");
}
