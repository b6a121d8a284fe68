//! Behaviour of this engine only: concurrent starts, lost connections, lost commits, limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use fanfare_test_servers::postgres::TestServer;
use tokio::time::Instant;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::Postgres;
use super::upkeep::sweep::sweep;
use crate::channel::{
    AddressPart, Carries, Channel, ChannelDefinition, History, ParamDefinition, Registry, Retain,
    TopicDefinition,
};
use crate::history::{Appended, IdempotencyKey, Inbox, Limits, Log, OpenStream};
use crate::schema::{Schema, Text};
use crate::storage::{AppendError, Entry, Messages};
use crate::wire::{Cursor, DataFrame, Envelope, LogKind, MessageId, id_of};

mod announcing;
mod appending;
mod checking;
mod crashes;
mod failover;
mod locks;
mod notifying;
mod pooler;
mod retention;
mod sql;
mod streams;

static TEXT: Schema = Schema::Text(Text::ANY);
static ROOM: ChannelDefinition = ChannelDefinition {
    name: "room",
    address: &[AddressPart::Literal("room:"), AddressPart::Param(0)],
    params: &[ParamDefinition { name: "id", schema: &TEXT }],
    topics: &[TopicDefinition::new("said", Carries::Payload(&TEXT), Retain::None)],
    history: History { messages: 100_000, age: Duration::from_secs(3600) },
    fingerprint: "",
    ..ChannelDefinition::EMPTY
};
static REGISTRY: Registry = Registry { channels: &[&ROOM] };

fn room(id: usize) -> Channel {
    Channel::new(&ROOM, &[&id]).unwrap()
}

/// Returns the name of a schema that no other test uses.
fn new_schema() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

async fn connect(server: &TestServer, schema: &str) -> Postgres {
    connect_with(server, schema, &REGISTRY).await
}

async fn connect_with(server: &TestServer, schema: &str, registry: &'static Registry) -> Postgres {
    let postgres = Postgres::connect(&server.url()).schema(schema).await.unwrap();
    postgres.set_registry(registry);
    postgres
}

/// Opens a connection for statements of the test.
async fn client(server: &TestServer) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Returns the rows of a statement, with their columns separated by spaces.
async fn rows(client: &Client, sql: &str) -> Vec<String> {
    let messages = client.simple_query(sql).await.unwrap();
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|column| row.get(column).unwrap_or("null")).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    });
    rows.collect()
}

async fn open(postgres: &Postgres, channel: &Channel) -> Arc<Log> {
    postgres.open_log(channel.clone(), Limits::none()).await.unwrap().log
}

fn entry(log: &Arc<Log>, text: &str, key: Option<&str>) -> Entry {
    let envelope =
        Envelope { kind: LogKind::Data, channel: log.channel().name(), topic: "said", run_id: None };
    let frame = DataFrame::of_text(envelope, text);
    let key = key.map(|key| IdempotencyKey::new(key, "said", frame.payload()));
    Entry { log: Arc::clone(log), topic: 0, frame, key, writer: None }
}

async fn append(postgres: &Postgres, log: &Arc<Log>, text: &str) -> Result<Appended, AppendError> {
    postgres.append(entry(log, text, None)).await
}

/// Returns the ids and texts of a log.
fn read(log: &Log) -> Vec<(MessageId, String)> {
    let (mut cursor, _) = log.start(&[0], Cursor::Start);
    let mut received = Vec::new();
    loop {
        let read = log.read(&mut cursor, usize::MAX, &Arc::new(Inbox::default()), 0);
        for frame in read.messages.iter().flat_map(|batch| batch.messages()) {
            let payload: serde_json::Value = serde_json::from_str(frame).unwrap();
            received.push((id_of(frame).unwrap(), payload["data"].as_str().unwrap().to_owned()));
        }
        if !read.more {
            return received;
        }
    }
}

/// Sweeps channels that are not open until a statement returns `expected`. The background sweep of another connection
/// may have taken a channel and still be working on it.
async fn sweep_until(postgres: &Postgres, schema: &str, sql: &str, expected: &[&str]) {
    let client = client(TestServer::shared()).await;
    let since = Instant::now();
    loop {
        rows(&client, &format!("UPDATE {schema}.channels SET sweep_at = 0")).await;
        sweep(&postgres.shared).await.unwrap();
        let found = rows(&client, sql).await;
        if found == expected {
            return;
        }
        assert!(since.elapsed() < SOON, "{sql}: {found:?} instead of {expected:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn wait_until(most: Duration, condition: impl Fn() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < most, "it did not happen within {most:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn several_servers_create_the_tables_at_once() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let connecting = (0..8).map(|_| connect(server, &schema));
    let started = futures_util::future::join_all(connecting).await;
    let mut owners: Vec<u32> = started.iter().map(Messages::owner).collect();
    owners.sort_unstable();
    owners.dedup();
    assert_eq!(owners.len(), 8);
    let versions = rows(&client(server).await, &format!("SELECT version FROM {schema}.versions")).await;
    assert_eq!(versions, ["1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused() {
    let (server, schema) = (TestServer::shared(), new_schema());
    drop(connect(server, &schema).await);
    let client = client(server).await;
    rows(&client, &format!("INSERT INTO {schema}.versions VALUES (99, now(), 99)")).await;
    let error = Postgres::connect(&server.url()).schema(&schema).await.err().unwrap().to_string();
    assert!(error.contains("version 99") && error.contains("update this server"), "{error}");
}

#[tokio::test]
async fn a_later_version_that_works_with_this_one_is_not_refused() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let postgres = connect(server, &schema).await;
    let client = client(server).await;
    rows(&client, &format!("INSERT INTO {schema}.versions VALUES (99, now(), 1)")).await;
    let later = connect(server, &schema).await;
    for server in [&postgres, &later] {
        let log = open(server, &room(1)).await;
        append(server, &log, "1").await.unwrap();
    }
}

#[tokio::test]
async fn errors_say_what_is_wrong() {
    let server = TestServer::shared();
    let url = server.url();
    let cases = [
        ("postgres://[", "invalid PostgreSQL URL"),
        ("host=/nowhere user=a dbname=b", "cannot connect to the PostgreSQL database `b`"),
        (&url.replace("dbname=postgres", "dbname=missing"), "database \"missing\" does not exist"),
    ];
    for (url, expected) in cases {
        let error = Postgres::connect(url).await.err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let client = client(server).await;
    rows(&client, "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0").await;
    let error =
        Postgres::connect(&url.replace("dbname=postgres", "dbname=latin")).await.err().unwrap().to_string();
    assert!(error.contains("the encoding of the database is LATIN1"), "{error}");
    let error = Postgres::connect(&url).schema("A; DROP").await.err().unwrap().to_string();
    assert!(error.contains("invalid schema name"), "{error}");
}

#[tokio::test]
async fn a_user_without_superuser_rights_can_use_a_schema_of_its_own() {
    let server = TestServer::shared();
    let client = client(server).await;
    rows(&client, "CREATE ROLE ordinary LOGIN; GRANT CREATE ON DATABASE postgres TO ordinary").await;
    let url = server.url().replace("user=postgres", "user=ordinary");
    let postgres = Postgres::connect(&url).schema(&new_schema()).await.unwrap();
    postgres.set_registry(&REGISTRY);
    let log = open(&postgres, &room(1)).await;
    append(&postgres, &log, "1").await.unwrap();
    postgres.revoke("17").await.unwrap();
    let url = server.url().replace("user=postgres", "user=stranger");
    rows(&client, "CREATE ROLE stranger LOGIN").await;
    let error = Postgres::connect(&url).schema(&new_schema()).await.err().unwrap().to_string();
    assert!(error.contains("permission denied") && error.contains("grant it the rights"), "{error}");
}

#[tokio::test]
async fn messages_reach_other_servers_although_their_connections_are_cut() {
    let (server, schema) = (TestServer::shared(), new_schema());
    // Do not cut the connections of other tests.
    let url = format!("{} application_name=cut", server.url());
    let connect = || async {
        let postgres = Postgres::connect(&url).schema(&schema).await.unwrap();
        postgres.set_registry(&REGISTRY);
        postgres
    };
    let [here, there] = [connect().await, connect().await];
    let [published, followed] = [open(&here, &room(1)).await, open(&there, &room(1)).await];
    let client = client(server).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cut'";
    let mut acknowledged = Vec::new();
    for number in 0..200 {
        let text = number.to_string();
        if number % 50 == 25 {
            rows(&client, cut).await;
        }
        let id = loop {
            match here.append(entry(&published, &text, Some(&text))).await {
                Ok(appended) => break appended.id,
                Err(AppendError::Storage(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(error) => panic!("{error:?}"),
            }
        };
        acknowledged.push((id, text));
    }
    wait_until(SOON, || followed.head() == 200 && published.head() == 200).await;
    assert_eq!(read(&published), acknowledged);
    assert_eq!(read(&followed), acknowledged);
    assert_eq!((here.health(), there.health()), (Ok(()), Ok(())));
}

#[tokio::test]
async fn catching_up_fails_while_the_database_cannot_be_reached() {
    let mut server = TestServer::start(false);
    let postgres = connect(&server, "fanfare").await;
    let log = open(&postgres, &room(1)).await;
    append(&postgres, &log, "1").await.unwrap();
    postgres.catch_up(&room(1)).await.unwrap();
    server.kill("QUIT");
    postgres.catch_up(&room(1)).await.unwrap_err();
    server.restart();
    let started = Instant::now();
    while postgres.catch_up(&room(1)).await.is_err() {
        assert!(started.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_message_arrives_although_its_notification_is_lost() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let postgres = connect(server, &schema).await;
    let log = open(&postgres, &room(1)).await;
    append(&postgres, &log, "1").await.unwrap();
    // A server that ends after its commit, and before it has notified others.
    let append = format!(
        "SELECT * FROM {schema}.append((SELECT array[id] FROM {schema}.channels), '{{room:1}}', '{{\"\"}}', '{{0}}',
         '{{0}}', '{{1}}', '{{said}}', (SELECT array[frame] FROM {schema}.messages), '{{null}}', '{{null}}')"
    );
    rows(&client(server).await, &append).await;
    wait_until(SOON, || log.head() == 2).await;
    assert_eq!(read(&log).len(), 2);
}

#[tokio::test]
async fn a_channel_begins_a_new_epoch_if_the_database_lost_its_last_commits() {
    for publishes in [false, true] {
        let (server, schema) = (TestServer::shared(), new_schema());
        let [postgres, other] = [connect(server, &schema).await, connect(server, &schema).await];
        let [log, followed] = [open(&postgres, &room(1)).await, open(&other, &room(1)).await];
        for number in 0..10 {
            append(&postgres, &log, &number.to_string()).await.unwrap();
        }
        wait_until(SOON, || followed.head() == 10).await;
        let lose = format!(
            "BEGIN; DELETE FROM {schema}.messages WHERE \"offset\" > 7; UPDATE {schema}.channels SET head = 7; COMMIT"
        );
        rows(&client(server).await, &lose).await;
        if publishes {
            let appended = append(&postgres, &log, "next").await.unwrap();
            assert!(appended.id.epoch() > log.epoch());
        }
        wait_until(SOON, || log.is_retired() && followed.is_retired()).await;
        let reopened = open(&other, &room(1)).await;
        assert!(reopened.epoch() > log.epoch());
        let mut expected: Vec<String> = (0..7).map(|number| number.to_string()).collect();
        expected.extend(publishes.then(|| "next".to_owned()));
        assert!(read(&reopened).into_iter().map(|(_, text)| text).eq(expected));
        assert_eq!(open(&postgres, &room(1)).await.epoch(), reopened.epoch());
    }
}

#[tokio::test]
async fn channels_of_a_restored_backup_begin_new_epochs() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let postgres = connect(server, &schema).await;
    let log = open(&postgres, &room(1)).await;
    append(&postgres, &log, "1").await.unwrap();
    drop(postgres);
    let same = connect(server, &schema).await;
    assert_eq!(open(&same, &room(1)).await.epoch(), log.epoch());
    let client = client(server).await;
    rows(&client, &format!("UPDATE {schema}.facts SET value = 'of another server' WHERE name = 'identity'"))
        .await;
    let restored = connect(server, &schema).await;
    let reopened = open(&restored, &room(1)).await;
    assert!(reopened.epoch() > log.epoch() && read(&reopened).len() == 1);
    append(&restored, &reopened, "2").await.unwrap();
    assert_eq!(read(&reopened).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_lock_channels_in_another_order_delay_publishers_only() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let postgres = Arc::new(connect(server, &schema).await);
    let logs = [open(&postgres, &room(1)).await, open(&postgres, &room(2)).await];
    let client = client(server).await;
    rows(&client, "SET deadlock_timeout = '10ms'").await;
    let lock = |id| format!("SELECT {schema}.lock_channel('room:{id}', '')");
    for _ in 0..5 {
        rows(&client, &format!("BEGIN; {}", lock(2))).await;
        let appends = logs.iter().map(|log| append(&postgres, log, "x"));
        let appends = futures_util::future::join_all(appends);
        let locking = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            // One of the two transactions is rolled back.
            let _ = client.simple_query(&lock(1)).await;
            rows(&client, "ROLLBACK").await;
        };
        let (appended, ()) = tokio::join!(appends, locking);
        assert!(appended.iter().all(Result::is_ok), "{appended:?}");
    }
    assert_eq!((read(&logs[0]).len(), read(&logs[1]).len()), (5, 5));
}

#[tokio::test]
async fn a_text_that_the_database_rejects_fails_alone() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let postgres = connect(server, &schema).await;
    let client = client(server).await;
    let check = format!("ALTER TABLE {schema}.messages ADD CHECK (frame NOT LIKE '%refused%')");
    rows(&client, &check).await;
    let log = open(&postgres, &room(1)).await;
    let texts = ["1", "refused", "2", "refused", "3"];
    let appends = texts.map(|text| append(&postgres, &log, text));
    let appended = futures_util::future::join_all(appends).await;
    for (text, appended) in texts.iter().zip(&appended) {
        assert_eq!(appended.is_err(), *text == "refused", "{appended:?}");
    }
    assert!(read(&log).iter().map(|(_, text)| text.as_str()).eq(["1", "2", "3"]));
}
