//! The payload that is published, and the marker inside it.
//!
//! A marker `~T<ns>#<sequence>~` says when a message was published and as which, so that messages are
//! counted and timed in any server's envelope, and in frames that hold many.

use memchr::memmem::Finder;

const START: &[u8] = b"~T";
const LENGTH: usize = START.len() + 16 + 1 + 10 + 1;

/// The size of payloads that are measured, unless told otherwise.
pub const USUAL_SIZE: usize = 120;

/// A marker as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    pub published: u64,
    pub sequence: u64,
}

impl Marker {
    fn read(bytes: &[u8]) -> Self {
        let number = |digits: &[u8]| {
            digits.iter().fold(0_u64, |number, digit| number * 10 + u64::from(digit.wrapping_sub(b'0') % 10))
        };
        Self { published: number(&bytes[2..18]), sequence: number(&bytes[19..29]) }
    }
}

/// The text of a marker.
#[must_use]
pub fn marker(published: u64, sequence: u64) -> String {
    format!("~T{published:016}#{sequence:010}~")
}

/// What fills a payload up to `size` bytes.
#[must_use]
pub fn filling(size: usize) -> String {
    "x".repeat(size.saturating_sub(USUAL_SIZE - 52))
}

/// A payload of about `size` bytes, as JSON.
#[must_use]
pub fn payload(published: u64, sequence: u64, filling: &str) -> String {
    let marker = marker(published, sequence);
    format!(r#"{{"m":"{marker}","role":"assistant","text":"{filling}"}}"#)
}

/// Finds markers in what a subscriber received.
pub struct Markers(Finder<'static>);

impl Default for Markers {
    fn default() -> Self {
        Self(Finder::new(START))
    }
}

impl Markers {
    /// Hands every whole marker to `found`, and tells where the last one ended.
    pub fn scan(&self, bytes: &[u8], mut found: impl FnMut(Marker)) -> usize {
        let mut at = 0;
        while let Some(start) = self.0.find(&bytes[at..]).map(|start| at + start) {
            let Some(marker) = bytes.get(start..start + LENGTH) else { break };
            found(Marker::read(marker));
            at = start + LENGTH;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_has_its_size_and_its_marker_is_found() {
        let payload = payload(123, 45, &filling(USUAL_SIZE));
        assert_eq!(payload.len(), USUAL_SIZE);
        let mut found = Vec::new();
        Markers::default().scan(format!("[{payload},{payload}]").as_bytes(), |marker| found.push(marker));
        assert_eq!(found, [Marker { published: 123, sequence: 45 }; 2]);
    }
}
