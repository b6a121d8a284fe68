//! The frames that stand in a log: encoded once and written to every subscriber.

use std::time::SystemTime;

use serde::Serialize;

use super::{MessageId, SharedText, time, timestamp};

/// What a frame of a log says beside its payload.
#[derive(Clone, Copy)]
pub(crate) struct Envelope<'e> {
    pub(crate) kind: LogKind<'e>,
    pub(crate) channel: &'e str,
    pub(crate) topic: &'e str,
    pub(crate) run_id: Option<&'e str>,
}

/// The kinds of frames that stand in a log.
#[derive(Clone, Copy)]
pub(crate) enum LogKind<'e> {
    /// A message.
    Data,
    /// News of a run.
    Run,
    /// A text stream begins; the payload is its id.
    StreamStart,
    /// A piece of a text stream.
    Chunk { stream_id: &'e str },
    /// A text stream ends, whole or because of an error; the payload is its id. `is_stopped` if it was
    /// stopped on purpose, for this reason.
    StreamEnd { error: Option<&'e str>, is_stopped: bool },
}

impl LogKind<'_> {
    /// What every frame of the kind starts with, up to the name of the channel.
    fn start(self) -> &'static str {
        match self {
            Self::Data => r#"{"kind":"data","channel":"#,
            Self::Run => r#"{"kind":"run","channel":"#,
            Self::StreamStart => r#"{"kind":"datastream-start","channel":"#,
            Self::Chunk { .. } => r#"{"kind":"chunk","channel":"#,
            Self::StreamEnd { .. } => r#"{"kind":"datastream-end","channel":"#,
        }
    }

    /// Whether an encoded frame is of the kind.
    pub(crate) fn is_of(self, frame: &SharedText) -> bool {
        frame.as_str().starts_with(self.start())
    }
}

/// A frame of a log that still waits for its id and time.
///
/// Both have a fixed length, so the frame is complete before its log is locked,
/// and they are filled in where they stand.
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
    /// When the payload cannot be written as JSON.
    pub(crate) fn encode(
        envelope: Envelope<'_>,
        write_payload: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
    ) -> serde_json::Result<Self> {
        let Envelope { kind, channel, topic, run_id } = envelope;
        let mut text = Vec::with_capacity(256 + channel.len());
        text.extend_from_slice(kind.start().as_bytes());
        write_json(&mut text, channel)?;
        if !matches!(kind, LogKind::Run) {
            text.extend_from_slice(br#","topic":"#);
            write_json(&mut text, topic)?;
        }
        text.extend_from_slice(ID.as_bytes());
        let id_at = text.len();
        text.resize(id_at + MessageId::LENGTH, b'0');
        text.extend_from_slice(br#"","created_at":""#);
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
        // The text lives as long as history does: no spare room.
        text.shrink_to_fit();
        let text = String::from_utf8(text).map_err(serde::ser::Error::custom)?;
        Ok(Self { text, id_at, created_at_at, payload_at })
    }

    /// A frame around a payload that is JSON already.
    pub(crate) fn encoded(envelope: Envelope<'_>, payload: &str) -> Self {
        let encoded = Self::encode(envelope, |text| {
            text.extend_from_slice(payload.as_bytes());
            Ok(())
        });
        // Names and text are what JSON has.
        encoded.unwrap_or_else(|_| unreachable!("strings are written as JSON"))
    }

    /// A frame around a text.
    pub(crate) fn of_text(envelope: Envelope<'_>, text: &str) -> Self {
        let encoded = Self::encode(envelope, |json| write_json(json, text));
        encoded.unwrap_or_else(|_| unreachable!("strings are written as JSON"))
    }

    /// The length of the frame, in bytes.
    #[cfg(feature = "sqlite")]
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// The payload as it stands in the frame.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.text.as_bytes()[self.payload_at..self.text.len() - 1]
    }

    /// Fills in what is known only once the message has its place in the log.
    pub(crate) fn stamp(mut self, id: MessageId, created_at: SystemTime) -> SharedText {
        fill(&mut self.text, self.id_at, &id.to_string());
        fill(&mut self.text, self.created_at_at, &timestamp(created_at));
        self.text.into()
    }
}

// Within a JSON string every quote is escaped, so the first of these in a frame is the envelope's.
const ID: &str = r#","id":""#;
const STREAM_ID: &str = r#","stream_id":""#;
const TEXT: &str = r#","data":""#;

/// The id of an encoded frame of a log.
pub(crate) fn id_of(frame: &SharedText) -> Option<MessageId> {
    let (_, rest) = frame.as_str().split_once(ID)?;
    rest.get(..MessageId::LENGTH)?.parse().ok()
}

/// The frame with another id.
pub(crate) fn with_id(mut frame: String, id: MessageId) -> String {
    if let Some(at) = frame.find(ID) {
        fill(&mut frame, at + ID.len(), &id.to_string());
    }
    frame
}

/// The parts of an encoded `chunk` frame.
pub(crate) struct ChunkParts<'f> {
    /// All up to the text.
    pub(crate) head: &'f str,
    /// As JSON has it between the quotes.
    pub(crate) stream_id: &'f str,
    /// As JSON has it between the quotes, so texts can be joined as they are.
    pub(crate) text: &'f str,
}

impl<'f> ChunkParts<'f> {
    /// The parts of a frame; `None` if it is no `chunk`.
    pub(crate) fn of(frame: &'f SharedText) -> Option<Self> {
        if !(LogKind::Chunk { stream_id: "" }).is_of(frame) {
            return None;
        }
        let (head, text) = frame.as_str().split_at(frame.as_str().find(TEXT)? + TEXT.len());
        Some(Self { head, stream_id: Self::of_head(head)?, text: text.strip_suffix("\"}")? })
    }

    /// The id of the stream in the head of a frame.
    pub(crate) fn of_head(head: &str) -> Option<&str> {
        let (_, rest) = head.split_once(STREAM_ID)?;
        rest.strip_suffix(TEXT)?.strip_suffix('"')
    }
}

fn write_json<T: Serialize + ?Sized>(text: &mut Vec<u8>, value: &T) -> serde_json::Result<()> {
    serde_json::to_writer(text, value)
}

fn fill(text: &mut String, at: usize, value: &str) {
    text.replace_range(at..at + value.len(), value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn a_chunk_has_parts_whatever_its_names_and_its_text_look_like() {
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
    fn a_stamped_frame_reads_back() {
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
