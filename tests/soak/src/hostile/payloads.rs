//! Payloads that are meant to be expensive: a page sends them with the signals that its token allows.

use crate::Result;
use crate::http;
use crate::publisher;
use std::fmt::Write;
use tokio::task::JoinSet;

const CHANNEL: &str = "target:1";
/// How many are sent at a time.
const AT_A_TIME: usize = 4;
/// How many are sent one after the other on each.
const IN_A_ROW: usize = 8;
const MEGABYTE: usize = 1024 * 1024;
/// The largest answer to a refused payload.
const MAX_ANSWER: usize = 128 * 1024;

/// A text for which a matcher that goes back takes time that doubles with each character, or grows with the square.
pub(super) async fn patterns(port: u16) -> Result<String> {
    let words = format!("\"{}!\"", "a".repeat(MEGABYTE - 16));
    let mails = format!("\"{}\"", "x".repeat(MEGABYTE - 16));
    send(port, "words", &words, 422).await?;
    send(port, "mail", &mails, 422).await?;
    Ok(format!("{} texts of 1 MiB against patterns that invite going back", 2 * AT_A_TIME * IN_A_ROW))
}

/// An array of which every item is wrong.
pub(super) async fn errors(port: u16) -> Result<String> {
    let items = format!("[{}true]", "true,".repeat(MEGABYTE / 5 - 8));
    let largest = send(port, "numbers", &items, 422).await?;
    Ok(format!("{} arrays of 209,000 wrong items, answers of {largest} bytes at most", AT_A_TIME * IN_A_ROW))
}

/// Values for which a validator that forgets what it has judged takes time that doubles with each level.
pub(super) async fn alternatives(port: u16) -> Result<String> {
    let mut nested = String::new();
    for _ in 0..60 {
        let _ = write!(nested, r#"{{"child":"#);
    }
    nested.push_str("{}");
    nested.push_str(&"}".repeat(60));
    // No run is on the channel, so a right payload is refused later.
    send(port, "tree", &nested, 404).await?;
    send(port, "doubled", "true", 422).await?;
    Ok(format!("{} values for schemas that look at each value many times", 2 * AT_A_TIME * IN_A_ROW))
}

/// Sends a signal many times, and returns the size of the largest answer.
async fn send(port: u16, signal: &'static str, payload: &str, status: u16) -> Result<usize> {
    let token = publisher::signal_token(port, CHANNEL, signal).await?;
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
                // Whoever sends that much is told to wait.
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
