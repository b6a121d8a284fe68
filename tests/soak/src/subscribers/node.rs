//! Runs the TypeScript client in Node processes, which print one line for each event.

use super::{SharedLog, names};
use crate::Result;
use crate::log::{Entry, Gap, Id, Log, Message};
use crate::plan::TOPICS;
use serde_json::json;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Starts a subscriber. It exits when its standard input is closed.
pub(super) fn start(
    script: &Path,
    log: &SharedLog,
    port: u16,
    token: &str,
    transport: &str,
) -> Result<Child> {
    let channels = log.with(|log| {
        let channels = log.channels.iter();
        channels.map(|channel| json!({ "name": channel.channel, "topics": names(channel.wanted) })).collect()
    });
    let channels: Vec<serde_json::Value> = channels;
    let options = json!({
        "apiBaseUrl": format!("http://127.0.0.1:{port}"),
        "token": token, "transport": transport, "channels": channels,
    });
    let mut command = Command::new("node");
    command.arg(script).arg(options.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    command.spawn().map_err(|error| format!("cannot start node: {error}").into())
}

/// Writes the log while the process prints lines.
pub(super) async fn listen(mut process: Child, log: SharedLog) {
    let Some(output) = process.stdout.take() else { return };
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        log.with(|log| {
            if take(log, &line).is_none() {
                log.violations.push(line);
            }
        });
    }
    log.with(|log| log.violations.push("the Node process exited".into()));
}

/// Handles one line. Returns `None` if it is not an expected event.
fn take(log: &mut Log, line: &str) -> Option<()> {
    let mut words = line.split(' ');
    let kind = words.next()?;
    let channel = log.channels.get_mut(words.next()?.parse::<usize>().ok()?)?;
    match kind {
        "ready" => channel.ready = true,
        "message" => {
            let topic = words.next()?;
            let topic = TOPICS.iter().position(|known| *known == topic)?;
            let id = Id::new(words.next()?)?;
            let number = words.next()?.parse().ok()?;
            channel.entries.push(Entry::Message(Message { id, number, topic: u8::try_from(topic).ok()? }));
        }
        "gap" => {
            let gap = Gap { after: Id::new(words.next()?)?, before: Id::new(words.next()?)? };
            channel.entries.push(Entry::Gap(Box::new(gap)));
        }
        _ => return None,
    }
    Some(())
}
