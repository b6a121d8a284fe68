//! Other versions of the definitions: in a folder, in a file, in a git revision, or as they were released.

mod git;
mod release;

use std::io;
use std::path::Path;

use tempfile::TempDir;

pub(crate) use release::{Release, read_all, write};

use crate::schemas::Schemas;

/// A version of the definitions on the disk.
pub(crate) struct Version {
    pub(crate) schemas: Schemas,
    /// The folder that the version was written to. It is removed with this value.
    pub(crate) folder: Option<TempDir>,
}

impl Version {
    /// Finds the version that a user names: a folder, a definition file, a release, or a git revision of the current
    /// definitions. A path takes precedence over a revision.
    pub(crate) fn open(name: &str, current: &Schemas) -> io::Result<Self> {
        let path = Path::new(name);
        if release::is_release(path) {
            return Release::read(path)?.unpack(|_| true);
        }
        if path.exists() {
            let file = path.is_file().then(|| path.to_owned());
            let parent = file.as_deref().and_then(Path::parent);
            let folder = parent.unwrap_or(path).to_owned();
            let schemas = Schemas { folder, file, referable: current.referable.clone() };
            return Ok(Self { schemas, folder: None });
        }
        git::check_out(name, current)
    }
}
