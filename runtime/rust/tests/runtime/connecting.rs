//! Requests that cannot be upgraded, and connections that misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fanfare::wire::ServerFrame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::definition::{room, said};
use crate::support::http;
use crate::support::server::Server;

#[tokio::test]
async fn a_request_without_an_upgrade_gets_a_clear_error() {
    let server = Server::start().await;
    let answer = http::get(server.address, "connect").await;
    assert!((400..500).contains(&answer.status));
    assert!(answer.error().contains("WebSocket"), "{:?}", answer.body);
}

#[tokio::test]
async fn frames_that_are_too_large_or_binary_close_the_connection() {
    let server = Server::start().await;
    let channel = room("1");
    for (message, code) in [
        (Message::binary(vec![1, 2, 3]), 1003),
        (Message::text("x".repeat(32 * 1024 + 1)), 1009),
        (Message::text("x".repeat(1024 * 1024)), 1009),
    ] {
        let mut client = server.subscribe(&channel, &["said"]).await;
        client.ready().await;
        client.send_message(message).await;
        assert_eq!(client.close_code().await, code);
    }
    let mut client = server.subscribe(&channel, &["said"]).await;
    client.ready().await;
    client.send_text(&" ".repeat(32 * 1024)).await;
    assert_eq!(client.error().await.0, "bad_frame", "the largest frame is read");
}

#[tokio::test]
async fn a_protocol_violation_closes_the_connection() {
    let server = Server::start().await;
    let token = server.token(&room("1"), &["said"]);
    for bytes in [&[0x81, 0x80 | 1, 0, 0, 0, 0, 0xff][..], &[0x81, 0x01, b'x'], &[0xf1, 0x80, 0, 0, 0, 0]] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = format!(
            "GET /v1/realtime/connect?token={token} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 101"));
        stream.write_all(bytes).await.unwrap();
        let mut close = Vec::new();
        let _ = stream.read_to_end(&mut close).await;
        assert_eq!(close[0], 0x88, "{close:?}");
        assert_eq!(u16::from_be_bytes([close[2], close[3]]), 1002);
    }
}

#[tokio::test]
async fn a_client_that_does_not_answer_pings_is_closed() {
    let server =
        Server::start_with(|hub| hub.ping_interval(Duration::from_millis(100)).admin_routes(true)).await;
    let channel = room("1");
    let mut awake = server.subscribe(&channel, &["said"]).await;
    awake.ready().await;
    // A client answers pings only while it reads.
    let mut frozen = server.subscribe(&channel, &["said"]).await;
    let is_gone = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&is_gone);
    let reading = tokio::spawn(async move {
        while !until.load(Ordering::SeqCst) {
            assert!(matches!(awake.message().await, Some(Ok(Message::Ping(_)))));
            // A page sees only this.
            assert_eq!(awake.frame().await, ServerFrame::Alive { next_in: 100 });
        }
        awake
    });
    let since = Instant::now();
    while server.admin("server").await["connections"] != 1 {
        assert!(since.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    is_gone.store(true, Ordering::SeqCst);
    assert_eq!(frozen.close_code().await, 0, "gone without a close frame");
    let mut awake = reading.await.unwrap();
    server.hub.publish(said(&channel), "still here").await.unwrap();
    loop {
        match awake.message().await {
            Some(Ok(Message::Ping(_))) => {}
            Some(Ok(Message::Text(text))) if text.contains("alive") => {}
            Some(Ok(Message::Text(text))) => break assert!(text.contains("still here")),
            other => panic!("{other:?}"),
        }
    }
}
