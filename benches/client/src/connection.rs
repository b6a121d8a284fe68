//! A WebSocket connection, including the handshake.

use crate::frame::{self, PING, PONG};
use memchr::memmem;
use socket2::{Domain, Socket, Type};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Connection {
    pub socket: TcpStream,
    /// Received bytes that were not processed yet.
    pub received: Vec<u8>,
}

impl Connection {
    /// Connects to a path, with additional header lines in `fields`. `buffer` limits how much the kernel receives
    /// for a client that does not read.
    pub async fn open(server: &str, path: &str, fields: &str, buffer: Option<usize>) -> Result<Self, String> {
        let words = |error: std::io::Error| error.to_string();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(words)?;
        if let Some(buffer) = buffer {
            socket.set_recv_buffer_size(buffer).map_err(words)?;
        }
        socket.set_nonblocking(true).map_err(words)?;
        let address = server.parse().map_err(|_| format!("{server} is not an address"))?;
        let mut socket = TcpSocket::from_std_stream(socket.into()).connect(address).await.map_err(words)?;
        socket.set_nodelay(true).map_err(words)?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{fields}\r\n"
        );
        socket.write_all(request.as_bytes()).await.map_err(words)?;
        let mut connection = Self { socket, received: Vec::new() };
        loop {
            if let Some(end) = memmem::find(&connection.received, b"\r\n\r\n") {
                if !connection.received.starts_with(b"HTTP/1.1 101") {
                    return Err(String::from_utf8_lossy(&connection.received).into_owned());
                }
                connection.received.drain(..end + 4);
                return Ok(connection);
            }
            connection.receive().await?;
        }
    }

    pub async fn send(&mut self, kind: u8, payload: &[u8]) -> Result<(), String> {
        let sent = self.socket.write_all(&frame::from_client(kind, payload)).await;
        sent.map_err(|error| error.to_string())
    }

    /// Waits until the server has sent `wanted`.
    pub async fn expect(&mut self, wanted: &str) -> Result<(), String> {
        let waiting = async {
            let mut seen = Vec::new();
            loop {
                while let Some(head) = frame::read(&self.received) {
                    let payload: Vec<u8> = self.received.drain(..head.end).skip(head.start).collect();
                    if head.kind == PING {
                        self.send(PONG, &payload).await?;
                    }
                    seen.extend(payload);
                }
                if memmem::find(&seen, wanted.as_bytes()).is_some() {
                    return Ok(());
                }
                self.receive().await?;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .map_err(|_| format!("timed out waiting for {wanted}"))?
    }

    async fn receive(&mut self) -> Result<(), String> {
        match self.socket.read_buf(&mut self.received).await {
            Ok(0) => Err("the server closed the connection".into()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}
