//! The database file: whether it is still the one that was opened, and whether an earlier copy of itself took its
//! place while it was closed.
//!
//! Next to `app.db` is the mark file, `app.db-mark`. It contains a random id, the mark, that is also in the database.
//! Both get a new mark whenever the database is opened or closed, and while messages are published. A backup contains
//! an earlier mark, so if it takes the place of the database, the marks differ when it is opened. Then all channels
//! begin a new epoch, because the backup does not contain the ids that were assigned after it was made.
//!
//! The database gets a new mark first, and keeps the mark that was in the mark file until then. So if a process ends
//! before it writes the new mark to the mark file, the database still recognizes the old one.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Result};

use super::facts;
use super::transaction::Transaction;

/// The facts that hold the mark, and the mark that was in the mark file before.
const MARK: &str = "mark";
const FORMER: &str = "former_mark";

/// The value of `PRAGMA synchronous` that makes commits wait for the disk.
const SYNCHRONOUS_FULL: i64 = 2;

#[derive(Debug)]
pub(super) struct DatabaseFile {
    /// The path that the file was opened with. A symbolic link in it may later point to another file.
    path: PathBuf,
    /// The path without symbolic links, so that a file has one mark whichever path it is opened by.
    resolved: PathBuf,
    identity: Identity,
}

/// The device and the inode of a file.
type Identity = (u64, u64);

impl DatabaseFile {
    /// Returns the file of a database, or `None` if the database exists in memory only.
    pub(super) fn find(path: &Path) -> Option<Self> {
        // The working directory of the process may change.
        let path = std::path::absolute(path).ok()?;
        let (resolved, identity) = (fs::canonicalize(&path).ok()?, identity(&fs::metadata(&path).ok()?));
        Some(Self { path, resolved, identity })
    }

    /// Returns whether the file was deleted or replaced since it was opened.
    pub(super) fn was_replaced(&self) -> bool {
        match fs::metadata(&self.path) {
            Ok(now) => identity(&now) != self.identity,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether the mark in the mark file belongs to this database. Call it in a transaction that keeps other
    /// processes from writing.
    pub(super) fn has_own_mark(&self, connection: &Connection) -> Result<bool> {
        let mark = facts::get(connection, MARK)?;
        let is_own = match self.read_mark_file() {
            Some(in_file) => [mark, facts::get(connection, FORMER)?].contains(&Some(in_file)),
            None => mark.is_none(),
        };
        Ok(is_own || bug!(RestoredBackupIgnored))
    }

    /// Gives the database a new mark. [`publish_mark`](Self::publish_mark) then writes it to the mark file.
    pub(super) fn renew_mark(&self, transaction: &Transaction<'_>) -> Result<()> {
        facts::set(transaction, FORMER, &self.read_mark_file().unwrap_or_default())?;
        facts::set(transaction, MARK, &format!("{:032x}", rand::random::<u128>()))
    }

    /// Writes the mark of the database to the mark file. Call it in a transaction after the one that renewed the mark;
    /// the transaction keeps other processes from renewing it meanwhile.
    pub(super) fn publish_mark(&self, transaction: &Transaction<'_>) -> Result<()> {
        let mark = facts::get(transaction, MARK)?.unwrap_or_default();
        // As durable as the mark in the database.
        let synchronous: i64 = transaction.pragma_query_value(None, "synchronous", |row| row.get(0))?;
        self.write_mark(&mark, synchronous >= SYNCHRONOUS_FULL).map_err(|error| {
            let why = format!("cannot write {}: {error}", self.mark_path().display());
            rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
                Some(why),
            )
        })
    }

    fn read_mark_file(&self) -> Option<String> {
        fs::read_to_string(self.mark_path()).ok().filter(|mark| !mark.is_empty())
    }

    fn mark_path(&self) -> PathBuf {
        with_suffix(&self.resolved, "-mark")
    }

    fn write_mark(&self, mark: &str, is_synchronous: bool) -> io::Result<()> {
        // Replace the file in one step, so that a process that ends meanwhile leaves the former mark file or the new
        // one.
        let path = with_suffix(&self.resolved, &format!("-mark-{}", std::process::id()));
        let mut new = fs::File::create(&path)?;
        new.write_all(mark.as_bytes())?;
        if is_synchronous {
            new.sync_all()?;
        }
        fs::rename(&path, self.mark_path())?;
        if is_synchronous { sync_folder(&path) } else { Ok(()) }
    }
}

/// Creates a database file that only its owner may read, if it does not exist. SQLite gives the same permissions to
/// the files that it creates next to it.
pub(super) fn create_private(path: &Path) {
    #[cfg(unix)]
    if !is_in_memory(path) {
        use std::os::unix::fs::OpenOptionsExt;
        // If this fails, SQLite reports the reason when it opens the file.
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

/// Waits until the names of a directory's files are on the disk.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

/// Directories cannot be synchronized on these systems.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn identity(file: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (file.dev(), file.ino())
}

/// The standard library has no file identity on these systems. They do not let an open file be deleted or replaced
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
    fn backups_are_recognized_whenever_a_process_ended() {
        let path = std::env::temp_dir().join(format!("fanfare-marks-{}.db", std::process::id()));
        let mut connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)").unwrap();
        let file = DatabaseFile::find(&path).unwrap();
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
        fs::remove_file(file.mark_path()).unwrap();
        assert!(!file.has_own_mark(&connection).unwrap());
        drop(connection);
        fs::remove_file(&path).unwrap();
    }
}
