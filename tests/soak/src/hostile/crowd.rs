//! Opens very many connections.

use super::raw::Raw;
use crate::http;
use crate::publisher;
use crate::{Result, SIGNING_KEY};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const WANTED: usize = 10_000;
/// Files that are open for other purposes in this process and in the server.
const RESERVED: usize = 500;
/// Connections per token, half of the server's limit.
const PER_TOKEN: usize = 50;
/// The number of clients that connect at a time.
const AT_A_TIME: usize = 100;

/// All clients connect, stay, and receive a message.
pub(super) async fn crowd(port: u16) -> Result<String> {
    let count = WANTED.min(open_files().saturating_sub(RESERVED));
    let mut tokens = Vec::new();
    for _ in 0..count.div_ceil(PER_TOKEN) {
        tokens.push(publisher::mint_token(port, &[("narrow:crowd".into(), "left")]).await?);
    }
    let (connecting, ready) = (Arc::new(Semaphore::new(AT_A_TIME)), Arc::new(Semaphore::new(0)));
    let mut crowd = JoinSet::new();
    for index in 0..count {
        let (connecting, ready) = (Arc::clone(&connecting), Arc::clone(&ready));
        crowd.spawn(listen(port, tokens[index / PER_TOKEN].clone(), connecting, ready));
    }
    tokio::select! {
        all = ready.acquire_many(u32::try_from(count)?) => drop(all?),
        // Fails if a client disconnects before the message.
        Some(left) = crowd.join_next() => left??,
    }
    publish(port).await?;
    while let Some(received) = crowd.join_next().await {
        received??;
    }
    let limit = if count < WANTED { ", the limit of open files on this system" } else { "" };
    Ok(format!("{count} concurrent connections{limit}: all received a message"))
}

/// Connects when permitted, signals that it is ready, and stays until it receives the message.
async fn listen(port: u16, token: String, connecting: Arc<Semaphore>, ready: Arc<Semaphore>) -> Result {
    let permit = connecting.acquire().await?;
    let mut socket = Raw::connect(port, Some(&token)).await?;
    socket.expect(r#""kind":"ready""#).await?;
    drop(permit);
    ready.add_permits(1);
    socket.expect(r#""number":4711"#).await
}

async fn publish(port: u16) -> Result {
    let start = "POST /v1/realtime/publish?channel=narrow:crowd&topic=left";
    let bearer = format!("Authorization: Bearer {SIGNING_KEY}\r\n");
    let answer = http::request(port, start, &bearer, r#"{"number":4711,"text":""}"#).await?;
    if answer.head.status == 200 { Ok(()) } else { Err("the message was refused".into()) }
}

/// Returns the limit of open files of this process, which the server inherits, or 1,000 if it is unknown.
fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(1_000)
}
