//! Where the definitions are.

use std::path::{Path, PathBuf};

/// The folder with the definitions, and other folders that they may refer to.
///
/// A path is enough where the definitions refer only to each other:
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
    pub(crate) referable: Vec<PathBuf>,
}

impl Schemas {
    /// The definitions in a folder and its subfolders.
    #[must_use]
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self { folder: folder.as_ref().to_owned(), referable: Vec::new() }
    }

    /// Lets `$ref`s read files of another folder and its subfolders. Without it, a `$ref` to a file outside of the
    /// definition folder is an error: messages of the compiler quote what they are about, and a definition could have
    /// them quote any file.
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
