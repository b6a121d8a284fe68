//! Publishing with SQL: servers check the messages that they read.

use fanfare_test_servers::postgres::{TestServer, find_program};
use serde_json::Value;

use super::super::upkeep::sweep::sweep;
use super::{
    AddressPart, Carries, Channel, ChannelDefinition, Client, DataFrame, Entry, Envelope, Inbox, Log,
    LogKind, Messages, Postgres, ROOM, Registry, Retain, SOON, TEXT, TopicDefinition, append, client,
    new_schema, open, read, rows, sweep_until, wait_until,
};
use crate::history::Gap;
use crate::schema::{Integer, Schema};
use crate::wire::{Cursor, MessageId};

use std::sync::Arc;

static COUNT: Schema = Schema::Integer(Integer::ANY);
static ORDER: ChannelDefinition = ChannelDefinition {
    name: "order",
    address: &[AddressPart::Literal("order:"), AddressPart::Param(0)],
    topics: &[
        TopicDefinition::new("said", Carries::Payload(&TEXT), Retain::None),
        TopicDefinition::new("count", Carries::Payload(&COUNT), Retain::Last),
        TopicDefinition::new("draft", Carries::TextStream, Retain::None),
        TopicDefinition::new("any", Carries::Payload(&Schema::Any), Retain::None),
    ],
    fingerprint: "1f",
    ..ROOM
};
static ORDERS: Registry = Registry { channels: &[&ORDER] };

fn order() -> Channel {
    Channel::new(&ORDER, &[&1]).unwrap()
}

async fn connect(schema: &str) -> Postgres {
    let postgres = Postgres::connect(&TestServer::shared().url()).schema(schema).await.unwrap();
    postgres.set_registry(&ORDERS);
    postgres
}

async fn publish(client: &Client, schema: &str, topic: &str, payload: &str) {
    rows(client, &format!("SELECT {schema}.publish('order:1', '{topic}', '{payload}')")).await;
}

/// A subscriber of some topics.
struct Reader {
    log: Arc<Log>,
    cursor: crate::history::ReadCursor,
}

impl Reader {
    fn new(log: &Arc<Log>, topics: &[usize], cursor: Cursor) -> Self {
        Self { log: Arc::clone(log), cursor: log.start(topics, cursor).0 }
    }

    /// Returns the gap and the payloads that are waiting.
    fn read(&mut self) -> (Option<Gap>, Vec<Value>) {
        let (mut gap, mut payloads) = (None, Vec::new());
        loop {
            let read = self.log.read(&mut self.cursor, usize::MAX, &Arc::new(Inbox::default()), 0);
            gap = gap.or(read.gap);
            for frame in read.messages.iter().flat_map(|batch| batch.messages()) {
                payloads.push(serde_json::from_str::<Value>(frame).unwrap()["data"].take());
            }
            if !read.more {
                return (gap, payloads);
            }
        }
    }
}

fn gap(log: &Log, after: u64, before: u64) -> Gap {
    Gap { after: MessageId::new(log.epoch(), after), before: MessageId::new(log.epoch(), before) }
}

#[tokio::test]
async fn a_frame_is_the_one_that_a_hub_makes() {
    let schema = new_schema();
    let postgres = connect(&schema).await;
    let log = open(&postgres, &order()).await;
    let client = client(TestServer::shared()).await;
    let payloads = [
        r#"{"b": [1, 1.0, 1.50, -0.5, 1e3, 12345678901234567890, 1e-7], "a": {"é\"\\\n\u0007": null}, "": true}"#,
        r#""a \ud83d\ude00 /""#,
        "null",
        "9007199254740993",
    ];
    for payload in payloads {
        let envelope =
            Envelope { kind: LogKind::Data, channel: "order:1", topic: "any", run_id: Some("run \"1\"") };
        let frame = DataFrame::encoded(envelope, payload);
        postgres
            .append(Entry { log: Arc::clone(&log), topic: 3, frame, key: None, writer: None })
            .await
            .unwrap();
        let sql =
            format!("SELECT {schema}.publish('order:1', 'any', $1::text::jsonb, run_id => 'run \"1\"')");
        client.execute(&sql, &[&payload]).await.unwrap();
    }
    wait_until(SOON, || log.head() == 2 * payloads.len() as u64).await;
    let (mut cursor, _) = log.start(&[3], Cursor::Start);
    let read = log.read(&mut cursor, usize::MAX, &Arc::new(Inbox::default()), 0);
    let frames: Vec<Value> = read
        .messages
        .iter()
        .flat_map(|batch| batch.messages())
        .map(|frame| {
            let mut frame: Value = serde_json::from_str(frame).unwrap();
            let members = frame.as_object_mut().unwrap();
            assert!(members.remove("id").unwrap().as_str().unwrap().parse::<MessageId>().is_ok());
            assert_eq!(members.remove("created_at").unwrap().as_str().unwrap().len(), 24);
            // Clients see numbers as doubles.
            serde_json::from_str(&as_doubles(&frame).to_string()).unwrap()
        })
        .collect();
    assert_eq!(frames.len(), 2 * payloads.len());
    for pair in frames.chunks(2) {
        assert_eq!(pair[0], pair[1]);
    }
}

/// Converts all numbers to doubles.
fn as_doubles(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(items) => items.iter().map(as_doubles).collect(),
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.clone(), as_doubles(value))).collect()
        }
        other => other.clone(),
    }
}

#[tokio::test]
async fn an_invalid_payload_becomes_a_gap_for_its_topic() {
    let schema = new_schema();
    let postgres = connect(&schema).await;
    let log = open(&postgres, &order()).await;
    let client = client(TestServer::shared()).await;
    publish(&client, &schema, "said", "\"1\"").await;
    publish(&client, &schema, "count", "1").await;
    wait_until(SOON, || log.head() == 2).await;
    let mut live = Reader::new(&log, &[0, 1], Cursor::Start);
    assert_eq!(live.read(), (None, vec!["1".into(), 1.into()]));
    let mut behind = Reader::new(&log, &[0, 1], Cursor::Start);
    let mut of_other_topic = Reader::new(&log, &[0], Cursor::Start);
    publish(&client, &schema, "count", "\"two\"").await;
    publish(&client, &schema, "said", "\"2\"").await;
    publish(&client, &schema, "count", "3").await;
    publish(&client, &schema, "count", "4.0").await;
    wait_until(SOON, || log.head() == 6).await;
    let texts = |texts: &[&str]| texts.iter().map(|text| Value::from(*text)).collect::<Vec<_>>();
    let (found_gap, payloads) = live.read();
    assert_eq!(found_gap, Some(gap(&log, 2, 4)));
    assert_eq!(payloads[..2], [Value::from("2"), 3.into()]);
    assert_eq!(payloads.len(), 3);
    assert_eq!(of_other_topic.read(), (None, texts(&["1", "2"])));
    let (found_gap, payloads) = behind.read();
    assert_eq!(found_gap, Some(gap(&log, 0, 4)));
    assert_eq!(payloads[..3], [Value::from("1"), "2".into(), 3.into()]);
    // A new subscriber, and the same after a restart.
    for restarted in [false, true] {
        let other = connect(&schema).await;
        let log = if restarted { open(&other, &order()).await } else { Arc::clone(&log) };
        let after = Cursor::After(MessageId::new(log.epoch(), 1));
        let (found_gap, payloads) = Reader::new(&log, &[0, 1], after).read();
        assert_eq!((found_gap, payloads.len()), (Some(gap(&log, 1, 4)), 3), "{restarted}");
        let (found_gap, payloads) = Reader::new(&log, &[1], Cursor::Now).read();
        assert_eq!((found_gap, payloads.len()), (None, 1), "the latest is retained");
        assert_eq!(Reader::new(&log, &[0], Cursor::Start).read(), (None, texts(&["1", "2"])), "{restarted}");
    }
}

#[tokio::test]
async fn a_retained_message_is_not_replaced_by_an_invalid_one() {
    let schema = new_schema();
    let client = client(TestServer::shared()).await;
    let postgres = connect(&schema).await;
    let log = open(&postgres, &order()).await;
    publish(&client, &schema, "count", "1").await;
    publish(&client, &schema, "count", "{}").await;
    wait_until(SOON, || log.head() == 2).await;
    for log in [Arc::clone(&log), open(&connect(&schema).await, &order()).await] {
        let (found_gap, payloads) = Reader::new(&log, &[1], Cursor::Now).read();
        assert_eq!((found_gap, payloads.len()), (Some(gap(&log, 1, 3)), 0));
    }
}

#[tokio::test]
async fn a_message_that_no_client_can_receive_is_skipped() {
    let schema = new_schema();
    let client = client(TestServer::shared()).await;
    let postgres = connect(&schema).await;
    let log = open(&postgres, &order()).await;
    let mut live = Reader::new(&log, &[0, 1, 2, 3], Cursor::Now);
    for topic in ["sad", "draft", "$run", "", "a\"b"] {
        publish(&client, &schema, topic, "\"x\"").await;
    }
    // Deeper than servers read.
    let deep = "[".repeat(500) + &"]".repeat(500);
    publish(&client, &schema, "any", &deep).await;
    publish(&client, &schema, "any", "1").await;
    wait_until(SOON, || log.head() == 7).await;
    assert_eq!(live.read(), (Some(gap(&log, 0, 7)), vec![1.into()]));
    append(&postgres, &log, "next").await.unwrap();
    let reopened = open(&connect(&schema).await, &order()).await;
    assert_eq!(Reader::new(&reopened, &[0, 3], Cursor::Start).read().1, [Value::from(1), "next".into()]);
    // They are deleted when they are too old for the history.
    let age = format!(
        "UPDATE {schema}.messages SET published = 0 WHERE topic IN ('sad', 'draft', '$run', 'a\"b', 'any')"
    );
    rows(&client, &age).await;
    let swept = connect(&schema).await;
    let left = format!("SELECT topic FROM {schema}.messages WHERE topic <> 'said' ORDER BY topic");
    sweep_until(&swept, &schema, &left, &[""]).await;
    let counted = format!("SELECT messages FROM {schema}.channels WHERE name = 'order:1'");
    assert_eq!(rows(&client, &counted).await, ["2"]);
    // Channels that no definition has.
    for channel in ["nothing:1", "order:", "order:%zz", "ünïcode\"", ""] {
        client.execute(&format!("SELECT {schema}.publish($1, 'said', '1')"), &[&channel]).await.unwrap();
    }
    sweep(&postgres.shared).await.unwrap();
    let large = format!("SELECT {schema}.publish('order:1', 'said', to_jsonb(repeat('x', 1048575)))");
    let error = client.simple_query(&large).await.unwrap_err();
    assert!(error.as_db_error().unwrap().message().contains("more than 1048576"), "{error:?}");
}

#[tokio::test]
async fn a_role_that_may_only_publish_cannot_forge_frames() {
    let schema = new_schema();
    let postgres = connect(&schema).await;
    let log = open(&postgres, &order()).await;
    let client = client(TestServer::shared()).await;
    rows(
        &client,
        &format!("CREATE ROLE publisher_{schema}; GRANT USAGE ON SCHEMA {schema} TO publisher_{schema}"),
    )
    .await;
    rows(&client, &format!("SET ROLE publisher_{schema}")).await;
    publish(&client, &schema, "said", "\"x\"").await;
    for sql in [
        format!("SELECT {schema}.enqueue('order:1', '', 'said', '{{}}', NULL, NULL, false)"),
        format!("SELECT * FROM {schema}.messages"),
        format!("INSERT INTO {schema}.outbox (channel) VALUES ('x')"),
        format!("SELECT {schema}.lock_channel('order:1', '')"),
    ] {
        let error = client.simple_query(&sql).await.unwrap_err();
        assert!(error.as_db_error().unwrap().message().contains("permission denied"), "{sql}: {error:?}");
    }
    wait_until(SOON, || log.head() == 1).await;
    assert_eq!(read(&log)[0].1, "x");
}

#[test]
fn the_example_of_the_documentation_works_in_psql() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (server, schema) = (TestServer::shared(), new_schema());
    let documentation = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/transactions.md");
    let documentation = std::fs::read_to_string(documentation).unwrap();
    let (_, rest) = documentation.split_once("```sql\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    assert!(example.contains("fanfare.publish("));
    let example = example.replace("fanfare.", &format!("{schema}."));
    let example = example.replace("uploads", &format!("{schema}.uploads"));
    let prepare = format!(
        "CREATE TABLE {schema}.uploads (id text, state text); INSERT INTO {schema}.uploads VALUES ('run_42', '')"
    );
    runtime.block_on(async {
        let postgres = connect(&schema).await;
        rows(&client(server).await, &prepare).await;
        let output = std::process::Command::new(find_program("psql"))
            .args(["--no-psqlrc", "--set=ON_ERROR_STOP=1", "--command", &example, &server.url()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let published =
            format!("SELECT state, frame::json ->> 'run_id' FROM {schema}.uploads, {schema}.messages");
        assert_eq!(rows(&client(server).await, &published).await, ["split run_42"]);
        drop(postgres);
    });
}
