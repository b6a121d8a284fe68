//! Reads the database of runs.

use crate::Result;
use crate::log::{Id, Message};
use crate::plan::TOPICS;
use rusqlite::{Connection, OpenFlags};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// The contents of a database of runs and messages.
pub(super) struct Journal {
    /// The history, per channel.
    pub(super) channels: Vec<Vec<Kept>>,
    /// The run events, in order.
    pub(super) run_events: Vec<RunEvent>,
    pub(super) calls: Vec<Call>,
    pub(super) runs: Vec<Run>,
    pub(super) signals: Vec<Signal>,
    /// The number of messages that are missing from the history.
    pub(super) missing: i64,
}

/// A message that a run published.
pub(super) struct Kept {
    pub(super) message: Message,
    pub(super) text: String,
    pub(super) run: String,
}

pub(super) struct RunEvent {
    pub(super) run: String,
    pub(super) data: Value,
}

/// A recorded call, such as a step.
pub(super) struct Call {
    pub(super) run: String,
    pub(super) position: u32,
    pub(super) kind: String,
    pub(super) value: String,
}

pub(super) struct Run {
    pub(super) run: String,
    pub(super) state: String,
    pub(super) outcome: Option<String>,
}

pub(super) struct Signal {
    pub(super) run: String,
    /// `kept`, `answer`, `taken` or `dropped`.
    pub(super) state: String,
}

#[derive(Deserialize)]
struct Frame {
    kind: String,
    topic: Option<String>,
    id: String,
    run_id: Option<String>,
    data: Value,
}

impl Journal {
    pub(super) fn read(database: &Path, channels: &[String]) -> Result<Self> {
        let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        let mut journal = Self {
            channels: Vec::new(),
            run_events: Vec::new(),
            calls: read_calls(&connection)?,
            runs: read_runs(&connection)?,
            signals: read_signals(&connection)?,
            missing: read_missing(&connection)?,
        };
        for channel in channels {
            let kept = journal.channel(&connection, channel)?;
            journal.channels.push(kept);
        }
        Ok(journal)
    }

    /// Returns the messages of topics, per channel.
    pub(super) fn messages(&self) -> Vec<Vec<Message>> {
        self.channels.iter().map(|kept| kept.iter().map(|kept| kept.message).collect()).collect()
    }

    fn channel(&mut self, connection: &Connection, channel: &str) -> Result<Vec<Kept>> {
        let mut statement = connection.prepare(
            "SELECT frame FROM messages JOIN channels ON channels.id = messages.channel
             WHERE name = ?1 ORDER BY offset",
        )?;
        let mut kept = Vec::new();
        for frame in statement.query_map([channel], |row| row.get::<_, String>(0))? {
            let frame = frame?;
            let Frame { kind, topic, id, run_id, data } =
                serde_json::from_str(&frame).map_err(|error| format!("{error}: {frame}"))?;
            let run = run_id.ok_or_else(|| format!("a message without a run: {frame}"))?;
            if kind == "run" {
                self.run_events.push(RunEvent { run, data });
                continue;
            }
            let known = TOPICS.iter().position(|known| Some(*known) == topic.as_deref());
            let (Some(topic), Some(id), Some(number)) = (known, Id::new(&id), data["number"].as_u64()) else {
                return Err(format!("a message that no run published: {frame}").into());
            };
            let message = Message { id, number: u32::try_from(number)?, topic: u8::try_from(topic)? };
            kept.push(Kept { message, text: data["text"].as_str().unwrap_or_default().into(), run });
        }
        Ok(kept)
    }
}

fn read_missing(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT (SELECT sum(head) FROM channels) - (SELECT count(*) FROM messages)";
    connection.query_row(sql, [], |row| row.get(0))
}

fn read_calls(connection: &Connection) -> rusqlite::Result<Vec<Call>> {
    let mut statement = connection.prepare(
        "SELECT runs.run, position, kind, value FROM steps JOIN runs ON runs.id = steps.run
         ORDER BY runs.id, branch, position",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Call { run: row.get(0)?, position: row.get(1)?, kind: row.get(2)?, value: row.get(3)? })
    })?;
    rows.collect()
}

fn read_runs(connection: &Connection) -> rusqlite::Result<Vec<Run>> {
    let mut statement = connection.prepare("SELECT run, state, outcome FROM runs ORDER BY id")?;
    let rows = statement
        .query_map([], |row| Ok(Run { run: row.get(0)?, state: row.get(1)?, outcome: row.get(2)? }))?;
    rows.collect()
}

fn read_signals(connection: &Connection) -> rusqlite::Result<Vec<Signal>> {
    let mut statement = connection.prepare(
        "SELECT runs.run, signals.state FROM signals JOIN runs ON runs.id = signals.run ORDER BY signals.id",
    )?;
    let rows = statement.query_map([], |row| Ok(Signal { run: row.get(0)?, state: row.get(1)? }))?;
    rows.collect()
}
