//! The outputs of a compilation: their languages, folders and styles.

use std::io;
use std::path::{Component, Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::diagnostics::closest;

/// A kind of generated code, and the folder that it is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The language, with its options.
    pub language: Language,
    /// The folder. Fanfare owns the generated files in it, and removes those that no definition produces any more.
    pub folder: PathBuf,
    /// The names of the channels to generate. `None` for all.
    pub channels: Option<Vec<String>>,
}

/// The language of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Language {
    /// Types and tables for the server.
    Rust,
    /// Channels, types and validators for clients.
    TypeScript(TypeScript),
    /// One schema per payload.
    JsonSchema,
}

/// How TypeScript is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeScript {
    /// The kind of files.
    pub style: Style,
    /// The extension in the imports of `.ts` files.
    pub imports: Extension,
    /// The libraries to write schemas for, in addition to the channels' own validators.
    pub zod: Vec<Zod>,
}

impl Default for TypeScript {
    fn default() -> Self {
        Self { style: Style::default(), imports: Extension::default(), zod: vec![Zod::Zod] }
    }
}

/// The kind of TypeScript files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// `.js` and `.d.ts`, which every bundler and Node.js load as they are.
    #[default]
    Js,
    /// `.ts`, for projects that compile it.
    Ts,
}

/// The extension of a file in an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Extension {
    /// `./pipeline.js`, for `moduleResolution: nodenext` and bundlers.
    #[default]
    Js,
    /// `./pipeline.ts`, for Node.js, which runs `.ts` files.
    Ts,
    /// `./pipeline`, for bundlers.
    None,
}

impl Extension {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Js => ".js",
            Self::Ts => ".ts",
            Self::None => "",
        }
    }
}

/// A library to write schemas for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Zod {
    /// `zod`
    #[serde(rename = "zod")]
    Zod,
    /// `zod/mini`
    #[serde(rename = "zod/mini")]
    Mini,
}

/// Checks that no output would remove or read files of another, or of the definitions.
pub(crate) fn check_folders(definitions: &Path, outputs: &[Output]) -> io::Result<()> {
    if outputs.iter().any(|output| output.folder.as_os_str().is_empty()) {
        return Err(io::Error::other(
            "an output has an empty folder; write a subfolder, such as `generated`",
        ));
    }
    for (at, output) in outputs.iter().enumerate() {
        let folder = output.folder.display();
        if is_inside(definitions, &output.folder) {
            return Err(io::Error::other(format!(
                "the definition folder {} is inside the output folder {folder}; choose a folder for generated files only",
                definitions.display()
            )));
        }
        if is_inside(&output.folder, definitions) {
            return Err(io::Error::other(format!(
                "the output folder {folder} is inside the definition folder; choose another, or its files would be read as definitions"
            )));
        }
        for other in
            outputs.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| &other.folder)
        {
            if is_inside(&output.folder, other) {
                return Err(io::Error::other(format!(
                    "the output folder {folder} is inside {}, the folder of another output; choose folders that do not overlap",
                    other.display()
                )));
            }
        }
    }
    Ok(())
}

/// Checks that the channels of an output exist.
pub(crate) fn check_channels(output: &Output, known: &[&str]) -> io::Result<()> {
    let missing = output.channels.iter().flatten().find(|name| !known.contains(&name.as_str()));
    let Some(name) = missing else { return Ok(()) };
    let nearest = closest(name, known.iter().copied()).map(|nearest| format!("; did you mean `{nearest}`?"));
    let (folder, nearest) = (output.folder.display(), nearest.unwrap_or_default());
    Err(io::Error::other(format!("the output {folder}: no definition has the channel `{name}`{nearest}")))
}

fn is_inside(folder: &Path, other: &Path) -> bool {
    resolved(folder).starts_with(resolved(other))
}

/// Resolves `..` and links, also if the folder does not exist yet.
fn resolved(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let mut resolved = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => _ = resolved.pop(),
            Component::CurDir => {}
            part => resolved.push(part),
        }
        if let Ok(target) = resolved.canonicalize() {
            resolved = target;
        }
    }
    resolved
}
