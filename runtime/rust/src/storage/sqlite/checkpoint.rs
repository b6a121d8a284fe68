//! Copying the write-ahead log into the database file. The writer's thread does this, because it waits for the disk.

use std::cell::Cell;

use rusqlite::Connection;

/// The number of pages of the write-ahead log from which it is copied: 16 MiB.
const MAX_PAGES: u32 = 4_000;

/// The number of pages to add before the next attempt, if readers kept the last one from emptying the log.
const RETRY_PAGES: u32 = 400;

thread_local! {
    /// The pages of the write-ahead log after a commit on this thread, until they are recorded.
    static PAGES: Cell<u32> = const { Cell::new(0) };
}

/// Decides when to copy the write-ahead log.
#[derive(Debug)]
pub(super) struct Checkpoints {
    pages: u32,
    due_at: u32,
}

impl Checkpoints {
    /// Replaces SQLite's own checkpoints, which are part of a commit.
    pub(super) fn begin(connection: &Connection) -> Self {
        connection.wal_hook(Some(|_, pages| {
            PAGES.set(u32::try_from(pages).unwrap_or_default());
            Ok(())
        }));
        Self { pages: 0, due_at: MAX_PAGES }
    }

    /// Call this after each commit, on the same thread.
    pub(super) fn record_commit(&mut self) {
        // Zero if nothing was written.
        let pages = PAGES.take();
        if pages == 0 {
            return;
        }
        if pages < self.pages {
            // SQLite began to fill the log from its start again.
            self.due_at = MAX_PAGES;
        }
        self.pages = pages;
    }

    pub(super) fn is_due(&self) -> bool {
        self.pages >= self.due_at
    }

    /// Copies the log. Does not wait for readers or other writers, so pages may be left. Returns `true` if none are.
    pub(super) fn run(&mut self, connection: &Connection) -> bool {
        self.due_at = self.pages + RETRY_PAGES;
        let is_complete = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            let [is_busy, pages, copied] = [row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?];
            Ok(is_busy == 0 && pages == copied)
        });
        is_complete.unwrap_or_else(|error| {
            tracing::error!(%error, "failed to copy the write-ahead log into the storage file");
            false
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_copied_when_it_is_large_and_again_when_readers_kept_it_from_starting_over() {
        let folder = std::env::temp_dir().join(format!("fanfare-checkpoints-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("log.db");
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.execute_batch("CREATE TABLE facts (name TEXT, value BLOB)").unwrap();
        let mut checkpoints = Checkpoints::begin(&connection);
        let write = |pages: u32, checkpoints: &mut Checkpoints| {
            connection.execute("INSERT INTO facts VALUES ('some', zeroblob(?1))", [pages * 4096]).unwrap();
            checkpoints.record_commit();
        };
        write(MAX_PAGES - 100, &mut checkpoints);
        assert!(!checkpoints.is_due());
        let reader = Connection::open(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM facts").unwrap();
        write(200, &mut checkpoints);
        assert!(checkpoints.is_due() && !checkpoints.run(&connection), "a reader needs the log");
        assert!(!checkpoints.is_due());
        write(RETRY_PAGES, &mut checkpoints);
        assert!(checkpoints.is_due());
        reader.execute_batch("COMMIT").unwrap();
        assert!(checkpoints.run(&connection));
        write(1, &mut checkpoints);
        assert!(checkpoints.pages < 100, "the log starts over");
        assert!(!checkpoints.is_due());
        drop((connection, reader));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
