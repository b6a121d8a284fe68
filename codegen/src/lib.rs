//! Compiles channel definitions to Rust, TypeScript and zod.
//!
//! The compiler parses definition files, checks them, and generates files in memory. Only [`Files::write`] and
//! [`compile`] write to disk. The command `fanfare`, a build script and this library produce the same bytes.
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

mod annotations;
mod asyncapi;
mod breaking;
mod compare;
mod compiled;
mod configuration;
mod definition;
mod diagnostics;
mod emit;
mod explain;
mod files;
mod infer;
mod lower;
mod model;
mod name;
mod names;

mod outputs;
mod reference;
mod schemas;
mod task;
mod verify;
mod versions;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use asyncapi::{Converted, LeftOut};
pub use breaking::{Category, Rule};
pub use compare::{Comparison, Deployment, Example, Finding, Level, Levels, SourceLocation};
use compiled::Compiled;
pub use configuration::{CONFIGURATION, Configuration};
use diagnostics::Report;
pub use explain::Stage;
pub use files::{Change, Files, write_all};
pub use outputs::{Extension, Language, Output, Style, TypeScript, Zod};
pub use schemas::Schemas;
use versions::{Release, Version};

/// Generates every output for the definitions in a folder.
///
/// # Errors
/// Returns [`Error::Definitions`] with all diagnostics if a definition is invalid.
pub fn generate(schemas: impl Into<Schemas>) -> Result<Files, Error> {
    generate_with(schemas, &TypeScript::default())
}

/// Like [`generate`], with options for TypeScript.
///
/// # Errors
/// Returns [`Error::Definitions`] with all diagnostics if a definition is invalid.
pub fn generate_with(schemas: impl Into<Schemas>, options: &TypeScript) -> Result<Files, Error> {
    Ok(emit::emit(&with_releases(&schemas.into())?.model, options))
}

/// Generates the outputs of a configuration, in its order.
///
/// # Errors
/// Returns [`Error::Definitions`] with all diagnostics if a definition is invalid, and [`Error::Io`] if the outputs do not
/// fit the definitions: a folder is inside another one, or there is no channel with a name.
pub fn generate_outputs(configuration: &Configuration) -> Result<Vec<Files>, Error> {
    let Configuration { schemas, outputs, .. } = configuration;
    outputs::check_folders(&schemas.folder, outputs)?;
    let model = with_releases(schemas)?.model;
    let known: Vec<&str> = model.channels.iter().map(|channel| channel.name.wire.as_str()).collect();
    outputs.iter().try_for_each(|output| outputs::check_channels(output, &known))?;
    Ok(emit::emit_outputs(&model, outputs))
}

/// Returns warnings about valid definitions that are probably mistakes, or `None` if there are none: unchecked formats,
/// keywords without effect, schemas that become any JSON value, and patterns on client input without `maxLength`.
///
/// # Errors
/// Returns [`Error::Definitions`] with all diagnostics if a definition is invalid.
pub fn lint(schemas: impl Into<Schemas>) -> Result<Option<Diagnostics>, Error> {
    let report = compiled(&schemas.into())?.report.into_warnings();
    Ok((!report.diagnostics.is_empty()).then_some(Diagnostics(report)))
}

/// Compiles the definitions in a folder to Rust. Call it from a build script; `fanfare::include_channels!()` includes the
/// result. Writes changed files to `OUT_DIR` and nothing else. Needs neither Node.js nor a network.
///
/// # Errors
/// Returns an error if a definition is invalid, if a file cannot be read or written, or if `OUT_DIR` is not set because
/// the caller is not a build script.
pub fn compile(schemas: impl Into<Schemas>) -> Result<(), Error> {
    let schemas = schemas.into();
    println!("cargo::rerun-if-changed={}", schemas.folder.display());
    let compiled = with_releases(&schemas)?;
    for path in compiled.paths() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let out = std::env::var_os("OUT_DIR").ok_or_else(|| {
        io::Error::other("OUT_DIR is not set; call `fanfare_codegen::compile` from a build script")
    })?;
    emit::emit_rust(&compiled.model).write(&Path::new(&out).join("fanfare"))?;
    Ok(())
}

/// Returns the JSON Schema of the definition format, for editors.
#[must_use]
pub fn format_schema() -> String {
    let mut schema = definition::format_schema();
    // Editors offer examples. Other formats are allowed, too.
    schema["definitions"]["Keywords"]["properties"]["format"]["examples"] =
        reference::known_formats().collect();
    format!("{schema:#}\n")
}

/// Returns what a stage of the compiler makes of one payload, such as `pipeline/status`: a topic, a signal, or `result`.
/// The text is for people; its format may change.
///
/// # Errors
/// Returns [`Error::Definitions`] if a definition is invalid, and [`Error::Io`] if there is no such payload.
pub fn explain(schemas: impl Into<Schemas>, stage: Stage, payload: &str) -> Result<String, Error> {
    let compiled = compiled(&schemas.into())?;
    let root = explain::find(compiled.model.channels.iter(), payload).ok_or_else(|| {
        io::Error::other(format!(
            "no payload `{payload}`: write `<channel>/<topic>`, such as `pipeline/status`"
        ))
    })?;
    let schema = compiled.schema_of(root);
    Ok(match stage {
        Stage::Lower => explain::lowered(&compiled.schemas, schema),
        Stage::Infer => explain::inferred(&compiled.schemas, schema),
        Stage::Name => explain::named(&compiled.model, root),
    })
}

/// Explains the code of a diagnostic, such as `E0009`, or the rule of a breaking change, such as `topic-removed`. Returns
/// `None` if there is no such code.
#[must_use]
pub fn explain_code(code: &str) -> Option<String> {
    explain::code(code)
}

/// Compares an earlier version of the definitions with the current one, and finds everything that the change breaks. The
/// earlier version is a folder, a definition file, a release, or a git revision of the current definitions.
///
/// # Errors
/// Returns [`Error::Definitions`] with all diagnostics if one of the versions is invalid, and [`Error::Io`] if there is no
/// such version.
pub fn compare(schemas: impl Into<Schemas>, against: &str, levels: &Levels) -> Result<Comparison, Error> {
    let schemas = schemas.into();
    let new = compiled(&schemas)?;
    let version = Version::open(against, &schemas)?;
    let old = compiled(&version.schemas).map_err(|error| error.in_version(against, &version))?;
    Ok(compare::compare(&old, &new, levels, &today()))
}

/// Records the definitions as a release, so that servers can tell pages of this release what changed since. Returns the
/// path of the file, which belongs into the repository.
///
/// # Errors
/// Returns [`Error::Definitions`] if a definition is invalid, and [`Error::Io`] if another release has this name.
pub fn release(schemas: impl Into<Schemas>, name: &str) -> Result<PathBuf, Error> {
    let schemas = schemas.into();
    let (definitions, report) = definition::read_folder(&schemas);
    let Compiled { model, report, .. } =
        Compiled::new(&definitions, report).map_err(|report| Error::Definitions(Diagnostics(report)))?;
    let names = model.channels.iter().map(|channel| channel.name.wire.clone());
    let channels = names.zip(emit::hash_channels(&model)).collect();
    let release = Release::new(name, &schemas, &definitions, &report.sources, channels)?;
    Ok(versions::write(&schemas.folder, &release)?)
}

/// Converts an AsyncAPI document of version 2 or 3 to a definition that [`generate`] accepts. If `is_client`, the document
/// describes a client of the server.
///
/// # Errors
/// Returns [`Error::Definitions`] if the file is not an AsyncAPI document, or contains no channel that a definition can
/// express.
pub fn import_asyncapi(
    document: &Path,
    allow_refs_to: &[PathBuf],
    is_client: bool,
) -> Result<Converted, Error> {
    let check = |text: &str| {
        let (definitions, report) = definition::read_unsaved(Path::new("imported.yaml"), text.to_owned());
        Compiled::new(&definitions, report).map_or_else(|report| report.diagnostics, |_| Vec::new())
    };
    asyncapi::import(document, allow_refs_to, is_client, &check)
        .map_err(|report| Error::Definitions(Diagnostics(report)))
}

/// Converts definitions to an AsyncAPI 3.0 document with a title and a version.
///
/// # Errors
/// Returns [`Error::Definitions`] with all diagnostics if a definition is invalid.
pub fn export_asyncapi(schemas: impl Into<Schemas>, title: &str, version: &str) -> Result<Converted, Error> {
    let schemas = schemas.into();
    let (definitions, report) = definition::read_folder(&schemas);
    let Compiled { model, report, .. } =
        Compiled::new(&definitions, report).map_err(|report| Error::Definitions(Diagnostics(report)))?;
    Ok(asyncapi::export(&model, &definitions, &report.sources, title, version))
}

/// Returns the tables of `docs/json-schema.md` as Markdown.
#[doc(hidden)]
#[must_use]
pub fn reference() -> String {
    reference::tables()
}

/// Returns the current date in UTC, such as `2026-12-31`.
fn today() -> String {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format_date(elapsed.as_secs() / 86_400)
}

/// Returns the date that is this number of days after 1970-01-01.
// A crate for dates would be a thirtieth of the time that a build script takes to compile.
fn format_date(days: u64) -> String {
    // The years start in March, so that a leap day is the last day of its year.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era + u64::from(month >= 10);
    let month = if month < 10 { month + 3 } else { month - 9 };
    format!("{year:04}-{month:02}-{day:02}")
}

/// Compiles the definitions, and compares them with their releases.
fn with_releases(schemas: &Schemas) -> Result<Compiled, Error> {
    let mut compiled = compiled(schemas)?;
    let releases = versions::read_all(&schemas.folder)?;
    if releases.is_empty() {
        return Ok(compiled);
    }
    let hashes = emit::hash_channels(&compiled.model);
    let names = compiled.model.channels.iter().map(|channel| channel.name.wire.clone());
    let current: HashMap<String, String> = names.zip(hashes.iter().cloned()).collect();
    for release in releases {
        // Pages of a channel that is gone cannot subscribe to it.
        let has_changed = |channel: &str| {
            current.get(channel).is_some_and(|hash| release.channels.get(channel) != Some(hash))
        };
        if !release.channels.keys().any(|channel| has_changed(channel)) {
            continue;
        }
        let version = release.unpack(has_changed)?;
        let old = Compiled::read(&version.schemas).map_err(|report| {
            Error::Definitions(Diagnostics(report)).in_version(&release.release, &version)
        })?;
        compare::add_release(&mut compiled, &hashes, &old, &release.channels);
    }
    Ok(compiled)
}

fn compiled(schemas: &Schemas) -> Result<Compiled, Error> {
    Compiled::read(schemas).map_err(|report| Error::Definitions(Diagnostics(report)))
}

/// An error of the compiler.
pub enum Error {
    /// A definition is invalid.
    Definitions(Diagnostics),
    /// A file or folder could not be read or written, or a call does not fit the definitions.
    Io(io::Error),
}

impl Error {
    /// Names the version instead of the temporary folder that it was written to.
    fn in_version(mut self, name: &str, version: &Version) -> Self {
        if let (Self::Definitions(Diagnostics(report)), Some(folder)) = (&mut self, &version.folder) {
            report.sources.relabel(folder.path(), &format!("{name}:"));
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Definitions(diagnostics) => write!(formatter, "{diagnostics}"),
            Self::Io(error) => write!(formatter, "{error}"),
        }
    }
}

/// Same as `Display`, because a build script's `main` prints errors with `Debug`.
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

/// All errors or warnings about the definitions.
#[derive(Debug, Default)]
pub struct Diagnostics(Report);

impl Diagnostics {
    /// Renders the diagnostics with the source lines that they refer to; with colours for a terminal.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        self.0.render(colours)
    }

    /// Returns `true` if there are no definitions, and nothing else is wrong.
    #[must_use]
    pub fn are_only_missing(&self) -> bool {
        let is_missing = |code: diagnostics::Code| {
            matches!(code, diagnostics::Code::NoDefinitions | diagnostics::Code::File)
        };
        self.0.diagnostics.iter().all(|diagnostic| is_missing(diagnostic.code()))
    }

    /// Prints the diagnostics as JSON: `{"diagnostics": [{"code", "level", "message", "path", "start", "end", "note", "help"}]}`.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.0.to_json()
    }

    /// Prints the diagnostics as commands that annotate files in a GitHub workflow.
    #[must_use]
    pub fn to_github(&self) -> String {
        self.0.to_github()
    }

    /// Prints the diagnostics in SARIF 2.1.0.
    #[must_use]
    pub fn to_sarif(&self) -> String {
        self.0.to_sarif()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

#[cfg(test)]
mod tests {
    use super::format_date;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let dates = [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_819, "2027-01-01")];
        for (days, date) in dates.into_iter().chain([(47_540, "2100-02-28"), (47_541, "2100-03-01")]) {
            assert_eq!(format_date(days), date);
        }
    }
}
