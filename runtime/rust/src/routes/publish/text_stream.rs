//! Publishing a request body as a text stream, while it arrives.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;

use super::HttpError;
use crate::stream::TextStreamWriter;
use crate::wire::MessageId;

/// How long to wait for the next part of the body.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Returns `true` if the content type is that of a text stream.
pub(super) fn is_text_stream(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("text/stream"))
}

/// Publishes the body as a text stream. If the body cannot be read to its end, the stream fails.
pub(super) async fn publish(mut writer: TextStreamWriter, body: Body) -> Result<MessageId, HttpError> {
    match forward(&mut writer, body).await {
        Ok(()) => Ok(writer.end().await?),
        Err(error) => {
            writer.fail(error.message()).await?;
            Err(error)
        }
    }
}

async fn forward(writer: &mut TextStreamWriter, body: Body) -> Result<(), HttpError> {
    let mut parts = body.into_data_stream();
    let mut characters = Characters::default();
    loop {
        let next = tokio::time::timeout(TIMEOUT, parts.next()).await;
        let Some(part) = next.map_err(|_| HttpError::timed_out())? else { break };
        let part = part
            .map_err(|error| HttpError::bad_request(format!("failed to read the request body: {error}")))?;
        writer.write(&characters.complete(&part).ok_or_else(not_utf8)?).await?;
    }
    if characters.incomplete.is_empty() { Ok(()) } else { Err(not_utf8()) }
}

fn not_utf8() -> HttpError {
    HttpError::bad_request("the text is not UTF-8")
}

/// Reassembles characters that are split between two parts.
#[derive(Default)]
struct Characters {
    /// The bytes of a character that is not complete yet.
    incomplete: Vec<u8>,
}

impl Characters {
    /// Returns the text up to the last complete character, or `None` if the bytes are not UTF-8.
    fn complete(&mut self, part: &[u8]) -> Option<String> {
        let mut bytes = std::mem::take(&mut self.incomplete);
        bytes.extend_from_slice(part);
        let valid = match std::str::from_utf8(&bytes) {
            Ok(_) => bytes.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return None,
        };
        self.incomplete = bytes.split_off(valid);
        String::from_utf8(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_reassembled_wherever_they_are_split() {
        let text = "a😀é€ \u{10ffff}z";
        for size in 1..=text.len() {
            let mut characters = Characters::default();
            let parts: Vec<String> =
                text.as_bytes().chunks(size).map(|part| characters.complete(part).unwrap()).collect();
            assert_eq!(parts.concat(), text);
            assert!(characters.incomplete.is_empty());
        }
    }

    #[test]
    fn invalid_utf8_is_detected_at_once() {
        assert_eq!(Characters::default().complete(b"a\xff"), None);
        let mut characters = Characters::default();
        assert_eq!(characters.complete(b"a\xf0\x9f"), Some("a".into()));
        assert_eq!(characters.complete(b"a"), None);
    }
}
