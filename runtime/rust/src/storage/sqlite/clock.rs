//! The storage's clock. It starts from the wall clock and never jumps afterwards, however the wall clock is set.
//!
//! Its time is the time since the machine started plus an offset. The first process that opens the file after the
//! machine started determines the offset and records it; all later ones use it. So all processes of a Linux machine
//! share one clock, and an hour on it takes an hour. On other systems, each process has its own clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Result, params};

use super::facts;
use crate::clock;
use crate::clock::to_milliseconds;

/// The fact that records the offset: the start of the machine that it is for, and its milliseconds.
const OFFSET: &str = "clock";

/// The fact that records the latest known time, in milliseconds. The clock never starts earlier.
const LATEST: &str = "latest_time";

#[derive(Clone, Copy, Debug)]
pub(super) struct StorageClock {
    offset: Duration,
}

impl StorageClock {
    /// Returns the file's clock. Call it inside a transaction.
    pub(super) fn open(connection: &Connection) -> Result<Self> {
        let wall = clock::wall_time().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::open_at(connection, clock::steady_clock_id().as_deref(), clock::steady_time(), wall)
    }

    /// Returns the clock of a machine that started at `start`, `steady` ago, and whose wall clock shows `wall`.
    fn open_at(
        connection: &Connection,
        start: Option<&str>,
        steady: Duration,
        wall: Duration,
    ) -> Result<Self> {
        let recorded = facts::get(connection, OFFSET)?;
        let recorded = recorded.as_deref().and_then(|recorded| recorded.rsplit_once(' '));
        if let Some((of, offset)) = recorded
            && Some(of) == start
            && let Ok(offset) = offset.parse()
        {
            return Ok(Self { offset: Duration::from_millis(offset) });
        }
        let latest = facts::get(connection, LATEST)?.and_then(|latest| latest.parse().ok()).unwrap_or(0);
        let offset = wall.max(Duration::from_millis(latest)).saturating_sub(steady).as_millis();
        if let Some(start) = start {
            facts::set(connection, OFFSET, &format!("{start} {offset}"))?;
        }
        Ok(Self { offset: Duration::from_millis(u64::try_from(offset).unwrap_or(u64::MAX)) })
    }

    pub(super) fn now(self) -> SystemTime {
        self.at(clock::steady_time())
    }

    fn at(self, steady: Duration) -> SystemTime {
        UNIX_EPOCH + self.offset + steady
    }

    /// Records the time. After the machine has restarted, the clock continues from it even if the wall clock was set
    /// back.
    pub(super) fn record(self, connection: &Connection) -> Result<()> {
        Self::record_time(connection, self.now())
    }

    fn record_time(connection: &Connection, now: SystemTime) -> Result<()> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO facts VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))",
        )?;
        statement.execute(params![LATEST, to_milliseconds(now).to_string()])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const WALL: Duration = Duration::from_secs(1_800_000_000);
    const STEADY: Duration = Duration::from_secs(100);

    fn facts() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)").unwrap();
        connection
    }

    #[test]
    fn the_clock_starts_from_the_wall_clock_and_ignores_its_jumps_in_all_processes() {
        let facts = facts();
        let open =
            |steady, wall| StorageClock::open_at(&facts, Some("boot namespace"), steady, wall).unwrap();
        let first = open(STEADY, WALL);
        assert_eq!(first.at(STEADY), UNIX_EPOCH + WALL);
        for wall in [WALL.saturating_sub(HOUR), WALL + 24 * HOUR] {
            let later = open(STEADY + HOUR, wall);
            assert_eq!(later.at(STEADY + HOUR), UNIX_EPOCH + WALL + HOUR);
            assert_eq!(first.at(STEADY + HOUR), later.at(STEADY + HOUR));
        }
    }

    #[test]
    fn the_clock_continues_from_the_latest_time_after_the_machine_restarts() {
        let facts = facts();
        let first = StorageClock::open_at(&facts, Some("first"), STEADY, WALL).unwrap();
        StorageClock::record_time(&facts, first.at(STEADY + 2 * HOUR)).unwrap();
        StorageClock::record_time(&facts, first.at(STEADY + HOUR)).unwrap();
        let back = StorageClock::open_at(&facts, Some("second"), STEADY, WALL + HOUR).unwrap();
        assert_eq!(back.at(STEADY), UNIX_EPOCH + WALL + 2 * HOUR);
        let ahead = StorageClock::open_at(&facts, Some("third"), STEADY, WALL + 3 * HOUR).unwrap();
        assert_eq!(ahead.at(STEADY), UNIX_EPOCH + WALL + 3 * HOUR);
        // A system without an id of its start.
        let unknown = StorageClock::open_at(&facts, None, STEADY, WALL).unwrap();
        assert_eq!(unknown.at(STEADY), UNIX_EPOCH + WALL + 2 * HOUR);
    }
}
