//! Published schemas with several versions: each version is compared with the next.
//!
//! Each folder of a folder of histories has the versions of one schema, named by version. `FANFARE_HISTORIES` names such
//! a folder. Without it, the versions of the Model Context Protocol next to the project are compared, if they exist.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fanfare_codegen::{Comparison, Example, Levels, Rule, Schemas, compare};
use serde_json::{Map, Value, json};

/// The maximum percentage of questions that may remain undecided.
const MAX_UNDECIDED: usize = 5;

#[test]
fn versions_of_published_schemas_are_compared() {
    let named = std::env::var_os("FANFARE_HISTORIES").map(PathBuf::from);
    let histories = match &named {
        Some(folder) => subfolders(folder),
        None => vec![PathBuf::from("../../shared/real-schemas/mcp")],
    };
    if named.is_none() && !histories[0].exists() {
        return println!("skipped: no {}", histories[0].display());
    }
    let (mut table, mut asked, mut undecided) = (String::from(HEADER), 0, 0);
    for history in histories {
        for pair in compare_history(&history) {
            asked += pair.asked();
            undecided += pair.undecided;
            table.push_str(&pair.row());
            if named.is_some() {
                pair.examples.iter().for_each(|example| println!("{example}"));
            }
        }
    }
    println!("{table}");
    assert!(
        undecided * 100 <= asked * MAX_UNDECIDED,
        "{undecided} of {asked} questions are undecided:\n{table}"
    );
}

pub(crate) const HEADER: &str = "| history | versions | parts | proved | undeclared | refuted | undecided | seconds |\n|---|---|--:|--:|--:|--:|--:|--:|\n";

/// The comparison of two versions. Each part that both have is compared in both directions.
pub(crate) struct VersionPair {
    history: String,
    versions: [String; 2],
    parts: usize,
    proved: usize,
    /// Only values with undeclared properties are refused.
    undeclared: usize,
    refuted: usize,
    pub(crate) undecided: usize,
    elapsed: Duration,
    /// The findings, one per line.
    pub(crate) examples: Vec<String>,
}

impl VersionPair {
    fn asked(&self) -> usize {
        2 * self.parts
    }

    pub(crate) fn row(&self) -> String {
        let Self {
            history,
            versions: [old, new],
            parts,
            proved,
            undeclared,
            refuted,
            undecided,
            elapsed,
            ..
        } = self;
        let seconds = elapsed.as_secs_f64();
        format!(
            "| {history} | {old} → {new} | {parts} | {proved} | {undeclared} | {refuted} | {undecided} | {seconds:.2} |\n"
        )
    }
}

/// Compares each version of a schema with the next.
pub(crate) fn compare_history(folder: &Path) -> Vec<VersionPair> {
    let folder = folder.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries(&folder);
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort_by_key(|file| numbers(&name(file)));
    files.windows(2).map(|pair| compare_versions(&folder, &pair[0], &pair[1])).collect()
}

fn compare_versions(folder: &Path, old: &Path, new: &Path) -> VersionPair {
    let [references_before, references_after] = [old, new].map(parts);
    let parts: Vec<String> =
        references_after.keys().filter(|name| references_before.contains_key(*name)).cloned().collect();
    let definitions = std::env::temp_dir().join(format!("fanfare-histories-{}", std::process::id()));
    let side = |side: &str, references: &BTreeMap<String, String>| {
        let topics = parts
            .iter()
            .enumerate()
            .map(|(at, part)| (format!("t{at}"), json!({ "payload": { "$ref": references[part] } })));
        let topics: Map<String, Value> = topics.collect();
        let definition = json!({ "version": 1, "channels": { "c": { "address": "c", "topics": topics } } });
        let folder = definitions.join(side);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("c.json"), definition.to_string()).expect("a file");
        folder
    };
    let (before, after) = (side("old", &references_before), side("new", &references_after));
    let start = Instant::now();
    let schemas = Schemas::new(&after).allow_refs_to(folder);
    let comparison = compare(schemas, &before.to_string_lossy(), &Levels::default())
        .unwrap_or_else(|error| panic!("{} → {}: {error}", old.display(), new.display()));
    let elapsed = start.elapsed();
    _ = std::fs::remove_dir_all(definitions);
    let mut pair = VersionPair {
        history: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        versions: [name(old), name(new)],
        parts: parts.len(),
        proved: 0,
        undeclared: 0,
        refuted: 0,
        undecided: 0,
        elapsed,
        examples: Vec::new(),
    };
    pair.count(&comparison, &parts);
    pair
}

impl VersionPair {
    fn count(&mut self, comparison: &Comparison, parts: &[String]) {
        for finding in comparison.findings() {
            let part = finding.subject.strip_prefix("c/t").and_then(|at| at.parse::<usize>().ok());
            let Some(part) = part.and_then(|at| parts.get(at)) else { continue };
            match (finding.rule, &finding.example) {
                (Rule::StoredMessageRefused, _) | (_, None) => continue,
                (Rule::UndeclaredPropertyRefused, Some(_)) => self.undeclared += 1,
                (_, Some(Example::Undecided(_))) => self.undecided += 1,
                (_, Some(_)) => self.refuted += 1,
            }
            let example = match &finding.example {
                Some(Example::Value { value, issues }) => format!("{value}: {}", issues.join("; ")),
                example => format!("{example:?}"),
            };
            self.examples.push(format!("{} {part} {}: {example}", self.versions[1], finding.rule.id()));
        }
        self.proved = self.asked() - self.undeclared - self.refuted - self.undecided;
    }
}

/// Returns a reference to the whole schema, or to each of its named schemas if it has no keyword of its own.
fn parts(file: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let schema: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let file = file.display().to_string();
    if ["$ref", "type", "properties", "oneOf", "anyOf", "allOf"].iter().any(|key| schema.get(key).is_some()) {
        return BTreeMap::from([(String::new(), file)]);
    }
    let named = ["$defs", "definitions"].into_iter().filter_map(|keyword| {
        let schemas = schema.get(keyword)?.as_object()?;
        let file = &file;
        Some(schemas.keys().map(move |name| (name.clone(), format!("{file}#/{keyword}/{name}"))))
    });
    named.flatten().collect()
}

/// Returns the numbers of a version, so that `1.10` comes after `1.9`.
fn numbers(version: &str) -> Vec<u64> {
    version
        .split(|character: char| !character.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

fn name(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = entries(folder).into_iter().filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("a readable folder").path()).collect()
}
