//! A subscriber that reconnects receives the messages that it missed, or a gap.

use std::time::Duration;

use serde_json::json;

use crate::support::client::Client;
use crate::support::definition::{brief, journal, room, said, small};
use crate::support::server::Server;

#[tokio::test]
async fn a_cursor_continues_after_its_message() {
    let server = Server::start().await;
    let channel = room("1");
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(server.hub.publish(said(&channel), &number.to_string()).await.unwrap().to_string());
    }
    for (index, id) in ids.iter().enumerate() {
        let mut client = server.resume(&channel, &["said"], id).await;
        assert_eq!(client.ready().await, *id, "the position repeats the cursor");
        for number in index + 1..5 {
            assert_eq!(client.data().await, json!(number.to_string()));
        }
        client.expect_silence().await;
    }
    let mut client = server.resume(&channel, &["said"], "start").await;
    client.ready().await;
    for number in 0..5 {
        assert_eq!(client.data().await, json!(number.to_string()));
    }
    let mut client = server.resume(&channel, &["said"], "now").await;
    assert_eq!(client.ready().await, ids[4]);
    client.expect_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeated_reconnects_lose_and_repeat_nothing() {
    const MESSAGES: usize = 20_000;
    let server = Server::start().await;
    let channel = room("1");
    let token = server.token(&channel, &["said"]);
    let mut client = Client::connect(&server, &token, None).await.unwrap();
    let mut cursor = client.ready().await;
    let (hub, publisher_channel) = (server.hub.clone(), channel.clone());
    let publisher = tokio::spawn(async move {
        for number in 0..MESSAGES {
            hub.publish(said(&publisher_channel), &number.to_string()).await.unwrap();
            if number % 50 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let (mut expected, mut connections) = (0, 1);
    while expected < MESSAGES {
        for _ in 0..(expected * 7 % 300 + 1).min(MESSAGES - expected) {
            let (id, data) = client.id_and_data().await;
            assert_eq!(data, json!(expected.to_string()));
            expected += 1;
            cursor = id;
        }
        drop(client);
        let since = json!({ channel.name(): cursor });
        client = Client::connect(&server, &token, Some(&since)).await.unwrap();
        assert_eq!(client.ready().await, cursor);
        connections += 1;
    }
    publisher.await.unwrap();
    client.expect_silence().await;
    assert!(connections > 50, "{connections}");
}

#[tokio::test]
async fn a_gap_is_exact() {
    let server = Server::start().await;
    let channel = small("1");
    let mut ids = Vec::new();
    for number in 0..12 {
        ids.push(server.hub.publish(said(&channel), &number.to_string()).await.unwrap().to_string());
    }
    // History holds 7 to 11.
    let mut client = server.resume(&channel, &["said"], &ids[3]).await;
    assert_eq!(client.ready().await, ids[3]);
    assert_eq!(client.gap().await, (ids[3].clone(), ids[7].clone()));
    for id in &ids[7..] {
        assert_eq!(client.id_and_data().await.0, *id);
    }
    client.expect_silence().await;

    // The last evicted message is the last one that this client received.
    let mut client = server.resume(&channel, &["said"], &ids[6]).await;
    client.ready().await;
    assert_eq!(client.id_and_data().await.0, ids[7]);

    // The evicted messages are of other topics.
    let mut client = server.resume(&channel, &["journal"], &ids[3]).await;
    client.ready().await;
    client.expect_silence().await;
    let id = server.hub.publish(journal(&channel), "x").await.unwrap();
    assert_eq!(client.id_and_data().await.0, id.to_string());
}

#[tokio::test]
async fn a_subscriber_that_lags_too_far_receives_a_gap() {
    let server = Server::start().await;
    let channel = small("1");
    let mut client = server.subscribe(&channel, &["said"]).await;
    let mut last = client.ready().await;
    let large = "x".repeat(1_000_000);
    let mut published = Vec::new();
    for _ in 0..40 {
        published.push(server.hub.publish(said(&channel), &large).await.unwrap().to_string());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut missed = 0;
    let mut expected = published.iter().peekable();
    while expected.peek().is_some() {
        let frame = client.frame().await;
        let id = match frame {
            fanfare::wire::ServerFrame::Gap { after, before, .. } => {
                assert_eq!(after.to_string(), last, "after what was delivered");
                while expected.peek().is_some_and(|id| **id < before.to_string()) {
                    expected.next();
                    missed += 1;
                }
                assert_eq!(expected.peek().map(|id| (*id).clone()), Some(before.to_string()));
                continue;
            }
            fanfare::wire::ServerFrame::Data { id, .. } => id.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(expected.next(), Some(&id));
        last = id;
    }
    assert!(missed > 0);
    client.expect_silence().await;
}

#[tokio::test]
async fn a_cursor_of_another_epoch_gives_a_gap_and_then_the_whole_history() {
    let server = Server::start().await;
    let channel = room("1");
    let unknown = "000000001-000000007";
    let mut client = server.resume(&channel, &["said"], unknown).await;
    assert_eq!(client.ready().await, unknown);
    let (after, before) = client.gap().await;
    assert_eq!(after, unknown);
    let id = server.hub.publish(said(&channel), "first").await.unwrap();
    assert_eq!(id.to_string(), before, "delivery continues with it");
    assert_eq!(client.data().await, "first");

    let mut client = server.resume(&channel, &["said"], unknown).await;
    client.ready().await;
    assert_eq!(client.gap().await, (unknown.to_owned(), before));
    assert_eq!(client.data().await, "first");

    // An id beyond the head does not belong to this log.
    let ahead = id.to_string().replace("-000000001", "-000000002");
    let mut client = server.resume(&channel, &["said"], &ahead).await;
    client.ready().await;
    assert_eq!(client.gap().await.0, ahead);
    assert_eq!(client.data().await, "first");
}

#[tokio::test]
async fn messages_that_are_too_old_are_evicted() {
    let server = Server::start().await;
    let channel = brief("1");
    let first = server.hub.publish(said(&channel), "old").await.unwrap();
    let second = server.hub.publish(said(&channel), "old too").await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    let mut client = server.resume(&channel, &["said"], "start").await;
    client.ready().await;
    client.expect_silence().await;
    let mut client = server.resume(&channel, &["said"], &first.to_string()).await;
    client.ready().await;
    assert_eq!(client.gap().await.0, first.to_string());
    let mut client = server.resume(&channel, &["said"], &second.to_string()).await;
    client.ready().await;
    client.expect_silence().await;
}

#[tokio::test]
async fn a_malformed_since_is_rejected() {
    let server = Server::start().await;
    let channel = room("1");
    let token = server.token(&channel, &["said"]);
    for since in [json!([]), json!("now"), json!({ "room:1": 7 }), json!({ "room:1": "yesterday" })] {
        let refusal = Client::connect(&server, &token, Some(&since)).await.map(|_| ()).unwrap_err();
        assert_eq!(refusal.status, 400, "{since}");
    }
    let since = json!({ "room:2": "start" });
    Client::connect(&server, &token, Some(&since)).await.unwrap().ready().await;
}
