//! The storage's clock. It starts from the wall clock and then never jumps, however the wall clock is set.
//!
//! Its time is the time since the machine started plus an offset. The first process that opens the file after a
//! start of the machine decides the offset and records it; all later ones use it. So all processes of a machine
//! have the same clock, and what is due in an hour is due in an hour.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::schema::milliseconds;
use crate::clock;

/// The fact that records the offset: which machine's start it is for, and how many milliseconds it has.
const OFFSET: &str = "clock";

/// The fact that records the latest time that is known, in milliseconds. The clock never starts earlier.
const LATEST: &str = "latest_time";

#[derive(Clone, Copy, Debug)]
pub(super) struct StorageClock {
    offset: Duration,
}

impl StorageClock {
    /// Returns the file's clock. Call it inside a transaction.
    pub(super) fn open(connection: &Connection) -> Result<Self> {
        let (start, steady) = (clock::start(), clock::steady());
        let fact = |name: &str| {
            let mut statement = connection.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
            statement.query_row([name], |row| row.get::<_, String>(0)).optional()
        };
        let recorded = fact(OFFSET)?;
        let recorded = recorded.as_deref().and_then(|recorded| recorded.rsplit_once(' '));
        if let Some((of, offset)) = recorded
            && Some(of) == start.as_deref()
            && let Ok(offset) = offset.parse()
        {
            return Ok(Self { offset: Duration::from_millis(offset) });
        }
        let wall = clock::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let latest = fact(LATEST)?.and_then(|latest| latest.parse().ok()).unwrap_or(0);
        let offset = wall.max(Duration::from_millis(latest)).saturating_sub(steady).as_millis();
        if let Some(start) = start {
            let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO facts VALUES (?1, ?2)")?;
            statement.execute(params![OFFSET, format!("{start} {offset}")])?;
        }
        Ok(Self { offset: Duration::from_millis(u64::try_from(offset).unwrap_or(u64::MAX)) })
    }

    pub(super) fn now(self) -> SystemTime {
        UNIX_EPOCH + self.offset + clock::steady()
    }

    /// Records the time, so that the clock continues from it after the machine has started again, even if the wall
    /// clock was set back.
    pub(super) fn record(self, connection: &Connection) -> Result<()> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO facts VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))",
        )?;
        statement.execute(params![LATEST, milliseconds(self.now()).to_string()])?;
        Ok(())
    }
}
