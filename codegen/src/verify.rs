//! Verifies the model: names, addresses, recursion, patterns on client input, and closed enums.

mod addresses;
mod closed;
mod collisions;
mod recursion;
mod unlimited;

pub(crate) use recursion::refuse_endless;

use std::collections::HashMap;

use crate::definition::{DefinitionFile, Definitions, refuse_unknown};
use crate::diagnostics::{Code, Diagnostic, Location, Report};
use crate::model::{Model, Module};

/// Verifies a model, and marks recursive types. Adds all diagnostics to the report, and returns `true` if there is no error.
pub(crate) fn verify(model: &mut Model, diagnostics: Vec<Diagnostic>, report: &mut Report) -> bool {
    let (mut warnings, mut errors): (Vec<_>, Vec<_>) =
        diagnostics.into_iter().partition(Diagnostic::is_warning);
    collisions::check(model, &mut errors);
    addresses::refuse_overlaps(&model.channels, &mut errors);
    if errors.is_empty() && report.diagnostics.is_empty() {
        recursion::analyse(model, &mut errors);
    }
    warnings.extend(unlimited::warn(model));
    warnings.extend(closed::warn(model));
    let clean = errors.is_empty() && report.diagnostics.is_empty();
    add_new(&mut report.diagnostics, errors);
    add_new(&mut report.warnings, warnings);
    clean
}

/// Adds diagnostics without duplicates: a schema that is checked from several places reports the same error each time.
fn add_new(known: &mut Vec<Diagnostic>, found: Vec<Diagnostic>) {
    for diagnostic in found {
        if !known.contains(&diagnostic) {
            known.push(diagnostic);
        }
    }
}

/// Checks the keys of each definition file, and names the modules that are generated for them.
pub(crate) fn files(definitions: &Definitions, report: &mut Report) -> Vec<Module> {
    let modules = modules(definitions, report);
    for definition in &definitions.files {
        check_file(&definition.file, &Location::root(definition.source), &mut report.diagnostics);
    }
    modules
}

fn check_file(file: &DefinitionFile, location: &Location, diagnostics: &mut Vec<Diagnostic>) {
    refuse_unknown(location, file.unknown.keys(), &DefinitionFile::KEYS, diagnostics);
    if file.version != 1 {
        diagnostics.push(
            Diagnostic::at(
                Code::Shape,
                &location.join("version"),
                format!("unsupported format version {}", file.version),
            )
            .help("write `version: 1`"),
        );
    }
}

fn modules(definitions: &Definitions, report: &mut Report) -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    let mut taken: HashMap<String, usize> = HashMap::new();
    for definition in &definitions.files {
        let path = &report.sources.get(definition.source).path;
        let module = Module { stem: definition.stem.clone(), source: definition.label.clone() };
        let own = outputs(&module.stem);
        let other = own.iter().find_map(|path| taken.get(path)).map(|at| &modules[*at]);
        if let Some(other) = other {
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
        taken.extend(own.map(|path| (path, modules.len())));
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
