//! Very many connections.

use super::raw::Raw;
use crate::http;
use crate::publisher;
use crate::{Result, SIGNING_KEY};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const WANTED: usize = 10_000;
/// What else is open in this process and in the server's.
const RESERVED: usize = 500;
/// A token may be used by 100 connections at a time.
const PER_TOKEN: usize = 50;
/// How many connect at a time.
const AT_A_TIME: usize = 100;

/// All of them connect, stay, and are told a message.
pub(super) async fn crowd(port: u16) -> Result<String> {
    let count = WANTED.min(open_files().saturating_sub(RESERVED));
    let mut tokens = Vec::new();
    for _ in 0..count.div_ceil(PER_TOKEN) {
        tokens.push(publisher::token(port, &[("narrow:crowd".into(), "left")]).await?);
    }
    let (door, ready) = (Arc::new(Semaphore::new(AT_A_TIME)), Arc::new(Semaphore::new(0)));
    let mut crowd = JoinSet::new();
    for index in 0..count {
        let (door, ready) = (Arc::clone(&door), Arc::clone(&ready));
        crowd.spawn(listen(port, tokens[index / PER_TOKEN].clone(), door, ready));
    }
    tokio::select! {
        all = ready.acquire_many(u32::try_from(count)?) => drop(all?),
        // Nobody leaves before the message.
        Some(left) = crowd.join_next() => left??,
    }
    publish(port).await?;
    while let Some(told) = crowd.join_next().await {
        told??;
    }
    let few = if count < WANTED { ", as many as this system lets open" } else { "" };
    Ok(format!("{count} connections at once{few}, all of them told a message"))
}

/// Connects when it may, says when it has, and stays until it is told the message.
async fn listen(port: u16, token: String, door: Arc<Semaphore>, ready: Arc<Semaphore>) -> Result {
    let permit = door.acquire().await?;
    let mut socket = Raw::ours(port, Some(&token)).await?;
    socket.hears(r#""kind":"ready""#).await?;
    drop(permit);
    ready.add_permits(1);
    socket.hears(r#""number":4711"#).await
}

async fn publish(port: u16) -> Result {
    let start = "POST /v1/realtime/publish?channel=narrow:crowd&topic=left";
    let bearer = format!("Authorization: Bearer {SIGNING_KEY}\r\n");
    let answer = http::request(port, start, &bearer, r#"{"number":4711,"text":""}"#).await?;
    if answer.head.status == 200 { Ok(()) } else { Err("the crowd's message was refused".into()) }
}

/// How many files this process may open, and so the server, too. Where the system does not tell, few.
fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(1_000)
}
