//! Delivery: every message, once, in order.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::client::Client;
use crate::support::definition::{Status, journal, room, said, small, status};
use crate::support::server::Server;

#[tokio::test]
async fn a_message_arrives_with_its_envelope() {
    let server = Server::start().await;
    let channel = room("a/b é");
    let mut client = server.subscribe(&channel, &["status"]).await;
    client.ready().await;
    let payload = Status { message: "hi".into(), progress: Some(7) };
    let id = server.hub.publish(status(&channel), &payload).run_id("run \"1\"").await.unwrap();
    let text = client.text().await;
    let (head, rest) = text.split_once("\"created_at\":\"").unwrap();
    let expected =
        format!(r#"{{"kind":"data","channel":"room:a%2Fb%20%C3%A9","topic":"status","id":"{id}","#);
    assert_eq!(head, expected);
    let (time, rest) = rest.split_at(24);
    assert!(time.starts_with("20") && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
    assert_eq!(rest, r#"","run_id":"run \"1\"","data":{"message":"hi","progress":7}}"#);
}

#[tokio::test]
async fn messages_of_other_topics_and_channels_do_not_arrive() {
    let server = Server::start().await;
    let (channel, other) = (room("1"), room("2"));
    let mut client = server.subscribe(&channel, &["said"]).await;
    client.ready().await;
    server.hub.publish(said(&other), "no").await.unwrap();
    server.hub.publish(journal(&channel), "no").await.unwrap();
    server.hub.publish(said(&channel), "yes").await.unwrap();
    assert_eq!(client.data().await, "yes");
    client.expect_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_subscribers_receive_all_messages_in_order() {
    let server = Server::start().await;
    let channel = room("1");
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(server.subscribe(&channel, &["said"]).await);
    }
    let publishers: Vec<_> = (0..4)
        .map(|_| {
            let (hub, channel) = (server.hub.clone(), channel.clone());
            tokio::spawn(async move {
                for _ in 0..500 {
                    hub.publish(said(&channel), "x").await.unwrap();
                }
            })
        })
        .collect();
    for client in &mut clients {
        let mut last = client.ready().await;
        for _ in 0..2000 {
            let (id, _) = client.id_and_data().await;
            assert!(id > last, "{id} after {last}");
            last = id;
        }
    }
    for publisher in publishers {
        publisher.await.unwrap();
    }
    for client in &mut clients {
        client.expect_silence().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_subscribed_when_it_receives_the_101() {
    let server = Server::start().await;
    let channel = room("1");
    let token = server.token(&channel, &["said"]);
    for turn in 0..500 {
        let mut client = if turn % 2 == 0 {
            Client::connect(&server, &token, None).await.unwrap()
        } else {
            Client::connect_guest(&server, &token).await.unwrap()
        };
        let text = turn.to_string();
        server.hub.publish(said(&channel), &text).await.unwrap();
        if turn % 2 == 0 {
            client.ready().await;
        }
        assert_eq!(client.data().await, json!(text));
    }
}

#[tokio::test]
async fn under_load_clients_receive_batches_and_guests_single_messages() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["said"]).await;
    let mut guest = server.guest(&channel, &["said"]).await;
    client.ready().await;
    for number in 0..1000 {
        server.hub.publish(said(&channel), &number.to_string()).await.unwrap();
    }
    for number in 0..1000 {
        assert_eq!(client.data().await, json!(number.to_string()));
        assert_eq!(guest.data().await, json!(number.to_string()));
    }
    assert!(client.batches.len() < 500, "{} texts", client.batches.len());
    assert!(guest.batches.iter().all(|count| *count == 1));
}

#[tokio::test]
async fn a_guest_receives_only_frames_that_it_understands() {
    let server = Server::start().await;
    let channel = room("1");
    let mut guest = server.guest(&channel, &["said"]).await;
    assert_eq!(guest.subprotocol, None);
    guest.send_text("not a frame").await;
    guest.send(&json!({ "kind": "unsub", "ref": "1", "channel": "room:9" })).await;
    let other = room("2");
    guest.sub(&server.token(&other, &["said"]), json!({})).await;
    guest.expect_silence().await;
    server.hub.publish(said(&channel), "one").await.unwrap();
    assert_eq!(guest.data().await, "one");
    server.hub.publish(said(&other), "two").await.unwrap();
    assert_eq!(guest.data().await, "two");
    guest.send(&json!({ "kind": "unsub", "channel": "room:2" })).await;
    guest.expect_silence().await;
    server.hub.publish(said(&other), "three").await.unwrap();
    guest.expect_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_does_not_read_does_not_affect_others() {
    let server = Server::start_with(|hub| hub.write_timeout(Duration::from_millis(500))).await;
    let channel = room("1");
    let mut stuck = server.subscribe(&channel, &["said"]).await;
    let mut healthy = server.subscribe(&channel, &["said"]).await;
    healthy.ready().await;
    let large = "x".repeat(100_000);
    let start = Instant::now();
    for number in 0..300 {
        server.hub.publish(said(&channel), &format!("{number} {large}")).await.unwrap();
        let data = healthy.data().await;
        assert!(data.as_str().unwrap().starts_with(&format!("{number} ")));
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    // The client reads what its system has buffered, and then the connection ends.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut got = 0;
    while let Some(Ok(message)) = stuck.message().await {
        got += usize::from(matches!(message, Message::Text(_)));
    }
    assert!(got < 300, "{got}");
}

#[tokio::test]
async fn a_burst_longer_than_history_reaches_current_subscribers_only() {
    let server = Server::start().await;
    let channel = small("1");
    let mut client = server.subscribe(&channel, &["said"]).await;
    client.ready().await;
    let mut ids = Vec::new();
    for number in 0..1000 {
        ids.push(server.hub.publish(said(&channel), &number.to_string()).await.unwrap().to_string());
    }
    for number in 0..1000 {
        assert_eq!(client.data().await, json!(number.to_string()));
    }
    let mut late = server.resume(&channel, &["said"], &ids[500]).await;
    late.ready().await;
    assert_eq!(late.gap().await, (ids[500].clone(), ids[995].clone()));
    let mut new = server.resume(&channel, &["said"], "start").await;
    new.ready().await;
    for number in 995..1000 {
        assert_eq!(new.data().await, json!(number.to_string()));
    }
    new.expect_silence().await;
}
