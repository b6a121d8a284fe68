//! Invalid definitions, with their exact diagnostics.

use std::fmt::Write as _;
use std::path::Path;

use crate::cases::{Differences, Scratch, cases};

#[test]
fn invalid_definitions_have_exact_diagnostics() {
    let mut differences = Differences::default();
    for (name, folder) in cases("compiler/errors") {
        match fanfare_codegen::generate(folder.join("schemas")) {
            Ok(_) => differences.note(format!("{name} was accepted")),
            Err(error) => differences.file(&folder.join("expected.txt"), &error.to_string()),
        }
    }
    differences.fail_if_any();
}

#[test]
fn an_empty_folder_is_an_error() {
    let folder = Scratch::new("empty");
    let text = refusal(folder.path());
    assert!(text.contains("[E0022]: no channel definitions in this folder"), "{text}");
    folder.file("notes.txt", b"not a definition");
    folder.file("channels.schema.json", b"{}");
    assert!(refusal(folder.path()).contains("[E0022]"));
}

#[test]
fn a_missing_folder_is_an_error() {
    let text = refusal(Path::new("no-such-folder"));
    assert!(text.contains("[E0023]: cannot read the definition folder"), "{text}");
    assert!(text.contains("--> no-such-folder"), "{text}");
}

#[test]
fn a_file_instead_of_a_folder_is_an_error() {
    let folder = Scratch::new("file");
    folder.file("channels.yaml", b"version: 1\n");
    let text = refusal(&folder.path().join("channels.yaml"));
    assert!(text.contains("[E0023]: cannot read the definition folder"), "{text}");
}

#[test]
fn a_folder_named_like_a_file_is_read_as_a_folder() {
    let folder = Scratch::new("folder");
    std::fs::create_dir(folder.path().join("nested.yaml")).expect("a folder");
    assert!(refusal(folder.path()).contains("[E0022]"));
    folder.file("nested.yaml/channels.yaml", VALID.as_bytes());
    assert!(fanfare_codegen::generate(folder.path()).is_ok());
}

#[test]
fn a_reference_to_a_folder_is_an_error() {
    let folder = Scratch::new("reference");
    std::fs::create_dir(folder.path().join("types.yaml")).expect("a folder");
    folder.file(
        "channels.yaml",
        VALID.replace("{ type: string }", "{ $ref: \"types.yaml#/$defs/A\" }").as_bytes(),
    );
    let text = refusal(folder.path());
    assert!(text.contains("[E0008]: file `types.yaml` not found"), "{text}");
}

#[test]
fn invalid_utf8_is_an_error() {
    let folder = Scratch::new("utf8");
    folder.file("channels.yaml", b"version: 1\n# caf\xe9\n");
    let text = refusal(folder.path());
    assert!(text.contains("[E0023]: invalid UTF-8"), "{text}");
}

#[test]
fn a_definition_of_ten_megabytes_is_an_error() {
    let folder = Scratch::new("large");
    folder.file("channels.yaml", format!("{VALID}# {}\n", "x".repeat(10 * 1024 * 1024)).as_bytes());
    let text = refusal(folder.path());
    assert!(text.contains("[E0023]: file larger than 8 MiB"), "{text}");
}

#[test]
fn a_definition_nested_ten_thousand_levels_deep_is_an_error() {
    let depth = 10_000;
    let folder = Scratch::new("deep");
    let json = format!(
        r#"{{ "version": 1, "$defs": {{ "A": {}{}{} }} }}"#,
        r#"{ "type": "array", "items": "#.repeat(depth),
        r#"{ "type": "string" }"#,
        " }".repeat(depth)
    );
    folder.file("channels.json", json.as_bytes());
    assert!(refusal(folder.path()).contains("[E0001]: nested too deeply"));

    let folder = Scratch::new("deep-flow");
    folder.file(
        "channels.yaml",
        format!("version: 1\n$defs: {}{}\n", "[".repeat(depth), "]".repeat(depth)).as_bytes(),
    );
    assert!(refusal(folder.path()).contains("[E0001]: nested too deeply"));

    let folder = Scratch::new("deep-block");
    let mut yaml = String::from("version: 1\n$defs:\n  A:\n");
    for level in 0..2000 {
        yaml.push_str(&" ".repeat(level + 4));
        yaml.push_str("items:\n");
    }
    folder.file("channels.yaml", yaml.as_bytes());
    assert!(refusal(folder.path()).contains("[E0001]: nested too deeply"));
}

#[test]
fn exponential_yaml_aliases_are_an_error() {
    let folder = Scratch::new("bomb");
    let mut yaml = String::from("version: 1\n$defs:\n  A0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let previous = format!("*a{}", level - 1);
        let _ = writeln!(yaml, "  A{level}: &a{level} [{}]", vec![previous; 10].join(", "));
    }
    folder.file("channels.yaml", yaml.as_bytes());
    let text = refusal(folder.path());
    assert!(text.contains("[E0001]"), "{text}");
}

#[test]
fn long_chains_of_references_do_not_overflow_the_stack() {
    let folder = Scratch::new("chain");
    let mut yaml = format!("{VALID}$defs:\n");
    for at in 0..5000 {
        let _ = writeln!(yaml, "  T{at}: {{ $ref: \"#/$defs/T{}\" }}", at + 1);
    }
    yaml.push_str("  T5000: { type: string }\n");
    folder.file("channels.yaml", yaml.as_bytes());
    let _ = fanfare_codegen::generate(folder.path());

    let yaml = yaml
        .replace("{ $ref: ", "{ type: object, required: [a], properties: { a: { $ref: ")
        .replace("\" }\n", "\" } } }\n");
    folder.file("channels.yaml", yaml.as_bytes());
    let _ = fanfare_codegen::generate(folder.path());
}

#[test]
fn all_of_thousands_of_errors_are_reported() {
    let folder = Scratch::new("many");
    let mut yaml = String::from("version: 1\n$defs:\n");
    for at in 0..3000 {
        let _ = writeln!(
            yaml,
            "  T{at}: {{ type: object, properties: {{ a: {{ type: string, minLenght: 1 }} }} }}"
        );
    }
    folder.file("channels.yaml", yaml.as_bytes());
    let text = refusal(folder.path());
    assert!(text.contains("channels.yaml:3002:"), "the last error has its location");
    assert!(text.ends_with("3000 errors; nothing was written\n"));
}

const VALID: &str =
    "version: 1\nchannels:\n  a:\n    address: a\n    topics:\n      b: { payload: { type: string } }\n";

fn refusal(folder: &Path) -> String {
    match fanfare_codegen::generate(folder) {
        Ok(_) => panic!("{} was accepted", folder.display()),
        Err(error) => error.to_string(),
    }
}
