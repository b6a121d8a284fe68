//! The frames of a log, which are encoded once and written to every subscriber.

use std::time::SystemTime;

use serde::Serialize;

use super::time::timestamp_bytes;
use super::{MessageId, SharedText, time};

/// The members of a frame besides its payload.
#[derive(Clone, Copy)]
pub(crate) struct Envelope<'e> {
    pub(crate) kind: LogKind<'e>,
    pub(crate) channel: &'e str,
    pub(crate) topic: &'e str,
    pub(crate) run_id: Option<&'e str>,
}

/// The kinds of frames in a log.
#[derive(Clone, Copy)]
pub(crate) enum LogKind<'e> {
    /// A message.
    Data,
    /// A run event.
    Run,
    /// A text stream begins; the payload is its id.
    StreamStart,
    /// A chunk of a text stream.
    Chunk { stream_id: &'e str },
    /// A text stream ends; the payload is its id. `error` is the reason if its text is not complete. `is_stopped` means
    /// that it was stopped on purpose.
    StreamEnd { error: Option<&'e str>, is_stopped: bool },
}

impl LogKind<'_> {
    /// Returns the start of every frame of the kind, up to the name of the channel.
    fn prefix(self) -> &'static str {
        match self {
            Self::Data => r#"{"kind":"data","channel":"#,
            Self::Run => r#"{"kind":"run","channel":"#,
            Self::StreamStart => r#"{"kind":"datastream-start","channel":"#,
            Self::Chunk { .. } => r#"{"kind":"chunk","channel":"#,
            Self::StreamEnd { .. } => r#"{"kind":"datastream-end","channel":"#,
        }
    }

    /// Returns `true` if an encoded frame is of the kind.
    pub(crate) fn is_of(self, frame: &str) -> bool {
        frame.starts_with(self.prefix())
    }
}

/// A frame of a log without its id and time.
///
/// Both have a fixed length. So the frame is encoded before its log is locked, and they are filled in afterwards.
#[derive(Clone)]
pub(crate) struct DataFrame {
    text: String,
    id_at: usize,
    created_at_at: usize,
    payload_at: usize,
}

impl DataFrame {
    /// Encodes a frame around the payload that `write_payload` writes.
    ///
    /// # Errors
    /// Returns an error if the payload cannot be serialized.
    pub(crate) fn encode(
        envelope: Envelope<'_>,
        write_payload: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
    ) -> serde_json::Result<Self> {
        let Envelope { kind, channel, topic, run_id } = envelope;
        let mut text = Vec::with_capacity(256 + channel.len());
        text.extend_from_slice(kind.prefix().as_bytes());
        write_json(&mut text, channel)?;
        if !matches!(kind, LogKind::Run) {
            text.extend_from_slice(br#","topic":"#);
            write_json(&mut text, topic)?;
        }
        text.extend_from_slice(ID.as_bytes());
        let id_at = text.len();
        text.resize(id_at + MessageId::LENGTH, b'0');
        text.extend_from_slice(CREATED_AT.as_bytes());
        let created_at_at = text.len();
        text.resize(created_at_at + time::LENGTH, b'0');
        text.push(b'"');
        if let Some(run_id) = run_id {
            text.extend_from_slice(br#","run_id":"#);
            write_json(&mut text, run_id)?;
        }
        match kind {
            LogKind::Data | LogKind::Run | LogKind::StreamStart | LogKind::StreamEnd { error: None, .. } => {}
            LogKind::Chunk { stream_id } => {
                text.extend_from_slice(br#","stream_id":"#);
                write_json(&mut text, stream_id)?;
            }
            LogKind::StreamEnd { error: Some(error), is_stopped } => {
                text.extend_from_slice(br#","error":"#);
                write_json(&mut text, error)?;
                if is_stopped {
                    text.extend_from_slice(br#","stopped":true"#);
                }
            }
        }
        text.extend_from_slice(br#","data":"#);
        let payload_at = text.len();
        write_payload(&mut text)?;
        text.push(b'}');
        // The text stays in the history, so free its spare capacity.
        text.shrink_to_fit();
        let text = String::from_utf8(text).map_err(serde::ser::Error::custom)?;
        Ok(Self { text, id_at, created_at_at, payload_at })
    }

    /// Encodes a frame around a payload in JSON.
    pub(crate) fn encoded(envelope: Envelope<'_>, payload: &str) -> Self {
        let encoded = Self::encode(envelope, |text| {
            text.extend_from_slice(payload.as_bytes());
            Ok(())
        });
        encoded.unwrap_or_else(|_| unreachable!("strings always serialize"))
    }

    /// Encodes a frame around a text.
    pub(crate) fn of_text(envelope: Envelope<'_>, text: &str) -> Self {
        let encoded = Self::encode(envelope, |json| write_json(json, text));
        encoded.unwrap_or_else(|_| unreachable!("strings always serialize"))
    }

    /// Returns the length of the frame, in bytes.
    #[cfg(any(feature = "nats", feature = "postgres", feature = "sqlite"))]
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Returns the frame without its id and time.
    #[cfg(any(feature = "nats", feature = "postgres"))]
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the payload as encoded in the frame.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.text.as_bytes()[self.payload_at..self.text.len() - 1]
    }

    /// Fills in the id and time, which are known once the message is appended.
    pub(crate) fn stamp(self, id: MessageId, created_at: SystemTime) -> SharedText {
        let values = [(self.id_at, &id.to_bytes()[..]), (self.created_at_at, &timestamp_bytes(created_at))];
        fill(self.text, &values).into()
    }
}

// Quotes in JSON strings are escaped, so the first match of these in a frame is the envelope's member.
const TOPIC: &str = r#","topic":""#;
const ID: &str = r#","id":""#;
const CREATED_AT: &str = r#"","created_at":""#;
const STREAM_ID: &str = r#","stream_id":""#;
const TEXT: &str = r#","data":""#;

/// Returns the id of an encoded frame of a log.
pub(crate) fn id_of(frame: &str) -> Option<MessageId> {
    let (_, rest) = frame.split_once(ID)?;
    rest.get(..MessageId::LENGTH)?.parse().ok()
}

/// Replaces the id of an encoded frame.
pub(crate) fn with_id(frame: String, id: MessageId) -> String {
    match frame.find(ID) {
        Some(at) => fill(frame, &[(at + ID.len(), &id.to_bytes())]),
        None => frame,
    }
}

/// Fills in the id and time of an encoded frame that a storage has without them.
#[cfg(any(feature = "nats", feature = "postgres"))]
pub(crate) fn stamped(frame: String, id: MessageId, created_at: SystemTime) -> String {
    let Some(at) = frame.find(ID) else { return frame };
    let id_at = at + ID.len();
    let created_at_at = id_at + MessageId::LENGTH + CREATED_AT.len();
    fill(frame, &[(id_at, &id.to_bytes()), (created_at_at, &timestamp_bytes(created_at))])
}

/// Returns an encoded frame with another topic. Run events have none, and are returned as they are.
pub(crate) fn with_topic(frame: &str, topic: &str) -> String {
    let renamed = frame.split_once(TOPIC).and_then(|(head, rest)| {
        let (_, rest) = rest.split_once('"')?;
        Some([head, TOPIC, topic, "\"", rest].concat())
    });
    renamed.unwrap_or_else(|| frame.to_owned())
}

/// The parts of an encoded `chunk` frame.
pub(crate) struct ChunkParts<'f> {
    /// Everything before the text.
    pub(crate) head: &'f str,
    /// JSON-escaped.
    pub(crate) stream_id: &'f str,
    /// JSON-escaped, so that texts can be joined without decoding them.
    pub(crate) text: &'f str,
}

impl<'f> ChunkParts<'f> {
    /// Returns the parts of a frame, or `None` if it is not a `chunk`.
    pub(crate) fn of(frame: &'f str) -> Option<Self> {
        if !(LogKind::Chunk { stream_id: "" }).is_of(frame) {
            return None;
        }
        let (head, text) = frame.split_at(frame.find(TEXT)? + TEXT.len());
        Some(Self { head, stream_id: Self::of_head(head)?, text: text.strip_suffix("\"}")? })
    }

    /// Returns the stream's id in the head of a frame.
    pub(crate) fn of_head(head: &str) -> Option<&str> {
        let (_, rest) = head.split_once(STREAM_ID)?;
        rest.strip_suffix(TEXT)?.strip_suffix('"')
    }
}

fn write_json<T: Serialize + ?Sized>(text: &mut Vec<u8>, value: &T) -> serde_json::Result<()> {
    serde_json::to_writer(text, value)
}

/// Replaces ASCII text by other ASCII text of the same length. Replacing ranges of a string would be slower.
fn fill(text: String, values: &[(usize, &[u8])]) -> String {
    let mut bytes = text.into_bytes();
    for (at, value) in values {
        bytes[*at..at + value.len()].copy_from_slice(value);
    }
    String::from_utf8(bytes).unwrap_or_else(|_| unreachable!("ASCII text is replaced by ASCII text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn a_chunk_is_split_into_parts_whatever_its_names_and_text_contain() {
        let odd = "\",\"data\":\"\",\"id\":\"\",\"stream_id\":\"\\";
        for name in ["5f0c", odd] {
            let kind = LogKind::Chunk { stream_id: name };
            let envelope = Envelope { kind, channel: name, topic: "draft", run_id: Some(name) };
            let frame = DataFrame::of_text(envelope, odd).stamp(MessageId::new(1, 2), UNIX_EPOCH);
            let ChunkParts { head, stream_id, text } = ChunkParts::of(&frame).unwrap();
            assert_eq!(serde_json::from_str::<String>(&format!("\"{stream_id}\"")).unwrap(), name);
            assert_eq!(serde_json::from_str::<String>(&format!("\"{text}\"")).unwrap(), odd);
            assert_eq!(format!("{head}{text}\"}}"), frame.as_str());
            let moved: SharedText = with_id(frame.as_str().to_owned(), MessageId::new(3, 4)).into();
            assert_eq!(
                (id_of(&frame), id_of(&moved)),
                (Some(MessageId::new(1, 2)), Some(MessageId::new(3, 4)))
            );
        }
    }

    #[test]
    fn a_stamped_frame_is_json() {
        let envelope = Envelope { kind: LogKind::Data, channel: "a\"b", topic: "status", run_id: Some("é") };
        let frame = DataFrame::encode(envelope, |text| write_json(text, &[1])).unwrap();
        let text = frame.stamp(MessageId::new(1, 2), UNIX_EPOCH);
        assert!(LogKind::Data.is_of(&text) && !LogKind::StreamStart.is_of(&text));
        assert_eq!(
            text.as_str(),
            "{\"kind\":\"data\",\"channel\":\"a\\\"b\",\"topic\":\"status\",\
             \"id\":\"000000001-000000002\",\"created_at\":\"1970-01-01T00:00:00.000Z\",\
             \"run_id\":\"é\",\"data\":[1]}"
        );
    }
}
