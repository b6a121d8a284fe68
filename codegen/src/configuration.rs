//! `fanfare.yaml`: where the definitions are, what to generate, and how severe changes are.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::breaking::{Category, Rule};
use crate::compare::{Level, Levels};
use crate::outputs::{Extension, Language, Output, Style, TypeScript, Zod};
use crate::schemas::Schemas;

/// The name of the configuration file.
pub const CONFIGURATION: &str = "fanfare.yaml";

/// The definitions to compile, and the outputs to write.
///
/// ```yaml
/// # fanfare.yaml
/// version: 1
/// schemas: schemas
/// outputs:
///   - { language: rust, folder: server/src/generated }
///   - { language: typescript, folder: web/src/generated, channels: [pipeline] }
/// ```
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The definitions.
    pub schemas: Schemas,
    /// The outputs.
    pub outputs: Vec<Output>,
    /// The levels of changes.
    pub levels: Levels,
    /// The server that commands such as `fanfare tail` talk to.
    pub server: Server,
}

/// A running server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Server {
    /// The URL of the server, without `/v1/realtime`.
    #[schemars(regex(pattern = "^https?://"))]
    pub url: Option<String>,
    /// The name of the environment variable that contains the signing key (default `FANFARE_SIGNING_KEY`).
    #[schemars(regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub key_variable: Option<String>,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            schemas: Schemas::new("schemas"),
            outputs: Self::outputs_in(Path::new("generated")),
            levels: Levels::default(),
            server: Server::default(),
        }
    }
}

impl Server {
    fn check(self) -> Result<Self, String> {
        let is_url = |text: &String| text.starts_with("https://") || text.starts_with("http://");
        if !self.url.as_ref().is_none_or(is_url) {
            return Err("server: `url` must be like `https://realtime.example.com`".to_owned());
        }
        // A key in place of the name would be committed.
        if !self.key_variable.as_deref().is_none_or(is_variable) {
            return Err("server: `key-variable` is the name of an environment variable, such as \
                        `FANFARE_SIGNING_KEY`; never write the key itself here"
                .to_owned());
        }
        Ok(self)
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Configuration {
    /// Reads a configuration file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or is invalid.
    pub fn read(path: &Path) -> io::Result<Self> {
        let named = |message: String| format!("{}: {message}", path.display());
        let text = std::fs::read_to_string(path)
            .map_err(|error| io::Error::new(error.kind(), named(error.to_string())))?;
        Self::parse(&text, path.parent().unwrap_or(Path::new("")))
            .map_err(|message| io::Error::other(named(message)))
    }

    /// Like [`Configuration::read`], but returns the default configuration if there is no such file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or is invalid.
    pub fn find(path: &Path) -> io::Result<Self> {
        match Self::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            read => read,
        }
    }

    /// Returns one output per language, in subfolders of a folder.
    #[must_use]
    pub fn outputs_in(folder: &Path) -> Vec<Output> {
        let output =
            |language: Language, name: &str| Output { language, folder: folder.join(name), channels: None };
        vec![
            output(Language::Rust, "rust"),
            output(Language::TypeScript(TypeScript::default()), "typescript"),
            output(Language::JsonSchema, "json-schema"),
        ]
    }

    fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let file: File = if text.trim().is_empty() {
            File::default()
        } else {
            serde_yaml::from_str(text).map_err(|error| error.to_string())?
        };
        if file.version.is_some_and(|version| version != 1) {
            return Err("this version of `fanfare` reads `version: 1` only".to_owned());
        }
        let schemas = Schemas::new(folder.join(file.schemas.as_deref().unwrap_or(Path::new("schemas"))));
        let schemas = file
            .allow_refs_to
            .iter()
            .fold(schemas, |schemas, other| schemas.allow_refs_to(folder.join(other)));
        let outputs = match file.outputs {
            None => Self::outputs_in(&folder.join("generated")),
            Some(entries) => {
                let outputs = entries.into_iter().zip(1..).map(|(entry, number)| {
                    entry
                        .into_output(folder)
                        .map_err(|message| format!("outputs, number {number}: {message}"))
                });
                outputs.collect::<Result<_, _>>()?
            }
        };
        Ok(Self { schemas, outputs, levels: Levels::new(file.breaking)?, server: file.server.check()? })
    }
}

/// Returns the JSON Schema (draft-07) of the configuration file.
pub(crate) fn configuration_schema() -> Value {
    let generator = schemars::generate::SchemaSettings::draft07().into_generator();
    let mut schema = Value::from(generator.into_root_schema_for::<File>());
    let level = schema["properties"]["breaking"]["additionalProperties"].take();
    let described =
        |name: &str, text: &str| (name.to_owned(), json!({ "description": text, "allOf": [level.clone()] }));
    let categories =
        Category::ALL.into_iter().map(|category| described(category.name(), category.description()));
    let rules = Rule::ALL.iter().map(|rule| described(rule.id(), rule.description()));
    schema["properties"]["breaking"]["properties"] = categories.chain(rules).collect();
    schema["properties"]["breaking"]["additionalProperties"] = json!(false);
    schema
}

/// The configuration of Fanfare: where the definitions are, what to generate, and how severe changes are.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Configuration")]
struct File {
    /// The version of this format: 1.
    #[schemars(extend("const" = 1))]
    version: Option<u64>,
    /// The folder with the definitions (default `schemas`).
    schemas: Option<PathBuf>,
    /// Other folders that `$ref`s may read from.
    #[serde(default)]
    allow_refs_to: Vec<PathBuf>,
    /// The outputs of `generate` (default: Rust, TypeScript and JSON Schema, in `generated/`).
    outputs: Option<Vec<Entry>>,
    /// The levels of changes, by category or by rule.
    #[serde(default)]
    breaking: BTreeMap<String, Level>,
    /// The server that `tail`, `publish`, `signal`, `runs` and `token` talk to.
    #[serde(default)]
    server: Server,
}

/// An output: generated files of one language.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(
    rename = "Output",
    extend("if" = { "properties": { "language": { "const": "typescript" } } }),
    extend("then" = {
        "if": { "required": ["imports"], "properties": { "imports": { "type": "string" } } },
        "then": { "required": ["style"], "properties": { "style": { "const": "ts" } } },
    }),
    extend("else" = { "properties": { "style": { "type": "null" }, "imports": { "type": "null" }, "zod-schemas": { "type": "null" } } })
)]
struct Entry {
    /// The language of the generated files.
    language: LanguageName,
    /// The folder of the generated files. Other files in it are left alone.
    #[schemars(length(min = 1))]
    folder: PathBuf,
    /// The channels to generate, with the types that they need (default: all).
    channels: Option<Vec<String>>,
    /// The kind of TypeScript files (default `js`).
    style: Option<Style>,
    /// The extension of imports in `.ts` files (default `js`).
    imports: Option<Extension>,
    /// The libraries to write schemas for, in addition to the channels' own validators (default `[zod]`).
    zod_schemas: Option<Vec<Zod>>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Language")]
enum LanguageName {
    /// Types and tables for the server.
    Rust,
    /// Channels, types and validators for clients.
    Typescript,
    /// One schema per payload.
    JsonSchema,
}

impl Entry {
    fn into_output(self, folder: &Path) -> Result<Output, String> {
        let Self { language, folder: own, channels, style, imports, zod_schemas } = self;
        let for_typescript = [
            ("style", style.is_some()),
            ("imports", imports.is_some()),
            ("zod-schemas", zod_schemas.is_some()),
        ];
        let language = match language {
            LanguageName::Typescript => Language::TypeScript(typescript(style, imports, zod_schemas)?),
            other => {
                if let Some((key, _)) = for_typescript.into_iter().find(|(_, is_given)| *is_given) {
                    return Err(format!("`{key}` applies to `language: typescript` only"));
                }
                if matches!(other, LanguageName::Rust) { Language::Rust } else { Language::JsonSchema }
            }
        };
        Ok(Output { language, folder: folder.join(own), channels })
    }
}

fn typescript(
    style: Option<Style>,
    imports: Option<Extension>,
    zod_schemas: Option<Vec<Zod>>,
) -> Result<TypeScript, String> {
    let style = style.unwrap_or_default();
    if imports.is_some() && style == Style::Js {
        return Err("`imports` applies to `style: ts` only; `.js` files import `.js` files".to_owned());
    }
    let mut zod = zod_schemas.unwrap_or_else(|| vec![Zod::Zod]);
    zod.dedup();
    Ok(TypeScript { style, imports: imports.unwrap_or_default(), zod })
}
