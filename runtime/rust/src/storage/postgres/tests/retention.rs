//! Messages, channels and text streams that the upkeep deletes or ends.

use std::time::Duration;

use fanfare_test_servers::postgres::TestServer;

use super::super::upkeep::sweep::sweep;
use super::{
    Carries, Channel, ChannelDefinition, DataFrame, Entry, Envelope, History, Limits, LogKind, MessageId,
    Messages, Postgres, ROOM, Registry, Retain, SOON, TEXT, TopicDefinition, append, client, connect, entry,
    new_schema, open, read, rows, sweep_until, wait_until,
};
use crate::channel::AddressPart;
use crate::history::OpenStream;

static BRIEF: ChannelDefinition = ChannelDefinition {
    name: "brief",
    address: &[AddressPart::Literal("brief")],
    params: &[],
    topics: &[
        TopicDefinition::new("said", Carries::Payload(&TEXT), Retain::None),
        TopicDefinition::new("state", Carries::Payload(&TEXT), Retain::Last),
        TopicDefinition::new("draft", Carries::TextStream, Retain::None),
    ],
    history: History { messages: 10, age: Duration::from_secs(3600) },
    ..ROOM
};
static BOTH: Registry = Registry { channels: &[&ROOM, &BRIEF] };

fn brief() -> Channel {
    Channel::new(&BRIEF, &[]).unwrap()
}

async fn connect_with_both(schema: &str) -> Postgres {
    let postgres = Postgres::connect(&TestServer::shared().url()).schema(schema).await.unwrap();
    postgres.set_registry(&BOTH);
    postgres
}

/// Waits until a statement returns a number up to `most`.
async fn wait_for_rows(sql: &str, most: u64) {
    let client = client(TestServer::shared()).await;
    for _ in 0..600 {
        if rows(&client, sql).await[0].parse::<u64>().unwrap() <= most {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{sql}: more than {most} are left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evicted_messages_and_excess_keys_are_deleted_while_publishing_goes_on() {
    let schema = new_schema();
    let postgres = connect_with_both(&schema).await;
    let log = open(&postgres, &brief()).await;
    let text = "x".repeat(2_000);
    for round in 0..25 {
        let appends =
            (0..100).map(|number| postgres.append(entry(&log, &text, Some(&format!("{round} {number}")))));
        for appended in futures_util::future::join_all(appends).await {
            appended.unwrap();
        }
    }
    // A live log keeps messages up to a mebibyte, whatever the history.
    wait_for_rows(&format!("SELECT count(*) FROM {schema}.messages"), 700).await;
    wait_for_rows(&format!("SELECT count(*) FROM {schema}.keys"), 1_400).await;
    let reopened = open(&connect_with_both(&schema).await, &brief()).await;
    let offsets = read(&reopened).into_iter().map(|(id, _)| id.offset());
    assert!(offsets.eq(2_491..=2_500));
}

#[tokio::test]
async fn a_channel_that_was_unused_for_a_week_is_deleted_unless_it_is_open() {
    let schema = new_schema();
    let postgres = connect_with_both(&schema).await;
    let log = open(&postgres, &brief()).await;
    let id = append(&postgres, &log, "1").await.unwrap().id;
    let (client, week) = (client(TestServer::shared()).await, 8 * 86_400_000_i64);
    let age = format!("UPDATE {schema}.channels SET used = used - {week}, sweep_at = 0");
    let count = format!("SELECT count(*) FROM {schema}.channels");
    rows(&client, &age).await;
    sweep(&postgres.shared).await.unwrap();
    assert_eq!(rows(&client, &count).await, ["1"], "it is open");
    drop(log);
    sweep_until(&postgres, &schema, &count, &["0"]).await;
    assert_eq!(rows(&client, &format!("SELECT count(*) FROM {schema}.messages")).await, ["0"]);
    let reopened = open(&postgres, &brief()).await;
    assert!(reopened.epoch() > id.epoch() && reopened.head() == 0);
}

#[tokio::test]
async fn a_closed_channel_loses_what_its_log_would_evict() {
    let schema = new_schema();
    let postgres = connect_with_both(&schema).await;
    let log = open(&postgres, &brief()).await;
    for number in 0..30 {
        append(&postgres, &log, &number.to_string()).await.unwrap();
    }
    drop(log);
    let client = client(TestServer::shared()).await;
    // A log keeps messages for some seconds, whatever the history.
    rows(&client, &format!("UPDATE {schema}.messages SET published = published - 10000")).await;
    let messages = format!("SELECT count(*), min(\"offset\") FROM {schema}.messages");
    sweep_until(&postgres, &schema, &messages, &["10 21"]).await;
    assert_eq!(rows(&client, &format!("SELECT topic, \"offset\" FROM {schema}.gone")).await, ["said 20"]);
}

#[tokio::test]
async fn a_text_stream_ends_for_readers_of_other_servers_when_its_server_ends() {
    let schema = new_schema();
    let [here, there] = [connect_with_both(&schema).await, connect_with_both(&schema).await];
    let [log, written] = [open(&here, &brief()).await, open(&there, &brief()).await];
    let stream = OpenStream::new_id(there.owner());
    let envelope = Envelope { kind: LogKind::StreamStart, channel: "brief", topic: "draft", run_id: None };
    let frame = DataFrame::of_text(envelope, &stream);
    there.append(Entry { log: written, topic: 2, frame, key: None, writer: None }).await.unwrap();
    wait_until(SOON, || log.open_streams().len() == 1).await;
    // Both servers have seen each other by then.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(log.open_streams().len(), 1);
    drop(there);
    wait_until(SOON, || log.open_streams().is_empty()).await;
    assert_eq!(log.head(), 2);
}

#[tokio::test]
async fn times_are_the_database_servers_and_do_not_fall_within_a_channel() {
    let schema = new_schema();
    let postgres = connect(TestServer::shared(), &schema).await;
    let log = open(&postgres, &super::room(1)).await;
    append(&postgres, &log, "1").await.unwrap();
    let client = client(TestServer::shared()).await;
    // As if the server's clock had been set back by a minute.
    rows(&client, &format!("UPDATE {schema}.channels SET used = used + 60000")).await;
    let second = append(&postgres, &log, "2").await.unwrap().id;
    assert_eq!(second, MessageId::new(log.epoch(), 2));
    let times =
        format!("SELECT published - lag(published) OVER (ORDER BY \"offset\") FROM {schema}.messages");
    let times = rows(&client, &times).await;
    assert!((60_000..61_000).contains(&times[1].parse::<i64>().unwrap()), "{times:?}");
    let reopened = postgres.open_log(super::room(2), Limits::none()).await.unwrap().log;
    assert!(read(&reopened).is_empty());
}
