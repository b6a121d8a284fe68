//! A body that is published piece by piece, as it arrives.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;

use super::Failure;
use crate::stream::TextStreamWriter;
use crate::wire::MessageId;

/// Where nothing comes for so long, nothing will.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Whether a body is a text stream rather than a payload.
pub(super) fn is_one(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("text/stream"))
}

/// Publishes the body as a text stream. Where it breaks off, so does the stream.
pub(super) async fn publish(mut writer: TextStreamWriter, body: Body) -> Result<MessageId, Failure> {
    match forward(&mut writer, body).await {
        Ok(()) => Ok(writer.end().await?),
        Err(failure) => {
            writer.fail(failure.message()).await?;
            Err(failure)
        }
    }
}

async fn forward(writer: &mut TextStreamWriter, body: Body) -> Result<(), Failure> {
    let mut pieces = body.into_data_stream();
    let mut characters = Characters::default();
    loop {
        let next = tokio::time::timeout(TIMEOUT, pieces.next()).await;
        let Some(piece) = next.map_err(|_| Failure::too_slow())? else { break };
        let piece = piece
            .map_err(|error| Failure::bad_request(format!("failed to read the request body: {error}")))?;
        writer.write(&characters.complete(&piece).ok_or_else(not_utf8)?).await?;
    }
    if characters.cut.is_empty() { Ok(()) } else { Err(not_utf8()) }
}

fn not_utf8() -> Failure {
    Failure::bad_request("the text is not UTF-8")
}

/// Puts characters together that are cut between two pieces.
#[derive(Default)]
struct Characters {
    /// The bytes so far of one that is not complete.
    cut: Vec<u8>,
}

impl Characters {
    /// The text up to the last complete character, or nothing where it cannot become UTF-8.
    fn complete(&mut self, piece: &[u8]) -> Option<String> {
        let mut bytes = std::mem::take(&mut self.cut);
        bytes.extend_from_slice(piece);
        let valid = match std::str::from_utf8(&bytes) {
            Ok(_) => bytes.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return None,
        };
        self.cut = bytes.split_off(valid);
        String::from_utf8(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_put_together_wherever_they_are_cut() {
        let text = "a😀é€ \u{10ffff}z";
        for size in 1..=text.len() {
            let mut characters = Characters::default();
            let pieces: Vec<String> =
                text.as_bytes().chunks(size).map(|piece| characters.complete(piece).unwrap()).collect();
            assert_eq!(pieces.concat(), text);
            assert!(characters.cut.is_empty());
        }
    }

    #[test]
    fn what_cannot_become_utf8_is_seen_at_once() {
        assert_eq!(Characters::default().complete(b"a\xff"), None);
        let mut characters = Characters::default();
        assert_eq!(characters.complete(b"a\xf0\x9f"), Some("a".into()));
        assert_eq!(characters.complete(b"a"), None);
    }
}
