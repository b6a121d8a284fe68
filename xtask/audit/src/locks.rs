//! The lock files of the project.

use std::path::{Path, PathBuf};

use crate::{Result, root};

/// Folders that hold no part of the project.
const NOT_OURS: [&str; 3] = ["target", "node_modules", ".git"];

/// Returns all lock files with this name.
pub(crate) fn named(name: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    search(root(), name, &mut found)?;
    found.sort();
    Ok(found)
}

fn search(folder: &Path, name: &str, found: &mut Vec<PathBuf>) -> Result {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if !NOT_OURS.iter().any(|other| entry.file_name() == *other) {
                search(&entry.path(), name, found)?;
            }
        } else if entry.file_name() == name {
            found.push(entry.path());
        }
    }
    Ok(())
}
