//! The outputs of a compilation: their languages, folders and styles.

use std::path::PathBuf;

/// A kind of generated code, and the folder that it is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The language, with its options.
    pub language: Language,
    /// The folder. Fanfare owns the generated files in it, and removes those that no definition produces any more.
    pub folder: PathBuf,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// `.js` and `.d.ts`, which every bundler and Node.js load as they are.
    #[default]
    Js,
    /// `.ts`, for projects that compile it.
    Ts,
}

/// The extension of a file in an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zod {
    /// `zod`
    Zod,
    /// `zod/mini`
    Mini,
}
