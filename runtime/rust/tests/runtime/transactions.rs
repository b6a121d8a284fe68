//! Publishing in transactions of the application.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use fanfare::{Channel, Hub, PublishError};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::support::definition::{REGISTRY, room, said};
use crate::support::postgres::Schema;
use crate::support::server::KEY;

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

/// Returns the texts of a room, in order.
async fn stored(schema: &Schema, channel: &Channel) -> Vec<String> {
    let sql = format!(
        r#"SELECT m.frame::json ->> 'data' FROM messages m JOIN channels c ON c.id = m.channel
           WHERE c.name = '{}' ORDER BY m."offset""#,
        channel.name()
    );
    rows(&schema.client().await, &sql).await
}

const ROOMS: usize = 4;

/// How a transaction of the test ends.
#[derive(Clone, Copy)]
enum End {
    Commit,
    RollBack,
    /// The connection is cut before the commit.
    Cut,
    /// The connection is cut while the commit is under way.
    CutCommit,
}

/// Executes a transaction that publishes to some rooms and adds a row for each message.
async fn transact(schema: &Schema, hub: &Hub, number: usize, end: End) {
    let mut client = schema.client().await;
    let pid = rows(&client, "SELECT pg_backend_pid()").await.remove(0);
    let committing = tokio::sync::Notify::new();
    let transaction = async {
        let mut transaction = client.transaction().await?;
        // Rooms in another order than the database locks them, and several messages for one room.
        for index in (0..=number % 3).rev() {
            let (id, text) = ((number + index * 3) % ROOMS, format!("{number} {index}"));
            let insert = format!("INSERT INTO rows VALUES ({id}, '{text}')");
            transaction.batch_execute(&insert).await?;
            let channel = room(&id.to_string());
            let published = hub.publish(said(&channel), &text).within(&mut transaction).await;
            published.unwrap();
        }
        match end {
            End::Commit | End::CutCommit => {
                committing.notify_one();
                transaction.commit().await
            }
            End::RollBack => transaction.rollback().await,
            End::Cut => transaction.batch_execute("SELECT pg_terminate_backend(pg_backend_pid())").await,
        }
    };
    if let End::CutCommit = end {
        let other = schema.client().await;
        let cut = async {
            committing.notified().await;
            tokio::time::sleep(Duration::from_micros(50 * (number as u64 % 40))).await;
            rows(&other, &format!("SELECT pg_terminate_backend({pid})")).await;
        };
        let _ = tokio::join!(transaction, cut);
    } else {
        assert_eq!(transaction.await.is_err(), matches!(end, End::Cut), "transaction {number}");
    }
}

/// Checks that one snapshot of the database has a message for each committed row, and that the offsets have no holes.
async fn check_snapshot(client: &Client) -> usize {
    let sql = r#"
        SELECT c.name, m."offset", m.frame::json ->> 'data', r.text
        FROM (SELECT * FROM messages WHERE topic = 'said') m JOIN channels c ON c.id = m.channel
        FULL JOIN rows r ON c.name = 'room:' || r.room AND r.text = m.frame::json ->> 'data'
        ORDER BY 1, 2
    "#;
    let found = rows(client, sql).await;
    let (mut room, mut next) = (String::new(), 1);
    for row in &found {
        let columns: Vec<&str> = row.split(' ').collect();
        if columns[0] != room {
            (room, next) = (columns[0].to_owned(), 1);
        }
        let [.., number, index, row_number, row_index] = columns[..] else {
            panic!("only a row or a message: {row}")
        };
        assert_eq!((number, index), (row_number, row_index), "{row}");
        assert_eq!(columns[1].parse(), Ok(next), "{row}");
        next += 1;
    }
    found.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn messages_appear_exactly_if_their_transactions_commit() {
    const TRANSACTIONS: usize = 1_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let schema = std::sync::Arc::new(Schema::new());
    let [server, follower] = [schema.server().await, schema.server().await];
    let mut subscriptions = Vec::new();
    let channels: Vec<Channel> = (0..ROOMS).map(|id| room(&id.to_string())).collect();
    for channel in &channels {
        subscriptions.push(follower.hub.subscribe(said(channel)).await.unwrap());
    }
    let checker = schema.client().await;
    rows(&checker, "CREATE TABLE rows (room int, text text)").await;
    let workers = (0..8).map(|_| {
        let (hub, schema) = (server.hub.clone(), std::sync::Arc::clone(&schema));
        tokio::spawn(async move {
            loop {
                let number = NEXT.fetch_add(1, Ordering::Relaxed) as usize;
                if number >= TRANSACTIONS {
                    return;
                }
                let end = match number % 8 {
                    0 => End::RollBack,
                    1 => End::Cut,
                    2 | 3 => End::CutCommit,
                    _ => End::Commit,
                };
                transact(&schema, &hub, number, end).await;
            }
        })
    });
    let workers: Vec<_> = workers.collect();
    while !workers.iter().all(tokio::task::JoinHandle::is_finished) {
        check_snapshot(&checker).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for worker in workers {
        worker.await.unwrap();
    }
    // A transaction whose connection was cut may still commit for a moment.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let count = check_snapshot(&checker).await;
    let committed = rows(&checker, "SELECT DISTINCT split_part(text, ' ', 1) FROM rows").await;
    let committed: BTreeSet<usize> = committed.iter().map(|number| number.parse().unwrap()).collect();
    for number in 0..TRANSACTIONS {
        match number % 8 {
            0 | 1 => assert!(!committed.contains(&number), "{number}"),
            2 | 3 => {}
            _ => assert!(committed.contains(&number), "{number}"),
        }
    }
    let cut = committed.iter().filter(|number| matches!(*number % 8, 2 | 3)).count();
    eprintln!(
        "{} transactions committed, {cut} of 250 although they were cut; {count} messages",
        committed.len()
    );
    // Subscribers receive the messages in the order of the database.
    for (channel, subscription) in channels.iter().zip(&mut subscriptions) {
        for expected in stored(&schema, channel).await {
            assert_eq!(subscription.recv().await.unwrap().data, expected);
        }
    }
    assert!(rows(&checker, "SELECT 1 FROM outbox").await.is_empty());
    server.stop().await;
    follower.stop().await;
}

#[tokio::test]
async fn messages_keep_the_order_of_the_calls_and_of_the_commits() {
    let schema = Schema::new();
    let server = schema.server().await;
    let hub = &server.hub;
    let (mut first, mut second) = (schema.client().await, schema.client().await);
    let room = room("1");
    let said = said(&room);
    let mut early = first.transaction().await.unwrap();
    let mut late = second.transaction().await.unwrap();
    hub.publish(said, "published first").within(&mut early).await.unwrap();
    for number in 0..250 {
        hub.publish(said, &number.to_string()).within(&mut late).await.unwrap();
    }
    late.commit().await.unwrap();
    hub.publish(said, "without a transaction").await.unwrap();
    early.commit().await.unwrap();
    let mut expected: Vec<String> = (0..250).map(|number| number.to_string()).collect();
    expected.extend(["without a transaction".to_owned(), "published first".to_owned()]);
    assert_eq!(stored(&schema, &room).await, expected);
}

#[tokio::test]
async fn a_savepoint_takes_its_messages_back() {
    let schema = Schema::new();
    let server = schema.server().await;
    let hub = &server.hub;
    let (mut client, room) = (schema.client().await, room("1"));
    let said = said(&room);
    let mut transaction = client.transaction().await.unwrap();
    hub.publish(said, "1").within(&mut transaction).await.unwrap();
    let mut savepoint = transaction.transaction().await.unwrap();
    hub.publish(said, "2").within(&mut savepoint).await.unwrap();
    savepoint.rollback().await.unwrap();
    let mut savepoint = transaction.transaction().await.unwrap();
    hub.publish(said, "3").within(&mut savepoint).await.unwrap();
    savepoint.commit().await.unwrap();
    // The messages are appended at once, and the channel stays locked. Nobody sees them before the commit.
    transaction.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await.unwrap();
    hub.publish(said, "4").within(&mut transaction).await.unwrap();
    let messages = "SELECT 1 FROM messages";
    assert_eq!(rows(transaction.client(), messages).await.len(), 3);
    assert!(rows(&schema.client().await, messages).await.is_empty());
    transaction.commit().await.unwrap();
    assert_eq!(stored(&schema, &room).await, ["1", "3", "4"]);
}

#[tokio::test]
async fn an_idempotency_key_publishes_once_within_and_across_transactions() {
    let schema = Schema::new();
    let server = schema.server().await;
    let hub = &server.hub;
    let (mut client, room) = (schema.client().await, room("1"));
    let said = said(&room);
    let mut transaction = client.transaction().await.unwrap();
    let publish = |text: &'static str| hub.publish(said, text).idempotency_key("k");
    publish("1").within(&mut transaction).await.unwrap();
    publish("1").within(&mut transaction).await.unwrap();
    assert_eq!(publish("2").within(&mut transaction).await, Err(PublishError::KeyReused));
    transaction.commit().await.unwrap();
    let mut transaction = client.transaction().await.unwrap();
    publish("1").within(&mut transaction).await.unwrap();
    assert_eq!(publish("2").within(&mut transaction).await, Err(PublishError::KeyReused));
    hub.publish(said, "3").within(&mut transaction).await.unwrap();
    transaction.commit().await.unwrap();
    publish("1").await.unwrap();
    assert_eq!(publish("2").await, Err(PublishError::KeyReused));
    assert_eq!(stored(&schema, &room).await, ["1", "3"]);

    // Another transaction uses the key before this one commits.
    for (text, is_repetition) in [("same", true), ("other", false)] {
        let key = format!("concurrent {text}");
        let mut transaction = client.transaction().await.unwrap();
        hub.publish(said, text).idempotency_key(&key).within(&mut transaction).await.unwrap();
        hub.publish(said, "same").idempotency_key(&key).await.unwrap();
        let error = transaction.commit().await.err();
        assert_eq!(error.is_none(), is_repetition);
        if let Some(error) = error {
            let answer = error.as_db_error().unwrap();
            assert_eq!(answer.code().code(), "23505");
            assert!(answer.message().contains("the idempotency key was already used"), "{error}");
        }
    }
    assert_eq!(stored(&schema, &room).await, ["1", "3", "same", "same"]);
}

#[tokio::test]
async fn nothing_is_sent_if_the_payload_or_the_hub_is_wrong() {
    let schema = Schema::new();
    let server = schema.server().await;
    let hub = &server.hub;
    let (mut client, room) = (schema.client().await, room("1"));
    let mut transaction = client.transaction().await.unwrap();
    let invalid = hub.publish_json("room:1", "said", b"7 7").within(&mut transaction).await;
    assert_eq!(invalid, Ok(()), "any text is a valid payload of the topic");
    let unknown = hub.publish_json("room:1", "sad", b"7").within(&mut transaction).await;
    assert!(matches!(unknown, Err(PublishError::Unknown(_))), "{unknown:?}");
    let large = "x".repeat(2_000_000);
    let large = hub.publish(said(&room), &large).within(&mut transaction).await;
    assert!(matches!(large, Err(PublishError::TooLarge { .. })), "{large:?}");
    let in_memory = Hub::builder(&REGISTRY).signing_key(KEY).build().unwrap();
    let error = in_memory.publish(said(&room), "x").within(&mut transaction).await.unwrap_err();
    assert!(error.to_string().contains("a hub whose storage is PostgreSQL"), "{error}");
    // None of the errors has aborted the transaction.
    transaction.commit().await.unwrap();
    assert_eq!(stored(&schema, &room).await, ["7 7"]);
    // An error of the database names its reason.
    let mut transaction = client.transaction().await.unwrap();
    transaction.batch_execute("SELECT 1/0").await.unwrap_err();
    let error = hub.publish(said(&room), "x").within(&mut transaction).await.unwrap_err();
    assert!(error.to_string().contains("current transaction is aborted"), "{error}");
}

#[tokio::test]
async fn a_repeatable_read_transaction_fails_if_its_channel_has_moved_on() {
    let schema = Schema::new();
    let server = schema.server().await;
    let hub = &server.hub;
    let (mut client, room) = (schema.client().await, room("1"));
    let said = said(&room);
    hub.publish(said, "1").await.unwrap();
    for is_concurrent in [false, true] {
        let transaction =
            client.build_transaction().isolation_level(tokio_postgres::IsolationLevel::RepeatableRead);
        let mut transaction = transaction.start().await.unwrap();
        hub.publish(said, "2").within(&mut transaction).await.unwrap();
        if is_concurrent {
            hub.publish(said, "3").await.unwrap();
        }
        let error = transaction.commit().await.err();
        let code = error.as_ref().and_then(tokio_postgres::Error::code);
        let expected = is_concurrent.then_some(&tokio_postgres::error::SqlState::T_R_SERIALIZATION_FAILURE);
        assert_eq!(code, expected);
    }
    assert_eq!(stored(&schema, &room).await, ["1", "2", "3"]);
}

#[cfg(feature = "sqlx")]
#[tokio::test]
async fn transactions_of_sqlx_publish() {
    use fanfare_test_servers::postgres::TestServer;
    use sqlx::{Connection, PgConnection};

    let schema = Schema::new();
    let server = schema.server().await;
    let hub = &server.hub;
    let room = room("1");
    let said = said(&room);
    let options = sqlx::postgres::PgConnectOptions::new()
        .socket(TestServer::shared().socket_folder())
        .username("postgres")
        .database("postgres");
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    hub.publish(said, "1").run_id("r").within(&mut transaction).await.unwrap();
    hub.publish(said, "2").idempotency_key("k").within(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    hub.publish(said, "3").within(&mut transaction).await.unwrap();
    let reused = hub.publish(said, "4").idempotency_key("k").within(&mut transaction).await;
    assert_eq!(reused, Err(PublishError::KeyReused));
    drop(transaction);
    hub.publish(said, "5").within(&mut connection).await.unwrap();
    assert_eq!(stored(&schema, &room).await, ["1", "2", "5"]);
    sqlx::query("SELECT 1/0").execute(&mut connection).await.unwrap_err();
    let mut transaction = connection.begin().await.unwrap();
    sqlx::query("SELECT 1/0").execute(&mut *transaction).await.unwrap_err();
    let error = hub.publish(said, "6").within(&mut transaction).await.unwrap_err();
    assert!(error.to_string().contains("current transaction is aborted"), "{error}");
}
