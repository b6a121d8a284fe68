//! AsyncAPI: converts documents to definitions, and definitions to documents.

mod accept;
mod documents;
mod export;
mod export_schemas;
mod import;
mod import_schemas;
mod left_out;
mod messages;
mod names;
mod spelling;

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::definition::Definitions;
use crate::diagnostics::{Code, Diagnostic, Location, Report, Sources};
use crate::model::Model;

/// A part of the input that the output does not contain, or contains in another form.
#[derive(Clone, Debug)]
pub struct LeftOut {
    path: PathBuf,
    line: usize,
    pointer: String,
    reason: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, pointer, reason } = self;
        write!(formatter, "{}:{line}: {pointer}: {reason}", path.display())
    }
}

/// The output of a conversion.
#[derive(Clone, Debug)]
pub struct Converted {
    /// The output, as YAML.
    pub text: String,
    /// What the output does not contain, or contains in another form, in the order of the input.
    pub left_out: Vec<LeftOut>,
}

/// Converts a document to a definition. `check` returns the errors of a definition.
pub(crate) fn import(
    path: &Path,
    allowed: &[PathBuf],
    is_client: bool,
    check: &dyn Fn(&str) -> Vec<Diagnostic>,
) -> Result<Converted, Report> {
    let (documents, root) = documents::Documents::read(path, allowed)?;
    let import::Imported { mut definition, title, mut left_out, mut origins, sources } =
        import::import(documents, &root, is_client)?;
    let accepted = accept::accept(&mut definition, &mut origins, &|definition| check(&print(definition)));
    let fail = |diagnostics| Report { sources: Sources::default(), diagnostics, warnings: Vec::new() };
    match accepted {
        Ok(changes) => left_out.extend(changes),
        Err(diagnostics) => {
            let reason = diagnostics.first().map(Diagnostic::message).unwrap_or_default().to_owned();
            let diagnostic = Diagnostic::about_path(
                Code::AsyncApi,
                path,
                "no definition can be derived from this document",
            );
            return Err(fail(vec![diagnostic.note(reason)]));
        }
    }
    if definition["channels"].as_object().is_none_or(serde_json::Map::is_empty) {
        let diagnostic = Diagnostic::about_path(Code::AsyncApi, path, "no channel can be imported");
        return Err(fail(vec![diagnostic]));
    }
    let from = if title.is_empty() { String::new() } else { format!(": {title}") };
    let text = format!("# Imported from AsyncAPI{from}\n{}", print(&definition));
    Ok(Converted { text, left_out: locate(left_out, &sources) })
}

/// Converts definitions to a document.
pub(crate) fn export(
    model: &Model,
    definitions: &Definitions,
    sources: &Sources,
    title: &str,
    version: &str,
) -> Converted {
    let exported = export::export(model, definitions, sources, title, version);
    Converted { text: print(&exported.document), left_out: locate(exported.left_out, sources) }
}

fn print(value: &Value) -> String {
    // A JSON value always has a form in YAML.
    serde_yaml::to_string(value).unwrap_or_default()
}

/// Looks up the lines, and sorts by them.
fn locate(left_out: Vec<(Location, String)>, sources: &Sources) -> Vec<LeftOut> {
    let mut located: Vec<LeftOut> = left_out
        .into_iter()
        .map(|(location, reason)| {
            let mut pointer = String::new();
            for segment in location.pointer.segments() {
                pointer.push('/');
                pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
            }
            LeftOut {
                path: sources.get(location.source).path.clone(),
                line: sources.line(&location),
                pointer: if pointer.is_empty() { "/".to_owned() } else { pointer },
                reason,
            }
        })
        .collect();
    located.sort_by(|one, other| (&one.path, one.line).cmp(&(&other.path, other.line)));
    located
}
