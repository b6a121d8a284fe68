//! A client of event streams that exposes every line.

use std::collections::VecDeque;
use std::time::Duration;

use fanfare::wire::{ServerFrame, read_server_frames};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::server::Server;

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Events {
    stream: TcpStream,
    /// Received bytes that are not parsed yet.
    bytes: Vec<u8>,
    text: String,
    waiting: VecDeque<(Option<String>, ServerFrame)>,
    /// The `id` of the latest event that had one.
    pub(crate) last_id: Option<String>,
    pub(crate) head: String,
}

impl Events {
    /// Sends a request and reads the head of the response.
    pub(crate) async fn ask(server: &Server, method: &str, path: &str, headers: &str, body: &str) -> Self {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let length = body.len();
        let head = format!(
            "{method} /v1/realtime/{path} HTTP/1.1\r\nHost: test\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let (bytes, text, waiting) = (Vec::new(), String::new(), VecDeque::new());
        let mut events = Self { stream, bytes, text, waiting, last_id: None, head: String::new() };
        loop {
            let end = events.bytes.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = end {
                let rest = events.bytes.split_off(end + 4);
                events.head = String::from_utf8(std::mem::replace(&mut events.bytes, rest)).unwrap();
                return events;
            }
            assert!(events.read().await, "no head");
        }
    }

    pub(crate) async fn post(server: &Server, subs: &serde_json::Value) -> Self {
        Self::ask(server, "POST", "sse", "", &subs.to_string()).await
    }

    pub(crate) async fn get(server: &Server, query: &str, headers: &str) -> Self {
        Self::ask(server, "GET", &format!("sse?{query}"), headers, "").await
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Returns the next frame and the `ref` of its batch, or `None` at the end.
    pub(crate) async fn marked(&mut self) -> Option<(Option<String>, ServerFrame)> {
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                return Some(frame);
            }
            let event = self.event().await?;
            let mut data = Vec::new();
            for line in event.lines() {
                match line.split_once(": ").unwrap() {
                    ("data", text) => data.push(text),
                    ("id", id) => self.last_id = Some(id.to_owned()),
                    other => panic!("{other:?}"),
                }
            }
            let message = read_server_frames(&data.join("\n")).unwrap();
            let frames = message.frames.into_iter();
            let frames = frames.filter(|frame| !matches!(frame, ServerFrame::CaughtUp { .. }));
            self.waiting.extend(frames.map(|frame| (message.subscription_id.clone(), frame)));
        }
    }

    pub(crate) async fn frame(&mut self) -> ServerFrame {
        self.marked().await.expect("the stream ended").1
    }

    pub(crate) async fn data(&mut self) -> serde_json::Value {
        match self.frame().await {
            ServerFrame::Data { data, .. } => data,
            other => panic!("expected a message, got {other:?}"),
        }
    }

    pub(crate) async fn ready(&mut self) {
        assert!(matches!(self.frame().await, ServerFrame::Ready { .. }));
    }

    async fn event(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(event);
            }
            let chunk = self.chunk().await?;
            self.text.push_str(&String::from_utf8(chunk).unwrap());
        }
    }

    /// Reads the next chunk of the body.
    async fn chunk(&mut self) -> Option<Vec<u8>> {
        loop {
            let line = self.bytes.windows(2).position(|window| window == b"\r\n");
            if let Some(line) = line {
                let length = std::str::from_utf8(&self.bytes[..line]).unwrap();
                let length = usize::from_str_radix(length, 16).unwrap();
                let (start, end) = (line + 2, line + 2 + length);
                if self.bytes.len() >= end + 2 {
                    let rest = self.bytes.split_off(end + 2);
                    let chunk = std::mem::replace(&mut self.bytes, rest);
                    return (length > 0).then(|| chunk[start..end].to_vec());
                }
            }
            if !self.read().await {
                return None;
            }
        }
    }

    async fn read(&mut self) -> bool {
        let mut piece = vec![0; 16 * 1024];
        let length =
            timeout(PATIENCE, self.stream.read(&mut piece)).await.expect("nothing came").unwrap_or(0);
        self.bytes.extend_from_slice(&piece[..length]);
        length > 0
    }
}
