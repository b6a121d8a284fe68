//! `fanfare explain` prints what each stage makes of a payload.

use fanfare_codegen::{Stage, explain};

const DEFINITIONS: &str = "compiler/golden/narrowing/schemas";

#[test]
fn the_types_of_a_payload_are_printed_before_they_have_names() {
    let text = explain(DEFINITIONS, Stage::Infer, "feed/parent").expect("the payload exists");
    let types = text.lines().nth(1).expect("the second line has the types");
    assert_eq!(types, "{ card: string, ... } xor { iban: string, ... }");
}

#[test]
fn the_lowered_schema_of_a_payload_is_printed_with_what_it_refers_to() {
    let text = explain(DEFINITIONS, Stage::Lower, "feed/pet").expect("the payload exists");
    let headings: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
    let locations: Vec<&str> =
        headings.iter().filter_map(|heading| heading.split_once(' ')).map(|(_, location)| location).collect();
    assert_eq!(locations, ["/$defs/Pet", "/$defs/Cat", "/$defs/Dog", "/$defs/Animal"]);
}

#[test]
fn the_named_types_of_a_payload_are_printed() {
    let text = explain(DEFINITIONS, Stage::Name, "feed/pet").expect("the payload exists");
    assert!(text.starts_with("// Rust: Pet\nexport type Pet = Cat | Dog;\n"), "{text}");
}

#[test]
fn a_payload_that_does_not_exist_is_an_error() {
    let error = explain(DEFINITIONS, Stage::Name, "feed/nothing").expect_err("there is no such topic");
    assert!(error.to_string().starts_with("no payload `feed/nothing`"), "{error}");
}
