//! Checks a file, before servers use it or meanwhile. Nothing here creates, migrates or changes anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags};

use super::Sqlite;
use super::database_file::DatabaseFile;
use super::schema::{FileError, Tables, VERSION, inspect};
use crate::storage::check::StorageReport;

#[cfg(unix)]
mod disk;
#[cfg(all(test, unix))]
mod tests;

/// The maximum number of damages to report.
const MAX_DAMAGES: usize = 3;

/// The number of attempts to read a file while no server has it open.
const ATTEMPTS: usize = 3;

impl Sqlite {
    /// Checks a file instead of opening it: whether servers can read and write it, its file system and the free space,
    /// the version of its tables, damage, and whether it is a restored backup. It changes nothing, so servers may be
    /// using the file. The exception is a copy that has its `-wal` file, but not its `-shm` file: SQLite creates that.
    ///
    /// It reads the whole file, and blocks the thread meanwhile. If a server starts during the check, it reads the file
    /// again.
    pub fn check(path: impl AsRef<Path>) -> StorageReport {
        let (path, mut report) = (path.as_ref(), StorageReport::default());
        let folder = match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            folder => folder.unwrap_or(Path::new(".")),
        };
        if !folder.is_dir() {
            let message = format!("the folder {} does not exist", folder.display());
            report.fail("file", message, "create it, or correct the path");
            return report;
        }
        #[cfg(unix)]
        disk::check(path, folder, &mut report);
        if !path.exists() {
            report.ok("file", format!("the first server will create {}", path.display()));
        } else if let Err(error) = check_content(path, &mut report) {
            let help = match error {
                FileError::Sqlite(_) => {
                    "correct the path; docs/storage.md describes how to repair a damaged file"
                }
                FileError::ForeignDatabase => "choose another file",
                _ => "use the version of Fanfare that matches the file",
            };
            report.fail("tables", error.to_string(), help);
        }
        report
    }
}

/// The signs that a server has opened or written a file.
#[derive(PartialEq, Eq)]
struct FileState {
    /// Whether its write-ahead log exists, which it does while a server has the file open.
    is_open: bool,
    bytes_and_time: Option<(u64, Option<SystemTime>)>,
}

impl FileState {
    fn read(path: &Path) -> Self {
        let metadata = fs::metadata(path).ok();
        Self {
            is_open: with_suffix(path, "-wal").exists(),
            bytes_and_time: metadata.map(|metadata| (metadata.len(), metadata.modified().ok())),
        }
    }
}

fn check_content(path: &Path, report: &mut StorageReport) -> Result<(), FileError> {
    for _ in 0..ATTEMPTS {
        let before = FileState::read(path);
        if before.is_open {
            break;
        }
        let mut found = StorageReport::default();
        let outcome = check_database(path, false, &mut found);
        // If a server has changed pages meanwhile, the file can look damaged.
        if FileState::read(path) == before {
            report.findings.append(&mut found.findings);
            return outcome;
        }
    }
    check_database(path, true, report)
}

fn check_database(path: &Path, is_open: bool, report: &mut StorageReport) -> Result<(), FileError> {
    let connection = open(path, is_open)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    match inspect(&connection)? {
        Tables::Missing => report.ok("tables", "the first server will create the tables"),
        Tables::Current => report.ok("tables", format!("the tables have version {VERSION}")),
        Tables::Earlier(version) => report.warn(
            "tables",
            format!("the first server will migrate the tables from version {version} to {VERSION}"),
            "make a backup, and stop all servers of the earlier version before you start the first new one",
        ),
    }
    let damages: Vec<String> = connection
        .prepare(&format!("PRAGMA quick_check({MAX_DAMAGES})"))?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    if damages == ["ok"] {
        report.ok("damage", "the file is not damaged");
    } else {
        report.fail(
            "damage",
            format!("the file is damaged: {}", damages.join("; ").replace('\n', " ")),
            "stop the servers, and restore a backup, or recover the rows as docs/storage.md describes",
        );
    }
    // While servers run, they change the mark.
    if !is_open
        && let Some(file) = DatabaseFile::find(path)
        && has_marks(&connection)?
        && !file.has_own_mark(&connection)?
    {
        report.warn(
            "backup",
            "the file is a restored backup or a copy, so all channels begin new epochs and clients receive a gap",
            "if you copied or moved the file, copy the file that ends with `-mark`, too",
        );
    }
    Ok(())
}

/// Returns whether the file has the table that holds its mark.
fn has_marks(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'facts'";
    connection.query_row(sql, [], |row| Ok(row.get::<_, i64>(0)? > 0))
}

/// Opens a file for reading. If no process has it open, SQLite would create files next to it, so this opens it as
/// immutable, without locks.
fn open(path: &Path, is_open: bool) -> rusqlite::Result<Connection> {
    if is_open {
        return Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    }
    let mut uri = String::from("file:");
    for character in path.to_string_lossy().chars() {
        match character {
            '%' | '?' | '#' => uri.push_str(&format!("%{:02X}", u32::from(character))),
            _ => uri.push(character),
        }
    }
    uri.push_str("?immutable=1");
    Connection::open_with_flags(uri, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
