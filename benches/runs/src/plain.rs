//! Measures a plain loop: one thread that does the same writes, with one transaction per write.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fanfare::Sqlite;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::Work;

/// The payload of a frame that Fanfare writes.
const VALUE: &str = r#"{"message":"Read the third of the four chapters, two pages are left","progress":42}"#;

/// As long as the ids that Fanfare writes.
const EPOCH: &str = "001abcdef";
const TIME: &str = "2026-01-01T00:00:00.000Z";

/// Writes for each of a number of runs in turn, and returns the writes per second.
pub(crate) fn measure(work: Work, runs: usize, time: Duration, file: &Path) -> Result<f64, Box<dyn Error>> {
    let mut connection = open(file, runs)?;
    let since = Instant::now();
    let mut done = 0_u32;
    for number in 0_u32.. {
        for run in 1..=runs {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            write(&transaction, work, run, number)?;
            transaction.commit()?;
            done += 1;
        }
        if since.elapsed() >= time {
            break;
        }
    }
    Ok(f64::from(done) / since.elapsed().as_secs_f64())
}

fn write(transaction: &Transaction<'_>, work: Work, run: usize, number: u32) -> rusqlite::Result<()> {
    let now = now();
    let offset = number + 1;
    let id = format!("{EPOCH}-{offset:09}");
    let value = if matches!(work, Work::DurablePublish) {
        let frame = format!(
            r#"{{"kind":"data","channel":"bench:{run}","topic":"progress","id":"{id}","created_at":"{TIME}","run_id":"run_{run}","data":{VALUE}}}"#
        );
        let mut message = transaction.prepare_cached(
            "INSERT INTO messages (channel, offset, topic, published, frame) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        message.execute(params![run, offset, "progress", now, frame])?;
        let mut head =
            transaction.prepare_cached("UPDATE channels SET head = ?2, used = ?3 WHERE id = ?1")?;
        head.execute(params![run, offset, now])?;
        &format!("\"{id}\"")
    } else {
        VALUE
    };
    let kind = if matches!(work, Work::DurablePublish) { "publish" } else { "step" };
    let mut step = transaction.prepare_cached(
        "INSERT INTO steps (run, branch, position, kind, id, value, at) VALUES (?1, '', ?2, ?3, ?4, ?5, ?6)",
    )?;
    step.execute(params![run, number, kind, format!("chapter {number}"), value, now])?;
    Ok(())
}

/// Opens a file with Fanfare's tables and settings, and a channel for each run.
fn open(file: &Path, runs: usize) -> Result<Connection, Box<dyn Error>> {
    drop(Sqlite::open(file)?);
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    connection.pragma_update(None, "synchronous", "normal")?;
    for run in 1..=runs {
        connection.execute(
            "INSERT INTO channels (id, name, life, head, fingerprint, used, sweep_at)
             VALUES (?1, ?2, 1, 0, 'bench', ?3, ?3)",
            params![run, format!("bench:{run}"), now()],
        )?;
    }
    Ok(connection)
}

fn now() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}
