//! Sends payloads that are expensive to validate, as signals that a page's token allows.

use crate::Result;
use crate::http;
use crate::publisher;
use std::fmt::Write;
use tokio::task::JoinSet;

const CHANNEL: &str = "target:1";
/// The number of concurrent senders.
const AT_A_TIME: usize = 4;
/// The number of payloads per sender.
const IN_A_ROW: usize = 8;
const MEGABYTE: usize = 1024 * 1024;
/// The maximum size of a response to an invalid payload.
const MAX_ANSWER: usize = 128 * 1024;

/// Sends texts for which a backtracking matcher takes exponential or quadratic time.
pub(super) async fn patterns(port: u16) -> Result<String> {
    let words = format!("\"{}!\"", "a".repeat(MEGABYTE - 16));
    let mails = format!("\"{}\"", "x".repeat(MEGABYTE - 16));
    send(port, "words", &words, 422).await?;
    send(port, "mail", &mails, 422).await?;
    Ok(format!("{} texts of 1 MiB for patterns that are prone to backtracking", 2 * AT_A_TIME * IN_A_ROW))
}

/// Sends an array with only invalid items.
pub(super) async fn errors(port: u16) -> Result<String> {
    let items = format!("[{}true]", "true,".repeat(MEGABYTE / 5 - 8));
    let largest = send(port, "numbers", &items, 422).await?;
    Ok(format!(
        "{} arrays of 209,000 invalid items, responses of at most {largest} bytes",
        AT_A_TIME * IN_A_ROW
    ))
}

/// Sends values for which a validator without memoization takes exponential time.
pub(super) async fn alternatives(port: u16) -> Result<String> {
    let mut nested = String::new();
    for _ in 0..60 {
        let _ = write!(nested, r#"{{"child":"#);
    }
    nested.push_str("{}");
    nested.push_str(&"}".repeat(60));
    // The channel has no run, so a valid payload is refused with 404.
    send(port, "tree", &nested, 404).await?;
    send(port, "doubled", "true", 422).await?;
    Ok(format!("{} values for schemas with nested alternatives", 2 * AT_A_TIME * IN_A_ROW))
}

/// Sends a signal many times, and returns the size of the largest response.
async fn send(port: u16, signal: &'static str, payload: &str, status: u16) -> Result<usize> {
    let token = publisher::mint_signal_token(port, CHANNEL, signal).await?;
    let mut senders = JoinSet::new();
    for _ in 0..AT_A_TIME {
        let (token, payload) = (token.clone(), payload.to_owned());
        senders.spawn(async move {
            let start = format!("POST /v1/realtime/signal?channel={CHANNEL}&name={signal}");
            let headers = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
            let mut largest = 0;
            for _ in 0..IN_A_ROW {
                let answer = http::request(port, &start, &headers, &payload).await?;
                largest = largest.max(answer.body.len());
                // The rate limit may refuse it.
                if ![status, 429].contains(&answer.head.status) || answer.body.len() > MAX_ANSWER {
                    let (status, bytes) = (answer.head.status, answer.body.len());
                    let start: String = String::from_utf8_lossy(&answer.body).chars().take(200).collect();
                    return Err(format!("the signal {signal}: {status}, {bytes} bytes: {start}").into());
                }
            }
            Ok::<_, crate::Error>(largest)
        });
    }
    let mut largest = 0;
    while let Some(sent) = senders.join_next().await {
        largest = largest.max(sent??);
    }
    Ok(largest)
}
