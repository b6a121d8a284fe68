//! A minimal HTTP server, to subscribe and to publish.

use crate::Broadcast;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bench_hub::frame::{self, TEXT};
use memchr::memmem;
use sha1::{Digest, Sha1};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The suffix that a server appends to the client's key (RFC 6455, section 1.3).
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const PUBLISHED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

struct Request {
    head: String,
    body: Vec<u8>,
}

/// Serves requests until one upgrades. Every other request publishes its body.
pub(crate) async fn serve(mut socket: TcpStream, mode: Arc<dyn Broadcast>) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut received = Vec::new();
    loop {
        let request = read(&mut socket, &mut received).await?;
        if let Some(key) = request.field("sec-websocket-key:") {
            let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(KEY_SUFFIX).finalize());
            let upgrade = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            socket.write_all(upgrade.as_bytes()).await?;
            mode.subscribe(socket.into_std()?);
            return Ok(());
        }
        mode.broadcast(&frame::from_server(TEXT, &request.body));
        socket.write_all(PUBLISHED).await?;
    }
}

async fn read(socket: &mut TcpStream, received: &mut Vec<u8>) -> std::io::Result<Request> {
    loop {
        if let Some(request) = take(received) {
            return Ok(request);
        }
        if socket.read_buf(received).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Takes the first request if it has been received completely.
fn take(received: &mut Vec<u8>) -> Option<Request> {
    let start = memmem::find(received, b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&received[..start]).into_owned();
    let mut request = Request { head, body: Vec::new() };
    let length = request.field("content-length:").and_then(|length| length.parse().ok()).unwrap_or(0);
    let body = received.get(start..start + length)?;
    request.body = body.to_vec();
    received.drain(..start + length);
    Some(request)
}

impl Request {
    fn field(&self, name: &str) -> Option<&str> {
        let at = self.head.to_ascii_lowercase().find(name)?;
        self.head[at + name.len()..].lines().next().map(str::trim)
    }
}
