//! The `data` frame, which is encoded once and written to every subscriber.

use std::time::SystemTime;

use serde::Serialize;

use super::{MessageId, SharedText, time, timestamp};

/// A `data` frame that still waits for its id and time.
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
        channel: &str,
        topic: &str,
        run_id: Option<&str>,
        write_payload: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
    ) -> serde_json::Result<Self> {
        let mut text = Vec::with_capacity(256 + channel.len());
        text.extend_from_slice(br#"{"kind":"data","channel":"#);
        write_json(&mut text, channel)?;
        text.extend_from_slice(br#","topic":"#);
        write_json(&mut text, topic)?;
        text.extend_from_slice(br#","id":""#);
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
        text.extend_from_slice(br#","data":"#);
        let payload_at = text.len();
        write_payload(&mut text)?;
        text.push(b'}');
        // The text lives as long as history does: no spare room.
        text.shrink_to_fit();
        let text = String::from_utf8(text).map_err(serde::ser::Error::custom)?;
        Ok(Self { text, id_at, created_at_at, payload_at })
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

/// Whether an encoded frame of a log is a message, rather than a part of a text stream.
pub(crate) fn is_message(frame: &SharedText) -> bool {
    frame.as_str().starts_with(r#"{"kind":"data","#)
}

/// The id of an encoded frame of a log.
pub(crate) fn id_of(frame: &SharedText) -> Option<MessageId> {
    // Within a string every quote is escaped, so this is the field and no text of a channel.
    let (_, rest) = frame.as_str().split_once(r#"","id":""#)?;
    rest.get(..MessageId::LENGTH)?.parse().ok()
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
    fn a_stamped_frame_reads_back() {
        let frame = DataFrame::encode("a\"b", "status", Some("é"), |text| write_json(text, &[1]));
        let text = frame.unwrap().stamp(MessageId::new(1, 2), UNIX_EPOCH);
        assert_eq!(
            text.as_str(),
            "{\"kind\":\"data\",\"channel\":\"a\\\"b\",\"topic\":\"status\",\
             \"id\":\"000000001-000000002\",\"created_at\":\"1970-01-01T00:00:00.000Z\",\
             \"run_id\":\"é\",\"data\":[1]}"
        );
    }
}
