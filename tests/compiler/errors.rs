//! Wrong definitions, and exactly what is said about them.

use std::fmt::Write as _;
use std::path::Path;

use crate::cases::{Differences, Scratch, cases};

#[test]
fn wrong_definitions_are_refused_with_exact_diagnostics() {
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
fn a_folder_without_definitions_is_refused() {
    let folder = Scratch::new("empty");
    let said = refusal(folder.path());
    assert!(said.contains("[E0022]: there is no channel definition in this folder"), "{said}");
    folder.file("notes.txt", b"not a definition");
    folder.file("channels.schema.json", b"{}");
    assert!(refusal(folder.path()).contains("[E0022]"));
}

#[test]
fn a_folder_that_is_not_there_is_refused() {
    let said = refusal(Path::new("no-such-folder"));
    assert!(said.contains("[E0023]: the definition folder cannot be read"), "{said}");
    assert!(said.contains("--> no-such-folder"), "{said}");
}

#[test]
fn a_file_in_the_place_of_the_folder_is_refused() {
    let folder = Scratch::new("file");
    folder.file("channels.yaml", b"version: 1\n");
    let said = refusal(&folder.path().join("channels.yaml"));
    assert!(said.contains("[E0023]: the definition folder cannot be read"), "{said}");
}

#[test]
fn a_folder_that_is_called_like_a_file_is_read_as_a_folder() {
    let folder = Scratch::new("folder");
    std::fs::create_dir(folder.path().join("nested.yaml")).expect("a folder");
    assert!(refusal(folder.path()).contains("[E0022]"));
    folder.file("nested.yaml/channels.yaml", VALID.as_bytes());
    assert!(fanfare_codegen::generate(folder.path()).is_ok());
}

#[test]
fn a_reference_to_a_folder_is_refused() {
    let folder = Scratch::new("reference");
    std::fs::create_dir(folder.path().join("types.yaml")).expect("a folder");
    folder.file(
        "channels.yaml",
        VALID.replace("{ type: string }", "{ $ref: \"types.yaml#/$defs/A\" }").as_bytes(),
    );
    let said = refusal(folder.path());
    assert!(said.contains("[E0008]: there is no definition file `types.yaml`"), "{said}");
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    let folder = Scratch::new("utf8");
    folder.file("channels.yaml", b"version: 1\n# caf\xe9\n");
    let said = refusal(folder.path());
    assert!(said.contains("[E0023]: is not UTF-8"), "{said}");
}

#[test]
fn a_definition_of_ten_megabytes_is_refused() {
    let folder = Scratch::new("large");
    folder.file("channels.yaml", format!("{VALID}# {}\n", "x".repeat(10 * 1024 * 1024)).as_bytes());
    let said = refusal(folder.path());
    assert!(said.contains("[E0023]: is larger than 8 MiB"), "{said}");
}

#[test]
fn a_definition_that_is_nested_ten_thousand_deep_is_refused() {
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
fn aliases_that_multiply_are_refused() {
    let folder = Scratch::new("bomb");
    let mut yaml = String::from("version: 1\n$defs:\n  A0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let previous = format!("*a{}", level - 1);
        let _ = writeln!(yaml, "  A{level}: &a{level} [{}]", vec![previous; 10].join(", "));
    }
    folder.file("channels.yaml", yaml.as_bytes());
    let said = refusal(folder.path());
    assert!(said.contains("[E0001]"), "{said}");
}

#[test]
fn types_that_refer_to_each_other_in_a_long_chain_do_not_overflow_the_stack() {
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
fn thousands_of_errors_are_all_reported() {
    let folder = Scratch::new("many");
    let mut yaml = String::from("version: 1\n$defs:\n");
    for at in 0..3000 {
        let _ = writeln!(
            yaml,
            "  T{at}: {{ type: object, properties: {{ a: {{ type: string, minLenght: 1 }} }} }}"
        );
    }
    folder.file("channels.yaml", yaml.as_bytes());
    let said = refusal(folder.path());
    assert!(said.contains("channels.yaml:3002:"), "the last one has its position");
    assert!(said.ends_with("3000 errors; nothing was written\n"));
}

const VALID: &str =
    "version: 1\nchannels:\n  a:\n    address: a\n    topics:\n      b: { payload: { type: string } }\n";

fn refusal(folder: &Path) -> String {
    match fanfare_codegen::generate(folder) {
        Ok(_) => panic!("{} was accepted", folder.display()),
        Err(error) => error.to_string(),
    }
}
