//! A minimal HTTP client that exposes every byte of a response.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn error(&self) -> &str {
        assert_eq!(self.body["status"], self.status);
        self.body["error"].as_str().unwrap()
    }
}

pub(crate) async fn post(address: SocketAddr, path: &str, bearer: Option<&str>, body: &[u8]) -> Answer {
    post_slowly(address, path, bearer, body, async {}).await
}

/// Sends the body once a future has completed.
pub(crate) async fn post_slowly(
    address: SocketAddr,
    path: &str,
    bearer: Option<&str>,
    body: &[u8],
    before_body: impl Future<Output = ()>,
) -> Answer {
    let authorization = bearer.map_or(String::new(), |bearer| format!("Authorization: Bearer {bearer}\r\n"));
    let length = body.len();
    let head = format!(
        "POST /v1/realtime/{path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{authorization}Content-Length: {length}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    before_body.await;
    // A server that rejects the request need not read all of the body.
    let _ = stream.write_all(body).await;
    read_answer(stream).await
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    get_path(address, &format!("/v1/realtime/{path}")).await
}

pub(crate) async fn get_path(address: SocketAddr, path: &str) -> Answer {
    get_with(address, path, "").await
}

/// Sends a request to an admin route.
pub(crate) async fn admin(address: SocketAddr, path: &str, bearer: Option<&str>) -> Answer {
    let authorization = bearer.map_or(String::new(), |bearer| format!("Authorization: Bearer {bearer}\r\n"));
    get_with(address, &format!("/v1/realtime/admin/{path}"), &authorization).await
}

/// Sends a request with additional headers.
pub(crate) async fn get_with(address: SocketAddr, path: &str, headers: &str) -> Answer {
    let head = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    read_answer(stream).await
}

async fn read_answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut chunk).await {
        bytes.extend_from_slice(&chunk[..length]);
    }
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, body: serde_json::from_str(body).unwrap_or(Value::Null) }
}
