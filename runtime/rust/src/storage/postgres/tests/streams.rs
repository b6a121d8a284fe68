//! Text streams whose process ended.

use std::sync::Arc;
use std::time::Duration;

use super::{OpenStream, SOON, TEXT, TestServer, client, connect_with, new_schema, rows, wait_until};
use crate::channel::{
    AddressPart, Carries, Channel, ChannelDefinition, History, ParamDefinition, Registry, Retain,
    TopicDefinition,
};
use crate::history::{IdempotencyKey, Limits, Log};
use crate::storage::{Entry, Messages};
use crate::wire::{DataFrame, Envelope, LogKind};

const SPOKEN: usize = 0;
const SAID: usize = 1;

/// Has a history of two messages.
static BRIEF: ChannelDefinition = ChannelDefinition {
    name: "brief",
    address: &[AddressPart::Literal("brief:"), AddressPart::Param(0)],
    params: &[ParamDefinition { name: "id", schema: &TEXT }],
    topics: &[
        TopicDefinition::new("spoken", Carries::TextStream, Retain::None),
        TopicDefinition::new("said", Carries::Payload(&TEXT), Retain::None),
    ],
    history: History { messages: 2, age: Duration::from_secs(3600) },
    fingerprint: "",
    ..ChannelDefinition::EMPTY
};
static REGISTRY: Registry = Registry { channels: &[&BRIEF] };

fn entry(log: &Arc<Log>, topic: usize, kind: LogKind<'_>, text: &str) -> Entry {
    let name = log.channel().definition().topics[topic].name;
    let envelope = Envelope { kind, channel: log.channel().name(), topic: name, run_id: None };
    Entry { log: Arc::clone(log), topic, frame: DataFrame::of_text(envelope, text), key: None, writer: None }
}

#[tokio::test]
async fn a_text_of_a_process_that_ended_ends_although_its_chunks_are_evicted() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let [here, there] =
        [connect_with(server, &schema, &REGISTRY).await, connect_with(server, &schema, &REGISTRY).await];
    let channel = Channel::new(&BRIEF, &[&1]).unwrap();
    let open = async |postgres: &super::Postgres| {
        postgres.open_log(channel.clone(), Limits::none()).await.unwrap().log
    };
    let [log, of_writer] = [open(&here).await, open(&there).await];
    let stream = OpenStream::new_id(there.owner());
    there.append(entry(&of_writer, SPOKEN, LogKind::StreamStart, &stream)).await.unwrap();
    for text in ["1", "2", "3", "4", "5"] {
        here.append(entry(&log, SAID, LogKind::Data, text)).await.unwrap();
    }
    wait_until(SOON, || log.head() == 6).await;
    // The process does not report any more, as if it had ended long ago.
    let forget = format!("UPDATE {schema}.processes SET seen = 0 WHERE owner = {}", there.owner());
    let client = client(server).await;
    let started = tokio::time::Instant::now();
    while log.head() == 6 {
        rows(&client, &forget).await;
        assert!(started.elapsed() < SOON, "the text has no end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ends = format!("SELECT count(*) FROM {schema}.messages WHERE frame LIKE '%datastream-end%{stream}%'");
    assert_eq!(rows(&client, &ends).await, ["1"]);
}

#[tokio::test]
async fn a_request_of_an_earlier_connection_appends_no_text() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let postgres = connect_with(server, &schema, &REGISTRY).await;
    let log = postgres.open_log(Channel::new(&BRIEF, &[&1]).unwrap(), Limits::none()).await.unwrap().log;
    let writer = Some(postgres.owner());
    let stream = OpenStream::new_id(postgres.owner());
    let start = || Entry { writer, ..entry(&log, SPOKEN, LogKind::StreamStart, &stream) };
    postgres.append(start()).await.unwrap();
    let client = client(server).await;
    let require = format!("SELECT {schema}.require_process('{{}}', {}, 0)", postgres.owner());
    assert_eq!(rows(&client, &require).await, ["{}"]);
    postgres.shared.process.forget_connection();
    postgres.append(start()).await.unwrap();
    let refused = client.simple_query(&require).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "FF002");
    // A batch with idempotency keys is refused as well, before the process has registered its connection.
    let forget = format!("UPDATE {schema}.processes SET connection = 7 WHERE owner = {}", postgres.owner());
    rows(&client, &forget).await;
    let end = LogKind::StreamEnd { error: None, is_stopped: false };
    let key = Some(IdempotencyKey::of_stream_end(&stream, "spoken", None));
    let ended = Entry { key, writer, ..entry(&log, SPOKEN, end, &stream) };
    postgres.append(ended).await.unwrap();
    let registered = format!("SELECT connection FROM {schema}.processes");
    assert_eq!(rows(&client, &registered).await, ["1"]);
}
