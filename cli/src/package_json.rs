//! Adds a dependency to `package.json`, and leaves the rest of its text unchanged.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstRootNode};
use serde_json::{Map, Value};

/// The members whose packages npm installs.
const KINDS: [&str; 3] = ["dependencies", "devDependencies", "peerDependencies"];

/// The byte order mark that some editors write.
const MARK: char = '\u{feff}';

/// Checks that a dependency can be added to a text.
pub(super) fn check(text: &str) -> Result<(), String> {
    parse(text).map(|_| ())
}

/// Adds a dependency, in alphabetical order if the others are. Returns `None` if the package has it.
pub(super) fn add_dependency(text: &str, name: &str, version: &str) -> Result<Option<String>, String> {
    let package = parse(text)?;
    if KINDS.iter().any(|kind| package.get(*kind).is_some_and(|kind| kind.get(name).is_some())) {
        return Ok(None);
    }
    let known: Vec<&String> =
        package.get(KINDS[0]).and_then(Value::as_object).into_iter().flat_map(Map::keys).collect();
    let at =
        if known.is_sorted() { known.partition_point(|known| known.as_str() < name) } else { known.len() };
    let own = text.trim_start_matches(MARK);
    let root = CstRootNode::parse(own, &ParseOptions::default()).map_err(|error| error.to_string())?;
    let dependencies = root.object_value().and_then(|package| package.object_value_or_create(KINDS[0]));
    let dependencies = dependencies.ok_or_else(|| not_an_object(KINDS[0]))?;
    dependencies.insert(at, name, CstInputValue::String(version.to_owned()));
    let mark = &text[..text.len() - own.len()];
    Ok(Some(format!("{mark}{root}")))
}

fn parse(text: &str) -> Result<Map<String, Value>, String> {
    let package: Map<String, Value> =
        serde_json::from_str(text.trim_start_matches(MARK)).map_err(|error| error.to_string())?;
    match package.get(KINDS[0]) {
        Some(dependencies) if !dependencies.is_object() => Err(not_an_object(KINDS[0])),
        _ => Ok(package),
    }
}

fn not_an_object(key: &str) -> String {
    format!("`{key}` is not an object")
}
