//! The tables, and the settings of the connection.

use std::time::Duration;

use rusqlite::{Connection, Result};

use super::super::JOURNAL_VERSION;
use super::channels::is_corrupt;
use super::facts;

/// The fact that records the version of the journal's semantics.
const JOURNAL_VERSION_FACT: &str = "journal";

/// Raise this whenever the tables change. Files of earlier versions are migrated.
pub(super) const VERSION: i32 = 6;

/// `FNFR`, which marks the file as one of this library.
const APPLICATION: i32 = 0x464e_4652;

/// Times are in milliseconds since 1970, by the storage's clock.
const TABLES: &str = "
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

    -- `frame`: the JSON text that subscribers receive.
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY,
        channel INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        topic TEXT NOT NULL,
        published INTEGER NOT NULL,
        frame TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX messages_by_offset ON messages (channel, offset);

    -- The offset of the latest evicted message of each topic.
    CREATE TABLE gone (
        channel INTEGER NOT NULL,
        topic TEXT NOT NULL,
        offset INTEGER NOT NULL,
        PRIMARY KEY (channel, topic)
    ) STRICT, WITHOUT ROWID;

    -- Idempotency keys. `content`: a hash of the message that was published under the key. `used`: when.
    CREATE TABLE keys (
        channel INTEGER NOT NULL,
        key BLOB NOT NULL,
        content BLOB NOT NULL,
        offset INTEGER NOT NULL,
        used INTEGER NOT NULL,
        PRIMARY KEY (channel, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX keys_by_offset ON keys (channel, offset);
    CREATE INDEX keys_by_use ON keys (used);

    -- The processes that have the file open.
    CREATE TABLE processes (
        owner INTEGER PRIMARY KEY,
        pid INTEGER NOT NULL,
        place TEXT NOT NULL,
        began TEXT NOT NULL
    ) STRICT;
";

/// Ids are never reused, because another process may still have the log of a deleted channel open.
const CHANNELS: &str = "
    -- `life`: the epoch, or 0 if a new one begins when the channel is opened next. `fingerprint`: of the
    -- definition. `used`: when a message was published, or, to the day, when a process had the channel open.
    -- `sweep_at`: when to delete old data next.
    CREATE TABLE channels (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        life INTEGER NOT NULL,
        head INTEGER NOT NULL,
        fingerprint TEXT NOT NULL,
        used INTEGER NOT NULL,
        sweep_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX channels_by_sweep ON channels (sweep_at);
";

/// Each revocation has a greater id than all earlier ones, so that processes can read the new ones.
const REVOKED: &str = "
    CREATE TABLE revoked (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        token TEXT NOT NULL UNIQUE,
        at INTEGER NOT NULL
    ) STRICT;
";

/// A call of a run is identified by its branch and its position in the branch.
const JOURNAL_TABLES: &str = "
    -- `state`: running, halted, completed, failed or cancelled. `due`: when to execute it next.
    -- `failures`: how often in a row its job failed. `crashes`: how often in a row a process ended while it
    -- executed the run. Both restart once the run has recorded more calls than `progress`.
    -- `owner`: the process that executes it, until `lease`, under `fence`.
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run TEXT NOT NULL UNIQUE,
        job TEXT NOT NULL,
        channel TEXT NOT NULL,
        input TEXT NOT NULL,
        state TEXT NOT NULL,
        due INTEGER NOT NULL,
        failures INTEGER NOT NULL DEFAULT 0,
        crashes INTEGER NOT NULL DEFAULT 0,
        progress INTEGER NOT NULL DEFAULT 0,
        owner INTEGER,
        lease INTEGER NOT NULL DEFAULT 0,
        fence INTEGER NOT NULL DEFAULT 0,
        outcome TEXT,
        changed INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX runs_by_due ON runs (due) WHERE state = 'running';
    CREATE INDEX runs_by_crashes ON runs (due) WHERE state = 'running' AND crashes >= 2;
    CREATE INDEX runs_by_owner ON runs (owner) WHERE owner IS NOT NULL;
    CREATE INDEX runs_by_channel ON runs (channel, id);
    CREATE INDEX open_runs_by_channel ON runs (channel, id) WHERE state IN ('running', 'halted');
    CREATE INDEX runs_by_change ON runs (changed) WHERE state NOT IN ('running', 'halted');

    -- One call and its outcome: a `value` in JSON, or an `error` if it failed for good. A step without
    -- either has failed `failures` times and is retried at `due`. `at`: when the outcome was recorded.
    CREATE TABLE steps (
        run INTEGER NOT NULL,
        branch TEXT NOT NULL,
        position INTEGER NOT NULL,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        value TEXT,
        error TEXT,
        failures INTEGER NOT NULL DEFAULT 0,
        due INTEGER NOT NULL DEFAULT 0,
        at INTEGER NOT NULL,
        PRIMARY KEY (run, branch, position)
    ) STRICT, WITHOUT ROWID;

    -- Open questions. `names`: a JSON array of the signals that can answer. `answer`: the signal that
    -- answered, until the run takes it.
    CREATE TABLE waits (
        run INTEGER NOT NULL,
        branch TEXT NOT NULL,
        position INTEGER NOT NULL,
        id TEXT NOT NULL,
        names TEXT NOT NULL,
        since INTEGER NOT NULL,
        until INTEGER NOT NULL,
        answer INTEGER,
        PRIMARY KEY (run, branch, position)
    ) STRICT, WITHOUT ROWID;

    -- `state`: `kept` until a question asks for it, `answer` to an open question, `taken` by the run, or
    -- `dropped` because an earlier kept signal answered. `sender`: the subject of its token.
    CREATE TABLE signals (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run INTEGER NOT NULL,
        name TEXT NOT NULL,
        payload TEXT NOT NULL,
        sender TEXT,
        at INTEGER NOT NULL,
        key BLOB,
        content BLOB,
        state TEXT NOT NULL
    ) STRICT;
    CREATE INDEX signals_by_run ON signals (run, name);

    -- Text streams of runs that have begun and not ended, and their chunks so far.
    CREATE TABLE streams (
        run INTEGER NOT NULL,
        branch TEXT NOT NULL,
        position INTEGER NOT NULL,
        stream TEXT NOT NULL UNIQUE,
        channel TEXT NOT NULL,
        topic TEXT NOT NULL,
        PRIMARY KEY (run, branch, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE pieces (
        run INTEGER NOT NULL,
        branch TEXT NOT NULL,
        position INTEGER NOT NULL,
        number INTEGER NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (run, branch, position, number)
    ) STRICT, WITHOUT ROWID;
";

/// The indexes of version 4, which ensure that no statement scans a table that grows.
const INDEXES: &str = "
    CREATE INDEX revoked_by_time ON revoked (at);
    CREATE INDEX halted_runs_by_job ON runs (job) WHERE state = 'halted';
    CREATE INDEX ended_waits_by_run ON steps (run) WHERE kind = 'wait' AND value IS NOT NULL;
    CREATE INDEX signals_by_key ON signals (key) WHERE key IS NOT NULL;
    CREATE INDEX kept_signals_by_run ON signals (run, name) WHERE state = 'kept';
";

/// The columns and indexes of version 5, which show runs to administrators. `created`, `began`: `NULL` in rows of
/// earlier versions. `retries`: how often the run was retried after it had failed or halted. `origin`, `origin_call`: the
/// run that this one repeats from a call on. The indexes are partial, so that no statement about unfinished runs can use
/// them by mistake, except the one of signals.
const MANAGEMENT: &str = "
    ALTER TABLE runs ADD COLUMN created INTEGER;
    ALTER TABLE runs ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE runs ADD COLUMN origin TEXT;
    ALTER TABLE runs ADD COLUMN origin_call TEXT;
    ALTER TABLE steps ADD COLUMN began INTEGER;
    CREATE INDEX open_runs ON runs (id) WHERE state IN ('running', 'halted');
    CREATE INDEX ended_runs_by_state ON runs (state, id) WHERE state NOT IN ('running', 'halted');
    CREATE INDEX ended_runs_by_job ON runs (job, state, id) WHERE state NOT IN ('running', 'halted');
    CREATE INDEX begun_steps_by_run ON steps (run) WHERE value IS NULL AND error IS NULL;
    CREATE INDEX signals_by_arrival ON signals (run, id);
";

/// The columns of version 6. `began_with`: the calls that a call began together with, or empty in rows of earlier
/// versions. `messages`, `bytes`: how many rows of `messages` a channel has, and the bytes of their frames.
const COUNTS: &str = "
    ALTER TABLE steps ADD COLUMN began_with TEXT NOT NULL DEFAULT '';
    ALTER TABLE waits ADD COLUMN began_with TEXT NOT NULL DEFAULT '';
    ALTER TABLE channels ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE channels ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
";

/// Why a file cannot be used.
#[derive(Debug)]
pub(super) enum FileError {
    Sqlite(rusqlite::Error),
    ForeignDatabase,
    NewerVersion(i32),
    /// The journal was written under other semantics, and contains unfinished runs.
    UnfinishedRuns(i64),
    /// The journal has this version.
    Journal(String),
}

impl std::fmt::Display for FileError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(error) => write!(formatter, "{error}"),
            Self::ForeignDatabase => {
                formatter.write_str("it is the database of another program: choose another file")
            }
            Self::NewerVersion(version) => write!(
                formatter,
                "it has version {version}, but this library supports versions up to {VERSION}: update the server"
            ),
            Self::UnfinishedRuns(runs) => write!(
                formatter,
                "it has {runs} unfinished runs of an earlier version of this library, which this version cannot \
                 replay: finish or cancel them with that version, then open the file again"
            ),
            Self::Journal(version) => write!(
                formatter,
                "its runs have journal version {version}, but this library replays version {JOURNAL_VERSION}: open \
                 the file with the version of this library that wrote it"
            ),
        }
    }
}

impl From<rusqlite::Error> for FileError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Configures the connection, and creates or migrates the tables.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), FileError> {
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.set_prepared_statement_cache_capacity(64);
    // Before the transaction begins: after it has read a damaged page, a transaction cannot write.
    let counts = count_messages(connection)?;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let read = |name: &str| transaction.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (read("application_id")?, read("user_version")?);
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, version) {
        (0, 0) if tables == 0 => {
            for tables in [TABLES, CHANNELS, REVOKED] {
                transaction.execute_batch(tables)?;
            }
            create_journal(&transaction)?;
            for additions in [INDEXES, MANAGEMENT, COUNTS] {
                transaction.execute_batch(additions)?;
            }
        }
        (APPLICATION, version @ 1..=VERSION) => migrate(&transaction, version, &counts)?,
        (APPLICATION, later) => return Err(FileError::NewerVersion(later)),
        _ => return Err(FileError::ForeignDatabase),
    }
    check_journal(&transaction)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// The tables of a file, as this library sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tables {
    /// The file has none.
    Missing,
    Current,
    /// The tables have this earlier version. Opening the file migrates them.
    Earlier(i32),
}

/// Checks that this library can open a file, without changing it.
pub(super) fn inspect(connection: &Connection) -> Result<Tables, FileError> {
    let read = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (read("application_id")?, read("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, version) {
        (0, 0) if tables == 0 => Ok(Tables::Missing),
        (APPLICATION, VERSION) => check_journal(connection).map(|()| Tables::Current),
        (APPLICATION, version @ 1..VERSION) => Ok(Tables::Earlier(version)),
        (APPLICATION, later) => Err(FileError::NewerVersion(later)),
        _ => Err(FileError::ForeignDatabase),
    }
}

/// Migrates the tables from an earlier version, one version at a time.
fn migrate(connection: &Connection, version: i32, counts: &[ChannelCount]) -> Result<(), FileError> {
    if version < 2 {
        drop_first_journal(connection)?;
        create_journal(connection)?;
    }
    if version < 3 {
        let columns = "id, name, life, head, fingerprint, used, sweep_at";
        copy_into(connection, "channels", CHANNELS, columns, columns)?;
        copy_into(connection, "revoked", REVOKED, "token, at", "token, at * 1000")?;
    }
    if version < 4 {
        connection.execute_batch(INDEXES)?;
    }
    if version < 5 {
        connection.execute_batch(MANAGEMENT)?;
    }
    if version < 6 {
        connection.execute_batch(COUNTS)?;
        for ChannelCount { channel, messages, bytes } in counts {
            let sql = "UPDATE channels SET messages = ?2, bytes = ?3 WHERE id = ?1";
            connection.execute(sql, (channel, messages, bytes))?;
        }
    }
    Ok(())
}

/// How many messages a channel has, and the bytes of their frames.
struct ChannelCount {
    channel: i64,
    messages: i64,
    bytes: i64,
}

/// Counts the messages of each channel in a file that does not have the counts. Leaves out damaged channels, which are set
/// aside when they are opened.
fn count_messages(connection: &Connection) -> Result<Vec<ChannelCount>> {
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if !(1..6).contains(&version) {
        return Ok(Vec::new());
    }
    let channels: Vec<i64> = connection
        .prepare("SELECT id FROM channels WHERE name NOT LIKE 'damaged/%'")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let mut counts = Vec::new();
    for channel in channels {
        let sql = "SELECT count(*), coalesce(sum(octet_length(frame)), 0) FROM messages WHERE channel = ?1";
        let count = connection.query_row(sql, [channel], |row| {
            Ok(ChannelCount { channel, messages: row.get(0)?, bytes: row.get(1)? })
        });
        match count {
            Ok(count) => counts.push(count),
            Err(error) if is_corrupt(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(counts)
}

/// Recreates a table as `create` defines it, and copies its rows.
fn copy_into(connection: &Connection, table: &str, create: &str, into: &str, from: &str) -> Result<()> {
    // An index keeps its name when its table is renamed, so drop it before the new table is created.
    let indexes: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL")?
        .query_map([table], |row| row.get(0))?
        .collect::<Result<_>>()?;
    for index in indexes {
        connection.execute_batch(&format!("DROP INDEX {index}"))?;
    }
    connection.execute_batch(&format!(
        "ALTER TABLE {table} RENAME TO former; {create}
         INSERT INTO {table} ({into}) SELECT {from} FROM former; DROP TABLE former;"
    ))
}

fn create_journal(connection: &Connection) -> Result<()> {
    connection.execute_batch(JOURNAL_TABLES)?;
    facts::set(connection, JOURNAL_VERSION_FACT, JOURNAL_VERSION)
}

fn check_journal(connection: &Connection) -> Result<(), FileError> {
    let version = facts::get(connection, JOURNAL_VERSION_FACT)?.unwrap_or_default();
    if version == JOURNAL_VERSION { Ok(()) } else { Err(FileError::Journal(version)) }
}

/// Version 1 identified calls by a key that could collide. Its runs cannot be replayed.
fn drop_first_journal(connection: &Connection) -> Result<(), FileError> {
    let unfinished = connection.query_row(
        "SELECT count(*) FROM runs WHERE state IN ('running', 'halted')",
        [],
        |row| row.get(0),
    )?;
    if unfinished > 0 {
        return Err(FileError::UnfinishedRuns(unfinished));
    }
    Ok(connection
        .execute_batch("DROP TABLE runs; DROP TABLE steps; DROP TABLE waits; DROP TABLE signals;")?)
}
