//! One process announces what many transactions publish.

use std::time::Duration;

use fanfare_test_servers::postgres::TestServer;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::{Log, Postgres, SOON, client, connect, new_schema, open, room, rows, wait_until};

/// Less than the interval at which processes read all channels.
const NOTICED: Duration = Duration::from_secs(4);

async fn publish(client: &Client, schema: &str, room: usize) {
    rows(client, &format!("SELECT {schema}.publish('room:{room}', 'said', '\"text\"')")).await;
}

async fn is_announcing(client: &Client, schema: &str) -> bool {
    let promise = format!("SELECT last_value - {schema}.now_ms() FROM {schema}.announcing_until");
    rows(client, &promise).await[0].parse::<i64>().unwrap() > 50
}

/// Publishes in many transactions until a process announces for them. Returns the number of messages in the room.
async fn publish_until_announced(schema: &str, room: usize) -> u64 {
    let client = client(TestServer::shared()).await;
    let (since, mut published) = (Instant::now(), 0);
    while !is_announcing(&client, schema).await {
        assert!(since.elapsed() < SOON, "no process announces");
        publish(&client, schema, room).await;
        published += 1;
    }
    published
}

/// Waits until all servers have received this many messages of a room. Fails before they would look by themselves.
async fn expect_soon(logs: &[std::sync::Arc<Log>], head: u64) {
    wait_until(NOTICED, || logs.iter().all(|log| log.head() == head)).await;
}

#[tokio::test]
async fn transactions_do_not_notify_while_a_process_announces() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let servers = [connect(server, &schema).await, connect(server, &schema).await];
    let logs = [open(&servers[0], &room(1)).await, open(&servers[1], &room(1)).await];
    let mut head = publish_until_announced(&schema, 1).await;
    let client = client(server).await;
    let numbers = format!("SELECT last_value FROM {schema}.announcement_numbers WHERE is_called");
    for _ in 0..100 {
        publish(&client, &schema, 1).await;
        head += 1;
    }
    expect_soon(&logs, head).await;
    let drawn: u64 = rows(&client, &numbers).await[0].parse().unwrap();
    assert!(drawn > 50, "{drawn} of 100 transactions relied on the announcer");
    // It ends once transactions are rare.
    let since = Instant::now();
    while is_announcing(&client, &schema).await {
        assert!(since.elapsed() < SOON, "the announcer does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let left = rows(&client, &format!("SELECT count(*) FROM {schema}.announcements")).await;
    assert_eq!(left, ["0"]);
}

#[tokio::test]
async fn a_transaction_is_announced_however_long_it_takes() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let servers = [connect(server, &schema).await, connect(server, &schema).await];
    let logs = [open(&servers[0], &room(2)).await, open(&servers[1], &room(2)).await];
    let _other = [open(&servers[0], &room(1)).await, open(&servers[1], &room(1)).await];
    let client = client(server).await;
    let announcements = format!("SELECT count(*) FROM {schema}.announcements");
    for head in 1.. {
        publish_until_announced(&schema, 1).await;
        rows(&client, "BEGIN").await;
        publish(&client, &schema, 2).await;
        rows(&client, "SET CONSTRAINTS ALL IMMEDIATE").await;
        let has_relied = rows(&client, &announcements).await != ["0"];
        // The announcer has nothing else to announce, and would end if it did not know of this transaction.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        rows(&client, "COMMIT").await;
        expect_soon(&logs, head).await;
        if has_relied {
            break;
        }
    }
}

#[tokio::test]
async fn announcements_of_a_failed_process_are_found() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let follower: Postgres = connect(server, &schema).await;
    let logs = [open(&follower, &room(1)).await];
    let client = client(server).await;
    // A process has promised to announce, and has then ended.
    let promise = format!("SELECT setval('{schema}.announcing_until', {schema}.now_ms() + 1000)");
    let announcements = format!("SELECT count(*) FROM {schema}.announcements");
    for head in 1.. {
        rows(&client, "BEGIN").await;
        rows(&client, &promise).await;
        publish(&client, &schema, 1).await;
        rows(&client, "SET CONSTRAINTS ALL IMMEDIATE").await;
        let has_relied = rows(&client, &announcements).await != ["0"];
        rows(&client, "COMMIT").await;
        expect_soon(&logs, head).await;
        if has_relied {
            break;
        }
    }
}

#[tokio::test]
async fn a_promise_of_a_clock_that_was_set_back_is_void() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let follower = connect(server, &schema).await;
    let logs = [open(&follower, &room(1)).await];
    let client = client(server).await;
    let promise = format!("SELECT setval('{schema}.announcing_until', {schema}.now_ms() + 3600000)");
    rows(&client, &promise).await;
    publish(&client, &schema, 1).await;
    let numbers = format!("SELECT is_called FROM {schema}.announcement_numbers");
    assert_eq!(rows(&client, &numbers).await, ["f"]);
    expect_soon(&logs, 1).await;
}

#[tokio::test]
async fn a_transaction_may_publish_many_messages_to_many_channels() {
    const ROOMS: usize = 400;
    let (server, schema) = (TestServer::shared(), new_schema());
    let follower = connect(server, &schema).await;
    let logs = [open(&follower, &room(1)).await, open(&follower, &room(ROOMS)).await];
    let client = client(server).await;
    let publish_all =
        format!("SELECT {schema}.publish('room:' || n, 'said', '\"x\"') FROM generate_series(1, {ROOMS}) n");
    // Without an announcer, the list of channels is longer than one notification.
    rows(&client, &publish_all).await;
    expect_soon(&logs, 1).await;
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
    for head in 2.. {
        rows(&client, "BEGIN").await;
        rows(&client, &format!("SELECT setval('{schema}.announcing_until', {schema}.now_ms() + 1000)")).await;
        rows(&client, &publish_all).await;
        rows(&client, "SET CONSTRAINTS ALL IMMEDIATE").await;
        let held = rows(&client, locks).await;
        rows(&client, "COMMIT").await;
        expect_soon(&logs, head).await;
        if held != ["0"] {
            assert_eq!(held, ["1"]);
            break;
        }
    }
}
