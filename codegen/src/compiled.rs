//! Compiles definitions to a model: reads, lowers, names and verifies them.

use std::path::{Path, PathBuf};

use crate::definition::{self, Definitions, ParsedFiles};
use crate::diagnostics::Report;
use crate::lower::{self, Lowered, LoweredSchema};
use crate::model::{Model, RulesId, TypeId};
use crate::schemas::Schemas;
use crate::{name, verify};

/// Valid definitions.
pub(crate) struct Compiled {
    pub(crate) model: Model,
    /// The schemas that the model was made of.
    pub(crate) schemas: Vec<LoweredSchema>,
    /// The schemas of the first types: those of payloads, results and `$defs`.
    roots: Vec<RulesId>,
    pub(crate) report: Report,
    /// The folders that were searched.
    folders: Vec<PathBuf>,
}

impl Compiled {
    /// Reads and compiles the definitions in a folder. Files that were parsed before are not parsed again.
    ///
    /// # Errors
    /// Returns all diagnostics if a definition is invalid.
    pub(crate) fn read(schemas: &Schemas, parsed: &mut ParsedFiles) -> Result<Self, Report> {
        let (definitions, report) = definition::read_folder(schemas, parsed);
        Self::new(&definitions, report)
    }

    /// Compiles definitions.
    ///
    /// # Errors
    /// Returns all diagnostics if a definition is invalid.
    pub(crate) fn new(definitions: &Definitions, mut report: Report) -> Result<Self, Report> {
        let modules = verify::files(definitions, &mut report);
        let mut diagnostics = Vec::new();
        let Lowered { schemas, roots, channels } =
            lower::lower(definitions, &report.sources, &mut diagnostics);
        verify::refuse_endless(&schemas, &mut diagnostics);
        let schemas_of_roots = roots.all.iter().map(|root| root.schema).collect();
        let mut model = name::name(&schemas, roots, channels, modules, &mut diagnostics);
        if !verify::verify(&mut model, diagnostics, &mut report) {
            return Err(report);
        }
        let folders = definitions.folders.clone();
        Ok(Self { model, schemas, roots: schemas_of_roots, report, folders })
    }

    /// Returns the schema of a payload or a result.
    pub(crate) fn schema_of(&self, payload: TypeId) -> RulesId {
        // The types of roots are declared first, in order.
        self.roots[payload.0]
    }

    /// Returns the files and folders that were read.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.report.sources.paths().chain(self.folders.iter().map(PathBuf::as_path))
    }
}
