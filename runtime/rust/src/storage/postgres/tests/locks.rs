//! Channels that transactions lock, or that they are about to.

use std::sync::Arc;
use std::time::Duration;

use fanfare_test_servers::postgres::TestServer;
use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::{
    AppendError, Log, Postgres, SOON, append, client, connect, new_schema, open, read, room, rows, wait_until,
};

/// Publishes some messages, and returns the time within which 95 % of the publishes returned. A busy machine may delay
/// some of many.
async fn measure_publishes(postgres: &Postgres, log: &Arc<Log>, count: usize) -> Duration {
    let mut times = Vec::new();
    for number in 0..count {
        let started = Instant::now();
        append(postgres, log, &number.to_string()).await.unwrap();
        times.push(started.elapsed());
    }
    times.sort_unstable();
    times[count * 19 / 20]
}

async fn lock(client: &Client, schema: &str, id: usize) {
    rows(client, &format!("BEGIN; SELECT {schema}.lock_channel('room:{id}', '')")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_stays_open_delays_nobody() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let postgres = connect(server, &schema).await;
    let log = open(&postgres, &room(1)).await;
    let before = measure_publishes(&postgres, &log, 300).await;
    let (first, second) = (client(server).await, client(server).await);
    let publish = |text: &str| format!("BEGIN; SELECT {schema}.publish('room:1', 'said', '\"{text}\"')");
    rows(&first, &publish("late")).await;
    let during = measure_publishes(&postgres, &log, 300).await;
    // Other transactions commit meanwhile, too.
    let started = Instant::now();
    for _ in 0..20 {
        rows(&second, &format!("{}; COMMIT", publish("early"))).await;
    }
    eprintln!(
        "95 % of 300 publishes: {before:?} before, {during:?} while a transaction that has published is open; \
         20 other transactions: {:?}",
        started.elapsed()
    );
    assert!(during < Duration::from_millis(500) && started.elapsed() < Duration::from_secs(5));
    rows(&first, "COMMIT").await;
    wait_until(SOON, || log.head() == 621).await;
    assert_eq!(read(&log).last().unwrap().1, "late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_stays_locked_delays_only_its_own_publishers() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let postgres = Arc::new(connect(server, &schema).await);
    let (locked, other) = (open(&postgres, &room(1)).await, open(&postgres, &room(2)).await);
    let client = client(server).await;
    lock(&client, &schema, 1).await;
    let waiting = {
        let (postgres, locked) = (Arc::clone(&postgres), Arc::clone(&locked));
        tokio::spawn(async move {
            let texts: Vec<String> = (0..50).map(|number| number.to_string()).collect();
            join_all(texts.iter().map(|text| append(&postgres, &locked, text))).await
        })
    };
    let first = measure_publishes(&postgres, &other, 1).await;
    let then = measure_publishes(&postgres, &other, 200).await;
    eprintln!(
        "while another channel is locked: the first publish took {first:?}, 95 % of the next 200 {then:?}"
    );
    assert!(first < Duration::from_secs(5) && then < Duration::from_millis(500), "{first:?} {then:?}");
    assert!(!waiting.is_finished());
    // Reading does not wait for the lock.
    let another = connect(server, &schema).await;
    let opening = Instant::now();
    open(&another, &room(1)).await;
    assert!(opening.elapsed() < Duration::from_secs(5));
    // These follow those that wait already.
    let later: Vec<String> = (50..60).map(|number| number.to_string()).collect();
    let later = join_all(later.iter().map(|text| append(&postgres, &locked, text)));
    let release = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        rows(&client, "ROLLBACK").await;
    };
    let (later, ()) = tokio::join!(later, release);
    assert!(waiting.await.unwrap().iter().chain(&later).all(Result::is_ok));
    assert!(read(&locked).into_iter().map(|(_, text)| text).eq((0..60).map(|number| number.to_string())));
    // The channel is an ordinary one again.
    assert!(measure_publishes(&postgres, &locked, 100).await < Duration::from_millis(500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_to_a_channel_that_stays_locked_fails_in_the_end() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let postgres = connect(server, &schema).await;
    let (locked, other) = (open(&postgres, &room(1)).await, open(&postgres, &room(2)).await);
    let client = client(server).await;
    lock(&client, &schema, 1).await;
    let started = Instant::now();
    let (failed, appended) =
        tokio::join!(append(&postgres, &locked, "x"), measure_publishes(&postgres, &other, 50));
    let Err(AppendError::Storage(error)) = failed else { panic!("{failed:?}") };
    assert!(error.to_string().contains("another transaction has locked the channel"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20) && appended < Duration::from_secs(1));
    rows(&client, "ROLLBACK").await;
    append(&postgres, &locked, "y").await.unwrap();
    assert_eq!(read(&locked).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_creates_a_channel_and_stays_open_delays_only_its_publishers() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let postgres = connect(server, &schema).await;
    let (deleted, other) = (open(&postgres, &room(1)).await, open(&postgres, &room(2)).await);
    let client = client(server).await;
    rows(&client, &format!("DELETE FROM {schema}.channels WHERE name = 'room:1'")).await;
    lock(&client, &schema, 1).await;
    let texts = ["1", "2", "3"];
    let appends = join_all(texts.iter().map(|text| append(&postgres, &deleted, text)));
    let others_then_release = async {
        let time = measure_publishes(&postgres, &other, 40).await;
        rows(&client, "COMMIT").await;
        time
    };
    let (appended, others) = tokio::join!(appends, others_then_release);
    assert!(appended.iter().all(Result::is_ok), "{appended:?}");
    assert!(others < Duration::from_millis(500), "{others:?}");
    let reopened = open(&connect(server, &schema).await, &room(1)).await;
    assert!(read(&reopened).into_iter().map(|(_, text)| text).eq(texts));
}
