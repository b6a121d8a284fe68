//! Released definitions: one file per release, with everything that the definitions of the release consisted of.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::TempDir;

use super::Version;
use crate::definition::Definitions;
use crate::diagnostics::Sources;
use crate::schemas::Schemas;

/// The folder for releases, in the folder with the definitions.
const FOLDER: &str = "releases";
const SUFFIX: &str = ".release.json";

/// The definitions of a release.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Release {
    #[serde(rename = "$comment")]
    comment: String,
    /// The name.
    pub(crate) release: String,
    /// The definition hash of each channel. Clients of the release send it.
    pub(crate) channels: BTreeMap<String, String>,
    /// The folder with the definitions, and the folders that `$ref`s may read from, relative to their common parent.
    schemas: String,
    referable: Vec<String>,
    /// All files, parsed.
    files: BTreeMap<String, Value>,
}

pub(super) fn is_release(path: &Path) -> bool {
    path.to_string_lossy().ends_with(SUFFIX) && path.is_file()
}

impl Release {
    pub(crate) fn new(
        name: &str,
        schemas: &Schemas,
        definitions: &Definitions,
        sources: &Sources,
        channels: BTreeMap<String, String>,
    ) -> io::Result<Self> {
        let files: Vec<(PathBuf, &Value)> = definitions
            .files
            .iter()
            .filter(|definition| !sources.get(definition.source).is_built_in())
            .map(|definition| Ok((absolute(&sources.get(definition.source).path)?, &*definition.document)))
            .collect::<io::Result<_>>()?;
        let folder = absolute(&schemas.folder)?;
        let referable: Vec<PathBuf> =
            schemas.referable.iter().map(|folder| absolute(folder)).collect::<io::Result<_>>()?;
        let folders = std::iter::once(&folder).chain(&referable).chain(files.iter().map(|(path, _)| path));
        let mut parent = folder.parent().unwrap_or(&folder).to_owned();
        for path in folders {
            while !path.starts_with(&parent) && parent.pop() {}
        }
        let below =
            |path: &Path| path.strip_prefix(&parent).unwrap_or(path).to_string_lossy().replace('\\', "/");
        Ok(Self {
            comment: "Released definitions, written by `fanfare release`. Do not edit.".to_owned(),
            release: name.to_owned(),
            channels,
            schemas: below(&folder),
            referable: referable.iter().map(|folder| below(folder)).collect(),
            files: files.into_iter().map(|(path, document)| (below(&path), document.clone())).collect(),
        })
    }

    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let at = |message: String| io::Error::other(format!("{}: {message}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| at(error.to_string()))?;
        serde_json::from_str(&text)
            .map_err(|error| at(format!("not a release that `fanfare release` wrote: {error}")))
    }

    /// Writes the definitions of some channels to a temporary folder.
    pub(crate) fn unpack(&self, is_wanted: impl Fn(&str) -> bool) -> io::Result<Version> {
        let target = TempDir::new()?;
        for (path, document) in &self.files {
            let mut document = document.clone();
            if let Some(channels) = document.get_mut("channels").and_then(Value::as_object_mut) {
                channels.retain(|name, _| is_wanted(name));
            }
            let file = inside(target.path(), path)?;
            fs::create_dir_all(file.parent().unwrap_or(target.path()))?;
            fs::write(file, format!("{document:#}"))?;
        }
        let referable =
            self.referable.iter().map(|path| inside(target.path(), path)).collect::<io::Result<_>>()?;
        let schemas = Schemas { folder: inside(target.path(), &self.schemas)?, file: None, referable };
        Ok(Version { schemas, folder: Some(target) })
    }
}

/// Reads all releases of the definitions in a folder, sorted by name.
pub(crate) fn read_all(folder: &Path) -> io::Result<Vec<Release>> {
    let entries = match fs::read_dir(folder.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.retain(|path| is_release(path));
    paths.sort();
    paths.iter().map(|path| Release::read(path)).collect()
}

/// Writes a release, and returns its path.
///
/// # Errors
/// Returns an error if another release has this name, or if the name is not a file name.
pub(crate) fn write(folder: &Path, release: &Release) -> io::Result<PathBuf> {
    let name = &release.release;
    let is_name = name.chars().all(|character| character.is_alphanumeric() || "-_.+".contains(character));
    if !is_name || name.is_empty() || name.starts_with('.') {
        return Err(io::Error::other(format!(
            "`{name}` is not a name for a release: use letters, digits, `-`, `_`, `+` and `.`, such as `v1.4`"
        )));
    }
    let path = folder.join(FOLDER).join(format!("{name}{SUFFIX}"));
    let text = format!("{:#}\n", serde_json::to_value(release)?);
    match fs::read_to_string(&path) {
        Ok(existing) if existing == text => return Ok(path),
        Ok(_) => {
            return Err(io::Error::other(format!(
                "{} exists and differs: releases never change, so choose another name",
                path.display()
            )));
        }
        Err(_) => {}
    }
    fs::create_dir_all(folder.join(FOLDER))?;
    fs::write(&path, text)?;
    Ok(path)
}

/// Joins a path that must stay inside a folder.
fn inside(folder: &Path, path: &str) -> io::Result<PathBuf> {
    let relative = Path::new(path);
    if relative.components().all(|component| matches!(component, Component::Normal(_))) {
        Ok(folder.join(relative))
    } else {
        Err(io::Error::other(format!(
            "the release contains the path `{path}`, which leads out of its folder"
        )))
    }
}

fn absolute(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}
