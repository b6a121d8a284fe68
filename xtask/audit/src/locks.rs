//! Finds the lock files of the project.

use std::path::{Path, PathBuf};

use crate::{Result, root};

/// Folders that are not part of the sources.
const SKIPPED: [&str; 3] = ["target", "node_modules", ".git"];

/// Returns the paths of all lock files with a name.
pub(crate) fn find(name: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    search(root(), name, &mut found)?;
    found.sort();
    Ok(found)
}

fn search(folder: &Path, name: &str, found: &mut Vec<PathBuf>) -> Result {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if !SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
                search(&entry.path(), name, found)?;
            }
        } else if entry.file_name() == name {
            found.push(entry.path());
        }
    }
    Ok(())
}
