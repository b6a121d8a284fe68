//! Paths and files in the workspace.

use crate::failure::{Failure, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Returns a path in the workspace.
pub(crate) fn in_root(path: impl AsRef<Path>) -> PathBuf {
    root().join(path)
}

/// Returns the path of a program that cargo built.
pub(crate) fn program(profile: &str, name: &str) -> PathBuf {
    target().join(profile).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Returns the target folder of cargo.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| in_root("target"), |path| root().join(path))
}

/// Reads a text file.
pub(crate) fn read_file(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| Failure::at(path, &error))
}

/// Writes a text file, and creates its folder.
pub(crate) fn write_file(path: &Path, text: &str) -> Result {
    path.parent().map_or(Ok(()), create_folder)?;
    fs::write(path, text).map_err(|error| Failure::at(path, &error))
}

/// Creates a folder, if it does not exist.
pub(crate) fn create_folder(path: &Path) -> Result {
    fs::create_dir_all(path).map_err(|error| Failure::at(path, &error))
}

/// Creates an empty folder. Deletes the folder first, if it exists.
pub(crate) fn create_empty_folder(path: &Path) -> Result {
    if path.exists() {
        fs::remove_dir_all(path).map_err(|error| Failure::at(path, &error))?;
    }
    create_folder(path)
}

/// Deletes a SQLite file and the files that belong to it.
pub(crate) fn delete_database(path: &Path) {
    for suffix in ["", "-wal", "-shm", "-mark"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        // The file may not exist.
        let _ = fs::remove_file(file);
    }
}
