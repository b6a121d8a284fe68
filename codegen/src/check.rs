//! Turns definitions into the model. Finds every error and reports all of them together.

mod addresses;
mod alternatives;
mod arrays;
mod channels;
mod collisions;
mod limits;
mod nameless;
mod naming;
mod objects;
mod recursion;
mod references;
mod rules;
mod shapes;
mod types;
mod unlimited;
mod words;

pub(crate) use limits::{INTEGER_FORMATS, UNCHECKED_FORMATS};

use crate::definition::{DefinitionFile, Definitions, refuse_unknown};
use crate::diagnostics::{Code, Diagnostic, Place, Report};
use crate::model::{Model, Module};

/// Checks all definitions and returns their model, or adds the errors to the report.
pub(crate) fn check(definitions: &Definitions, report: &mut Report) -> Option<Model> {
    let modules = modules(definitions, report);
    let mut types = types::Types::new(definitions, &report.sources);
    for definition in &definitions.files {
        check_file(&definition.file, &Place::root(definition.source), &mut types.diagnostics);
    }
    types.model.modules = modules;
    types.declare_definitions();
    let channels = channels::declare(&mut types);
    types.convert_all();
    let types::Types { mut model, diagnostics, mut places, nameless, places_of_rules, .. } = types;
    let (mut warnings, mut diagnostics): (Vec<_>, Vec<_>) =
        diagnostics.into_iter().partition(Diagnostic::is_warning);
    model.channels = channels.channels;
    nameless::remove(&mut model, &mut places, &nameless);
    recursion::refuse_endless(&model, &places, &places_of_rules, &mut diagnostics);
    collisions::check(&model, &places, &channels.places, &mut diagnostics);
    addresses::refuse_overlaps(&model.channels, &channels.places, &mut diagnostics);
    if diagnostics.is_empty() && report.diagnostics.is_empty() {
        alternatives::find_tags(&mut model, &places, &mut diagnostics);
        recursion::analyse(&mut model, &places, &mut diagnostics);
    }
    warnings.extend(unlimited::warn(&model, &places, &channels.places));
    let clean = diagnostics.is_empty() && report.diagnostics.is_empty();
    add_new(&mut report.diagnostics, diagnostics);
    add_new(&mut report.warnings, warnings);
    clean.then_some(model)
}

/// Adds diagnostics without duplicates: a schema that is checked from several places reports the same error each time.
fn add_new(known: &mut Vec<Diagnostic>, found: Vec<Diagnostic>) {
    for diagnostic in found {
        if !known.contains(&diagnostic) {
            known.push(diagnostic);
        }
    }
}

fn check_file(file: &DefinitionFile, place: &Place, diagnostics: &mut Vec<Diagnostic>) {
    refuse_unknown(place, file.unknown.keys(), &DefinitionFile::KEYS, diagnostics);
    if file.version != 1 {
        diagnostics.push(
            Diagnostic::at(
                Code::Shape,
                &place.join("version"),
                format!("unsupported format version {}", file.version),
            )
            .help("write `version: 1`"),
        );
    }
}

fn modules(definitions: &Definitions, report: &mut Report) -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    for definition in &definitions.files {
        let path = &report.sources.get(definition.source).path;
        let module = Module { stem: definition.stem.clone(), source: definition.label.clone() };
        let own = outputs(&module.stem);
        let taken = modules.iter().find(|other| outputs(&other.stem).iter().any(|path| own.contains(path)));
        if let Some(other) = taken {
            let message =
                format!("name collision: this file and {} generate files of the same name", other.source);
            report.diagnostics.push(
                Diagnostic::about_path(Code::NameCollision, path, message).help("rename one of the files"),
            );
        } else if let Some(unfit) = module.stem.chars().find(|c| is_unfit(*c)) {
            report.diagnostics.push(
                Diagnostic::about_path(
                    Code::BadName,
                    path,
                    format!(
                        "invalid character {unfit:?} in the file name: a TypeScript import cannot contain it"
                    ),
                )
                .help("rename the file"),
            );
        } else if module.stem.eq_ignore_ascii_case("index") {
            report.diagnostics.push(
                Diagnostic::about_path(
                    Code::ReservedName,
                    path,
                    "the file name `index` is reserved for the generated file that exports everything",
                )
                .help("rename the file"),
            );
        }
        modules.push(module);
    }
    modules
}

/// The TypeScript files generated for a definition file, in lower case for case-insensitive file systems.
fn outputs(stem: &str) -> [String; 3] {
    ["", ".types", ".zod"].map(|suffix| format!("{stem}{suffix}").to_lowercase())
}

/// Returns `true` for characters that an import specifier, a URL in quotes, cannot contain.
fn is_unfit(c: char) -> bool {
    c.is_control() || "\"\\#?%\u{2028}\u{2029}".contains(c)
}
