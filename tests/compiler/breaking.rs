//! Compares pairs of schemas, and checks each verdict.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fanfare_codegen::{Comparison, Example, Levels, Rule, compare};
use serde_json::{Value, json};

/// The schemas that pairs refer to.
const DEFINITIONS: &str = r##"{
    "Text": { "type": "string", "maxLength": 9 },
    "Json": { "anyOf": [
        { "type": ["null", "boolean", "number", "string"] },
        { "type": "array", "items": { "$ref": "#/$defs/Json" } },
        { "type": "object", "additionalProperties": { "$ref": "#/$defs/Json" } }
    ] },
    "Tree": { "type": "object", "properties": {
        "children": { "type": "array", "items": { "$ref": "#/$defs/Tree" } }
    }, "required": ["children"], "additionalProperties": false },
    "SameTree": { "type": "object", "properties": {
        "children": { "type": "array", "items": { "anyOf": [{ "$ref": "#/$defs/Tree" }, { "$ref": "#/$defs/SameTree" }] } }
    }, "required": ["children"], "additionalProperties": false },
    "NullableTree": { "type": "object", "properties": {
        "children": { "type": "array", "items": { "anyOf": [{ "$ref": "#/$defs/NullableTree" }, { "type": "null" }] } }
    }, "required": ["children"], "additionalProperties": false },
    "TreeWithName": { "type": "object", "properties": {
        "children": { "type": "array", "items": { "$ref": "#/$defs/TreeWithName" } }, "name": { "type": "string" }
    }, "required": ["children", "name"], "additionalProperties": false },
    "ShallowTree": { "type": "object", "properties": {
        "children": { "type": "array", "items": { "type": "object", "properties": {
            "children": { "type": "array", "maxItems": 0 }
        }, "required": ["children"], "additionalProperties": false } }
    }, "required": ["children"], "additionalProperties": false },
    "List": { "type": ["object", "null"], "properties": { "next": { "$ref": "#/$defs/List" } }, "required": ["next"], "additionalProperties": false },
    "LongerList": { "type": "object", "properties": { "next": { "$ref": "#/$defs/List" } }, "required": ["next"], "additionalProperties": false },
    "Even": { "type": ["object", "null"], "properties": { "next": { "$ref": "#/$defs/Odd" } }, "required": ["next"], "additionalProperties": false },
    "Odd": { "type": "object", "properties": { "next": { "$ref": "#/$defs/Even" } }, "required": ["next"], "additionalProperties": false }
}"##;

struct SchemaPair {
    old: Value,
    new: Value,
    verdict: String,
}

fn pairs() -> Vec<SchemaPair> {
    let text = std::fs::read_to_string("compiler/breaking/pairs.yaml").expect("the pairs");
    let pairs: Vec<(Value, Value, String)> = serde_yaml::from_str(&text).expect("a list of pairs");
    pairs.into_iter().map(|(old, new, verdict)| SchemaPair { old, new, verdict }).collect()
}

/// Writes a definition with one topic per schema.
fn write(folder: &Path, schemas: impl Iterator<Item = Value>) -> PathBuf {
    let definitions: Value = serde_json::from_str(DEFINITIONS).expect("JSON");
    let topics: BTreeMap<String, Value> =
        schemas.enumerate().map(|(at, schema)| (format!("t{at}"), json!({ "payload": schema }))).collect();
    let definition = json!({
        "version": 1,
        "channels": { "c": { "address": "c", "topics": topics } },
        "$defs": definitions,
    });
    std::fs::create_dir_all(folder).expect("a folder");
    std::fs::write(folder.join("channels.json"), format!("{definition:#}")).expect("a file");
    folder.to_owned()
}

fn verdict(comparison: &Comparison, topic: usize) -> String {
    let subject = format!("c/t{topic}");
    let finding = |rule: Rule| {
        comparison.findings().iter().find(|finding| finding.subject == subject && finding.rule == rule)
    };
    let (widened, narrowed) =
        (finding(Rule::MessageRefusedByOldPages), finding(Rule::MessageRefusedByNewPages));
    let undecided = [widened, narrowed].into_iter().flatten().find_map(|finding| match finding.example {
        Some(Example::Undecided(keyword)) => Some(keyword),
        _ => None,
    });
    let verdict = match (undecided, widened.is_some(), narrowed.is_some()) {
        (Some(_), ..) => "undecided",
        (None, false, false) => "equal",
        (None, true, false) => "widened",
        (None, false, true) => "narrowed",
        (None, true, true) => "incomparable",
    };
    let undeclared = finding(Rule::UndeclaredPropertyRefused).map_or("", |_| "*");
    format!("{verdict}{undeclared}")
}

#[test]
fn each_pair_of_schemas_has_its_verdict() {
    let pairs = pairs();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("breaking-pairs");
    let old = write(&folder.join("old"), pairs.iter().map(|pair| pair.old.clone()));
    let new = write(&folder.join("new"), pairs.iter().map(|pair| pair.new.clone()));
    let comparison =
        compare(new, &old.to_string_lossy(), &Levels::default()).unwrap_or_else(|error| panic!("{error}"));
    let mut wrong = Vec::new();
    for (at, pair) in pairs.iter().enumerate() {
        let actual = verdict(&comparison, at);
        if actual != pair.verdict {
            let examples =
                comparison.findings().iter().filter(|finding| finding.subject == format!("c/t{at}"));
            let examples: Vec<_> = examples.map(|finding| (finding.rule.id(), &finding.example)).collect();
            wrong.push(format!("{} → {}: {actual}, not {}: {examples:?}", pair.old, pair.new, pair.verdict));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), pairs.len(), wrong.join("\n"));
}
