//! Retained messages, which a new subscriber receives at once.

use std::time::Duration;

use fanfare::wire::ServerFrame;
use serde_json::json;

use crate::support::definition::{Status, brief, journal, room, said, small, status};
use crate::support::server::Server;

#[tokio::test]
async fn retained_messages_and_history_arrive_in_the_order_of_ids() {
    let server = Server::start().await;
    let channel = room("1");
    let hub = &server.hub;
    hub.publish(journal(&channel), "j1").await.unwrap();
    hub.publish(status(&channel), &Status::new("s1")).await.unwrap();
    hub.publish(said(&channel), "not retained").await.unwrap();
    hub.publish(status(&channel), &Status::new("s2")).await.unwrap();
    let head = hub.publish(journal(&channel), "j2").await.unwrap();
    let mut client = server.subscribe(&channel, &["said", "status", "journal"]).await;
    assert!(client.ready().await.starts_with(&format!("{head}~")));
    for expected in [json!("j1"), json!({ "message": "s2" }), json!("j2")] {
        assert_eq!(client.data().await, expected);
    }
    client.expect_silence().await;
    hub.publish(said(&channel), "new").await.unwrap();
    assert_eq!(client.data().await, "new");
}

#[tokio::test]
async fn a_retained_message_outlives_the_history() {
    let server = Server::start().await;
    let channel = small("1");
    let hub = &server.hub;
    hub.publish(status(&channel), &Status::new("s1")).await.unwrap();
    let kept = hub.publish(status(&channel), &Status::new("s2")).await.unwrap();
    let mut ids = Vec::new();
    for number in 0..9 {
        ids.push(hub.publish(said(&channel), &number.to_string()).await.unwrap().to_string());
    }
    let mut client = server.subscribe(&channel, &["status"]).await;
    client.ready().await;
    assert_eq!(client.id_and_data().await, (kept.to_string(), json!({ "message": "s2" })));
    client.expect_silence().await;

    // A client that resumes there has lost `said` messages, but no `status`.
    let since = kept.to_string().replace("-000000002", "-000000001");
    let mut client = server.resume(&channel, &["status", "said"], &since).await;
    client.ready().await;
    let (after, before) = client.gap().await;
    assert_eq!((after, before), (since.clone(), ids[4].clone()));
    assert_eq!(client.data().await, json!({ "message": "s2" }));
    for number in 4..9 {
        assert_eq!(client.data().await, json!(number.to_string()));
    }
    let mut client = server.resume(&channel, &["status"], &since).await;
    client.ready().await;
    assert_eq!(client.data().await, json!({ "message": "s2" }));
    client.expect_silence().await;

    // Once it is replaced, clients that had not received it receive a gap.
    hub.publish(status(&channel), &Status::new("s3")).await.unwrap();
    let mut client = server.resume(&channel, &["status"], &since).await;
    client.ready().await;
    assert_eq!(client.gap().await.0, since);
    assert_eq!(client.data().await, json!({ "message": "s3" }));
}

#[tokio::test]
async fn a_client_that_disconnects_during_the_replay_receives_the_rest() {
    let server = Server::start().await;
    let channel = room("1");
    let hub = &server.hub;
    hub.publish(said(&channel), "before its time").await.unwrap();
    hub.publish(status(&channel), &Status::new("s")).await.unwrap();
    hub.publish(said(&channel), "before its time").await.unwrap();
    for number in 0..3 {
        hub.publish(journal(&channel), &number.to_string()).await.unwrap();
    }
    let topics = ["said", "status", "journal"];
    let mut client = server.subscribe(&channel, &topics).await;
    let mut cursor = client.ready().await;
    let position = cursor.split_once('~').unwrap().0.to_owned();
    hub.publish(said(&channel), "missed").await.unwrap();
    // Cut after each message in turn.
    for expected in [json!({ "message": "s" }), json!("0"), json!("1"), json!("2"), json!("missed")] {
        let mut client = server.resume(&channel, &topics, &cursor).await;
        assert_eq!(client.ready().await, cursor);
        let (id, data) = client.id_and_data().await;
        assert_eq!(data, expected);
        cursor = if id <= position { format!("{position}~{id}") } else { id };
    }
    let mut client = server.resume(&channel, &topics, &cursor).await;
    client.ready().await;
    client.expect_silence().await;
}

#[tokio::test]
async fn a_topic_retains_messages_that_left_the_history() {
    let server = Server::start().await;
    let channel = brief("1");
    for number in 0..30 {
        server.hub.publish(journal(&channel), &number.to_string()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut client = server.subscribe(&channel, &["journal"]).await;
    client.ready().await;
    for number in 0..30 {
        assert_eq!(client.data().await, json!(number.to_string()));
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn a_guest_receives_retained_messages() {
    let server = Server::start().await;
    let channel = room("1");
    server.hub.publish(status(&channel), &Status::new("s")).await.unwrap();
    let mut guest = server.guest(&channel, &["status"]).await;
    assert_eq!(guest.data().await, json!({ "message": "s" }));
}

#[tokio::test]
async fn a_client_is_notified_once_it_has_caught_up() {
    let server = Server::start().await;
    let channel = room("1");
    let hub = &server.hub;
    let topics = ["said", "status", "journal"];
    let mut empty = server.subscribe(&channel, &topics).await;
    empty.sees_caught_up = true;
    empty.ready().await;
    assert!(matches!(empty.frame().await, ServerFrame::CaughtUp { .. }), "even if nothing is retained");

    // More than one read takes.
    let text = "x".repeat(10_000);
    for _ in 0..20 {
        hub.publish(journal(&channel), &text).await.unwrap();
    }
    let mut client = server.subscribe(&channel, &topics).await;
    client.sees_caught_up = true;
    let joined = client.ready().await;
    hub.publish(said(&channel), "new").await.unwrap();
    for _ in 0..20 {
        assert_eq!(client.data().await, text.as_str());
    }
    let rest = [client.frame().await, client.frame().await];
    let is_new = |frame: &ServerFrame| matches!(frame, ServerFrame::Data { data, .. } if data == "new");
    let name = channel.name();
    let is_caught_up =
        |frame: &ServerFrame| matches!(frame, ServerFrame::CaughtUp { channel, .. } if channel == name);
    assert!(rest.iter().any(is_new) && rest.iter().any(is_caught_up), "{rest:?}");
    hub.publish(said(&channel), "newer").await.unwrap();
    assert_eq!(client.data().await, "newer");

    // Once per subscription, also after a resume.
    let mut client = server.resume(&channel, &topics, joined.split_once('~').unwrap().0).await;
    client.sees_caught_up = true;
    client.ready().await;
    assert_eq!(client.data().await, "new");
    assert_eq!(client.data().await, "newer");
    assert!(matches!(client.frame().await, ServerFrame::CaughtUp { .. }));
    client.expect_silence().await;
}
