//! Compares versions of definitions: pairs of schemas with their verdicts, and typical changes with the whole output, which
//! `docs/changing-definitions.md` shows.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use fanfare_codegen::{
    Category, Comparison, Configuration, Deployment, Example, Level, Levels, Rule, compare, generate, release,
};
use serde_json::{Value, json};
use similar::TextDiff;

use crate::cases::{Differences, Scratch, cases};

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

#[test]
fn the_pairs_cover_each_keyword() {
    let format: Value = serde_json::from_str(&fanfare_codegen::format_schema()).expect("JSON");
    let keywords = format["definitions"]["Keywords"]["properties"].as_object().expect("keywords");
    let pairs: Vec<String> = pairs().iter().map(|pair| format!("{}{}", pair.old, pair.new)).collect();
    let pairs = pairs.concat();
    let missing: Vec<&String> =
        keywords.keys().filter(|keyword| !pairs.contains(&format!("{keyword:?}:"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_verdict_of_each_pair_decides_the_order_of_deployment() {
    let scratch = Scratch::new("order");
    let (old, new) = (scratch.path().join("old"), scratch.path().join("new"));
    let mut wrong = Vec::new();
    for pair in pairs() {
        let (old, new) =
            (write(&old, [pair.old.clone()].into_iter()), write(&new, [pair.new.clone()].into_iter()));
        let comparison = compare(new, &old.to_string_lossy(), &Levels::default());
        let order = comparison.unwrap_or_else(|error| panic!("{error}")).deployment();
        let expected = match pair.verdict.trim_end_matches('*') {
            "equal" => "any-order",
            "narrowed" => "servers-first",
            "widened" => "pages-first",
            _ => "steps",
        };
        // An undecided direction counts as breaking.
        if order.name() != expected && pair.verdict != "undecided" {
            wrong.push(format!("{} → {}: {}, not {expected}", pair.old, pair.new, order.name()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Compares the two versions of a case.
pub(crate) fn compare_case(folder: &Path) -> Comparison {
    let (old, new) = (folder.join("old"), folder.join("new"));
    compare(&new, &old.to_string_lossy(), &Levels::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_docs_show_what_the_command_prints_for_typical_changes() {
    let mut differences = Differences::default();
    for (name, folder) in cases("compiler/breaking/cases") {
        let [old, new] = ["old", "new"]
            .map(|side| std::fs::read_to_string(folder.join(side).join("jobs.yaml")).expect("a definition"));
        let diff = TextDiff::from_lines(&old, &new).unified_diff().context_radius(1).to_string();
        let diff: Vec<&str> = diff.lines().filter(|line| !line.starts_with("@@")).collect();
        let diff = diff.join(
            "
",
        );
        let output = compare_case(&folder).to_text();
        let output = output.replace(&format!("{}/new/", folder.display()), "schemas/");
        let section = format!("```diff\n{diff}\n```\n\n```text\n{output}```");
        differences.section(Path::new("../docs/changing-definitions.md"), &name, &section);
    }
    differences.fail_if_any();
}

#[test]
fn the_docs_describe_each_rule() {
    let mut text = String::new();
    for rule in Rule::ALL {
        let category = rule.category().name();
        let level = Levels::default().of(*rule);
        let _ = write!(
            text,
            "### {}\n\n{} Category `{category}`, level `{level}`.\n\n",
            rule.id(),
            rule.description()
        );
        let _ = writeln!(text, "{}\n", rule.advice());
    }
    let mut differences = Differences::default();
    differences.section(Path::new("../docs/breaking-changes.md"), "rules", text.trim_end());
    differences.fail_if_any();
}

/// A git repository with a definition.
fn repository(name: &str, definition: &str) -> Scratch {
    let scratch = Scratch::new(name);
    git(&scratch, &["init", "--quiet", "--initial-branch=main"]);
    change(&scratch, definition);
    git(&scratch, &["add", "."]);
    commit(&scratch);
    scratch
}

fn change(scratch: &Scratch, definition: &str) {
    std::fs::create_dir_all(scratch.path().join("app/schemas")).expect("a folder");
    scratch.file("app/schemas/jobs.yaml", definition.as_bytes());
}

fn git(scratch: &Scratch, arguments: &[&str]) {
    let status = Command::new("git").current_dir(scratch.path()).args(arguments).status();
    assert!(status.expect("git").success(), "git {arguments:?}");
}

fn commit(scratch: &Scratch) {
    let author = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    git(scratch, &[&author[..], &["commit", "--quiet", "--message=x"]].concat());
}

const DEFINITION: &str = "version: 1\nchannels: { a: { address: a, topics: { t: { payload: { $ref: 'common.json#/$defs/T' } } } } }\n";

#[test]
fn a_git_revision_is_compared_with_all_files_that_it_refers_to() {
    let scratch = repository("git", DEFINITION);
    scratch.file("app/schemas/common.json", br#"{ "$defs": { "T": { "type": "string" } } }"#);
    git(&scratch, &["add", "."]);
    commit(&scratch);
    scratch.file("app/schemas/common.json", br#"{ "$defs": { "T": { "type": "string", "maxLength": 3 } } }"#);
    let schemas = scratch.path().join("app/schemas");
    let compare = |against: &str| compare(&schemas, against, &Levels::default());
    let comparison = compare("HEAD").unwrap_or_else(|error| panic!("{error}"));
    let rules: Vec<&str> = comparison.findings().iter().map(|finding| finding.rule.id()).collect();
    assert!(rules.contains(&"message-refused-by-new-pages"), "{rules:?}");
    // The first commit lacks a file.
    let error = compare("HEAD~1").unwrap_err().to_string();
    assert!(error.contains("HEAD~1:app/schemas/jobs.yaml:2"), "{error}");
    for (against, expected) in [
        ("nowhere", "`nowhere` is neither a folder, a file nor a git revision"),
        ("--help", "`--help` is neither a folder"),
        ("HEAD~9", "`HEAD~9` is neither a folder"),
    ] {
        let error = compare(against).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_file_or_a_release_is_compared_as_a_folder_is() {
    let scratch = Scratch::new("against");
    change(&scratch, CLOSED);
    let schemas = scratch.path().join("app/schemas");
    let written = release(&schemas, "v1").unwrap_or_else(|error| panic!("{error}"));
    scratch.file("old.yaml", CLOSED.as_bytes());
    change(&scratch, &CLOSED.replace("[a]", "[a, b]"));
    for against in [written, scratch.path().join("old.yaml")] {
        let comparison = compare(&schemas, &against.to_string_lossy(), &Levels::default());
        let comparison = comparison.unwrap_or_else(|error| panic!("{error}"));
        let rules: Vec<Rule> = comparison.findings().iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, [Rule::MessageRefusedByOldPages, Rule::TypescriptChanged], "{}", against.display());
        assert_eq!(comparison.deployment(), Deployment::PagesFirst);
        assert!(comparison.has_errors());
    }
}

#[test]
fn names_of_channels_topics_and_signals_are_compared() {
    let channel = |address: &str, parts: &str| {
        format!(
            "version: 1\nchannels: {{ c: {{ address: '{address}', params: {{ id: {{ type: string }} }}, {parts} }} }}\n"
        )
    };
    let topic = "t: { payload: { type: string } }";
    let cases = [
        (
            channel("c:{id}", "topics: { t: { payload: { type: string } } }"),
            channel("d:{id}", "topics: { t: { payload: { type: string } } }"),
            "c address-changed",
        ),
        (
            channel("c:{id}", &format!("topics: {{ {topic} }}")),
            channel("c:{id}", "topics: { t: { stream: text } }"),
            "c/t topic-kind-changed",
        ),
        (
            channel("c:{id}", &format!("topics: {{ {topic} }}")),
            channel("c:{id}", "topics: { u: { payload: { type: string }, aliases: [t] } }"),
            "c/u topic-added",
        ),
        (
            channel("c:{id}", "topics: { u: { payload: { type: string }, aliases: [t] } }"),
            channel("c:{id}", "topics: { u: { payload: { type: string } } }"),
            "c/t topic-removed",
        ),
        (
            channel("c:{id}", "topics: { u: { payload: { type: string }, aliases: [t] } }"),
            channel("c:{id}", "topics: { u: { payload: { type: string }, renamed-from: [t] } }"),
            "c/t topic-removed",
        ),
        (
            channel("c:{id}", &format!("topics: {{ {topic} }}, signals: {{ s: {{ payload: true }} }}")),
            channel(
                "c:{id}",
                &format!("topics: {{ {topic} }}, signals: {{ r: {{ payload: true, aliases: [s] }} }}"),
            ),
            "c/r signal-added",
        ),
        (
            channel("c:{id}", &format!("topics: {{ {topic} }}, signals: {{ s: {{ payload: true }} }}")),
            channel("c:{id}", &format!("topics: {{ {topic} }}")),
            "c/s signal-removed",
        ),
        (
            channel("c:{id}", &format!("topics: {{ {topic} }}, result: {{ type: string }}")),
            channel("c:{id}", &format!("topics: {{ {topic} }}")),
            "c/result result-refused-by-old-pages",
        ),
        (
            channel("c:{id}", &format!("topics: {{ {topic} }}")),
            channel("c:{id}", &format!("history: {{ age: 1m }}, topics: {{ {topic} }}")),
            "c history-reduced",
        ),
        (
            channel("c:{id}", "topics: { t: { payload: { type: string }, retain: 5 } }"),
            channel("c:{id}", "topics: { t: { payload: { type: string }, retain: last } }"),
            "c/t retain-reduced",
        ),
        (
            channel("c:{id}", &format!("topics: {{ {topic} }}")),
            channel("c:{id}", &format!("topics: {{ {topic} }}"))
                .replace("id: { type: string }", "id: { enum: [a, b] }"),
            "c/id param-narrowed",
        ),
        (
            channel("c:{id}", &format!("topics: {{ {topic} }}"))
                .replace("id: { type: string }", "id: { type: integer, minimum: 1 }"),
            channel("c:{id}", &format!("topics: {{ {topic} }}"))
                .replace("id: { type: string }", "id: { type: integer }"),
            "c/id param-widened",
        ),
        (
            channel("c:{id}", &format!("topics: {{ {topic} }}")),
            channel("c:{id}", &format!("topics: {{ {topic} }}")).replace("id", "other"),
            "",
        ),
        (
            channel("c:{id}", &format!("topics: {{ {topic} }}")),
            channel("d:{id}", &format!("topics: {{ {topic} }}")).replace(" c: {", " d: {"),
            "c channel-removed, d channel-added",
        ),
    ];
    for (old, new, expected) in cases {
        let scratch = Scratch::new("names");
        scratch.file("old.yaml", old.as_bytes());
        change(&scratch, &new);
        let against = scratch.path().join("old.yaml");
        let comparison =
            compare(scratch.path().join("app/schemas"), &against.to_string_lossy(), &Levels::default());
        let comparison = comparison.unwrap_or_else(|error| panic!("{error}"));
        let findings =
            comparison.findings().iter().filter(|finding| finding.rule.category() != Category::Source);
        let found: Vec<String> =
            findings.map(|finding| format!("{} {}", finding.subject, finding.rule.id())).collect();
        assert_eq!(found.join(", "), expected, "{old}\n{new}");
    }
}

const CLOSED: &str = "version: 1\nchannels: { a: { address: a, topics: { t: { payload: { enum: [a] } }, u: { payload: { type: string } } } } }\n";

#[test]
fn generated_code_contains_the_changes_since_each_release() {
    let scratch = Scratch::new("releases");
    let schemas = scratch.path().join("app/schemas");
    let write = |definition: &str, name: &str| {
        change(&scratch, definition);
        release(&schemas, name).unwrap_or_else(|error| panic!("{error}"));
    };
    let generated = |path: &str| -> String {
        let files = generate(&schemas).unwrap_or_else(|error| panic!("{error}"));
        let file = files.iter().find(|(name, _)| *name == path).expect("a file");
        file.1.to_owned()
    };
    write(CLOSED, "v1");
    // A release of the current definition has nothing to compare.
    assert!(generated("rust/a.rs").contains("releases: &[],"));
    assert!(!generated("typescript/jobs.js").contains("releases"));
    write(&CLOSED.replace("[a]", "[a, b]"), "v2");
    // Another name for the same definition changes nothing.
    let once = generated("rust/a.rs");
    write(&CLOSED.replace("[a]", "[a, b]"), "v2-again");
    assert_eq!(generated("rust/a.rs"), once);
    assert!(once.contains(r#"part: fanfare::ChangedPart::Topic("t")"#), "{once}");
    assert!(once.contains(r#"such as \"b\": the value must be \"a\""#), "{once}");
    // Pages of the current definition accept all that the older server sends.
    let page = generated("typescript/jobs.js");
    assert!(page.contains("  releases: {\n    \"") && page.contains("\": [],\n  },"), "{page}");

    change(&scratch, CLOSED);
    for (name, expected) in [
        ("v2", "v2.release.json exists and differs"),
        ("../v3", "`../v3` is not a name for a release"),
        ("", "`` is not a name for a release"),
        (".hidden", "`.hidden` is not a name for a release"),
    ] {
        let error = release(&schemas, name).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(release(&schemas, "v1").is_ok(), "the same definition under the same name");
    scratch.file("app/schemas/releases/v2.release.json", b"{}");
    let error = generate(&schemas).unwrap_err().to_string();
    assert!(error.contains("v2.release.json: not a release that `fanfare release` wrote"), "{error}");
}

#[test]
fn a_release_cannot_write_outside_its_folder() {
    let scratch = Scratch::new("escape");
    change(&scratch, CLOSED);
    let schemas = scratch.path().join("app/schemas");
    let path = release(&schemas, "v1").unwrap_or_else(|error| panic!("{error}"));
    let text = std::fs::read_to_string(&path).expect("a release");
    for escape in ["../jobs.yaml", "/tmp/jobs.yaml", "schemas/../../jobs.yaml"] {
        std::fs::write(&path, text.replace("\"schemas/jobs.yaml\"", &format!("{escape:?}"))).expect("a file");
        let error = compare(&schemas, &path.to_string_lossy(), &Levels::default()).unwrap_err().to_string();
        assert!(error.contains("leads out of its folder"), "{error}");
    }
}

#[test]
fn levels_are_set_for_categories_and_rules() {
    let scratch = Scratch::new("levels");
    let read = |text: &str| {
        scratch.file("fanfare.yaml", text.as_bytes());
        Configuration::read(&scratch.path().join("fanfare.yaml")).map(|configuration| configuration.levels)
    };
    let levels = read("breaking: { wire: warning, topic-added: error, history: 'off' }").expect("levels");
    assert_eq!(levels.of(Rule::MessageRefusedByOldPages), Level::Warning);
    assert_eq!(levels.of(Rule::MessageRefusedByNewPages), Level::Warning);
    assert_eq!(levels.of(Rule::TopicAdded), Level::Error);
    assert_eq!(levels.of(Rule::TopicRemoved), Level::Error);
    assert_eq!(levels.of(Rule::StoredMessageRefused), Level::Off);
    for (text, expected) in [
        ("breaking: { topic-aded: error }", "did you mean `topic-added`?"),
        ("breaking: { wire: fatal }", "unknown variant `fatal`"),
        ("braking: {}", "unknown field `braking`"),
        ("breaking: [", "fanfare.yaml: "),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let missing = Configuration::find(Path::new("nowhere/fanfare.yaml")).expect("the defaults").levels;
    assert_eq!(missing.of(Rule::TopicAdded), Level::Note);
}
