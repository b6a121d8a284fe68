//! Text streams whose process ended.

use std::sync::Arc;
use std::time::Duration;

use super::{OpenStream, SOON, TEXT, TestServer, client, connect_with, new_schema, rows, wait_until};
use crate::channel::{
    AddressPart, Carries, Channel, ChannelDefinition, History, ParamDefinition, Registry, Retain,
    TopicDefinition,
};
use crate::history::{Limits, Log};
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
    Entry { log: Arc::clone(log), topic, frame: DataFrame::of_text(envelope, text), key: None }
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
