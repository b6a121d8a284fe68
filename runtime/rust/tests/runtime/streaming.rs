//! Event streams, for clients that cannot open a WebSocket.

use std::time::{Duration, Instant};

use fanfare::wire::ServerFrame;
use serde_json::json;

use crate::support::definition::{Status, room, said, small, status};
use crate::support::server::{KEY, Server};
use crate::support::sse::Events;

/// Compressing middleware holds events back unless `no-transform` forbids it, and nginx unless a header tells it not to
/// buffer them.
fn assert_is_passed_on_at_once(events: &Events) {
    let head = events.head.to_ascii_lowercase();
    for line in
        ["content-type: text/event-stream", "cache-control: no-store, no-transform", "x-accel-buffering: no"]
    {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
    }
}

#[tokio::test]
async fn an_event_stream_carries_subscriptions_like_a_websocket() {
    let server = Server::start().await;
    let (first, second) = (room("1"), room("2"));
    let id = server.hub.publish(said(&first), "a").await.unwrap();
    server.hub.publish(said(&first), "b").await.unwrap();
    let mut events = Events::post(
        &server,
        &json!([
            { "kind": "sub", "ref": "1", "data": server.token(&first, &["said"]), "since": { "room:1": id } },
            { "kind": "sub", "ref": "2", "data": server.token(&second, &["said"]) },
            { "kind": "sub", "ref": "2", "data": server.token(&second, &["said"]) },
            { "kind": "sub", "ref": "3", "data": "a.b.c" },
        ]),
    )
    .await;
    assert_eq!(events.status(), 200);
    assert_is_passed_on_at_once(&events);
    let mut kinds = Vec::new();
    for _ in 0..6 {
        kinds.push(match events.frame().await {
            ServerFrame::Subscribed { subscription_id, .. } => {
                format!("subscribed {}", subscription_id.unwrap())
            }
            ServerFrame::Ready { subscription_id, .. } => format!("ready {}", subscription_id.unwrap()),
            ServerFrame::Error { subscription_id, code, .. } => {
                format!("{code} {}", subscription_id.unwrap())
            }
            other => panic!("{other:?}"),
        });
    }
    let expected = ["subscribed 1", "ready 1", "subscribed 2", "ready 2", "ref_in_use 2", "unauthorized 3"];
    assert_eq!(kinds, expected);
    assert!(matches!(
        events.marked().await,
        Some((Some(subscription_id), ServerFrame::Data { data, .. })) if subscription_id == "1" && data == "b"
    ));
    server.hub.publish(said(&second), "c").await.unwrap();
    assert!(matches!(
        events.marked().await,
        Some((Some(subscription_id), ServerFrame::Data { data, .. })) if subscription_id == "2" && data == "c"
    ));
}

#[tokio::test]
async fn an_event_stream_ends_with_its_last_subscription_or_its_server() {
    let server = Server::start().await;
    let channel = room("1");
    let named = server.hub.token(channel.grant(["said"])).id("login_17").mint().unwrap();
    let sub = |token: &str| json!([{ "kind": "sub", "ref": "1", "data": token }]);
    let mut revoked = Events::post(&server, &sub(&named)).await;
    let mut refused = Events::post(&server, &sub("a.b.c")).await;
    let mut stopped = Events::post(&server, &sub(&server.token(&channel, &["said"]))).await;
    for events in [&mut revoked, &mut stopped] {
        events.frame().await;
        events.ready().await;
    }
    assert!(matches!(refused.frame().await, ServerFrame::Error { .. }));
    assert_eq!(refused.marked().await, None);
    server.hub.revoke("login_17").await.unwrap();
    assert!(
        matches!(revoked.frame().await, ServerFrame::Unsubscribed { code: Some(code), .. } if code == "revoked")
    );
    assert_eq!(revoked.marked().await, None);
    server.hub.publish(said(&channel), "last").await.unwrap();
    server.hub.shutdown().await;
    let mut kinds = Vec::new();
    while let Some((_, frame)) = stopped.marked().await {
        kinds.push(frame);
    }
    assert!(kinds.iter().any(|kind| matches!(kind, ServerFrame::Closing { .. })));
    assert!(kinds.iter().any(|frame| matches!(frame, ServerFrame::Data { data, .. } if data == "last")));
    assert_eq!(Events::post(&server, &sub(&named)).await.status(), 503);
}

#[tokio::test]
async fn a_body_that_is_not_a_list_of_subs_is_rejected() {
    let server = Server::start().await;
    let token = server.token(&room("1"), &["said"]);
    for body in [
        json!([]),
        json!({ "kind": "sub", "ref": "1", "data": token }),
        json!([{ "kind": "sub", "data": token }]),
        json!([{ "kind": "unsub", "ref": "1" }]),
        json!([{ "kind": "sub", "ref": 1, "data": token }]),
        json!(vec![json!({ "kind": "sub", "ref": "1", "data": "x" }); 1001]),
    ] {
        assert_eq!(Events::post(&server, &body).await.status(), 400, "{body}");
    }
    let large = json!([{ "kind": "sub", "ref": "1", "data": "x".repeat(256 * 1024) }]);
    assert_eq!(Events::post(&server, &large).await.status(), 413);
}

#[tokio::test]
async fn an_event_source_resumes_from_the_id_of_its_last_event() {
    let server = Server::start().await;
    let (first, second) = (room("1"), room("2"));
    let token =
        server.hub.token(first.grant(["said", "journal"]).and(second.grant(["said"]))).mint().unwrap();
    let query = format!("token={token}");
    for text in ["j1", "j2", "j3"] {
        server.hub.publish(first.topic::<str>(2), text).await.unwrap();
    }
    let mut events = Events::get(&server, &query, "").await;
    assert_is_passed_on_at_once(&events);
    events.ready().await;
    events.ready().await;
    assert_eq!(events.data().await, "j1");
    // In the middle of the retained messages.
    let last = events.last_id.clone().unwrap();
    let mut events = Events::get(&server, &query, &format!("Last-Event-ID: {last}\r\n")).await;
    events.ready().await;
    events.ready().await;
    assert_eq!(events.data().await, "j2");
    assert_eq!(events.data().await, "j3");
    server.hub.publish(said(&second), "b").await.unwrap();
    assert_eq!(events.data().await, "b");
    server.hub.publish(said(&first), "a").await.unwrap();
    assert_eq!(events.data().await, "a");
    let last = events.last_id.clone().unwrap();
    drop(events);
    server.hub.publish(said(&second), "while away").await.unwrap();
    // The header is later than the cursor in the URL.
    let query = format!("{query}&since=%7B%22room:1%22:%22start%22%7D");
    let mut events = Events::get(&server, &query, &format!("Last-Event-ID: {last}\r\n")).await;
    events.ready().await;
    events.ready().await;
    assert_eq!(events.data().await, "while away");

    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(Events::get(&server, "", &bearer).await.status(), 200);
    assert_eq!(Events::get(&server, "", "").await.status(), 401);
    assert_eq!(Events::get(&server, &query, "Last-Event-ID: 7\r\n").await.status(), 400);
    server.hub.publish(status(&first), &Status::new("s")).await.unwrap();
}

#[tokio::test]
async fn a_multi_line_payload_is_one_event() {
    let server = Server::start().await;
    let channel = room("1");
    let token = server.token(&channel, &["status"]);
    let mut events = Events::get(&server, &format!("token={token}"), "").await;
    events.ready().await;
    let pretty = b"{\n  \"message\":\r\n \"two\\nlines\"\r}";
    assert_eq!(server.publish("room:1", "status", pretty).await.status, 200);
    assert_eq!(events.data().await, json!({ "message": "two\nlines" }));
}

#[tokio::test]
async fn an_event_stream_sends_heartbeats_and_ends_with_its_token() {
    let server = Server::start_with(|hub| hub.ping_interval(Duration::from_millis(100))).await;
    let token =
        server.hub.token(room("1").grant(["said"])).expires_in(Duration::from_secs(2)).mint().unwrap();
    let mut events = Events::get(&server, &format!("token={token}"), "").await;
    events.ready().await;
    let mut alive = 0;
    while let Some((_, frame)) = events.marked().await {
        match frame {
            ServerFrame::Alive { next_in: 100 } => alive += 1,
            ServerFrame::Expiring { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(alive > 0);
    assert_eq!(Events::get(&server, &format!("token={token}"), "").await.status(), 401);
}

#[tokio::test]
async fn an_event_stream_that_is_read_slowly_receives_a_gap() {
    let server = Server::start().await;
    let channel = small("1");
    let mut slow = Events::get(&server, &format!("token={}", server.token(&channel, &["said"])), "").await;
    slow.ready().await;
    let large = "x".repeat(1_000_000);
    for _ in 0..30 {
        server.hub.publish(said(&channel), &large).await.unwrap();
    }
    let mut messages = 0;
    loop {
        match slow.frame().await {
            ServerFrame::Gap { .. } => break,
            ServerFrame::Data { .. } => messages += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(messages < 25, "the system took some, and history holds five");
}

#[tokio::test]
async fn an_event_stream_that_is_not_read_is_closed() {
    let server =
        Server::start_with(|hub| hub.max_connections(1).write_timeout(Duration::from_millis(500))).await;
    let channel = small("1");
    let query = format!("token={}", server.token(&channel, &["said"]));
    let frozen = Events::get(&server, &query, "").await;
    let large = "x".repeat(1_000_000);
    let start = Instant::now();
    // Once it is closed, another connection fits.
    while Events::get(&server, &query, "").await.status() != 200 {
        server.hub.publish(said(&channel), &large).await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(20), "a connection that does not read keeps its slot");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(frozen);
}

#[tokio::test]
async fn pages_of_other_origins_are_rejected_if_origins_are_set() {
    let server = Server::start_with(|hub| hub.allowed_origins(["https://example.com/"])).await;
    let token = server.token(&room("1"), &["said"]);
    let query = format!("token={token}");
    for (origin, status) in [
        ("https://example.com", 200),
        ("https://example.org", 403),
        ("http://example.com", 403),
        ("null", 403),
    ] {
        let header = format!("Origin: {origin}\r\n");
        let answer = Events::get(&server, &query, &header).await;
        assert_eq!(answer.status(), status, "{origin}");
        let allowed = format!("access-control-allow-origin: {origin}");
        assert_eq!(answer.head.to_ascii_lowercase().contains(&allowed), status == 200, "{}", answer.head);
        let upgrade = format!(
            "{header}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        let answer = Events::ask(&server, "GET", &format!("connect?{query}"), &upgrade, "").await;
        assert_eq!(answer.status(), if status == 200 { 101 } else { 403 }, "{origin}");
    }
    assert_eq!(Events::get(&server, &query, "").await.status(), 200, "not a page");
    let preflight = "Origin: https://example.com\r\nAccess-Control-Request-Method: POST\r\n";
    let answer = Events::ask(&server, "OPTIONS", "publish", preflight, "").await;
    assert_eq!(answer.status(), 200);
    assert!(answer.head.to_ascii_lowercase().contains("access-control-allow-methods"), "{}", answer.head);
    let anywhere = Server::start().await;
    let token = anywhere.token(&room("1"), &["said"]);
    let header = "Origin: https://example.org\r\n";
    assert_eq!(Events::get(&anywhere, &format!("token={token}"), header).await.status(), 200);
    assert_eq!(anywhere.ask_for_token(Some(KEY), &json!([])).await.status, 400);
}
