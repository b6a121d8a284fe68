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
mod error;
mod explain;
mod files;
mod generator;
mod infer;
mod lower;
mod model;
mod name;
mod names;
mod outputs;
mod reference;
mod schemas;
mod stale;
mod tables;
mod task;
mod verify;
mod versions;

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use asyncapi::{Converted, LeftOut};
pub use breaking::{Category, Rule};
pub use compare::{Comparison, Deployment, Example, Finding, Level, Levels, SourceLocation};
use compiled::Compiled;
pub use configuration::{CONFIGURATION, Configuration, Server};
use definition::ParsedFiles;
pub use error::{Diagnostics, Error};
pub use explain::Stage;
pub use files::{Change, Files, write_all};
pub use generator::Generator;
pub use outputs::{Extension, Language, Output, Style, TypeScript, Zod};
pub use schemas::Schemas;
pub use stale::StaleFiles;
pub use tables::{
    AddressPart, ChangedPart, ChannelTables, ParamTable, ReleasedChange, ReleasedChannel, SignalTable,
    TopicTable,
};
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
    Ok(emit::emit(&generator::with_releases(&schemas.into(), &mut ParsedFiles::default())?.model, options))
}

/// Generates the outputs of a configuration, in its order.
///
/// # Errors
/// Returns [`Error::Definitions`] with all diagnostics if a definition is invalid, and [`Error::Io`] if the outputs do not
/// fit the definitions: a folder is inside another one, or there is no channel with a name.
pub fn generate_outputs(configuration: &Configuration) -> Result<Vec<Files>, Error> {
    Generator::default().generate(configuration)
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
    let compiled = generator::with_releases(&schemas, &mut ParsedFiles::default())?;
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

/// Returns the JSON Schema of `fanfare.yaml`, for editors.
///
/// ```
/// assert!(fanfare_codegen::configuration_schema().contains("\"outputs\""));
/// ```
#[must_use]
pub fn configuration_schema() -> String {
    format!("{:#}\n", configuration::configuration_schema())
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

/// Explains the code of a diagnostic, such as `E0009`, with an example and its correction, or the rule of a breaking change,
/// such as `topic-removed`. The text is Markdown. Returns `None` if there is no such code.
///
/// ```
/// let text = fanfare_codegen::explain_code("E0005").expect("the code exists");
/// assert!(text.contains("minLenght"));
/// ```
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
    let old = compiled(&version.schemas).map_err(|error| error.in_version(against, &version, &schemas))?;
    Ok(compare::compare(&old, &new, levels, &today()))
}

/// Records the definitions as a release, so that servers can tell pages of this release what changed since. Returns the
/// path of the file, which belongs into the repository.
///
/// # Errors
/// Returns [`Error::Definitions`] if a definition is invalid, and [`Error::Io`] if another release has this name.
pub fn release(schemas: impl Into<Schemas>, name: &str) -> Result<PathBuf, Error> {
    let schemas = schemas.into();
    let (definitions, report) = definition::read_folder(&schemas, &mut ParsedFiles::default());
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
    let (definitions, report) = definition::read_folder(&schemas, &mut ParsedFiles::default());
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

/// Returns the explanations of `docs/diagnostics.md` as Markdown.
#[doc(hidden)]
#[must_use]
pub fn diagnostics_reference() -> String {
    reference::diagnostics()
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

fn compiled(schemas: &Schemas) -> Result<Compiled, Error> {
    Compiled::read(schemas, &mut ParsedFiles::default())
        .map_err(|report| Error::Definitions(Diagnostics(report)))
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
