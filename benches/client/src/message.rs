//! The published payload, and the marker in it.
//!
//! A marker `~T<ns>#<sequence>~` contains the time and the number of a message, so that the client can count and time
//! messages in any envelope, and in frames with several messages.

use memchr::memmem::Finder;

const START: &[u8] = b"~T";
const LENGTH: usize = START.len() + 16 + 1 + 10 + 1;

/// The default size of payloads.
pub const USUAL_SIZE: usize = 120;

/// A decoded marker.
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

/// Encodes a marker.
#[must_use]
pub fn marker(published: u64, sequence: u64) -> String {
    format!("~T{published:016}#{sequence:010}~")
}

/// Returns the text that fills a payload up to `size` bytes.
#[must_use]
pub fn filling(size: usize) -> String {
    "x".repeat(size.saturating_sub(USUAL_SIZE - 52))
}

/// Returns a payload as JSON.
#[must_use]
pub fn payload(published: u64, sequence: u64, filling: &str) -> String {
    let marker = marker(published, sequence);
    format!(r#"{{"m":"{marker}","role":"assistant","text":"{filling}"}}"#)
}

/// Finds markers in received bytes.
pub struct Markers(Finder<'static>);

impl Default for Markers {
    fn default() -> Self {
        Self(Finder::new(START))
    }
}

impl Markers {
    /// Calls `found` with every complete marker and returns where the last one ends.
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
    fn payloads_have_their_size_and_a_marker() {
        let payload = payload(123, 45, &filling(USUAL_SIZE));
        assert_eq!(payload.len(), USUAL_SIZE);
        let mut found = Vec::new();
        Markers::default().scan(format!("[{payload},{payload}]").as_bytes(), |marker| found.push(marker));
        assert_eq!(found, [Marker { published: 123, sequence: 45 }; 2]);
    }
}
