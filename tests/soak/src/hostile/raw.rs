//! A WebSocket without a library, which can send any bytes.

use crate::Result;
use crate::http::{self, Head};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the server may take for each read and write.
const TIMEOUT: Duration = Duration::from_secs(20);

pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const FINAL: u8 = 0x80;
/// The bit of compressed frames.
pub(super) const COMPRESSED: u8 = 0x40;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xa;

pub(super) struct Raw {
    pub(super) stream: TcpStream,
    pub(super) head: Head,
    received: Vec<u8>,
}

/// How the server ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With a close frame with this code.
    Closed(u16),
    /// Without a close frame.
    Gone,
}

impl Raw {
    /// Sends a handshake and reads the response, whatever its status. Each header ends with a line break.
    pub(super) async fn open(port: u16, query: &str, headers: &str) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let mut raw = Self { stream, head: Head::default(), received: Vec::new() };
        raw.send(handshake(query, headers).as_bytes()).await?;
        loop {
            if let Some((head, length)) = Head::read(&raw.received)? {
                raw.received.drain(..length);
                raw.head = head;
                return Ok(raw);
            }
            if timeout(TIMEOUT, raw.stream.read_buf(&mut raw.received)).await?? == 0 {
                return Err("the server closed the connection in the handshake".into());
            }
        }
    }

    /// Connects with Fanfare's subprotocol. The token may be sent later.
    pub(super) async fn connect(port: u16, token: Option<&str>) -> Result<Self> {
        let bearer = token.map(|token| format!(", bearer.{token}")).unwrap_or_default();
        let raw = Self::open(port, "", &format!("Sec-WebSocket-Protocol: fanfare.v1{bearer}\r\n")).await?;
        if raw.head.status == 101 { Ok(raw) } else { Err(format!("refused with {}", raw.head.status).into()) }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result {
        http::count_sent(bytes);
        Ok(timeout(TIMEOUT, self.stream.write_all(bytes)).await??)
    }

    /// Reads and answers pings until the received bytes contain a text.
    pub(super) async fn expect(&mut self, text: &str) -> Result {
        while !self.received.windows(text.len()).any(|window| window == text.as_bytes()) {
            if timeout(TIMEOUT, self.stream.read_buf(&mut self.received)).await?? == 0 {
                return Err(format!("the server closed the connection before it sent {text}").into());
            }
            self.send(&frame(FINAL | PONG, b"")).await?;
        }
        Ok(())
    }

    /// Discards the bytes received so far.
    pub(super) fn forget(&mut self) {
        self.received.clear();
    }

    /// Reads until the server ends the connection.
    pub(super) async fn end(mut self) -> Result<End> {
        // A reset also ends the connection.
        while let Ok(1..) = timeout(TIMEOUT, self.stream.read_buf(&mut self.received)).await? {}
        Ok(self.ended())
    }

    /// Reads and answers pings until the server ends the connection.
    pub(super) async fn end_with_pongs(mut self) -> Result<End> {
        while let Ok(1..) = timeout(TIMEOUT, self.stream.read_buf(&mut self.received)).await? {
            // If the server has closed the connection, the next read detects it.
            let _ = self.send(&frame(FINAL | PONG, b"")).await;
        }
        Ok(self.ended())
    }

    fn ended(&self) -> End {
        close_code(&self.received).map_or(End::Gone, End::Closed)
    }
}

/// Returns the head of a handshake request.
pub(super) fn handshake(query: &str, headers: &str) -> String {
    format!(
        "GET /v1/realtime/connect{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

/// Encodes a frame of a client. Its mask is zero, which leaves the payload unchanged.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | u8::try_from(length).unwrap_or(0)),
        length @ 126..65_536 => {
            bytes.push(0x80 | 0x7e);
            bytes.extend_from_slice(&u16::try_from(length).unwrap_or(0).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 0x7f);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// Encodes a text frame.
pub(super) fn text(text: &str) -> Vec<u8> {
    frame(FINAL | TEXT, text.as_bytes())
}

/// Returns the code of the close frame in the frames of a server.
fn close_code(mut bytes: &[u8]) -> Option<u16> {
    loop {
        let (head, rest) = bytes.split_at_checked(2)?;
        let (length, rest) = match head[1] {
            126 => rest.split_at_checked(2).map(|(length, rest)| (number(length), rest))?,
            127 => rest.split_at_checked(8).map(|(length, rest)| (number(length), rest))?,
            length => (usize::from(length), rest),
        };
        let (payload, rest) = rest.split_at_checked(length)?;
        if head[0] == FINAL | CLOSE {
            return payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        }
        bytes = rest;
    }
}

fn number(digits: &[u8]) -> usize {
    digits.iter().fold(0, |number, digit| number << 8 | usize::from(*digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_frame_is_found_after_others() {
        let mut bytes = vec![FINAL | TEXT, 3, b'a', b'b', b'c', FINAL | TEXT, 126, 0, 200];
        bytes.extend([b'x'; 200]);
        assert_eq!(close_code(&bytes), None);
        bytes.extend([FINAL | CLOSE, 4, 0x03, 0xf1, b'!', b'!']);
        assert_eq!(close_code(&bytes), Some(1009));
    }
}
