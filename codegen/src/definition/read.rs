//! Finds and reads definition files, and the files that they refer to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::metaschemas;
use super::nodes::node;
use super::syntax::parse;
use super::{DefinitionFile, Dialect};
use crate::diagnostics::{Code, Diagnostic, Location, Report, SourceId, Spans};
use crate::schemas::Schemas;

/// The maximum size of a definition file. A larger one would be slow to compile and to review.
const MAX_FILE_SIZE: u64 = 8 * 1024 * 1024;

/// A parsed definition file.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) source: SourceId,
    /// The path relative to the definition folder, without its extension, such as `billing/invoice`.
    pub(crate) stem: String,
    /// The path that starts with the definition folder's name, such as `schemas/billing/invoice.yaml`: independent of the
    /// current directory.
    pub(crate) label: String,
    pub(crate) file: Arc<DefinitionFile>,
    /// A plain JSON Schema, which declares no channels and which others refer to.
    pub(crate) is_schema: bool,
    /// The JSON Schema draft of its schemas, unless they name another.
    pub(crate) dialect: Dialect,
    /// The whole file, as a target of `$ref`s.
    pub(crate) document: Arc<Value>,
}

/// All definition files: those of the folder, sorted by name, then the files that they refer to.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    pub(crate) files: Vec<Definition>,
    /// Every file found. `None` if it could not be read, which is reported already.
    by_path: BTreeMap<PathBuf, Option<usize>>,
    by_source: HashMap<SourceId, usize>,
    /// Every folder searched. A file added to one of them is a new definition.
    pub(crate) folders: Vec<PathBuf>,
    /// The folders that `$ref`s may read from.
    referable: Vec<PathBuf>,
}

impl Definitions {
    /// The definition read from a source.
    pub(crate) fn of(&self, source: SourceId) -> Option<&Definition> {
        self.index_of(source).map(|index| &self.files[index])
    }

    /// The position of the definition read from a source among [`Self::files`].
    pub(crate) fn index_of(&self, source: SourceId) -> Option<usize> {
        self.by_source.get(&source).copied()
    }

    /// Resolves the file part of a `$ref` in the file `from`.
    pub(crate) fn resolve(&self, from: &Path, reference: &str) -> Resolved<'_> {
        let path = normalised(&self.referred(from, reference));
        match self.by_path.get(&path) {
            Some(Some(index)) => Resolved::Definition(&self.files[*index]),
            Some(None) => Resolved::Unreadable,
            None if self.may_refer_to(&path) => Resolved::Missing,
            None => Resolved::Outside,
        }
    }

    /// The file that a `$ref` in another file names: relative to that file or, as in collections whose `$id`s are relative,
    /// to a folder that `$ref`s may read from. Schemas that are written in YAML and published as JSON refer to the JSON.
    fn referred(&self, from: &Path, reference: &str) -> PathBuf {
        let beside = from.parent().unwrap_or(Path::new("")).join(reference);
        let folders = self.referable.iter().map(|folder| folder.join(reference));
        let candidates = std::iter::once(beside.clone()).chain(folders).flat_map(|path| {
            let is_json = path.extension().is_some_and(|extension| extension == "json");
            let written = ["yaml", "yml"].map(|extension| path.with_extension(extension));
            std::iter::once(path).chain(written.into_iter().filter(move |_| is_json))
        });
        candidates.into_iter().find(|path| self.may_refer_to(path) && path.is_file()).unwrap_or(beside)
    }

    fn may_refer_to(&self, path: &Path) -> bool {
        let path = absolute(path);
        self.referable.iter().any(|folder| path.starts_with(absolute(folder)))
    }
}

/// The file at the path of a `$ref`.
pub(crate) enum Resolved<'d> {
    Definition(&'d Definition),
    /// A file with errors, which are reported already.
    Unreadable,
    Missing,
    /// A file in a folder that `$ref`s may not read from. The file system was not accessed.
    Outside,
}

/// Reads every definition in a folder and its subfolders, and every file that they refer to there or in the other folders.
pub(crate) fn read_folder(schemas: &Schemas, parsed: &mut ParsedFiles) -> (Definitions, Report) {
    let Schemas { folder, file, referable } = schemas;
    let referable = [std::slice::from_ref(folder), referable].concat();
    let mut reader = Reader {
        root: folder.clone(),
        definitions: Definitions { referable, ..Definitions::default() },
        report: Report::default(),
        before: std::mem::take(parsed),
        parsed: ParsedFiles::default(),
    };
    let paths = file.clone().map_or_else(|| reader.list(folder), |file| vec![file]);
    if paths.is_empty() && reader.report.diagnostics.is_empty() {
        reader.report.diagnostics.push(
            Diagnostic::about_path(Code::NoDefinitions, folder, "no channel definitions in this folder")
                .help("add a file such as `channels.yaml` that starts with `version: 1`"),
        );
    }
    for path in paths {
        reader.read(&path, false);
    }
    reader.read_references();
    *parsed = reader.parsed;
    (reader.definitions, reader.report)
}

/// Reads one definition that is not on the disk. Its `$ref`s cannot name files.
pub(crate) fn read_unsaved(path: &Path, text: String) -> (Definitions, Report) {
    let mut reader = Reader {
        root: PathBuf::new(),
        definitions: Definitions::default(),
        report: Report::default(),
        before: ParsedFiles::default(),
        parsed: ParsedFiles::default(),
    };
    reader.add(path, normalised(path), text, false);
    reader.read_references();
    (reader.definitions, reader.report)
}

struct Reader {
    root: PathBuf,
    definitions: Definitions,
    report: Report,
    /// The files of the previous run.
    before: ParsedFiles,
    /// The files of this run.
    parsed: ParsedFiles,
}

/// The files that were parsed without errors. A file whose text did not change is not parsed again.
#[derive(Debug, Default)]
pub(crate) struct ParsedFiles(HashMap<PathBuf, ParsedFile>);

#[derive(Clone, Debug)]
struct ParsedFile {
    text: Arc<str>,
    is_referenced: bool,
    spans: Arc<Spans>,
    file: Arc<DefinitionFile>,
    is_schema: bool,
    document: Arc<Value>,
}

impl Reader {
    /// The definition files of a folder and its subfolders, sorted.
    fn list(&mut self, folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                self.report.diagnostics.push(
                    Diagnostic::about_path(
                        Code::File,
                        folder,
                        format!("cannot read the definition folder: {error}"),
                    )
                    .help("set the folder with `--schemas`, or run the command where `schemas/` is"),
                );
                return Vec::new();
            }
        };
        self.definitions.folders.push(folder.to_owned());
        let mut paths: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
        paths.sort();
        let mut found = Vec::new();
        for path in paths {
            if path.is_dir() {
                // A link may lead back to a parent.
                let seen = self.definitions.folders.iter().any(|folder| is_same_folder(folder, &path));
                if !seen {
                    found.extend(self.list(&path));
                }
            } else if is_definition(&path) {
                found.push(path);
            }
        }
        found
    }

    /// Reads a file, unless it was read before.
    fn read(&mut self, path: &Path, is_referenced: bool) {
        let key = normalised(path);
        if self.definitions.by_path.contains_key(&key) {
            return;
        }
        self.definitions.by_path.insert(key.clone(), None);
        let text = match read_text(path) {
            Ok(text) => text,
            Err(message) => {
                self.report.diagnostics.push(Diagnostic::about_path(Code::File, path, message));
                return;
            }
        };
        self.add(path, key, text, is_referenced);
    }

    /// Parses the text of a file.
    fn add(&mut self, path: &Path, key: PathBuf, text: String, is_referenced: bool) {
        let is_same = |known: &ParsedFile| *known.text == *text && known.is_referenced == is_referenced;
        let known = self.before.0.remove(path).filter(is_same);
        let text: Arc<str> = known.as_ref().map_or_else(|| text.into(), |known| Arc::clone(&known.text));
        let source = self.report.sources.add(path.to_owned(), Arc::clone(&text));
        let parsed = match known {
            Some(known) => {
                self.report.sources.locate(source, Arc::clone(&known.spans));
                Ok(known)
            }
            None => self.parse(path, source, text, is_referenced),
        };
        match parsed {
            Ok(parsed) => {
                self.definitions.by_path.insert(key, Some(self.definitions.files.len()));
                self.definitions.by_source.insert(source, self.definitions.files.len());
                let (file, document) = (Arc::clone(&parsed.file), Arc::clone(&parsed.document));
                self.definitions.files.push(Definition {
                    source,
                    stem: self.stem(path),
                    label: self.label(path),
                    dialect: file.schema.as_deref().and_then(Dialect::of_uri).unwrap_or_default(),
                    file,
                    is_schema: parsed.is_schema,
                    document,
                });
                self.parsed.0.insert(path.to_owned(), parsed);
            }
            Err(diagnostics) => self.report.diagnostics.extend(diagnostics),
        }
    }

    fn parse(
        &mut self,
        path: &Path,
        source: SourceId,
        text: Arc<str>,
        is_referenced: bool,
    ) -> Result<ParsedFile, Vec<Diagnostic>> {
        let document = parse(&mut self.report.sources, source)?;
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        let is_schema = is_plain_schema(&document, is_referenced || is_json);
        let file = if is_schema {
            DefinitionFile { version: 1, ..DefinitionFile::default() }
        } else {
            node::<DefinitionFile>(&Location::root(source), &document).map_err(|error| vec![error])?
        };
        Ok(ParsedFile {
            text,
            is_referenced,
            spans: self.report.sources.spans(source),
            file: Arc::new(file),
            is_schema,
            document: Arc::new(document),
        })
    }

    /// Reads the files that `$ref`s name and that are not part of the folder. Skips a file that is missing or that `$ref`s
    /// may not read from; resolving the `$ref` reports it.
    fn read_references(&mut self) {
        let (mut at, mut uris) = (0, BTreeSet::new());
        while let Some(definition) = self.definitions.files.get(at) {
            let from = self.report.sources.get(definition.source).path.clone();
            let mut references = BTreeSet::new();
            collect_references(&definition.document, &mut references);
            for reference in references {
                if reference.contains("://") {
                    uris.insert(reference);
                    continue;
                }
                let path = self.definitions.referred(&from, &reference);
                if self.definitions.may_refer_to(&path) && path.is_file() {
                    self.read(&path, true);
                }
            }
            at += 1;
        }
        self.add_metaschemas(&uris);
    }

    /// Adds the metaschemas that `$ref`s name, except those that a file has copied.
    fn add_metaschemas(&mut self, uris: &BTreeSet<String>) {
        for uri in uris {
            for metaschema in metaschemas::of_same_draft(uri) {
                if self
                    .definitions
                    .files
                    .iter()
                    .any(|definition| has_uri(&definition.document, metaschema.uri))
                {
                    continue;
                }
                let source = self.report.sources.add_built_in(metaschema.uri, metaschema.text);
                match parse(&mut self.report.sources, source) {
                    Ok(document) => {
                        self.definitions.by_source.insert(source, self.definitions.files.len());
                        self.definitions.files.push(Definition {
                            source,
                            stem: metaschema.uri.split("//").skip(1).collect(),
                            label: metaschema.uri.to_owned(),
                            file: Arc::new(DefinitionFile { version: 1, ..DefinitionFile::default() }),
                            is_schema: true,
                            dialect: metaschema.dialect,
                            document: Arc::new(document),
                        });
                    }
                    Err(diagnostics) => self.report.diagnostics.extend(diagnostics),
                }
            }
        }
    }

    /// The path relative to the definition folder, or to another folder that `$ref`s may read from, without its extension.
    fn stem(&self, path: &Path) -> String {
        let path = absolute(path);
        let mut folders = self.definitions.referable.iter();
        let below = folders.find_map(|folder| path.strip_prefix(absolute(folder)).ok());
        let below = below.map_or_else(|| PathBuf::from(path.file_name().unwrap_or_default()), Path::to_owned);
        below.with_extension("").to_string_lossy().replace('\\', "/")
    }

    fn label(&self, path: &Path) -> String {
        let folder = Path::new(self.root.file_name().unwrap_or_default());
        folder.join(path.strip_prefix(&self.root).unwrap_or(path)).to_string_lossy().replace('\\', "/")
    }
}

fn is_same_folder(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Returns the text of a file, or why it cannot be read.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| format!("cannot read the file: {error}"))?;
    if !metadata.is_file() {
        return Err("not a file".to_owned());
    }
    let size = metadata.len();
    if size > MAX_FILE_SIZE {
        return Err(format!("file larger than 8 MiB ({size} bytes); split it into several files"));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read the file: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|error| format!("invalid UTF-8: {error}"))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Returns `true` if a file is a JSON Schema and not a definition of channels. `$defs` alone say so only where a definition
/// without `version` is not a likely mistake: in JSON, and in files that others refer to.
fn is_plain_schema(document: &Value, may_be_schema: bool) -> bool {
    let text = |key: &str| document.get(key).and_then(Value::as_str);
    let is_ours = document.get("version").is_some_and(Value::is_number) || document.get("channels").is_some();
    let says_so = ["$id", "definitions", "properties", "type", "oneOf", "anyOf", "allOf", "$ref"]
        .iter()
        .any(|key| document.get(key).is_some());
    !is_ours
        && (says_so
            || (may_be_schema && document.get("$defs").is_some())
            || text("$schema").is_some_and(|uri| Dialect::of_uri(uri).is_some()))
}

/// Returns `true` if a schema declares this URI.
fn has_uri(schema: &Value, uri: &str) -> bool {
    let declared = ["$id", "id"].iter().filter_map(|key| schema.get(key)?.as_str());
    declared.map(without_fragment).any(|declared| declared == uri)
}

pub(super) fn without_fragment(uri: &str) -> &str {
    uri.split('#').next().unwrap_or(uri)
}

/// Collects the URIs and paths of all `$ref`s, without fragments.
fn collect_references(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("$ref") {
                let file = without_fragment(reference);
                if !file.is_empty() {
                    references.insert(file.to_owned());
                }
            }
            object.values().for_each(|value| collect_references(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, references)),
        _ => {}
    }
}

/// Returns `true` for a YAML or JSON file that is not hidden and not a `.schema.json`.
fn is_definition(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let known = path
        .extension()
        .is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known));
    let is_other = [".schema.json", ".release.json"].iter().any(|suffix| name.ends_with(suffix));
    known && !is_other && !name.starts_with('.')
}

/// The absolute path of a file, which need not exist, with `..` resolved.
fn absolute(path: &Path) -> PathBuf {
    normalised(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

/// The path without `.` and with `..` resolved, so that two spellings of the same file are equal.
fn normalised(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}
