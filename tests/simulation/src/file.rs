//! The storage file of a simulation, and queries from outside of the processes.
//!
//! Triggers record each relevant change in a separate table, which is kept after the runs are deleted.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fanfare::Sqlite;
use rusqlite::{Connection, params};

/// `what` is the table, or `end` for the state of a run. The triggers define the other columns.
const NOTES: &str = "
    CREATE TABLE notes (
        seq INTEGER PRIMARY KEY, what TEXT, run INTEGER, branch TEXT, position INTEGER, a ANY, b ANY, c ANY
    );
    CREATE TRIGGER asked AFTER INSERT ON waits BEGIN
        INSERT INTO notes (what, run, branch, position, a, b)
        VALUES ('asked', new.run, new.branch, new.position, new.names, new.since);
    END;
    CREATE TRIGGER answered AFTER UPDATE OF answer ON waits WHEN new.answer IS NOT NULL BEGIN
        INSERT INTO notes (what, run, branch, position, a, b)
        VALUES ('answered', new.run, new.branch, new.position, new.answer, new.since);
    END;
    CREATE TRIGGER sent AFTER INSERT ON signals BEGIN
        INSERT INTO notes (what, run, branch, position, a, b, c) VALUES ('sent', new.run, new.state, new.id, new.payload, new.at,
            EXISTS (SELECT 1 FROM waits WHERE run = new.run AND new.name IN (SELECT value FROM json_each(names)))
            OR EXISTS (SELECT 1 FROM steps WHERE run = new.run AND kind = 'wait'
                       AND new.name IN (SELECT value FROM json_each(steps.value, '$.names'))));
    END;
    CREATE TRIGGER recorded AFTER INSERT ON steps BEGIN
        INSERT INTO notes (what, run, branch, position, a, b, c)
        VALUES ('call', new.run, new.branch, new.position, new.value, new.error, new.kind);
    END;
    CREATE TRIGGER changed AFTER UPDATE ON steps BEGIN
        INSERT INTO notes (what, run, branch, position, a, b, c)
        VALUES ('call', new.run, new.branch, new.position, new.value, new.error, new.kind);
    END;
    CREATE TRIGGER begun AFTER INSERT ON runs BEGIN
        INSERT INTO notes (what, run, a) VALUES ('begun', new.id, new.run);
    END;
    CREATE TRIGGER ended AFTER UPDATE OF state ON runs WHEN new.state <> old.state BEGIN
        INSERT INTO notes (what, run, a, b, c) VALUES ('state', new.id, new.state, new.outcome, new.owner);
    END;
";

/// A file that is removed when this is dropped.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) connection: Connection,
}

/// One row of the triggers' table.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) what: String,
    pub(crate) row: i64,
    pub(crate) branch: String,
    pub(crate) position: i64,
    pub(crate) a: String,
    pub(crate) b: String,
    pub(crate) c: String,
}

/// A question that a run asks now.
pub(crate) struct Open {
    pub(crate) run: String,
    pub(crate) question: String,
    pub(crate) names: Vec<String>,
}

/// A message in the history.
pub(crate) struct Message {
    pub(crate) channel: String,
    pub(crate) offset: i64,
    pub(crate) id: String,
    pub(crate) run: String,
    pub(crate) topic: String,
    pub(crate) data: serde_json::Value,
    pub(crate) kind: String,
    /// The stream, for a chunk of a text stream.
    pub(crate) stream: String,
    /// The error, for the end of an incomplete text stream.
    pub(crate) error: Option<String>,
}

impl File {
    pub(crate) fn create() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let folder = PathBuf::from("/dev/shm");
        let folder = if folder.is_dir() { folder } else { std::env::temp_dir() };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("fanfare-simulation-{}-{number}.db", std::process::id()));
        std::fs::write(&path, template()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let connection = Connection::open(&path).unwrap_or_else(|error| panic!("{error}"));
        Self { path, connection }
    }

    pub(crate) fn query<T>(
        &self,
        sql: &str,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        let query = || -> rusqlite::Result<Vec<T>> {
            self.connection.prepare_cached(sql)?.query_map(params![], read)?.collect()
        };
        query().unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.query(sql, |row| row.get(0)).into_iter().next().unwrap_or(0)
    }

    /// Returns how far the storage's clock is ahead of the simulation's, in milliseconds.
    pub(crate) fn clock_offset(&self) -> u128 {
        let fact = self.query("SELECT value FROM facts WHERE name = 'clock'", |row| row.get::<_, String>(0));
        let offset = fact.first().and_then(|fact| fact.rsplit_once(' ')?.1.parse().ok());
        offset.unwrap_or_else(|| panic!("the storage has recorded no clock: {fact:?}"))
    }

    /// Returns the same duration, if a process has recorded it.
    pub(crate) fn find_clock_offset(&self) -> Option<Duration> {
        let sql = "SELECT value FROM facts WHERE name = 'clock'";
        let fact = self.query(sql, |row| row.get::<_, String>(0));
        Some(Duration::from_millis(fact.first()?.rsplit_once(' ')?.1.parse().ok()?))
    }

    /// Returns a backup of the file.
    pub(crate) fn back_up(&self) -> Vec<u8> {
        let copy = with_suffix(&self.path, "-copy");
        let back_up = || -> Result<Vec<u8>, Box<dyn std::error::Error>> {
            self.connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
            let bytes = std::fs::read(&copy)?;
            std::fs::remove_file(&copy)?;
            Ok(bytes)
        };
        back_up().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Reads from a backup.
    pub(crate) fn with_copy<T>(&self, backup: &[u8], read: impl FnOnce(&Connection) -> T) -> T {
        let copy = with_suffix(&self.path, "-copy");
        let open = || -> Result<Connection, Box<dyn std::error::Error>> {
            std::fs::write(&copy, backup)?;
            Ok(Connection::open(&copy)?)
        };
        let connection = open().unwrap_or_else(|error| panic!("{error}"));
        let result = read(&connection);
        drop(connection);
        let _ = std::fs::remove_file(&copy);
        result
    }

    /// Returns the contents of the file's mark.
    pub(crate) fn mark(&self) -> Option<String> {
        std::fs::read_to_string(with_suffix(&self.path, "-mark")).ok()
    }

    /// Replaces the file with a backup. No process may have it open.
    pub(crate) fn replace(&mut self, backup: &[u8], keeps_mark: bool) {
        let mut replace = || -> Result<(), Box<dyn std::error::Error>> {
            self.connection = Connection::open_in_memory()?;
            for suffix in ["-wal", "-shm", "-mark"].iter().filter(|suffix| !keeps_mark || **suffix != "-mark")
            {
                let _ = std::fs::remove_file(with_suffix(&self.path, suffix));
            }
            std::fs::write(&self.path, backup)?;
            self.connection = Connection::open(&self.path)?;
            Ok(())
        };
        replace().unwrap_or_else(|error| panic!("{error}"));
    }

    pub(crate) fn open_questions(&self) -> Vec<Open> {
        let sql = "SELECT runs.run, branch, position, names FROM waits JOIN runs ON runs.id = waits.run
                   ORDER BY waits.run, branch, position";
        self.query(sql, |row| {
            let (branch, position): (String, i64) = (row.get(1)?, row.get(2)?);
            let separator = if branch.is_empty() { "" } else { "/" };
            let names: String = row.get(3)?;
            let run: String = row.get(0)?;
            Ok(Open {
                question: format!("{run}:{branch}{separator}{position}"),
                run,
                names: serde_json::from_str(&names).unwrap_or_default(),
            })
        })
    }

    pub(crate) fn notes(&self) -> Vec<Note> {
        let text = |row: &rusqlite::Row<'_>, at| {
            use rusqlite::types::ValueRef::{Blob, Integer, Null, Real, Text};
            Ok::<_, rusqlite::Error>(match row.get_ref(at)? {
                Null => String::new(),
                Integer(number) => number.to_string(),
                Real(number) => number.to_string(),
                Text(text) | Blob(text) => String::from_utf8_lossy(text).into_owned(),
            })
        };
        self.query("SELECT what, run, branch, position, a, b, c FROM notes ORDER BY seq", |row| {
            Ok(Note {
                what: row.get(0)?,
                row: row.get(1)?,
                branch: text(row, 2)?,
                position: row.get::<_, Option<i64>>(3)?.unwrap_or_default(),
                a: text(row, 4)?,
                b: text(row, 5)?,
                c: text(row, 6)?,
            })
        })
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        let sql = "SELECT channels.name, offset, topic, frame FROM messages
                   JOIN channels ON channels.id = messages.channel ORDER BY channel, offset";
        self.query(sql, |row| {
            let frame: String = row.get(3)?;
            let frame: serde_json::Value = serde_json::from_str(&frame).unwrap_or_default();
            let field = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
            let (id, run) = (field("id"), field("run_id"));
            let (kind, stream) = (field("kind"), field("stream_id"));
            let error = frame["error"].as_str().map(str::to_owned);
            let data = frame["data"].clone();
            let (channel, offset, topic) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Message { channel, offset, id, run, topic, data, kind, stream, error })
        })
    }
}

impl Drop for File {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm", "-mark"] {
            let _ = std::fs::remove_file(with_suffix(&self.path, suffix));
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Returns the number of the process that holds a run, if any.
pub(crate) fn find_holder(path: &Path, run: &str) -> Option<u32> {
    let sql = "SELECT pid FROM runs JOIN processes USING (owner) WHERE run = ?1";
    Connection::open(path).ok()?.query_row(sql, [run], |row| row.get(0)).ok()
}

/// Returns a file with all tables and triggers. Copying it is faster than creating them each time.
fn template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("fanfare-template-{}.db", std::process::id()));
        let create = || -> Result<Vec<u8>, Box<dyn std::error::Error>> {
            // On a separate thread, which has no simulated world.
            let file = path.clone();
            std::thread::spawn(move || Sqlite::open(file).map(drop)).join().map_err(|_| "it panicked")??;
            // The clock and the mark are those of the real machine.
            let forget = "DELETE FROM facts WHERE name IN ('clock', 'latest_time', 'mark', 'former_mark')";
            Connection::open(&path)?.execute_batch(&format!("{NOTES} {forget}"))?;
            Ok(std::fs::read(&path)?)
        };
        let template = create().unwrap_or_else(|error| panic!("{error}"));
        let _ = std::fs::remove_file(&path);
        let _ = std::fs::remove_file(path.with_extension("db-mark"));
        template
    })
}
