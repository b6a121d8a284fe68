//! The database is killed while servers publish.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fanfare_test_servers::postgres::TestServer;
use tokio::time::timeout;

use super::{AppendError, MessageId, Messages, SOON, connect, entry, open, read, room, wait_until};

const PUBLISHERS: usize = 6;
const CHANNELS: usize = 3;

/// Publishes from two servers while the database is killed with each signal, and returns what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_message_is_there_once_and_in_order_after_the_database_was_killed() {
    let mut server = TestServer::start(true);
    let servers = [Arc::new(connect(&server, "fanfare").await), Arc::new(connect(&server, "fanfare").await)];
    let (stop, failures) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let publishers = (0..PUBLISHERS).map(|publisher| {
        let (server, stop, failures) =
            (Arc::clone(&servers[publisher % 2]), Arc::clone(&stop), Arc::clone(&failures));
        tokio::spawn(async move {
            let log = open(&server, &room(publisher % CHANNELS)).await;
            let mut acknowledged: Vec<(MessageId, String)> = Vec::new();
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                let text = format!("{publisher} {number}");
                let appended = timeout(2 * SOON, server.append(entry(&log, &text, Some(&text)))).await;
                match appended.expect("a publisher got no answer") {
                    Ok(appended) => {
                        acknowledged.push((appended.id, text));
                        number += 1;
                    }
                    Err(AppendError::Storage(_)) => {
                        failures.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    Err(error) => panic!("{text}: {error:?}"),
                }
            }
            acknowledged
        })
    });
    let publishers: Vec<_> = publishers.collect();
    for signal in ["KILL", "QUIT", "KILL"] {
        tokio::time::sleep(Duration::from_secs(1)).await;
        server = tokio::task::spawn_blocking(move || {
            server.kill(signal);
            server.restart();
            server
        })
        .await
        .unwrap();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged: HashMap<MessageId, HashMap<usize, String>> = HashMap::new();
    let mut count = 0;
    for (publisher, task) in publishers.into_iter().enumerate() {
        for (id, text) in task.await.unwrap() {
            acknowledged.entry(id).or_default().insert(publisher % CHANNELS, text);
            count += 1;
        }
    }
    assert!(count > 100 && failures.load(Ordering::Relaxed) > 0, "{count} acknowledged");
    let mut found = 0;
    for channel in 0..CHANNELS {
        let logs = [open(&servers[0], &room(channel)).await, open(&servers[1], &room(channel)).await];
        wait_until(SOON, || logs[0].head() == logs[1].head()).await;
        let messages = read(&logs[0]);
        assert_eq!(messages, read(&logs[1]));
        assert!(messages.iter().map(|(id, _)| id.offset()).eq(1..=messages.len() as u64));
        let mut next = HashMap::new();
        for (id, text) in &messages {
            if let Some(expected) = acknowledged.get(id).and_then(|by_channel| by_channel.get(&channel)) {
                assert_eq!(text, expected);
                found += 1;
            }
            let (publisher, number) = text.split_once(' ').unwrap();
            let expected = next.entry(publisher.to_owned()).or_insert(0);
            assert_eq!(number.parse::<usize>().unwrap(), *expected, "once, and in the order of {publisher}");
            *expected += 1;
        }
    }
    assert_eq!(found, count);
    println!("{count} acknowledged, {} failures reported", failures.load(Ordering::Relaxed));
}
