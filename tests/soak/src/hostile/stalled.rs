//! Stops reading while large messages are published.

use super::raw::Raw;
use crate::publisher;
use crate::{Result, SIGNING_KEY, http};
use std::time::Duration;
use tokio::time::sleep;

const CHANNEL: &str = "narrow:stalled";
const READERS: usize = 50;
const MESSAGES: usize = 20;
const BYTES: usize = 1_000_000;
/// The interval between two messages. Writing one to the storage takes the same time with and without readers.
const MESSAGE_EVERY: Duration = Duration::from_millis(250);
/// How long the server may take to fill its buffers.
const SETTLE_TIME: Duration = Duration::from_secs(2);

/// Subscribes without reading, so that an unbounded server would buffer all messages for each subscriber.
pub(super) async fn readers(port: u16) -> Result<String> {
    let token = publisher::mint_token(port, &[(CHANNEL.into(), "left")]).await?;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut socket = Raw::connect(port, Some(&token)).await?;
        socket.expect(r#""kind":"ready""#).await?;
        readers.push(socket);
    }
    let start = format!("POST /v1/realtime/publish?channel={CHANNEL}&topic=left");
    let bearer = format!("Authorization: Bearer {SIGNING_KEY}\r\n");
    let text = "x".repeat(BYTES);
    for number in 0..MESSAGES {
        let body = format!(r#"{{"number":{number},"text":"{text}"}}"#);
        let answer = http::request(port, &start, &bearer, &body).await?;
        if answer.head.status != 200 {
            return Err(format!("a large message was refused with {}", answer.head.status).into());
        }
        sleep(MESSAGE_EVERY).await;
    }
    sleep(SETTLE_TIME).await;
    Ok(format!("{READERS} subscribers that read nothing of {MESSAGES} messages of 1 MB"))
}
