//! The official JSON-Schema-Test-Suite. Each group has a schema, and instances with the expected verdict.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A schema of the suite and its instances.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Group {
    /// The path of the file, relative to the suite's folder and with `/` as separator.
    #[serde(default)]
    pub file: String,
    /// The description of the group.
    pub description: String,
    /// The schema. It names its dialect if the folder does.
    pub schema: Value,
    /// The instances.
    pub tests: Vec<Instance>,
}

/// An instance and its expected verdict.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Instance {
    /// The description of the instance.
    pub description: String,
    /// The instance.
    pub data: Value,
    /// Whether the schema accepts it.
    pub valid: bool,
}

/// The dialects of the folders whose schemas do not name one.
const DIALECTS: [(&str, &str); 4] = [
    ("draft4", "http://json-schema.org/draft-04/schema#"),
    ("draft6", "http://json-schema.org/draft-06/schema#"),
    ("draft7", "http://json-schema.org/draft-07/schema#"),
    ("draft2019-09", "https://json-schema.org/draft/2019-09/schema"),
];

/// Returns the folders in `FANFARE_SUITE`, or the one next to the project. Leaves out those that do not exist.
#[must_use]
pub fn folders() -> Vec<PathBuf> {
    let beside =
        || vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/json-schema-test-suite")];
    let named = std::env::var_os("FANFARE_SUITE").filter(|folders| !folders.is_empty());
    let folders = named.map_or_else(beside, |folders| std::env::split_paths(&folders).collect());
    folders.into_iter().filter(|folder| folder.is_dir()).collect()
}

/// Returns the groups of all files in a folder and its subfolders, ordered by path.
///
/// # Panics
/// If a file cannot be read or is not a file of the suite.
#[must_use]
pub fn groups(folder: &Path) -> Vec<Group> {
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    files.iter().flat_map(|file| read(folder, file)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
}

fn read(folder: &Path, file: &Path) -> Vec<Group> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut groups: Vec<Group> = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{} is not a file of the suite: {error}", file.display()));
    let steps: Vec<&str> = file.iter().filter_map(|step| step.to_str()).collect();
    let dialect = DIALECTS.iter().find(|(name, _)| steps.contains(name)).map(|(_, dialect)| *dialect);
    let below = file.strip_prefix(folder).unwrap_or(file);
    let name = below.iter().filter_map(|step| step.to_str()).collect::<Vec<_>>().join("/");
    for group in &mut groups {
        group.file.clone_from(&name);
        if let Some(dialect) = dialect {
            name_dialect(&mut group.schema, dialect);
        }
    }
    groups
}

fn name_dialect(schema: &mut Value, dialect: &str) {
    if let Value::Object(members) = schema
        && !members.contains_key("$schema")
    {
        members.shift_insert(0, "$schema".to_owned(), json!(dialect));
    }
}
