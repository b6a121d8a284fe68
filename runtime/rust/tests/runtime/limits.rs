//! Limits per client and for all clients.

use std::time::{Duration, Instant};

use fanfare::wire::ServerFrame;
use serde_json::json;

use crate::support::client::Client;
use crate::support::definition::{room, said};
use crate::support::server::Server;

#[tokio::test]
async fn connections_per_token_are_limited() {
    let server = Server::start_with(|hub| hub.max_connections_per_token(2)).await;
    let channel = room("1");
    let named = || server.hub.token(channel.grant(["said"])).id("login_17").mint().unwrap();
    let mut first = Client::connect(&server, &named(), None).await.unwrap();
    first.ready().await;
    // A connection counts once, however often it uses the token.
    first.sub_as("7", &named(), json!({})).await;
    let second = Client::connect(&server, &named(), None).await.unwrap();
    assert_eq!(server.refusal(&named()).await.status, 429);
    let mut other = server.subscribe(&channel, &["said"]).await;
    other.ready().await;
    other.send(&json!({ "kind": "sub", "ref": "7", "data": named() })).await;
    assert_eq!(other.error().await.0, "too_many_connections");
    other.send(&json!({ "kind": "renew", "data": named() })).await;
    assert_eq!(other.error().await.0, "too_many_connections");
    drop(second);
    let start = Instant::now();
    loop {
        other.send(&json!({ "kind": "sub", "ref": "7", "data": named() })).await;
        if matches!(other.frame().await, ServerFrame::Subscribed { .. }) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "the slot is not released");
    }
}

#[tokio::test]
async fn connections_of_a_hub_are_limited() {
    let server = Server::start_with(|hub| hub.max_connections(2)).await;
    let channel = room("1");
    let token = server.token(&channel, &["said"]);
    let _first = Client::connect(&server, &token, None).await.unwrap();
    let second = Client::connect(&server, &token, None).await.unwrap();
    assert_eq!(server.refusal(&token).await.status, 429);
    drop(second);
    let start = Instant::now();
    while Client::connect(&server, &token, None).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "the slot is not released");
    }
}

#[tokio::test]
async fn a_connection_without_a_subscription_is_closed_after_ten_seconds() {
    let server = Server::start().await;
    let channel = room("1");
    let start = Instant::now();
    let mut idle = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    let mut left = server.subscribe(&channel, &["said"]).await;
    left.ready().await;
    left.send(&json!({ "kind": "unsub", "channel": "room:1" })).await;
    left.frame().await;
    let mut busy = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    busy.sub_as("7", &server.token(&channel, &["said"]), json!({})).await;
    assert_eq!(idle.close_code().await, 4408);
    assert!(start.elapsed() > Duration::from_secs(9));
    assert_eq!(left.close_code().await, 4408);
    server.hub.publish(said(&channel), "here").await.unwrap();
    assert_eq!(busy.data().await, "here");
}

#[tokio::test]
async fn a_flood_of_frames_is_read_more_slowly_and_answered() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    client.sub_as("7", &server.token(&channel, &["said"]), json!({})).await;
    let start = Instant::now();
    for _ in 0..1300 {
        client.send(&json!({ "kind": "alive" })).await;
    }
    for _ in 0..1300 {
        assert!(matches!(client.frame().await, ServerFrame::Alive { .. }));
    }
    assert!(start.elapsed() > Duration::from_millis(900), "100 too many at 100 a second");
    server.hub.publish(said(&channel), "here").await.unwrap();
    assert_eq!(client.data().await, "here");
}
