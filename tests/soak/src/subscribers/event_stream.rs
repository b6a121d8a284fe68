//! Reads frames from an event stream.

use super::web_socket::Refusal;
use crate::http::{Chunks, Head};
use std::collections::VecDeque;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) data: String,
    pub(crate) id: Option<String>,
}

pub(crate) struct EventStream {
    stream: TcpStream,
    chunks: Chunks,
    content: Vec<u8>,
    events: VecDeque<Event>,
    has_ended: bool,
}

impl EventStream {
    pub(crate) async fn open(port: u16, start: &str, headers: &str, body: &str) -> Result<Self, Refusal> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let length = body.len();
        let request = format!(
            "{start} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n{headers}\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        let (head, length) = loop {
            match Head::read(&bytes) {
                Ok(Some(head)) => break head,
                Ok(None) if stream.read_buf(&mut bytes).await? > 0 => {}
                _ => return Err(Refusal::Broken),
            }
        };
        if head.status != 200 || head.header("content-type") != Some("text/event-stream") {
            return Err(Refusal::Status(head.status));
        }
        let (chunks, content, events) = (Chunks::default(), Vec::new(), VecDeque::new());
        let mut opened = Self { stream, chunks, content, events, has_ended: false };
        opened.take(&bytes[length..]).ok_or(Refusal::Broken)?;
        Ok(opened)
    }

    /// Returns the next event, or `None` after the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.has_ended {
                return None;
            }
            let length = self.stream.read(&mut buffer).await.ok().filter(|length| *length > 0)?;
            self.take(&buffer[..length])?;
        }
    }

    /// Handles received bytes. Returns `None` if they are not a valid event stream.
    fn take(&mut self, arrived: &[u8]) -> Option<()> {
        self.has_ended |= self.chunks.take(arrived, &mut self.content).ok()?;
        while let Some(end) = self.content.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = self.content.drain(..end + 2).collect();
            self.events.extend(read_event(&String::from_utf8(event).ok()?));
        }
        Some(())
    }
}

/// Parses an event. Returns `None` if it has no data, such as a comment.
fn read_event(text: &str) -> Option<Event> {
    let mut event = Event::default();
    let mut lines = Vec::new();
    for line in text.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => lines.push(value),
            "id" => event.id = Some(value.into()),
            _ => {}
        }
    }
    event.data = lines.join("\n");
    (!lines.is_empty()).then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_data_and_its_id() {
        let event =
            read_event("id: {\"c\":\"1\"}\ndata: {\"kind\":\n: a comment\ndata: \"alive\"}\n\n").unwrap();
        assert_eq!(event, Event { data: "{\"kind\":\n\"alive\"}".into(), id: Some("{\"c\":\"1\"}".into()) });
        assert_eq!(read_event(": nothing but a comment\n\n"), None);
    }
}
