//! Definitions: any text compiles to the same output each time, or is refused with an error.

use std::fs;
use std::path::{Path, PathBuf};

use fanfare_codegen::{Error, generate, lint};

pub(crate) fn check(input: &[u8]) {
    // The extension decides whether it is read as JSON.
    let name = if input.first() == Some(&b'{') { "f.json" } else { "f.yaml" };
    let folder = Folder::new();
    fs::write(folder.0.join(name), input).expect("a file in memory");
    check_folder(&folder.0);
}

fn check_folder(folder: &Path) {
    match generate(folder) {
        Ok(files) => {
            assert!(files.iter().next().is_some(), "nothing was generated");
            let again = generate(folder).unwrap_or_else(|error| panic!("refused the second time: {error}"));
            assert!(files.iter().eq(again.iter()), "the output differs the second time");
            assert!(lint(folder).is_ok(), "generate and lint disagree");
        }
        Err(Error::Definitions(diagnostics)) => {
            assert!(diagnostics.render(false).contains("error"), "refused without an error");
        }
        Err(Error::Io(error)) => panic!("{error}"),
    }
}

/// The folder that the compiler reads, in memory if possible.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let memory = PathBuf::from("/dev/shm");
        let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let folder = parent.join(format!("fanfare-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder in memory");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // If this fails, only the files of one definition remain.
        let _ = fs::remove_dir_all(&self.0);
    }
}
