//! Reads AsyncAPI documents and the files that they refer to, and follows references.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::definition::{at, parse, percent_decoded, read_text};
use crate::diagnostics::{Code, Diagnostic, Location, Report, SourceId, Sources};

/// The maximum number of references that lead from one to the next.
const MAX_REFERENCES: usize = 100;

/// A document, and the files that it refers to.
pub(super) struct Documents {
    pub(super) sources: Sources,
    values: HashMap<SourceId, Value>,
    by_path: HashMap<PathBuf, SourceId>,
    /// The folders that references may read from.
    folders: Vec<PathBuf>,
}

impl Documents {
    /// Reads a document. Returns its root.
    pub(super) fn read(path: &Path, allowed: &[PathBuf]) -> Result<(Self, Location), Report> {
        let own = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folders = [&[own.to_owned()], allowed].concat();
        let folders = folders.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
        let mut documents =
            Self { sources: Sources::default(), values: HashMap::new(), by_path: HashMap::new(), folders };
        match documents.add(path, path.canonicalize().unwrap_or_else(|_| path.to_owned())) {
            Ok(source) => Ok((documents, Location::root(source))),
            Err(diagnostics) => Err(documents.report(diagnostics)),
        }
    }

    pub(super) fn report(self, diagnostics: Vec<Diagnostic>) -> Report {
        Report { sources: self.sources, diagnostics, warnings: Vec::new() }
    }

    fn add(&mut self, path: &Path, key: PathBuf) -> Result<SourceId, Vec<Diagnostic>> {
        let text =
            read_text(path).map_err(|message| vec![Diagnostic::about_path(Code::File, path, message)])?;
        let source = self.sources.add(path.to_owned(), text.into());
        let value = parse(&mut self.sources, source)?;
        self.values.insert(source, value);
        self.by_path.insert(key, source);
        Ok(source)
    }

    /// Returns the value at a location, or null.
    pub(super) fn value(&self, location: &Location) -> &Value {
        self.values.get(&location.source).and_then(|document| at(document, location)).unwrap_or(&Value::Null)
    }

    pub(super) fn exists(&self, location: &Location) -> bool {
        self.values.get(&location.source).is_some_and(|document| at(document, location).is_some())
    }

    /// Returns the keys of the object at a location.
    pub(super) fn keys(&self, location: &Location) -> Vec<String> {
        self.value(location).as_object().into_iter().flat_map(|members| members.keys().cloned()).collect()
    }

    /// Returns the text at a location.
    pub(super) fn text(&self, location: &Location) -> Option<String> {
        self.value(location).as_str().map(str::to_owned)
    }

    /// Follows references from a location until there is another value, or returns why that is impossible.
    pub(super) fn follow(&mut self, location: &Location) -> Result<Location, String> {
        self.follow_within(location, MAX_REFERENCES)
    }

    /// Returns the location that a reference names, or why there is none.
    pub(super) fn target(&mut self, reference: &str, from: &Location) -> Result<Location, String> {
        self.target_within(reference, from, MAX_REFERENCES)
    }

    fn follow_within(&mut self, location: &Location, limit: usize) -> Result<Location, String> {
        let mut location = location.clone();
        for limit in (0..limit).rev() {
            let Some(reference) = self.value(&location).get("$ref").and_then(Value::as_str) else {
                return Ok(location);
            };
            let reference = reference.to_owned();
            location = self.target_within(&reference, &location, limit)?;
        }
        Err("the references form a circle".to_owned())
    }

    fn target_within(&mut self, reference: &str, from: &Location, limit: usize) -> Result<Location, String> {
        let (file, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let mut location = Location::root(self.source(&percent_decoded(file), from)?);
        if !fragment.is_empty() && !fragment.starts_with('/') {
            return Err(format!("`{reference}` names an anchor; AsyncAPI's references are paths"));
        }
        for segment in percent_decoded(fragment).split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            if !self.exists(&location.join(&segment)) {
                // A part of what a reference names.
                location = self.follow_within(&location, limit)?;
            }
            location = location.join(segment);
            if !self.exists(&location) {
                return Err(format!("`{reference}` refers to nothing"));
            }
        }
        Ok(location)
    }

    /// Returns the file that a reference names.
    fn source(&mut self, file: &str, from: &Location) -> Result<SourceId, String> {
        if file.is_empty() {
            return Ok(from.source);
        }
        if file.contains("://") {
            return Err(format!("`{file}` is not read from the network; save it as a file"));
        }
        let path = self.sources.get(from.source).path.parent().unwrap_or(Path::new("")).join(file);
        let key = path.canonicalize().map_err(|_| format!("file `{file}` not found"))?;
        if let Some(source) = self.by_path.get(&key) {
            return Ok(*source);
        }
        if !self.folders.iter().any(|folder| key.starts_with(folder)) {
            return Err(format!(
                "`{file}` is outside the document's folder; allow its folder with `--allow-refs-to`"
            ));
        }
        self.add(&path, key).map_err(|diagnostics| {
            let reason = diagnostics.first().map(Diagnostic::message).unwrap_or_default();
            format!("file `{file}` cannot be read: {reason}")
        })
    }
}
