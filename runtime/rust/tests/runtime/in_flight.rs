//! The limit on bytes that are being written, with clients that do not read.

use std::time::{Duration, Instant};

use axum::Router;
use fanfare::{Hub, HubBuilder};
use serde_json::json;

use crate::support::client::Client;
use crate::support::definition::{REGISTRY, room, said};
use crate::support::server::{KEY, Server};
use crate::support::sse::Events;

const MEBIBYTE: usize = 1024 * 1024;

async fn server(set_up: impl FnOnce(HubBuilder) -> HubBuilder) -> Server {
    let hub = set_up(Hub::builder(&REGISTRY).signing_key(KEY)).build().unwrap();
    Server::serve_ours(hub, Router::new(), |serve| serve).await
}

#[tokio::test]
async fn stalled_readers_are_closed_once_others_wait_and_the_others_receive_everything() {
    // Four writes reach the limit, and ten connections do not read.
    let server =
        server(|hub| hub.max_in_flight_bytes(4 * MEBIBYTE).ping_interval(Duration::from_secs(300))).await;
    let channel = room("1");
    let token = server.token(&channel, &["said"]);
    let (mut sockets, mut streams) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let mut socket = server.subscribe(&channel, &["said"]).await;
        socket.ready().await;
        sockets.push(socket);
        let mut stream = Events::get(&server, &format!("token={token}"), "").await;
        stream.ready().await;
        streams.push(stream);
    }
    let mut reader = server.subscribe(&channel, &["said"]).await;
    reader.ready().await;
    // Some have a `ref`: their frames are encoded per connection.
    let mut marked = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    marked.sub_as("7", &token, json!({})).await;
    let large = "x".repeat(MEBIBYTE - 1000);
    let began = Instant::now();
    // More than the system buffers for sockets that are not read.
    for number in 0..16 {
        let text = format!("{number} {large}");
        server.hub.publish(said(&channel), text.as_str()).await.unwrap();
        let (data, (_, marked_data)) = tokio::join!(reader.data(), marked.marked_data());
        assert!(data == text && marked_data == text, "message {number}");
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    // Closed clients see the end of the connection, without a close frame.
    let mut closed = 0;
    for socket in &mut sockets {
        let mut messages = 0;
        while let Some(Ok(message)) = socket.message().await {
            assert!(!message.is_close());
            messages += usize::from(message.is_text());
            if messages == 16 {
                break;
            }
        }
        closed += usize::from(messages < 16);
    }
    for stream in &mut streams {
        let mut messages = 0;
        while messages < 16 && stream.marked().await.is_some() {
            messages += 1;
        }
        closed += usize::from(messages < 16);
    }
    assert!(closed >= 6, "of ten that stalled, four may stay: {closed}");
}

#[tokio::test]
async fn stalled_readers_stay_open_while_the_limit_is_not_reached() {
    let server = server(|hub| hub).await;
    let channel = room("1");
    let mut stalled = server.subscribe(&channel, &["said"]).await;
    stalled.ready().await;
    let large = "x".repeat(MEBIBYTE - 1000);
    for _ in 0..16 {
        server.hub.publish(said(&channel), large.as_str()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    for _ in 0..16 {
        assert_eq!(stalled.data().await, large);
    }
}
