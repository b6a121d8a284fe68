//! Helpers for tests with cases: lists the folders, and compares files with the expected ones or, with `UPDATE=1`, writes
//! them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use similar::TextDiff;

/// The command that accepts the differences.
const UPDATE: &str = "UPDATE=1 cargo test -p fanfare-tests --test compiler";

/// Files by their path, with `/` between folders.
pub(crate) type Texts = BTreeMap<String, String>;

/// The case folders of a kind of test, by name. Paths are relative to this package, so that expected files contain no
/// absolute paths.
pub(crate) fn cases(kind: &str) -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = std::fs::read_dir(kind)
        .unwrap_or_else(|error| panic!("{kind}: {error}"))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.is_dir())
        .map(|path| (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), path))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "tests/{kind} contains no case");
    found
}

/// The differences from the expected files.
#[derive(Default)]
pub(crate) struct Differences(Vec<String>);

impl Differences {
    /// Compares a text with a file, or writes the file.
    pub(crate) fn file(&mut self, path: &Path, actual: &str) {
        let expected = std::fs::read_to_string(path).ok();
        if expected.as_deref() == Some(actual) {
            return;
        }
        if updating() {
            write(path, actual);
            return;
        }
        self.0.push(match expected {
            None => format!("{} is missing", path.display()),
            Some(expected) => {
                let header = path.display().to_string();
                TextDiff::from_lines(expected.as_str(), actual)
                    .unified_diff()
                    .header(&header, "actual")
                    .to_string()
            }
        });
    }

    /// Compares the part of a document between two comments that name it, or writes it.
    pub(crate) fn section(&mut self, path: &Path, name: &str, content: &str) {
        let document = std::fs::read_to_string(path).unwrap_or_default();
        let (start, end) =
            (format!("<!-- {name}: written by `{UPDATE}` -->\n"), format!("<!-- end of {name} -->"));
        let Some((before, after)) =
            document.split_once(&start).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)))
        else {
            return self.note(format!(
                "{} should contain `{}` and `{end}`",
                path.display(),
                start.trim_end()
            ));
        };
        self.file(path, &format!("{before}{start}\n{content}\n{end}{after}"));
    }

    /// Compares files with all files of a folder, or replaces the contents of the folder.
    pub(crate) fn folder(&mut self, folder: &Path, actual: &Texts) {
        for (path, text) in actual {
            self.file(&folder.join(path), text);
        }
        for orphan in files_below(folder).into_iter().filter(|path| !actual.contains_key(path)) {
            let orphan = folder.join(orphan);
            if updating() {
                std::fs::remove_file(&orphan).expect("an orphan that can be removed");
            } else {
                self.0.push(format!("{} is an orphan: it is no longer generated", orphan.display()));
            }
        }
    }

    /// Adds a failure that `UPDATE=1` does not resolve.
    pub(crate) fn note(&mut self, text: String) {
        self.0.push(text);
    }

    pub(crate) fn fail_if_any(self) {
        let count = self.0.len();
        assert!(
            count == 0,
            "{count} differences:\n\n{}\n\nTo accept them, run `{UPDATE}` and review the diff.\n",
            self.0.join("\n\n")
        );
    }
}

/// The paths of all files in a folder and its subfolders, relative to the folder and sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(current) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&current) else { continue };
        for path in entries.map(|entry| entry.expect("a readable folder").path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(
                    path.strip_prefix(folder).expect("a path below").to_string_lossy().replace('\\', "/"),
                );
            }
        }
    }
    found.sort();
    found
}

fn updating() -> bool {
    std::env::var_os("UPDATE").is_some_and(|value| value != "0")
}

pub(crate) fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder that can be made");
    std::fs::write(path, text).expect("a file that can be written");
}

/// A folder that is removed at the end of a test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let unique = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("compiler-{name}-{unique}"));
        std::fs::create_dir_all(&path).expect("a folder that can be made");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, path: &str, bytes: &[u8]) {
        std::fs::write(self.0.join(path), bytes).expect("a file that can be written");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
