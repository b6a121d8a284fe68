//! The file as the file system has it: whether it is still the one that was opened, and whether it was replaced by
//! an earlier copy of itself while it was closed.
//!
//! Next to `app.db` is a file `app.db-mark`. It holds a random id that the database holds, too. Both get a new id
//! whenever the database is opened, and again while messages are published. A backup has an earlier id, so if it
//! takes the place of the database, the ids differ when it is opened. Then all channels begin a new epoch: the
//! backup does not know which ids were given to messages after it was made.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Result, Transaction};

/// The fact that holds the id.
const MARK: &str = "mark";

#[derive(Debug)]
pub(super) struct File {
    /// The path that it was opened with. A symbolic link in it may come to lead to another file.
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
        Ok(self.mark_beside() == mark_in(connection)? || bug!(BackupIgnored))
    }

    fn mark_beside(&self) -> Option<String> {
        fs::read_to_string(self.mark()).ok()
    }

    /// Gives the database and the file next to it a new id. Returns the former one of the file next to it.
    fn renew_mark(&self, connection: &Connection) -> Result<Option<String>> {
        let former = self.mark_beside();
        let mark = format!("{:032x}", rand::random::<u128>());
        self.write_mark(&mark).map_err(|error| {
            let why = format!("cannot write {}: {error}", self.mark().display());
            rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
                Some(why),
            )
        })?;
        let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO facts VALUES (?1, ?2)")?;
        statement.execute([MARK, &mark])?;
        Ok(former)
    }

    /// Puts back the id that was next to the database. If that is another than the database has, the next process to
    /// open it must see so.
    fn restore_mark(&self, former: Option<String>) {
        let restored = match former {
            Some(former) => self.write_mark(&former),
            None => fs::remove_file(self.mark()),
        };
        if let Err(error) = restored {
            tracing::warn!(%error, "all channels will begin a new epoch when the storage is opened next");
        }
    }

    fn mark(&self) -> PathBuf {
        with_suffix(&self.resolved, "-mark")
    }

    fn write_mark(&self, mark: &str) -> io::Result<()> {
        // In one step: a process that ends meanwhile leaves the former file or the new one.
        let new = with_suffix(&self.resolved, &format!("-mark-{}", std::process::id()));
        fs::write(&new, mark)?;
        fs::rename(&new, self.mark())
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

/// Returns whether a path names a database that exists in memory only, or a URI.
#[cfg(unix)]
fn is_in_memory(path: &Path) -> bool {
    path.as_os_str().is_empty()
        || [":memory:", "file:"].iter().any(|name| path.to_string_lossy().starts_with(name))
}

/// Gives the database and the file next to it a new id in a transaction of `transact`, which calls what it is given
/// last. No process ever sees the one without the other.
pub(super) fn with_new_mark<T, E>(
    file: Option<&File>,
    transact: impl FnOnce(&mut dyn FnMut(&Transaction<'_>) -> Result<()>) -> Result<T, E>,
) -> Result<T, E> {
    let mut former = None;
    let result = transact(&mut |transaction| {
        if let Some(file) = file {
            former = Some(file.renew_mark(transaction)?);
        }
        Ok(())
    });
    if let (Err(_), Some(file), Some(former)) = (&result, file, former) {
        file.restore_mark(former);
    }
    result
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn mark_in(connection: &Connection) -> Result<Option<String>> {
    let mut statement = connection.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
    statement.query_row([MARK], |row| row.get(0)).optional()
}

#[cfg(unix)]
fn identity(file: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (file.dev(), file.ino())
}

/// The standard library does not tell. A file that is open cannot be deleted or replaced on these systems anyway.
#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> Identity {
    (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_still_noticed_after_a_start_that_failed() {
        let path = std::env::temp_dir().join(format!("fanfare-marks-{}.db", std::process::id()));
        let mut connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)").unwrap();
        let file = File::opened(&path).unwrap();
        let renew = |connection: &mut Connection, is_committed: bool| {
            with_new_mark(Some(&file), |renew| {
                let transaction = connection.transaction()?;
                renew(&transaction)?;
                if is_committed { transaction.commit() } else { Err(rusqlite::Error::InvalidQuery) }
            })
        };
        renew(&mut connection, true).unwrap();
        renew(&mut connection, false).unwrap_err();
        assert!(file.has_own_mark(&connection).unwrap());
        connection.execute("UPDATE facts SET value = 'of the backup'", []).unwrap();
        renew(&mut connection, false).unwrap_err();
        assert!(!file.has_own_mark(&connection).unwrap());
        renew(&mut connection, true).unwrap();
        assert!(file.has_own_mark(&connection).unwrap());
        drop(connection);
        fs::remove_file(&path).unwrap();
        fs::remove_file(file.mark()).unwrap();
    }
}
