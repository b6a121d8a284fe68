//! A request that is rejected before its body was read gets a response, and later requests are not affected.

use std::time::{Duration, Instant};

use axum::Router;
use fanfare::Hub;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::definition::REGISTRY;
use crate::support::server::{KEY, Server};

const PATIENCE: Duration = Duration::from_secs(20);
const MIB: usize = 1024 * 1024;
const PUBLISH: &str = "publish?channel=room:1&topic=said";

/// Serves the routes with axum's server and with our own.
async fn servers() -> [Server; 2] {
    let hub = || Hub::builder(&REGISTRY).signing_key(KEY).build().unwrap();
    [Server::serve(hub()).await, Server::serve_ours(hub(), Router::new(), |serve| serve).await]
}

/// A connection that is used for several requests.
struct Connection(TcpStream);

struct Answer {
    status: u16,
    closes: bool,
}

impl Connection {
    async fn open(server: &Server) -> Self {
        Self(TcpStream::connect(server.address).await.unwrap())
    }

    /// Sends the head of a request.
    async fn send_head(&mut self, path: &str, key: &str, headers: &str) {
        let head = format!(
            "POST /v1/realtime/{path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {key}\r\n{headers}\r\n\r\n"
        );
        self.0.write_all(head.as_bytes()).await.unwrap();
    }

    /// Sends the whole body before it reads the response, as simple clients do.
    async fn send(&mut self, path: &str, key: &str, size: usize) -> Answer {
        self.send_head(path, key, &format!("Content-Length: {size}")).await;
        self.0.write_all(&vec![b'1'; size]).await.expect("the server reads on");
        self.answer().await
    }

    async fn answer(&mut self) -> Answer {
        let read = async {
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"\r\n\r\n") {
                bytes.push(self.0.read_u8().await.expect("an answer"));
            }
            let head = String::from_utf8(bytes).unwrap().to_ascii_lowercase();
            let length = head.split_once("content-length: ").unwrap().1.split_once("\r\n").unwrap().0;
            self.0.read_exact(&mut vec![0; length.parse().unwrap()]).await.unwrap();
            Answer {
                status: head.split(' ').nth(1).unwrap().parse().unwrap(),
                closes: head.contains("\r\nconnection: close\r\n"),
            }
        };
        timeout(PATIENCE, read).await.expect("an answer in time")
    }

    async fn is_still_usable(&mut self) -> bool {
        self.send(PUBLISH, KEY, 1).await.status == 200
    }
}

#[tokio::test]
async fn every_rejection_is_received_and_the_connection_stays_usable() {
    for server in servers().await {
        let mut connection = Connection::open(&server).await;
        for (path, key, status) in [
            (PUBLISH, KEY, 413),
            (PUBLISH, "wrong", 401),
            ("publish?channel=room:1", KEY, 400),
            ("publish?channel=room:1&topic=said&run_id=", KEY, 400),
            ("token", "wrong", 401),
            ("token", KEY, 413),
            ("revoke", KEY, 413),
            ("signal?channel=room:1&name=unknown", KEY, 404),
            ("sse", KEY, 413),
            ("connect", KEY, 405),
        ] {
            for size in [2 * MIB, 5 * MIB] {
                let answer = connection.send(path, key, size).await;
                assert_eq!((answer.status, answer.closes), (status, false), "{path} {size}");
                assert!(connection.is_still_usable().await, "{path} {size}");
            }
        }
    }
}

#[tokio::test]
async fn our_server_does_the_same_for_rejections_by_the_application() {
    let [_, server] = servers().await;
    let mut connection = Connection::open(&server).await;
    let answer = connection.send("nowhere", KEY, 8 * MIB).await;
    assert_eq!((answer.status, answer.closes), (404, false));
    assert!(connection.is_still_usable().await);
}

#[tokio::test]
async fn a_body_that_is_too_large_gets_a_response_and_closes_the_connection() {
    for server in servers().await {
        let mut connection = Connection::open(&server).await;
        let answer = connection.send(PUBLISH, KEY, 40 * MIB).await;
        assert_eq!((answer.status, answer.closes), (413, true));
        let mut rest = Vec::new();
        timeout(PATIENCE, connection.0.read_to_end(&mut rest)).await.expect("it closes").expect("in peace");
        assert!(rest.is_empty());
    }
}

#[tokio::test]
async fn a_rejected_chunked_body_gets_a_response() {
    for server in servers().await {
        let mut connection = Connection::open(&server).await;
        connection.send_head(PUBLISH, KEY, "Transfer-Encoding: chunked").await;
        let chunk = format!("{MIB:x}\r\n{}\r\n", "1".repeat(MIB));
        for _ in 0..4 {
            connection.0.write_all(chunk.as_bytes()).await.unwrap();
        }
        connection.0.write_all(b"0\r\n\r\n").await.unwrap();
        let answer = connection.answer().await;
        assert_eq!((answer.status, answer.closes), (413, false));
        assert!(connection.is_still_usable().await);
    }
}

#[tokio::test]
async fn a_client_that_expects_100_continue_is_rejected_without_it() {
    for server in servers().await {
        let mut fastest = Duration::MAX;
        for _ in 0..5 {
            let mut connection = Connection::open(&server).await;
            let headers = format!("Expect: 100-continue\r\nContent-Length: {}", 2 * MIB);
            connection.send_head(PUBLISH, KEY, &headers).await;
            let start = Instant::now();
            let answer = connection.answer().await;
            assert_eq!((answer.status, answer.closes), (413, true));
            fastest = fastest.min(start.elapsed());
        }
        assert!(fastest < Duration::from_millis(900), "{fastest:?}");
    }
}

#[tokio::test]
async fn a_rejected_text_stream_gets_a_response_while_it_is_sent() {
    for server in servers().await {
        for (key, piece, status) in [("wrong", b'x', 401), (KEY, 0xff, 400)] {
            let mut connection = Connection::open(&server).await;
            let headers = "Content-Type: text/stream\r\nTransfer-Encoding: chunked";
            connection.send_head("publish?channel=room:1&topic=draft", key, headers).await;
            // Reads the response only after the whole body is written.
            for _ in 0..60 {
                connection.0.write_all(&[b'1', b'\r', b'\n', piece, b'\r', b'\n']).await.expect("no reset");
                sleep(Duration::from_millis(25)).await;
            }
            connection.0.write_all(b"0\r\n\r\n").await.expect("no reset");
            let answer = connection.answer().await;
            assert_eq!((answer.status, answer.closes), (status, true));
        }
    }
}
