//! Reads the database of runs.

use crate::Result;
use crate::database::{Database, Row};
use crate::log::{Id, Message, MessageId};
use crate::plan::TOPICS;
use serde::Deserialize;
use serde_json::Value;

/// The contents of a database of runs and messages.
pub(super) struct Journal {
    /// The history, per channel.
    pub(super) channels: Vec<Vec<Kept>>,
    /// The run events, in order.
    pub(super) run_events: Vec<RunEvent>,
    pub(super) calls: Vec<Call>,
    pub(super) runs: Vec<Run>,
    pub(super) signals: Vec<Signal>,
    /// The rows that transactional steps wrote. `None` if the storage has no such steps.
    pub(super) rows: Option<Vec<AppRow>>,
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

/// A row of the application.
pub(super) struct AppRow {
    pub(super) run: String,
    pub(super) iteration: u32,
    pub(super) value: String,
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
    run_id: Option<String>,
    data: Value,
}

impl Journal {
    pub(super) async fn read(database: &Database, channels: &[String]) -> Result<Self> {
        let mut journal = Self {
            channels: Vec::new(),
            run_events: Vec::new(),
            calls: read_all(database, CALLS, read_call).await?,
            runs: read_all(database, RUNS, read_run).await?,
            signals: read_all(database, SIGNALS, read_signal).await?,
            rows: match database {
                Database::File(_) => None,
                Database::Postgres(_) => Some(read_all(database, ROWS, read_row).await?),
            },
            missing: read_all(database, MISSING, |row| row.number::<i64>(0)).await?.into_iter().sum(),
        };
        for channel in channels {
            let kept = journal.channel(database, channel).await?;
            journal.channels.push(kept);
        }
        Ok(journal)
    }

    /// Returns the messages of topics, per channel.
    pub(super) fn messages(&self) -> Vec<Vec<Message>> {
        self.channels.iter().map(|kept| kept.iter().map(|kept| kept.message).collect()).collect()
    }

    async fn channel(&mut self, database: &Database, channel: &str) -> Result<Vec<Kept>> {
        let epoch = match database {
            Database::File(_) => "life",
            Database::Postgres(_) => "epoch",
        };
        let sql = format!(
            r#"SELECT {epoch}, "offset", frame FROM messages JOIN channels ON channels.id = messages.channel
               WHERE name = '{channel}' ORDER BY "offset""#
        );
        let mut kept = Vec::new();
        for row in database.read(&sql).await? {
            let (at, frame) = (MessageId { epoch: row.number(0)?, offset: row.number(1)? }, row.text(2)?);
            let Frame { kind, topic, run_id, data } =
                serde_json::from_str(frame).map_err(|error| format!("{error}: {frame}"))?;
            let run = run_id.ok_or_else(|| format!("a message without a run: {frame}"))?;
            if kind == "run" {
                self.run_events.push(RunEvent { run, data });
                continue;
            }
            let known = TOPICS.iter().position(|known| Some(*known) == topic.as_deref());
            let (Some(topic), Some(id), Some(number)) = (known, Id::new(&at.id()), data["number"].as_u64())
            else {
                return Err(format!("a message that no run published: {frame}").into());
            };
            let message = Message { id, number: u32::try_from(number)?, topic: u8::try_from(topic)? };
            kept.push(Kept { message, text: data["text"].as_str().unwrap_or_default().into(), run });
        }
        Ok(kept)
    }
}

const MISSING: &str =
    "SELECT CAST((SELECT sum(head) FROM channels) - (SELECT count(*) FROM messages) AS bigint)";
const CALLS: &str = "SELECT runs.run, position, kind, value FROM steps JOIN runs ON runs.id = steps.run
    ORDER BY runs.id, branch, position";
const RUNS: &str = "SELECT run, state, outcome FROM runs ORDER BY id";
const SIGNALS: &str = "SELECT runs.run, signals.state FROM signals JOIN runs ON runs.id = signals.run
    ORDER BY signals.id";

const ROWS: &str = "SELECT run, iteration, value FROM public.work_rows";

async fn read_all<T>(database: &Database, sql: &str, convert: fn(&Row) -> Result<T>) -> Result<Vec<T>> {
    database.read(sql).await?.iter().map(convert).collect()
}

fn read_call(row: &Row) -> Result<Call> {
    let value = row.get(3).unwrap_or_default().to_owned();
    Ok(Call { run: row.text(0)?.into(), position: row.number(1)?, kind: row.text(2)?.into(), value })
}

fn read_run(row: &Row) -> Result<Run> {
    let outcome = row.get(2).map(str::to_owned);
    Ok(Run { run: row.text(0)?.into(), state: row.text(1)?.into(), outcome })
}

fn read_signal(row: &Row) -> Result<Signal> {
    Ok(Signal { run: row.text(0)?.into(), state: row.text(1)?.into() })
}

fn read_row(row: &Row) -> Result<AppRow> {
    Ok(AppRow { run: row.text(0)?.into(), iteration: row.number(1)?, value: row.text(2)?.into() })
}
