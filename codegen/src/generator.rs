//! Generates outputs repeatedly.

use std::collections::HashMap;
use std::path::Path;

use crate::compare;
use crate::compiled::Compiled;
use crate::configuration::Configuration;
use crate::definition::ParsedFiles;
use crate::diagnostics::Report;
use crate::emit::{self, Emitted};
use crate::error::{Diagnostics, Error};
use crate::files::{Change, Files, KnownFiles, write_known};
use crate::outputs;
use crate::schemas::Schemas;
use crate::tables::{self, ChannelTables};
use crate::versions;

/// Generates outputs repeatedly, and keeps everything that depends only on definitions that did not change in between. The
/// results are the same as those of [`generate_outputs`](crate::generate_outputs).
///
/// ```no_run
/// use fanfare_codegen::{Configuration, Generator};
///
/// let (mut generator, configuration) = (Generator::default(), Configuration::default());
/// generator.write(&configuration)?;
/// // … after a definition changed:
/// let changes = generator.write(&configuration)?;
/// # Ok::<(), fanfare_codegen::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Generator {
    parsed: ParsedFiles,
    emitted: Emitted,
    known: KnownFiles,
}

impl Generator {
    /// Generates the outputs of a configuration, in its order.
    ///
    /// # Errors
    /// Returns [`Error::Definitions`] with all diagnostics if a definition is invalid, and [`Error::Io`] if the outputs do
    /// not fit the definitions: a folder is inside another one, or there is no channel with a name.
    pub fn generate(&mut self, configuration: &Configuration) -> Result<Vec<Files>, Error> {
        let Configuration { schemas, outputs, .. } = configuration;
        outputs::check_folders(&schemas.folder, outputs)?;
        let model = with_releases(schemas, &mut self.parsed)?.model;
        let known: Vec<&str> = model.channels.iter().map(|channel| channel.name.wire.as_str()).collect();
        outputs.iter().try_for_each(|output| outputs::check_channels(output, &known))?;
        Ok(emit::emit_outputs(&model, outputs, &mut self.emitted))
    }

    /// Compiles definitions to the tables that generated Rust has.
    ///
    /// # Errors
    /// Returns [`Error::Definitions`] with all diagnostics if a definition is invalid.
    pub fn tables(&mut self, schemas: &Schemas) -> Result<Vec<ChannelTables>, Error> {
        Ok(tables::build(&with_releases(schemas, &mut self.parsed)?.model))
    }

    /// Generates the outputs of a configuration, and writes the files that changed. Returns the changes of each output, and
    /// the number of all files. Files that were written before are read again only if their size or time of modification
    /// changed.
    ///
    /// # Errors
    /// Returns the errors of [`Generator::generate`], and [`Error::Io`] if a file cannot be read or written.
    pub fn write(&mut self, configuration: &Configuration) -> Result<(Vec<Vec<Change>>, usize), Error> {
        let all = self.generate(configuration)?;
        let folders = configuration.outputs.iter().map(|output| output.folder.as_path());
        let outputs: Vec<(&Path, &Files)> = folders.zip(&all).collect();
        let changes = write_known(&outputs, &mut self.known)?;
        Ok((changes, all.iter().map(|files| files.iter().count()).sum()))
    }
}

/// Compiles the definitions, and compares them with their releases.
pub(crate) fn with_releases(schemas: &Schemas, parsed: &mut ParsedFiles) -> Result<Compiled, Error> {
    let mut compiled = Compiled::read(schemas, parsed).map_err(refuse)?;
    let releases = versions::read_all(&schemas.folder)?;
    if releases.is_empty() {
        return Ok(compiled);
    }
    let hashes = emit::hash_channels(&compiled.model);
    let names = compiled.model.channels.iter().map(|channel| channel.name.wire.clone());
    let current: HashMap<String, String> = names.zip(hashes.iter().cloned()).collect();
    for release in releases {
        // Pages of a channel that is gone cannot subscribe to it.
        let has_changed = |channel: &str| {
            current.get(channel).is_some_and(|hash| release.channels.get(channel) != Some(hash))
        };
        if !release.channels.keys().any(|channel| has_changed(channel)) {
            continue;
        }
        let version = release.unpack(has_changed)?;
        let old = Compiled::read(&version.schemas, &mut ParsedFiles::default())
            .map_err(|report| refuse(report).in_version(&release.release, &version, schemas))?;
        compare::add_release(&mut compiled, &hashes, &old, &release.channels);
    }
    Ok(compiled)
}

fn refuse(report: Report) -> Error {
    Error::Definitions(Diagnostics(report))
}
