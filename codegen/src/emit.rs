//! Generates files in memory from the model. Emitters cannot fail, and never see the definition files.

mod fingerprint;
mod json_schema;
mod keywords;
mod rust;
mod selection;
mod typescript;

pub(crate) use fingerprint::hash_channels;
pub(crate) use json_schema::{print_rules as rules_json, to_schema as type_json};
pub(crate) use rust::{is_newtype, rust_type};
use serde_json::Value;
pub(crate) use typescript::typescript_type;

use crate::files::Files;
use crate::model::{Model, Rules, RulesId, TypeId};
use crate::outputs::{Language, Output, TypeScript};
use crate::task::Task;

/// Generates Rust, TypeScript and JSON Schema, each in a folder of its own.
pub(crate) fn emit(model: &Model, options: &TypeScript) -> Files {
    let fingerprints = hash_channels(model);
    let mut files = Files::default();
    let emit_typescript = || typescript::emit(model, &fingerprints, options);
    let emit_schemas = || json_schema::emit(model);
    std::thread::scope(|scope| {
        let typescript = Task::start(scope, &emit_typescript);
        let schemas = Task::start(scope, &emit_schemas);
        for (path, text) in rust::emit(model, &fingerprints) {
            files.add(format!("rust/{path}"), text);
        }
        for (path, text) in typescript.join() {
            files.add(format!("typescript/{path}"), text);
        }
        for (path, text) in schemas.join() {
            files.add(format!("json-schema/{path}"), text);
        }
    });
    files
}

/// Generates outputs. Their paths are relative to their folders.
pub(crate) fn emit_outputs(model: &Model, outputs: &[Output]) -> Vec<Files> {
    let fingerprints = hash_channels(model);
    let emit: Vec<_> = outputs.iter().map(|output| || emit_output(model, &fingerprints, output)).collect();
    std::thread::scope(|scope| {
        let tasks: Vec<_> = emit.iter().map(|emit| Task::start(scope, emit)).collect();
        tasks.into_iter().map(Task::join).collect()
    })
}

fn emit_output(model: &Model, fingerprints: &[String], output: &Output) -> Files {
    let selected = output.channels.as_deref().map(|names| selection::select(model, fingerprints, names));
    let (model, fingerprints) = match &selected {
        Some((model, fingerprints)) => (model, fingerprints.as_slice()),
        None => (model, fingerprints),
    };
    let texts = match &output.language {
        Language::Rust => rust::emit(model, fingerprints),
        Language::TypeScript(options) => typescript::emit(model, fingerprints, options),
        Language::JsonSchema => json_schema::emit(model),
    };
    let mut files = Files::default();
    for (path, text) in texts {
        files.add(path, text);
    }
    files.own_folder()
}

/// Generates only the Rust files, for a build script.
pub(crate) fn emit_rust(model: &Model) -> Files {
    let mut files = Files::default();
    for (path, text) in rust::emit(model, &hash_channels(model)) {
        files.add(path, text);
    }
    files
}

/// Returns the header of a generated file. It contains no version and no time, so that files differ only after real
/// changes.
fn header<'s>(sources: impl IntoIterator<Item = &'s str>) -> String {
    let sources: Vec<&str> = sources.into_iter().collect();
    format!("{} {}. Do not edit.", crate::files::GENERATED_MARK, sources.join(", "))
}

/// Returns a schema as JSON, with references printed by `reference`.
pub(crate) fn schema_json(rules: &Rules, reference: &dyn Fn(RulesId) -> String) -> Value {
    json_schema::print_keywords(&keywords::to_keywords(rules), reference)
}

/// Returns the names and the TypeScript of a type, and of all types that it refers to.
pub(crate) fn describe_types(model: &Model, root: TypeId) -> String {
    typescript::describe_types(model, root)
}
