//! A flood of `sub`.

use super::raw::{Raw, text};
use crate::Result;
use crate::publisher;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

const CONNECTIONS: usize = 20;
const LASTS: Duration = Duration::from_secs(8);

/// Each connection sends as many frames as the server takes; half of them read what it answers. What one
/// is slowed down by does not slow anybody else.
pub(super) async fn of_subs(port: u16) -> Result<String> {
    let token = publisher::token(port, &[("narrow:flood".into(), "left")]).await?;
    let mut connections = JoinSet::new();
    for index in 0..CONNECTIONS {
        let token = token.clone();
        connections.spawn(async move { flood(port, &token, index % 2 == 0).await });
    }
    let mut sum = 0;
    while let Some(frames) = connections.join_next().await {
        sum += frames??;
    }
    Ok(format!("{CONNECTIONS} connections that flood with sub for {LASTS:?}: {sum} frames were taken"))
}

/// Tells how many frames were taken, as far as a sender can know.
async fn flood(port: u16, token: &str, reads: bool) -> Result<u64> {
    let Raw { mut stream, .. } = Raw::ours(port, None).await?;
    let (mut input, mut output) = stream.split();
    let end = Instant::now() + LASTS;
    let writing = async {
        let mut frames = 0;
        for reference in 0_u64.. {
            let sub = json!({ "kind": "sub", "ref": reference.to_string(), "data": token });
            if !matches!(timeout_at(end, output.write_all(&text(&sub.to_string()))).await, Ok(Ok(()))) {
                break;
            }
            frames += 1;
        }
        frames
    };
    let reading = async {
        let mut answers = vec![0; 16 * 1024];
        while reads && matches!(timeout_at(end, input.read(&mut answers)).await, Ok(Ok(1..))) {}
    };
    let (frames, ()) = tokio::join!(writing, reading);
    Ok(frames)
}
