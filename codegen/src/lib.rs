//! Compiles channel definitions into Rust, TypeScript and zod.
//!
//! Stages are values: text becomes a definition, a checked model, and files in memory. Only [`Files::write`] touches
//! the disk. The command `fanfare`, a build script and this library give the same bytes.
//!
//! ```no_run
//! // build.rs
//! fn main() -> Result<(), fanfare_codegen::Error> {
//!     fanfare_codegen::compile("schemas")
//! }
//! ```
//!
//! ```ignore
//! // lib.rs
//! fanfare::include_channels!();
//! ```

mod check;
mod definition;
mod diagnostics;
mod emit;
mod model;
mod names;
mod output;
mod reference;
mod schemas;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use diagnostics::Report;
pub use output::{Change, Files};
pub use schemas::Schemas;

/// Generates every output for the definitions in a folder.
///
/// # Errors
/// [`Error::Definitions`] with all diagnostics when a definition is wrong.
pub fn generate(schemas: impl Into<Schemas>) -> Result<Files, Error> {
    let (model, _) = model(&schemas.into())?;
    Ok(emit::emit(&model))
}

/// Looks for what is allowed and probably not meant: formats that nobody checks, keywords that bind nothing, types that
/// become any JSON value. None where there is nothing of that kind.
///
/// # Errors
/// [`Error::Definitions`] with all diagnostics when a definition is wrong.
pub fn lint(schemas: impl Into<Schemas>) -> Result<Option<Diagnostics>, Error> {
    let (_, inputs) = model(&schemas.into())?;
    let report = inputs.report.into_warnings();
    Ok((!report.diagnostics.is_empty()).then_some(Diagnostics(report)))
}

/// Compiles the definitions in a folder to Rust, for a build script: `fanfare::include_channels!()` includes the
/// result. Writes to `OUT_DIR` only, and only what changed; needs no Node and no network.
///
/// # Errors
/// When a definition is wrong, or when this is not called from a build script.
pub fn compile(schemas: impl Into<Schemas>) -> Result<(), Error> {
    let schemas = schemas.into();
    println!("cargo::rerun-if-changed={}", schemas.folder.display());
    let (model, inputs) = model(&schemas)?;
    for path in inputs.paths() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let out = std::env::var_os("OUT_DIR")
        .ok_or_else(|| io::Error::other("OUT_DIR is not set: call this from build.rs"))?;
    emit::emit_rust(&model).write(&Path::new(&out).join("fanfare"))?;
    Ok(())
}

/// The JSON Schema of the definition format, for editors.
#[must_use]
pub fn format_schema() -> String {
    format!("{:#}\n", definition::format_schema())
}

/// What was read on the way to a model, and found.
struct Inputs {
    report: Report,
    folders: Vec<PathBuf>,
}

impl Inputs {
    /// The files and folders that were read.
    fn paths(&self) -> impl Iterator<Item = &Path> {
        self.report.sources.paths().chain(self.folders.iter().map(PathBuf::as_path))
    }
}

/// What JSON Schema means here, as Markdown tables for the documentation.
#[doc(hidden)]
#[must_use]
pub fn reference() -> String {
    reference::tables()
}

/// Definitions to their meaning.
fn model(schemas: &Schemas) -> Result<(model::Model, Inputs), Error> {
    let (definitions, mut report) = definition::read_folder(&schemas.folder, &schemas.referable);
    match check::check(&definitions, &mut report) {
        Some(model) => Ok((model, Inputs { report, folders: definitions.folders })),
        None => Err(Error::Definitions(Diagnostics(report))),
    }
}

/// Why nothing was generated.
pub enum Error {
    /// The definitions are wrong.
    Definitions(Diagnostics),
    /// A file or folder could not be read or written.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Definitions(diagnostics) => write!(formatter, "{diagnostics}"),
            Self::Io(error) => write!(formatter, "{error}"),
        }
    }
}

/// A build script's `main` prints errors in this form, so it is the one for people.
impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\n{self}")
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// All that is wrong with the definitions.
#[derive(Debug)]
pub struct Diagnostics(Report);

impl Diagnostics {
    /// The diagnostics as text, with the source lines they are about; with colours for a terminal.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        self.0.render(colours)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}
