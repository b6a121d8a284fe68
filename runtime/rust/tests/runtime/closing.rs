//! Graceful shutdown: clients are notified and receive waiting messages.

use std::time::{Duration, Instant};

use fanfare::PublishError;
use fanfare::wire::ServerFrame;

use crate::support::client::Client;
use crate::support::definition::{room, said};
use crate::support::server::Server;

#[tokio::test]
async fn clients_are_notified_receive_waiting_messages_and_are_closed() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["said"]).await;
    let mut guest = server.guest(&channel, &["said"]).await;
    client.ready().await;
    for number in 0..2000 {
        server.hub.publish(said(&channel), &number.to_string()).await.unwrap();
    }
    let hub = server.hub.clone();
    let stopping = tokio::spawn(async move { hub.shutdown().await });
    for reader in [&mut client, &mut guest] {
        let mut messages = 0;
        let mut is_notified = false;
        while messages < 2000 || !is_notified {
            match reader.frame().await {
                ServerFrame::Closing { .. } => is_notified = true,
                ServerFrame::Data { .. } => messages += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(client.close_code().await, 1001);
    assert_eq!(guest.close_code().await, 1001);
    let start = Instant::now();
    stopping.await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(8));
    assert_eq!(server.hub.publish(said(&channel), "late").await, Err(PublishError::Closed));
    assert_eq!(server.publish("room:1", "said", b"late").await.status, 503);
    let token = server.token(&channel, &["said"]);
    assert_eq!(Client::connect(&server, &token, None).await.map(|_| ()).unwrap_err().status, 503);
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_delay_the_shutdown() {
    let server = Server::start_with(|hub| hub.drain_timeout(Duration::from_millis(300))).await;
    let channel = room("1");
    let _stuck = server.subscribe(&channel, &["said"]).await;
    let large = "x".repeat(1_000_000);
    for _ in 0..30 {
        server.hub.publish(said(&channel), &large).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let start = Instant::now();
    server.hub.shutdown().await;
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(8), "{took:?}");
}

#[tokio::test]
async fn clients_spread_their_reconnects_and_guests_are_not_asked_to() {
    let server = Server::start().await;
    let channel = room("1");
    let mut clients = Vec::new();
    for _ in 0..40 {
        let mut client = server.subscribe(&channel, &["said"]).await;
        client.ready().await;
        clients.push(client);
    }
    let mut guest = server.guest(&channel, &["said"]).await;
    let hub = server.hub.clone();
    let stopping = tokio::spawn(async move { hub.shutdown().await });
    let mut times = Vec::new();
    for client in &mut clients {
        match client.frame().await {
            ServerFrame::Closing { reconnect_in: Some(time) } => times.push(time),
            other => panic!("{other:?}"),
        }
    }
    assert!(times.iter().all(|time| *time < 100), "{times:?}");
    assert!(times.iter().max().unwrap() - times.iter().min().unwrap() > 30, "{times:?}");
    assert_eq!(guest.frame().await, ServerFrame::Closing { reconnect_in: None });
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_single_client_reconnects_at_once() {
    let server = Server::start().await;
    let mut client = server.subscribe(&room("1"), &["said"]).await;
    client.ready().await;
    let hub = server.hub.clone();
    let stopping = tokio::spawn(async move { hub.shutdown().await });
    assert_eq!(client.frame().await, ServerFrame::Closing { reconnect_in: Some(0) });
    stopping.await.unwrap();
}
