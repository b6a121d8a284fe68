//! A WebSocket connection, including the handshake.

use crate::frame::{self, CLOSE, PING, PONG};
use crate::now;
use memchr::memmem;
use socket2::{Domain, Socket, Type};
use std::cell::RefCell;
use std::io::ErrorKind;
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

    /// Reads until the connection ends, and answers pings. Calls `take` with the payload of each other frame, the time at
    /// which it was read, and a buffer for answers. Connections share the buffer `room`, which is larger than any frame.
    pub async fn read(self, room: &RefCell<Vec<u8>>, mut take: impl FnMut(&[u8], u64, &mut Vec<u8>)) {
        let Self { mut socket, received: mut rest } = self;
        let (mut length, mut answers) = (0, Vec::new());
        loop {
            // The first time, these are frames that arrived with the handshake.
            let is_open = take_frames(&mut rest, &mut room.borrow_mut(), length, &mut answers, &mut take);
            if !is_open || socket.write_all(&answers).await.is_err() || socket.readable().await.is_err() {
                return;
            }
            answers.clear();
            length = match socket.try_read(&mut room.borrow_mut()[rest.len()..]) {
                Ok(length @ 1..) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                _ => return,
            };
        }
    }

    async fn receive(&mut self) -> Result<(), String> {
        match self.socket.read_buf(&mut self.received).await {
            Ok(0) => Err("the server closed the connection".into()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Takes the frames in `rest` and in `length` bytes of the buffer after it. Leaves an incomplete frame in `rest`. Returns
/// `false` if the server closes the connection.
fn take_frames(
    rest: &mut Vec<u8>,
    room: &mut [u8],
    length: usize,
    answers: &mut Vec<u8>,
    take: &mut impl FnMut(&[u8], u64, &mut Vec<u8>),
) -> bool {
    room[..rest.len()].copy_from_slice(rest);
    let received = &room[..rest.len() + length];
    let (now, mut at, mut is_open) = (now(), 0, true);
    while let Some(head) = frame::read(&received[at..]) {
        let payload = &received[at + head.start..at + head.end];
        at += head.end;
        match head.kind {
            PING => answers.extend(frame::from_client(PONG, payload)),
            CLOSE => is_open = false,
            _ => take(payload, now, answers),
        }
    }
    // Thousands of subscribers must not keep empty buffers.
    *rest = received[at..].to_vec();
    is_open
}
