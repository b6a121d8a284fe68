//! Floods the server with `sub` frames.

use super::raw::{Raw, text};
use crate::Result;
use crate::http;
use crate::publisher;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

const CONNECTIONS: usize = 20;
const SECONDS: usize = 8;
const DURATION: Duration = Duration::from_secs(SECONDS as u64);

/// The maximum number of frames that the server handles per connection: 1,200 at once and 100 per second, with a second
/// of tolerance.
const MAX_HANDLED: usize = 1_200 + 100 * (SECONDS + 1);

/// Each connection sends frames as fast as possible, and half of them read the answers. The rate limit slows down only
/// these connections.
pub(super) async fn subscribe(port: u16) -> Result<String> {
    let token = publisher::mint_token(port, &[("narrow:flood".into(), "left")]).await?;
    let mut connections = JoinSet::new();
    for index in 0..CONNECTIONS {
        let token = token.clone();
        connections.spawn(async move { flood(port, &token, index % 2 == 0).await });
    }
    let (mut sent, mut most) = (0, 0);
    while let Some(flooded) = connections.join_next().await {
        let (frames, handled) = flooded??;
        sent += frames;
        most = most.max(handled);
    }
    if most > MAX_HANDLED {
        return Err(format!(
            "{most} frames of one connection were handled in {DURATION:?}, the limit is {MAX_HANDLED}"
        )
        .into());
    }
    Ok(format!(
        "{sent} sub frames of {CONNECTIONS} connections in {DURATION:?}: at most {most} per connection were handled"
    ))
}

/// Returns the number of frames sent and the number answered.
async fn flood(port: u16, token: &str, reads: bool) -> Result<(u64, usize)> {
    let Raw { mut stream, .. } = Raw::connect(port, None).await?;
    let (mut input, mut output) = stream.split();
    let end = Instant::now() + DURATION;
    let writing = async {
        let mut frames = 0;
        for number in 0_u64.. {
            let sub = json!({ "kind": "sub", "ref": number.to_string(), "data": token });
            let frame = text(&sub.to_string());
            http::count_sent(&frame);
            if !matches!(timeout_at(end, output.write_all(&frame)).await, Ok(Ok(()))) {
                break;
            }
            frames += 1;
        }
        frames
    };
    let reading = async {
        let mut answers = Vec::new();
        while reads && matches!(timeout_at(end, input.read_buf(&mut answers)).await, Ok(Ok(1..))) {}
        let answers = String::from_utf8_lossy(&answers);
        ["subscribed", "error"]
            .map(|kind| answers.matches(&format!(r#"{{"kind":"{kind}""#)).count())
            .iter()
            .sum()
    };
    Ok(tokio::join!(writing, reading))
}
