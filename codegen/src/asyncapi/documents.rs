//! Reads AsyncAPI documents and the files that they refer to, and follows references.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::definition::{at, parse, percent_decoded, read_text};
use crate::diagnostics::{Code, Diagnostic, Place, Report, SourceId, Sources};

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
    pub(super) fn read(path: &Path, allowed: &[PathBuf]) -> Result<(Self, Place), Report> {
        let own = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folders = [&[own.to_owned()], allowed].concat();
        let folders = folders.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
        let mut documents =
            Self { sources: Sources::default(), values: HashMap::new(), by_path: HashMap::new(), folders };
        match documents.add(path, path.canonicalize().unwrap_or_else(|_| path.to_owned())) {
            Ok(source) => Ok((documents, Place::root(source))),
            Err(diagnostics) => Err(documents.report(diagnostics)),
        }
    }

    pub(super) fn report(self, diagnostics: Vec<Diagnostic>) -> Report {
        Report { sources: self.sources, diagnostics, warnings: Vec::new() }
    }

    fn add(&mut self, path: &Path, key: PathBuf) -> Result<SourceId, Vec<Diagnostic>> {
        let text =
            read_text(path).map_err(|message| vec![Diagnostic::about_path(Code::File, path, message)])?;
        let source = self.sources.add(path.to_owned(), text);
        let value = parse(&mut self.sources, source)?;
        self.values.insert(source, value);
        self.by_path.insert(key, source);
        Ok(source)
    }

    /// Returns the value at a location, or null.
    pub(super) fn value(&self, place: &Place) -> &Value {
        self.values.get(&place.source).and_then(|document| at(document, place)).unwrap_or(&Value::Null)
    }

    pub(super) fn exists(&self, place: &Place) -> bool {
        self.values.get(&place.source).is_some_and(|document| at(document, place).is_some())
    }

    /// Returns the keys of the object at a location.
    pub(super) fn keys(&self, place: &Place) -> Vec<String> {
        self.value(place).as_object().into_iter().flat_map(|members| members.keys().cloned()).collect()
    }

    /// Returns the text at a location.
    pub(super) fn text(&self, place: &Place) -> Option<String> {
        self.value(place).as_str().map(str::to_owned)
    }

    /// Follows references from a location until there is another value, or returns why that is impossible.
    pub(super) fn follow(&mut self, place: &Place) -> Result<Place, String> {
        self.follow_within(place, MAX_REFERENCES)
    }

    /// Returns the location that a reference names, or why there is none.
    pub(super) fn target(&mut self, reference: &str, from: &Place) -> Result<Place, String> {
        self.target_within(reference, from, MAX_REFERENCES)
    }

    fn follow_within(&mut self, place: &Place, limit: usize) -> Result<Place, String> {
        let mut place = place.clone();
        for limit in (0..limit).rev() {
            let Some(reference) = self.value(&place).get("$ref").and_then(Value::as_str) else {
                return Ok(place);
            };
            let reference = reference.to_owned();
            place = self.target_within(&reference, &place, limit)?;
        }
        Err("the references form a circle".to_owned())
    }

    fn target_within(&mut self, reference: &str, from: &Place, limit: usize) -> Result<Place, String> {
        let (file, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let mut place = Place::root(self.source(&percent_decoded(file), from)?);
        if !fragment.is_empty() && !fragment.starts_with('/') {
            return Err(format!("`{reference}` names an anchor; AsyncAPI's references are paths"));
        }
        for segment in percent_decoded(fragment).split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            if !self.exists(&place.join(&segment)) {
                // A part of what a reference names.
                place = self.follow_within(&place, limit)?;
            }
            place = place.join(segment);
            if !self.exists(&place) {
                return Err(format!("`{reference}` refers to nothing"));
            }
        }
        Ok(place)
    }

    /// Returns the file that a reference names.
    fn source(&mut self, file: &str, from: &Place) -> Result<SourceId, String> {
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
