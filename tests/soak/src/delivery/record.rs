//! The messages of each channel as the storage recorded them: in a database by triggers, in the transaction that commits
//! a message; in NATS by a recorder that follows the streams.

use super::order::{Content, Row, topic_index};
use crate::Result;
use crate::database::Database;
use crate::log::MessageId;
use crate::nats;
use crate::subscribers::frames;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The recorded messages of a channel.
#[derive(Default)]
pub(super) struct Recorded {
    /// The messages in the order of their commits.
    pub(super) rows: Vec<Row>,
    /// The epochs in order, each with the offset before its first message.
    pub(super) epochs: Vec<(u64, u64)>,
    pub(super) violations: Vec<String>,
}

/// Records each message and each new epoch in the file itself, so that a copy of the file has its own records.
const FILE_TRIGGERS: &str = r#"
    CREATE TABLE recorded (
        n INTEGER PRIMARY KEY, channel TEXT, epoch INTEGER, "offset" INTEGER, topic TEXT, published INTEGER, frame TEXT
    );
    CREATE TRIGGER record_message AFTER INSERT ON messages BEGIN
        INSERT INTO recorded (channel, epoch, "offset", topic, published, frame)
        SELECT name, life, NEW.offset, NEW.topic, NEW.published, NEW.frame FROM channels WHERE id = NEW.channel;
    END;
    CREATE TABLE recorded_epochs (n INTEGER PRIMARY KEY, channel TEXT, epoch INTEGER, head INTEGER);
    CREATE TRIGGER record_channel AFTER INSERT ON channels BEGIN
        INSERT INTO recorded_epochs (channel, epoch, head) VALUES (NEW.name, NEW.life, NEW.head);
    END;
    CREATE TRIGGER record_epoch AFTER UPDATE OF life ON channels WHEN NEW.life <> 0 BEGIN
        INSERT INTO recorded_epochs (channel, epoch, head) VALUES (NEW.name, NEW.life, NEW.head);
    END;
"#;

/// The channel's row stays locked until the message is committed, so `n` follows the order of commits.
const POSTGRES_TRIGGERS: &str = r#"
    CREATE TABLE recorded (
        n int8 GENERATED ALWAYS AS IDENTITY, channel text, epoch int8, "offset" int8, topic text, published int8,
        frame text
    );
    CREATE FUNCTION record_message() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.recorded (channel, epoch, "offset", topic, published, frame)
        SELECT name, epoch, NEW."offset", NEW.topic, NEW.published, NEW.frame
        FROM fanfare.channels WHERE id = NEW.channel;
        RETURN NULL;
    END $$;
    CREATE TRIGGER record_message AFTER INSERT ON fanfare.messages FOR EACH ROW EXECUTE FUNCTION record_message();
    CREATE TABLE recorded_epochs (n int8 GENERATED ALWAYS AS IDENTITY, channel text, epoch int8, head int8);
    CREATE FUNCTION record_epoch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.recorded_epochs (channel, epoch, head) VALUES (NEW.name, NEW.epoch, NEW.head);
        RETURN NULL;
    END $$;
    CREATE TRIGGER record_channel AFTER INSERT ON fanfare.channels FOR EACH ROW EXECUTE FUNCTION record_epoch();
    CREATE TRIGGER record_epoch AFTER UPDATE OF epoch ON fanfare.channels
        FOR EACH ROW WHEN (NEW.epoch <> 0) EXECUTE FUNCTION record_epoch();
"#;

/// Makes the database record its messages from now on.
pub(super) async fn install_triggers(database: &Database) -> Result {
    let triggers = match database {
        Database::File(_) => FILE_TRIGGERS,
        Database::Postgres(_) => POSTGRES_TRIGGERS,
    };
    database.execute(triggers).await
}

impl Recorded {
    /// Returns the ids of the text streams that have begun and not ended.
    pub(super) fn list_open_streams(&self) -> Vec<String> {
        let mut open = BTreeSet::new();
        for row in &self.rows {
            match &row.content {
                Content::Start(stream) => open.insert(stream.clone()),
                Content::End { stream, .. } => open.remove(stream),
                _ => false,
            };
        }
        open.into_iter().collect()
    }
}

/// Returns the records of a database.
pub(super) async fn read_database(database: &Database, names: &[String]) -> Result<Vec<Recorded>> {
    let mut records = Vec::new();
    for name in names {
        let (rows, epochs) = (read_recorded(database, name).await?, read_epochs(database, name).await?);
        records.push(Recorded { rows, epochs, violations: Vec::new() });
    }
    Ok(records)
}

async fn read_recorded(database: &Database, channel: &str) -> Result<Vec<Row>> {
    let sql = format!(
        r#"SELECT epoch, "offset", topic, published, frame FROM recorded WHERE channel = '{channel}' ORDER BY n"#
    );
    let mut recorded = Vec::new();
    for row in database.read(&sql).await? {
        let at = MessageId { epoch: row.number(0)?, offset: row.number(1)? };
        recorded.push(to_row(at, row.text(2)?, row.number(3)?, row.text(4)?)?);
    }
    Ok(recorded)
}

/// Returns the epochs of a channel in order, each with the offset before its first message.
async fn read_epochs(database: &Database, channel: &str) -> Result<Vec<(u64, u64)>> {
    let sql = format!("SELECT epoch, head FROM recorded_epochs WHERE channel = '{channel}' ORDER BY n");
    database.read(&sql).await?.iter().map(|row| Ok((row.number(0)?, row.number(1)?))).collect()
}

fn to_row(at: MessageId, topic: &str, published_at: i64, text: &str) -> Result<Row> {
    let frame = frames::read(text)?.pop();
    let (Some(topic), Some(content)) = (topic_index(topic), frame.and_then(Content::from_frame)) else {
        return Err(format!("a message that no publisher sent: {text}").into());
    };
    Ok(Row { at, topic, published_at, content })
}

/// The first line of a block in NATS, which the frames of its messages follow.
#[derive(Deserialize)]
struct BlockHead {
    epoch: u64,
    first: u64,
    previous: u64,
    time: i64,
    messages: Vec<MessageHead>,
}

#[derive(Deserialize)]
struct MessageHead {
    #[serde(rename = "t")]
    topic: String,
    #[serde(rename = "b")]
    bytes: usize,
}

/// Returns the records of NATS servers.
pub(super) fn read_nats(record: &nats::Record, names: &[String]) -> Result<Vec<Recorded>> {
    let mut records = Vec::new();
    for name in names {
        let blocks = record.channels.get(name).ok_or_else(|| format!("{name} is not in NATS"))?;
        records.push(read_blocks(blocks)?);
    }
    Ok(records)
}

fn read_blocks(blocks: &BTreeMap<u64, bytes::Bytes>) -> Result<Recorded> {
    let mut recorded = Recorded::default();
    let (mut previous, mut head) = (0, 0);
    for (sequence, payload) in blocks {
        let (line, mut frames) =
            std::str::from_utf8(payload)?.split_once('\n').ok_or("a block has no head")?;
        let block: BlockHead = serde_json::from_str(line)?;
        if block.previous != previous {
            let expected = block.previous;
            recorded
                .violations
                .push(format!("block {sequence} follows {expected}, but {previous} was recorded"));
        }
        previous = *sequence;
        match recorded.epochs.last() {
            Some((epoch, _)) if *epoch == block.epoch => {}
            Some((epoch, _)) => {
                let (new, first) = (block.epoch, block.first);
                // The servers lose nothing, because a majority of them keeps what is stored.
                recorded.violations.push(format!("epoch {new} begins at {first} after {head} in {epoch}"));
                recorded.epochs.push((new, first - 1));
            }
            None => recorded.epochs.push((block.epoch, block.first - 1)),
        }
        if block.first != head + 1 {
            recorded.violations.push(format!("block {sequence} begins at {}, not after {head}", block.first));
            continue;
        }
        for message in block.messages {
            let (frame, rest) = frames.split_at_checked(message.bytes).ok_or("a block is cut off")?;
            frames = rest;
            head += 1;
            let at = MessageId { epoch: block.epoch, offset: head };
            recorded.rows.push(to_row(at, &message.topic, block.time, frame)?);
        }
    }
    Ok(recorded)
}
