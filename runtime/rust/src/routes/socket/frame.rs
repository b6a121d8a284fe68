//! Frames of a WebSocket from the server (RFC 6455, section 5.2).

use axum::body::Bytes;

use crate::history::Batch;
use crate::wire::SharedText;

const TEXT: u8 = 0x81;
const PING: u8 = 0x89;

/// A frame to write, in two parts. Either may be empty.
pub(super) struct Frame {
    /// The part that only this connection writes.
    head: Vec<u8>,
    /// The part that other connections may write, too.
    shared: Bytes,
}

impl Frame {
    pub(super) fn ping() -> Self {
        Self { head: header(PING, 0), shared: Bytes::new() }
    }

    /// Encodes messages as one text frame: a single message as it is, several as an array. With a subscription id, the
    /// frame is an array that begins with the id.
    pub(super) fn encode_batch(subscription_id: Option<&str>, batch: &Batch) -> Self {
        let shared = batch.encoded_once(encode);
        let Some(id) = subscription_id else { return Self { head: Vec::new(), shared } };
        let mut head = header(TEXT, batch.array_length(Some(id)));
        for part in ["[", id, ","] {
            head.extend_from_slice(part.as_bytes());
        }
        if let [message] = batch.messages() {
            head.extend_from_slice(message.as_str().as_bytes());
            head.push(b']');
            return Self { head, shared: Bytes::new() };
        }
        let start = shared.len() + 1 - batch.array_length(None);
        Self { head, shared: shared.slice(start..) }
    }

    pub(super) fn parts(&self) -> [&[u8]; 2] {
        [&self.head, &self.shared]
    }

    pub(super) fn length(&self) -> usize {
        self.head.len() + self.shared.len()
    }
}

impl From<SharedText> for Frame {
    fn from(text: SharedText) -> Self {
        Self { head: header(TEXT, text.as_str().len()), shared: text.into() }
    }
}

fn encode(batch: &Batch) -> Bytes {
    let messages = batch.messages();
    let length = if messages.len() == 1 { batch.bytes() } else { batch.array_length(None) };
    let mut frame = header(TEXT, length);
    frame.reserve_exact(length);
    match messages {
        [message] => frame.extend_from_slice(message.as_str().as_bytes()),
        _ => batch.write_array(None, |part| frame.extend_from_slice(part.as_bytes())),
    }
    frame.into()
}

/// Encodes a header: the kind of a frame, and the length of its payload.
fn header(kind: u8, length: usize) -> Vec<u8> {
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..126), _) => vec![kind, length],
        (_, Ok(length)) => [&[kind, 126][..], &length.to_be_bytes()].concat(),
        _ => [&[kind, 127][..], &(length as u64).to_be_bytes()].concat(),
    }
}
