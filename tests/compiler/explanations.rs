//! The explanations of diagnostics: each example gives exactly its diagnostic, and its correction gives none.

use std::collections::BTreeSet;
use std::path::Path;

use fanfare_codegen::{Diagnostics, Error, explain_code, generate, import_asyncapi, lint};
use serde_json::Value;

use crate::cases::Scratch;

/// Codes whose examples are commands or a document of another format. Other tests cause them.
const WITHOUT_DEFINITION: [&str; 6] = ["E0022", "E0023", "E0025", "E0026", "E0027", "E0028"];

/// Every code with its explanation.
fn explanations() -> Vec<(String, String)> {
    let page = std::fs::read_to_string("../docs/json-schema.md").expect("the documentation");
    let codes = page.lines().filter_map(|line| line.strip_prefix("| [")?.split_once("](diagnostics.md"));
    let codes: Vec<_> = codes
        .map(|(code, _)| {
            (code.to_owned(), explain_code(code).unwrap_or_else(|| panic!("{code} has no explanation")))
        })
        .collect();
    assert!(codes.len() > 30, "{codes:?}");
    codes
}

/// The examples in YAML of an explanation.
fn examples(text: &str) -> Vec<&str> {
    let blocks = text.split("```yaml\n").skip(1);
    blocks.map(|block| block.split_once("```").map_or(block, |(example, _)| example)).collect()
}

/// The codes of everything that the compiler reports about a definition.
fn reported(definition: &str) -> BTreeSet<String> {
    let folder = Scratch::new("explanation");
    folder.file("channels.yaml", definition.as_bytes());
    let diagnostics = match generate(folder.path()) {
        Ok(_) => lint(folder.path()).unwrap_or_else(|error| panic!("{error}")).unwrap_or_default(),
        Err(Error::Definitions(diagnostics)) => diagnostics,
        Err(Error::Io(error)) => panic!("{error}"),
    };
    codes(&diagnostics)
}

fn codes(diagnostics: &Diagnostics) -> BTreeSet<String> {
    let json: Value = serde_json::from_str(&diagnostics.to_json()).expect("JSON");
    let entries = json["diagnostics"].as_array().expect("a list");
    entries.iter().filter_map(|entry| entry["code"].as_str().map(str::to_owned)).collect()
}

#[test]
fn each_example_gives_its_diagnostic_and_its_correction_none() {
    let mut failures = Vec::new();
    for (code, text) in explanations() {
        if WITHOUT_DEFINITION.contains(&code.as_str()) {
            continue;
        }
        let [wrong, right] = examples(&text)[..] else {
            panic!("{code} needs an example and its correction")
        };
        let (of_wrong, of_right) = (reported(wrong), reported(right));
        if of_wrong != BTreeSet::from([code.clone()]) || !of_right.is_empty() {
            failures.push(format!("{code}: the example gives {of_wrong:?}, its correction {of_right:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_document_that_cannot_be_imported_gives_its_diagnostic() {
    let text = explain_code("E0025").expect("the code exists");
    let [wrong, right] = examples(&text)[..] else { panic!("two documents") };
    let folder = Scratch::new("explanation-asyncapi");
    folder.file("wrong.yaml", wrong.as_bytes());
    folder.file("right.yaml", right.as_bytes());
    let import = |name: &str| import_asyncapi(&folder.path().join(name), &[], false);
    let Err(Error::Definitions(diagnostics)) = import("wrong.yaml") else { panic!("expected an error") };
    assert_eq!(codes(&diagnostics), BTreeSet::from(["E0025".to_owned()]));
    let imported = import("right.yaml").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(reported(&imported.text), BTreeSet::new());
}

#[test]
fn examples_without_a_definition_show_what_is_printed() {
    let Err(Error::Definitions(missing)) = generate(Path::new("nowhere")) else {
        panic!("expected an error")
    };
    let folder = Scratch::new("explanation-empty");
    let Err(Error::Definitions(empty)) = generate(folder.path()) else { panic!("expected an error") };
    for (code, diagnostics) in [("E0023", missing), ("E0022", empty)] {
        let text = explain_code(code).expect("the code exists");
        let printed = diagnostics.to_string();
        let title = printed.lines().next().unwrap_or_default();
        assert!(text.contains("$ fanfare generate") && text.contains(title), "{text}\n{title}");
    }
}
