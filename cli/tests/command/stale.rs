//! `fanfare generate --check` in every format.

use serde_json::Value;

use crate::{Project, assert_exit, stderr, stdout};

/// A project with a changed, a missing and an unexpected file.
fn stale(name: &str) -> Project {
    let project = Project::new(name);
    assert_exit(&project.fanfare(&["generate"]), 0);
    let rust = project.out().join("rust");
    let text = std::fs::read_to_string(rust.join("news.rs")).expect("a generated file");
    std::fs::write(rust.join("olds.rs"), &text).expect("a file that can be written");
    std::fs::write(rust.join("news.rs"), text + "// edited\n").expect("a file that can be written");
    std::fs::remove_file(project.out().join("typescript/news.js")).expect("a generated file");
    project
}

fn check(project: &Project, format: &str) -> String {
    let output = project.fanfare(&["generate", "--check", "--message-format", format]);
    assert_exit(&output, 1);
    assert_eq!(stderr(&output), "", "{format}");
    stdout(&output)
}

const EXPECTED: [(&str, &str, &str, &str); 3] = [
    (
        "E0026",
        "generated/rust/news.rs",
        "generated file is out of date (+0 -1)",
        "run `fanfare generate` and commit the result",
    ),
    (
        "E0028",
        "generated/rust/olds.rs",
        "no definition produces this generated file any more",
        "run `fanfare generate`, which removes it, and commit the result",
    ),
    (
        "E0027",
        "generated/typescript/news.js",
        "missing generated file",
        "run `fanfare generate` and commit the file",
    ),
];

#[test]
fn people_see_one_line_per_file() {
    let text = check(&stale("stale-human"), "human");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "changed generated/rust/news.rs (+0 -1)");
    assert!(lines[1].starts_with("orphaned generated/rust/olds.rs (+0 -"), "{text}");
    assert!(lines[2].starts_with("new generated/typescript/news.js (+"), "{text}");
    assert_eq!(lines[3], "3 files out of date; run `fanfare generate` and commit the result");
}

#[test]
fn json_has_the_path_and_the_fix_of_each_file() {
    let project = stale("stale-json");
    let json: Value = serde_json::from_str(&check(&project, "json")).expect("JSON");
    let found: Vec<_> = json["diagnostics"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| {
            let text = |key: &str| entry[key].as_str().unwrap_or_default();
            assert_eq!(text("level"), "error");
            (text("code"), text("path"), text("message"), text("help"))
        })
        .collect();
    assert_eq!(found, EXPECTED);

    let output = project.fanfare(&["generate", "--check", "--diff", "--message-format", "json"]);
    let json: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let note = json["diagnostics"][0]["note"].as_str().expect("the difference");
    assert!(note.ends_with("-// edited\n"), "{note}");
}

#[test]
fn github_annotates_each_file() {
    let text = check(&stale("stale-github"), "github");
    let expected: Vec<String> = EXPECTED
        .iter()
        .map(|(code, path, message, help)| {
            format!("::error file={path},line=1,title={code}::{message}%0A{help}")
        })
        .collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn sarif_locates_each_file() {
    let sarif: Value = serde_json::from_str(&check(&stale("stale-sarif"), "sarif")).expect("JSON");
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), EXPECTED.len());
    for (result, (code, path, message, help)) in results.iter().zip(EXPECTED) {
        assert_eq!(result["ruleId"], code);
        let location = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(location, path);
        assert_eq!(result["message"]["text"], format!("{message}\n{help}"));
    }
}

#[test]
fn commands_without_findings_print_an_empty_report_for_programs() {
    let project = Project::new("stale-none");
    for arguments in [&["generate"][..], &["generate"], &["generate", "--check"], &["lint"]] {
        for format in ["json", "sarif"] {
            let output = project.fanfare(&[arguments, &["--message-format", format]].concat());
            assert_exit(&output, 0);
            let json: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
            let found = if format == "json" { &json["diagnostics"] } else { &json["runs"][0]["results"] };
            assert_eq!(found.as_array().map(Vec::len), Some(0), "{arguments:?} {format}");
        }
    }
}
