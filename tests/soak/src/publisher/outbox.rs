//! The unanswered requests, in order.

use super::Published;
use crate::http::Response;
use crate::log::{Id, Message};
use crate::plan::TOPICS;
use crate::{Result, SIGNING_KEY};
use std::collections::VecDeque;

/// The maximum number of pipelined requests.
const MAX_UNANSWERED: usize = 32;

/// The requests of one channel, from when they are written until they are acknowledged.
pub(super) struct Outbox {
    /// The prefix of idempotency keys, unique per round.
    round: String,
    channel: String,
    random: fastrand::Rng,
    /// The number of the next message.
    next: u32,
    unanswered: VecDeque<Unanswered>,
    /// The bytes to write to the connection.
    bytes: Vec<u8>,
    pub(super) published: Published,
}

struct Unanswered {
    number: u32,
    topic: u8,
    request: String,
}

impl Outbox {
    pub(super) fn new(round: String, channel: String, random: fastrand::Rng) -> Self {
        let (unanswered, bytes) = (VecDeque::new(), Vec::new());
        Self { round, channel, random, next: 0, unanswered, bytes, published: Published::default() }
    }

    /// Returns the number of messages written, answered or not.
    pub(super) fn written(&self) -> u32 {
        self.next
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unanswered.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.unanswered.len() < MAX_UNANSWERED
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn sent(&mut self, length: usize) {
        self.bytes.drain(..length);
    }

    pub(super) fn write_next(&mut self) {
        let number = self.next;
        self.next += 1;
        let topic = self.random.u8(0..2);
        let request = self.request(number, TOPICS[usize::from(topic)]);
        self.bytes.extend_from_slice(request.as_bytes());
        self.unanswered.push_back(Unanswered { number, topic, request });
    }

    /// Writes the unanswered requests of the previous connection again.
    pub(super) fn repeat_unanswered(&mut self) {
        self.bytes.clear();
        for unanswered in &self.unanswered {
            self.bytes.extend_from_slice(unanswered.request.as_bytes());
        }
        self.published.repeated += self.unanswered.len() as u64;
    }

    pub(super) fn handle_response(&mut self, response: &Response) -> Result {
        let answer = String::from_utf8_lossy(&response.body);
        if response.head.status != 200 {
            return Err(format!("a publish was refused: {} {answer}", response.head.status).into());
        }
        let Some(Unanswered { number, topic, .. }) = self.unanswered.pop_front() else {
            return Err(format!("a response without a request: {answer}").into());
        };
        let answer: serde_json::Value = serde_json::from_str(&answer)?;
        let id = answer["id"].as_str().and_then(Id::new);
        let id = id.ok_or_else(|| format!("a response without a valid id: {answer}"))?;
        self.published.replayed += u64::from(response.head.header("idempotent-replayed") == Some("true"));
        self.published.messages.push(Message { id, number, topic });
        Ok(())
    }

    fn request(&mut self, number: u32, topic: &str) -> String {
        let text = "é".repeat(self.random.usize(0..100));
        let body = format!(r#"{{"number":{number},"text":"{text}"}}"#);
        let Self { round, channel, .. } = self;
        format!(
            "POST /v1/realtime/publish?channel={channel}&topic={topic} HTTP/1.1\r\nHost: 127.0.0.1\r\n\
             Authorization: Bearer {SIGNING_KEY}\r\nIdempotency-Key: {round}-{number}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}
