//! Generates files in memory from the model. Emitters cannot fail, and never see the definition files.

mod fingerprint;
mod json_schema;
mod keywords;
mod printed;
mod rust;
mod selection;
mod typescript;
mod versions;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use fingerprint::hash_channels;
use fingerprint::hash_channels_of;
pub(crate) use json_schema::{print_rules as rules_json, to_schema as type_json};
use printed::{ByModule, Printed};
pub(crate) use rust::{is_newtype, rust_type};
use serde_json::Value;
pub(crate) use typescript::typescript_type;
use versions::{Key, Versions};

use crate::files::Files;
use crate::model::{Model, Rules, RulesId, TypeId};
use crate::outputs::{Language, Output, TypeScript};
use crate::task::Task;

/// Generates Rust, TypeScript and JSON Schema, each in a folder of its own.
pub(crate) fn emit(model: &Model, options: &TypeScript) -> Files {
    let output = |language, folder: &str| Output { language, folder: folder.into(), channels: None };
    let outputs = [
        output(Language::Rust, "rust"),
        output(Language::TypeScript(options.clone()), "typescript"),
        output(Language::JsonSchema, "json-schema"),
    ];
    let mut files = Files::default();
    for (output, texts) in outputs.iter().zip(emit_outputs(model, &outputs, &mut Emitted::default())) {
        for (path, text) in texts.into_texts() {
            files.add(format!("{}/{path}", output.folder.display()), text);
        }
    }
    files
}

/// The results of the previous run, which are used again as far as their modules did not change.
#[derive(Debug, Default)]
pub(crate) struct Emitted {
    versions: Versions,
    fingerprints: ByModule<Vec<String>>,
    /// By output.
    outputs: Vec<EmittedOutput>,
}

#[derive(Debug)]
struct EmittedOutput {
    output: Output,
    /// The versions of the selected channels, if the output does not have all.
    versions: Versions,
    printed: ByModule<Printed>,
}

/// Generates outputs. Their paths are relative to their folders.
pub(crate) fn emit_outputs(model: &Model, outputs: &[Output], emitted: &mut Emitted) -> Vec<Files> {
    let keys = emitted.versions.keys(model);
    let fingerprints = emitted.fingerprints.update(model, &keys, |modules| {
        modules.iter().map(|module| hash_channels_of(model, *module)).collect()
    });
    let mut fingerprints: Vec<_> = fingerprints.iter().map(|hashes| hashes.iter()).collect();
    let fingerprints: Vec<String> =
        model.channels.iter().filter_map(|channel| fingerprints[channel.module].next().cloned()).collect();
    let mut before = std::mem::take(&mut emitted.outputs);
    let mut take = |output: &Output| {
        let same = before.iter().position(|before| before.output == *output);
        let new = || EmittedOutput {
            output: output.clone(),
            versions: Versions::default(),
            printed: ByModule::default(),
        };
        same.map_or_else(new, |at| before.swap_remove(at))
    };
    let states: Vec<Mutex<EmittedOutput>> = outputs.iter().map(|output| Mutex::new(take(output))).collect();
    let (keys, fingerprints) = (&keys, &fingerprints);
    let emit: Vec<_> = states
        .iter()
        .map(|state| {
            move || {
                emit_output(
                    model,
                    fingerprints,
                    keys,
                    &mut state.lock().unwrap_or_else(PoisonError::into_inner),
                )
            }
        })
        .collect();
    let files = std::thread::scope(|scope| {
        let tasks: Vec<_> = emit.iter().map(|emit| Task::start(scope, emit)).collect();
        tasks.into_iter().map(Task::join).collect()
    });
    emitted.outputs =
        states.into_iter().map(|state| state.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
    files
}

fn emit_output(model: &Model, fingerprints: &[String], keys: &[Key], emitted: &mut EmittedOutput) -> Files {
    let EmittedOutput { output, versions, printed } = emitted;
    let selected = output.channels.as_deref().map(|names| selection::select(model, fingerprints, names));
    let selected_keys = selected.as_ref().map(|(model, _)| versions.keys(model));
    let (model, fingerprints) = match &selected {
        Some((model, fingerprints)) => (model, fingerprints.as_slice()),
        None => (model, fingerprints),
    };
    let all =
        printed.update(model, selected_keys.as_deref().unwrap_or(keys), |modules| match &output.language {
            Language::Rust => rust::print(model, fingerprints, modules),
            Language::TypeScript(options) => typescript::print(model, fingerprints, options, modules),
            Language::JsonSchema => json_schema::print(model, modules),
        });
    let all: Vec<&Printed> = all.iter().map(|printed| &**printed).collect();
    let shared = match &output.language {
        Language::Rust => rust::finish(model, &all),
        Language::TypeScript(options) => typescript::finish(model, options, &all),
        Language::JsonSchema => Vec::new(),
    };
    let mut files = Files::default();
    for (path, text) in all.into_iter().flat_map(|printed| &printed.files).chain(&shared) {
        files.add(path.clone(), Arc::clone(text));
    }
    files.own_folder()
}

/// Generates only the Rust files, for a build script.
pub(crate) fn emit_rust(model: &Model) -> Files {
    let output = Output { language: Language::Rust, folder: PathBuf::new(), channels: None };
    let files = emit_outputs(model, &[output], &mut Emitted::default()).pop();
    files.map(Files::share_folder).unwrap_or_default()
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
