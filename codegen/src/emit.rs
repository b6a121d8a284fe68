//! Generates files in memory from the model. Emitters cannot fail, and never see the definition files.

mod fingerprint;
mod json_schema;
mod keywords;
mod rust;
mod typescript;

use crate::model::Model;
use crate::output::Files;

/// Generates every output.
pub(crate) fn emit(model: &Model) -> Files {
    let fingerprints = fingerprint::hash_channels(model);
    let mut files = Files::default();
    for (path, text) in rust::emit(model, &fingerprints) {
        files.add(format!("rust/{path}"), text);
    }
    for (path, text) in typescript::emit(model, &fingerprints) {
        files.add(format!("typescript/{path}"), text);
    }
    for (path, text) in json_schema::emit(model) {
        files.add(format!("json-schema/{path}"), text);
    }
    files
}

/// Generates only the Rust files, for a build script.
pub(crate) fn emit_rust(model: &Model) -> Files {
    let mut files = Files::default();
    for (path, text) in rust::emit(model, &fingerprint::hash_channels(model)) {
        files.add(path, text);
    }
    files
}

/// Returns the header of a generated file. It contains no version and no time, so that files differ only after real
/// changes.
fn header<'s>(sources: impl IntoIterator<Item = &'s str>) -> String {
    let sources: Vec<&str> = sources.into_iter().collect();
    format!("{} {}. Do not edit.", crate::output::GENERATED_MARK, sources.join(", "))
}
