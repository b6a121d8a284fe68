//! The library's own server closes slow connections, and shuts down in bounded time.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use fanfare::wire::ServerFrame;
use fanfare::{Hub, HubBuilder, PublishError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::support::definition::{REGISTRY, room, said};
use crate::support::http::get_path;
use crate::support::server::{KEY, Server};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(20);

fn hub(set_up: impl FnOnce(HubBuilder) -> HubBuilder) -> Hub {
    set_up(Hub::builder(&REGISTRY).signing_key(KEY)).build().unwrap()
}

/// Opens a connection and sends a text.
async fn silent(server: &Server, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Reads until the server closes the connection.
async fn read_to_the_end(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the server ends it").map(|_| bytes)
}

#[tokio::test]
async fn a_slow_request_head_times_out() {
    let set_up = |serve: fanfare::Serve| serve.header_read_timeout(Duration::from_millis(300));
    let server = Server::serve_ours(hub(|hub| hub), Router::new(), set_up).await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["said"]).await;
    client.ready().await;
    for text in ["", "GET /v1/realtime/connect HTTP/1.1\r\nHost: te"] {
        let mut stream = silent(&server, text).await;
        // The connection may end with or without an error.
        let _ = read_to_the_end(&mut stream).await;
    }
    // The same if a client sends one byte at a time.
    let stream = silent(&server, "GET / HTTP/1.1\r\nX-Padding: ").await;
    let (mut reader, mut writer) = stream.into_split();
    let dripping = tokio::spawn(async move {
        while writer.write_all(b"x").await.is_ok() {
            sleep(GLANCE).await;
        }
    });
    let _ = timeout(PATIENCE, reader.read_to_end(&mut Vec::new())).await.expect("the server ends it");
    dripping.abort();
    // An idle connection is closed, too.
    let mut stream = silent(&server, "GET /nowhere HTTP/1.1\r\nHost: test\r\n\r\n").await;
    let answer = read_to_the_end(&mut stream).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 404"));
    // The limit does not apply to connections in use.
    server.hub.publish(said(&channel), "still there").await.unwrap();
    assert_eq!(client.data().await, "still there");
}

#[tokio::test]
async fn the_socket_of_a_client_that_does_not_read_is_closed() {
    let hub = hub(|hub| hub.write_timeout(Duration::from_millis(200)));
    let server = Server::serve_ours(hub, Router::new(), |serve| serve).await;
    let channel = room("1");
    let token = server.token(&channel, &["said"]);
    let request = format!("GET /v1/realtime/sse?token={token} HTTP/1.1\r\nHost: test\r\n\r\n");
    let mut stream = silent(&server, &request).await;
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    let large = "x".repeat(1_000_000);
    for _ in 0..30 {
        server.hub.publish(said(&channel), &large).await.unwrap();
    }
    // It has read no more, and the client's system rejects data for a closed socket.
    let refused = async {
        while stream.write_all(b"x").await.is_ok() {
            sleep(GLANCE).await;
        }
    };
    timeout(PATIENCE, refused).await.expect("the server ends it");
}

#[tokio::test]
async fn new_clients_connect_while_many_connections_send_nothing() {
    let server =
        Server::serve_ours(hub(|hub| hub), Router::new(), |serve| serve.max_waiting_connections(10)).await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["said"]).await;
    client.ready().await;
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(silent(&server, "GET / HT").await);
    }
    let mut late = server.subscribe(&channel, &["said"]).await;
    late.ready().await;
    for stream in &mut crowd[..90] {
        let _ = read_to_the_end(stream).await;
    }
    let newest = crowd.last_mut().unwrap();
    newest.write_all(b"TP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(read_to_the_end(newest).await.unwrap().starts_with(b"HTTP/1.1 404"));
    server.hub.publish(said(&channel), "still there").await.unwrap();
    assert_eq!((client.data().await, late.data().await), ("still there".into(), "still there".into()));
}

#[tokio::test]
async fn shutdown_is_announced_and_ends_in_bounded_time_whatever_clients_do() {
    let hub = hub(|hub| hub.drain_timeout(Duration::from_secs(2)));
    let (stop, stopped) = oneshot::channel::<()>();
    let app = Router::new().route("/endless", get(pending::<()>));
    let server = Server::serve_ours(hub.clone(), app, |serve| {
        serve.with_graceful_shutdown(async { drop(stopped.await) })
    })
    .await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["said"]).await;
    client.ready().await;
    let _stuck = server.subscribe(&channel, &["said"]).await;
    let token = server.token(&channel, &["said"]);
    let request = format!("GET /v1/realtime/sse?token={token} HTTP/1.1\r\nHost: test\r\n\r\n");
    let _stuck_stream = silent(&server, &request).await;
    let mut others = Vec::new();
    for text in ["", "GET / HT", "GET /endless HTTP/1.1\r\nHost: test\r\n\r\n"] {
        others.push(silent(&server, text).await);
    }
    let large = "x".repeat(1_000_000);
    for _ in 0..20 {
        server.hub.publish(said(&channel), &large).await.unwrap();
    }
    for _ in 0..20 {
        client.data().await;
    }
    stop.send(()).unwrap();
    assert!(matches!(client.frame().await, ServerFrame::Closing { .. }));
    assert_eq!(client.close_code().await, 1001);
    let address = server.address;
    timeout(PATIENCE, server.ended()).await.expect("it ends");
    assert_eq!(hub.publish(said(&channel), "late").await, Err(PublishError::Closed));
    assert!(TcpStream::connect(address).await.is_err());
    for stream in &mut others {
        let _ = read_to_the_end(stream).await;
    }
}

#[tokio::test]
async fn the_server_ends_with_its_hub_and_responds_until_then() {
    let who = get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().is_loopback().to_string());
    let hub = hub(|hub| hub);
    let app = Router::new().route("/who", who).merge(fanfare::healthz(hub.clone()));
    let server = Server::serve_ours(hub.clone(), app, |serve| serve).await;
    assert_eq!(get_path(server.address, "/who").await.body, true);
    assert_eq!(get_path(server.address, "/healthz").await.status, 200);
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["said"]).await;
    client.ready().await;
    let stopping = tokio::spawn(async move { hub.shutdown().await });
    loop {
        if matches!(client.frame().await, ServerFrame::Closing { .. }) {
            break;
        }
    }
    assert_eq!(client.close_code().await, 1001);
    stopping.await.unwrap();
    timeout(PATIENCE, server.ended()).await.expect("it ends");
}
