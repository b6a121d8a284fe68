//! The file as the file system has it: whether it is still the one that was opened, and whether it was replaced by
//! an earlier copy of itself while it was closed.
//!
//! Next to `app.db` is a file `app.db-mark`. It holds a random id, the mark, that the database holds, too. Both get a
//! new one whenever the database is opened or closed, and again while messages are published. A backup has an earlier
//! one, so if it takes the place of the database, the marks differ when it is opened. Then all channels begin a new
//! epoch: the backup does not know which ids were given to messages after it was made.
//!
//! The database gets a new mark first, and keeps the one that was next to it then. So a process that ends before the
//! new mark is next to the database as well leaves both in a state that is recognized.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Result, Transaction};

use super::facts;

/// The facts that hold the mark, and the one that was next to the database when it got its mark.
const MARK: &str = "mark";
const FORMER: &str = "former_mark";

/// The value of `PRAGMA synchronous` with which commits wait for the disk.
const SYNCHRONOUS_FULL: i64 = 2;

#[derive(Debug)]
pub(super) struct File {
    /// The path that it was opened with. A symbolic link in it may later point to another file.
    path: PathBuf,
    /// The same path without symbolic links, so that a file has one mark by whatever path it is opened.
    resolved: PathBuf,
    identity: Identity,
}

/// The device and the inode of a file.
type Identity = (u64, u64);

impl File {
    /// Returns the file that a database was opened from, or `None` for one that exists in memory only.
    pub(super) fn opened(path: &Path) -> Option<Self> {
        // The working folder of the process may change.
        let path = std::path::absolute(path).ok()?;
        let (resolved, identity) = (fs::canonicalize(&path).ok()?, identity(&fs::metadata(&path).ok()?));
        Some(Self { path, resolved, identity })
    }

    /// Returns whether the file was deleted or replaced since it was opened.
    pub(super) fn is_lost(&self) -> bool {
        match fs::metadata(&self.path) {
            Ok(now) => identity(&now) != self.identity,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether the database is the one that was last used under this name. Call it inside a transaction that
    /// keeps other processes from writing.
    pub(super) fn has_own_mark(&self, connection: &Connection) -> Result<bool> {
        let mark = facts::get(connection, MARK)?;
        let is_own = match self.mark_beside() {
            Some(beside) => [mark, facts::get(connection, FORMER)?].contains(&Some(beside)),
            None => mark.is_none(),
        };
        Ok(is_own || bug!(BackupIgnored))
    }

    /// Gives the database a new mark. [`publish_mark`](Self::publish_mark) then writes it to the file next to the
    /// database.
    pub(super) fn renew_mark(&self, transaction: &Transaction<'_>) -> Result<()> {
        facts::set(transaction, FORMER, &self.mark_beside().unwrap_or_default())?;
        facts::set(transaction, MARK, &format!("{:032x}", rand::random::<u128>()))
    }

    /// Writes the mark of the database next to it. Call it in a transaction after the one that renewed the mark. The
    /// transaction keeps other processes from renewing it meanwhile.
    pub(super) fn publish_mark(&self, transaction: &Transaction<'_>) -> Result<()> {
        let mark = facts::get(transaction, MARK)?.unwrap_or_default();
        // As durable as the mark in the database.
        let synchronous: i64 = transaction.pragma_query_value(None, "synchronous", |row| row.get(0))?;
        self.write_mark(&mark, synchronous >= SYNCHRONOUS_FULL).map_err(|error| {
            let why = format!("cannot write {}: {error}", self.mark().display());
            rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
                Some(why),
            )
        })
    }

    fn mark_beside(&self) -> Option<String> {
        fs::read_to_string(self.mark()).ok().filter(|mark| !mark.is_empty())
    }

    fn mark(&self) -> PathBuf {
        with_suffix(&self.resolved, "-mark")
    }

    fn write_mark(&self, mark: &str, is_synchronous: bool) -> io::Result<()> {
        // In one step: a process that ends meanwhile leaves the former file or the new one.
        let path = with_suffix(&self.resolved, &format!("-mark-{}", std::process::id()));
        let mut new = fs::File::create(&path)?;
        new.write_all(mark.as_bytes())?;
        if is_synchronous {
            new.sync_all()?;
        }
        fs::rename(&path, self.mark())?;
        if is_synchronous { sync_folder(&path) } else { Ok(()) }
    }
}

/// Creates the file of a database so that only its owner may read it, if there is none yet. SQLite gives the files that
/// it creates next to it the same permissions.
pub(super) fn create_private(path: &Path) {
    #[cfg(unix)]
    if !is_in_memory(path) {
        use std::os::unix::fs::OpenOptionsExt;
        // If this fails, SQLite says why when it opens the file.
        let _ = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Returns whether a path names a database that exists in memory only.
#[cfg(unix)]
fn is_in_memory(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.to_string_lossy().starts_with(":memory:")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Waits until the disk has the names of a folder's files.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

/// Folders cannot be synchronized on these systems.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn identity(file: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (file.dev(), file.ino())
}

/// The standard library has no file identity on these systems, which do not let an open file be deleted or replaced
/// anyway.
#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> Identity {
    (0, 0)
}

#[cfg(test)]
mod tests {
    use super::super::batch::in_transaction;
    use super::*;

    #[test]
    fn only_the_database_itself_is_recognized_whenever_a_process_ended() {
        let path = std::env::temp_dir().join(format!("fanfare-marks-{}.db", std::process::id()));
        let mut connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)").unwrap();
        let file = File::opened(&path).unwrap();
        let mut backups = Vec::new();
        for is_published in [true, false, false, true, true, false] {
            in_transaction(&mut connection, |transaction| file.renew_mark(transaction)).unwrap();
            if is_published {
                in_transaction(&mut connection, |transaction| file.publish_mark(transaction)).unwrap();
            }
            assert!(file.has_own_mark(&connection).unwrap());
            let latest = [MARK, FORMER].map(|name| facts::get(&connection, name).unwrap());
            in_transaction(&mut connection, |transaction| file.renew_mark(transaction)).unwrap();
            in_transaction(&mut connection, |transaction| file.publish_mark(transaction)).unwrap();
            assert!(file.has_own_mark(&connection).unwrap());
            backups.push(latest);
        }
        for backup in backups {
            for (name, value) in [MARK, FORMER].into_iter().zip(backup) {
                facts::set(&connection, name, &value.unwrap()).unwrap();
            }
            assert!(!file.has_own_mark(&connection).unwrap());
            // Also after a start that failed.
            let renewed = in_transaction(&mut connection, |transaction| {
                file.renew_mark(transaction)?;
                Err::<(), _>(rusqlite::Error::InvalidQuery)
            });
            renewed.unwrap_err();
            assert!(!file.has_own_mark(&connection).unwrap());
        }
        fs::remove_file(file.mark()).unwrap();
        assert!(!file.has_own_mark(&connection).unwrap());
        drop(connection);
        fs::remove_file(&path).unwrap();
    }
}
