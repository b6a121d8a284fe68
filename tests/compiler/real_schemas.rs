//! Published schemas, as they are: every one is accepted, and keeps its types.
//!
//! Each folder in `../shared/real-schemas`, next to the project, is a collection. `FANFARE_REAL_SCHEMAS` names another
//! folder of collections. Without any, the test is skipped. The generated files stay in `target/real-schemas`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use fanfare_codegen::Schemas;
use serde_json::Value;

use crate::cases::Differences;

const TABLE: &str = "compiler/real-schemas.md";

#[test]
fn published_schemas_are_accepted_as_they_are() {
    let named = std::env::var_os("FANFARE_REAL_SCHEMAS");
    let folder = named.clone().map_or_else(|| PathBuf::from("../../shared/real-schemas"), PathBuf::from);
    let Ok(folder) = folder.canonicalize() else {
        return println!("skipped: no {}", folder.display());
    };
    let mut table = "| collection | schemas | fields | `unknown` | without type in Rust | W0004 |\n|---|--:|--:|--:|--:|--:|\n"
        .to_owned();
    let mut refused = Vec::new();
    for collection in subfolders(&folder) {
        let name = collection.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let references = list_schemas(&collection);
        if references.is_empty() {
            continue;
        }
        match compile(&name, &collection, &references) {
            Ok(counts) => {
                let Counts { fields, unknown, untyped, lost } = counts;
                let schemas = references.len();
                _ = writeln!(table, "| `{name}` | {schemas} | {fields} | {unknown} | {untyped} | {lost} |");
            }
            Err(errors) => refused.push(format!("{name}: {errors}")),
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    if named.is_some() {
        return println!("{table}");
    }
    let mut differences = Differences::default();
    differences.file(Path::new(TABLE), &table);
    differences.fail_if_any();
}

struct Counts {
    /// Properties of all objects in TypeScript.
    fields: usize,
    /// Those whose type is `unknown`, or contains it.
    unknown: usize,
    /// Fields in Rust whose type is or contains any JSON value.
    untyped: usize,
    /// Warnings about lost types.
    lost: usize,
}

/// Generates a channel with a topic for each schema.
fn compile(name: &str, collection: &Path, references: &[String]) -> Result<Counts, fanfare_codegen::Error> {
    let out = Path::new("../target/real-schemas").join(name);
    _ = std::fs::remove_dir_all(&out);
    let definitions = out.join("definitions");
    std::fs::create_dir_all(&definitions)?;
    let topics = references.iter().enumerate().map(|(index, reference)| {
        (format!("t{index}"), serde_json::json!({ "payload": { "$ref": reference } }))
    });
    let topics: serde_json::Map<String, Value> = topics.collect();
    let definition =
        serde_json::json!({ "version": 1, "channels": { "real": { "address": "real", "topics": topics } } });
    std::fs::write(definitions.join("real.json"), definition.to_string())?;
    let schemas = Schemas::new(&definitions).allow_refs_to(collection);
    let files = fanfare_codegen::generate(schemas.clone())?;
    files.write(&out)?;
    let warnings = fanfare_codegen::lint(schemas)?.map(|warnings| warnings.to_string()).unwrap_or_default();
    let mut counts = Counts { fields: 0, unknown: 0, untyped: 0, lost: warnings.matches("[W0004]").count() };
    for (path, text) in files.iter() {
        let lines = text.lines().map(str::trim_start);
        if path.ends_with(".types.ts") {
            let is_field = |line: &&str| {
                !line.starts_with(['*', '/'])
                    && line.split_once(": ").is_some_and(|(name, _)| !name.contains(' '))
            };
            let fields: Vec<&str> = lines.filter(is_field).collect();
            counts.fields += fields.len();
            counts.unknown += fields.iter().filter(|field| field.contains("unknown")).count();
        } else if Path::new(path).extension().is_some_and(|extension| extension == "rs") {
            counts.untyped += lines
                .filter(|line| {
                    line.starts_with("pub ") && line.contains(": ") && line.contains("fanfare::Value")
                })
                .count();
        }
    }
    Ok(counts)
}

/// Lists the schemas of a collection as references: each file that is a schema, and each named schema in it.
fn list_schemas(collection: &Path) -> Vec<String> {
    let mut references = Vec::new();
    for path in files_below(collection) {
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let Ok(schema) = serde_yaml::from_str::<Value>(&text) else { continue };
        let file = path.display().to_string();
        let keywords = ["$ref", "type", "properties", "oneOf", "anyOf", "allOf"];
        if schema.get("asyncapi").is_some() {
            continue;
        }
        if keywords.iter().any(|keyword| schema.get(keyword).is_some()) {
            references.push(file.clone());
        }
        for keyword in ["definitions", "$defs"] {
            let named = schema.get(keyword).and_then(Value::as_object);
            references.extend(named.into_iter().flat_map(|schemas| schemas.keys()).map(|name| {
                let name = name.replace('~', "~0").replace('/', "~1").replace('%', "%25").replace(' ', "%20");
                format!("{file}#/{keyword}/{name}")
            }));
        }
    }
    references
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = entries(folder).into_iter().filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path
            .extension()
            .is_some_and(|extension| ["json", "yaml", "yml"].map(Some).contains(&extension.to_str()))
        {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("a readable folder").path()).collect()
}
