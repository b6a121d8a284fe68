//! The folders of definitions.

use std::path::{Path, PathBuf};

/// The folder with the definitions, and other folders that their `$ref`s may read from.
///
/// A path converts to `Schemas`, so it is enough unless definitions refer to files outside their folder:
///
/// ```no_run
/// // build.rs
/// use fanfare_codegen::Schemas;
///
/// fn main() -> Result<(), fanfare_codegen::Error> {
///     fanfare_codegen::compile(Schemas::new("schemas").allow_refs_to("../shared"))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Schemas {
    pub(crate) folder: PathBuf,
    /// The only file of the folder to compile, if it is not all.
    pub(crate) file: Option<PathBuf>,
    pub(crate) referable: Vec<PathBuf>,
}

impl Schemas {
    /// Uses the definitions in a folder and its subfolders.
    #[must_use]
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self { folder: folder.as_ref().to_owned(), file: None, referable: Vec::new() }
    }

    /// Returns the folders that may be read: that of the definitions, and those that `$ref`s may read from.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.folder.as_path()).chain(self.referable.iter().map(PathBuf::as_path))
    }

    /// Allows `$ref`s to files in another folder and its subfolders.
    ///
    /// Without it, a `$ref` to a file outside the definition folder is an error. Diagnostics quote source lines, so a
    /// definition could otherwise make the compiler print any file.
    #[must_use]
    pub fn allow_refs_to(mut self, folder: impl AsRef<Path>) -> Self {
        self.referable.push(folder.as_ref().to_owned());
        self
    }
}

impl<P: AsRef<Path>> From<P> for Schemas {
    fn from(folder: P) -> Self {
        Self::new(folder)
    }
}
