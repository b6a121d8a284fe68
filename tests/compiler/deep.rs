//! Deeply nested schemas and long chains of references compile in linear time.

use std::fs;
use std::path::PathBuf;

/// Files may be nested up to 128 levels deep, and each of these schemas adds two levels.
const DEPTH: usize = 50;

/// The stack size of the main thread of a build script.
const STACK: usize = 8 << 20;

#[test]
fn nested_schemas_without_an_exact_type_are_lowered_once() {
    let closed = r#""properties": { "x": false }, "additionalProperties": "#;
    generate("closed", &nested(&format!(r#"{{ "type": "object", {closed}"#), "}"), "");
    generate("kinds", &nested(&format!(r#"{{ "type": ["object", "null"], {closed}"#), "}"), "");
    generate("null", &nested(r#"{ "oneOf": [{ "type": "null" }, "#, "]}"), "");
}

#[test]
fn a_chain_of_nested_schemas_does_not_exhaust_the_stack() {
    let (before, after) = (r#"{ "allOf": ["#.repeat(DEPTH), "]}".repeat(DEPTH));
    let link = |at: usize| {
        let next = format!(r##"{{ "$ref": "#/$defs/D{}" }}"##, at + 1);
        format!(r#""D{at}": {before}{{ "allOf": [{next}, {{ "properties": {{ "p": true }} }}] }}{after}, "#)
    };
    let links: String = (0..100).map(link).collect();
    let definitions = format!(r#"{links}"D100": {{ "type": "object", "properties": {{ "z": true }} }}"#);
    generate("chain", r##"{ "$ref": "#/$defs/D0" }"##, &definitions);
}

fn nested(before: &str, after: &str) -> String {
    format!(r#"{}{{ "type": ["string", "null"] }}{}"#, before.repeat(DEPTH), after.repeat(DEPTH))
}

fn generate(name: &str, payload: &str, definitions: &str) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("deep").join(name);
    fs::create_dir_all(&folder).expect("the folder can be made");
    let channels =
        format!(r#"{{ "c": {{ "address": "c", "topics": {{ "t": {{ "payload": {payload} }} }} }} }}"#);
    let text = format!(r#"{{ "version": 1, "channels": {channels}, "$defs": {{ {definitions} }} }}"#);
    fs::write(folder.join("definition.json"), text).expect("the definition can be written");
    let generate = move || fanfare_codegen::generate(&folder).map_err(|error| error.to_string());
    let thread =
        std::thread::Builder::new().stack_size(STACK).spawn(generate).expect("a thread can be started");
    if let Err(error) = thread.join().expect("nothing panics") {
        panic!("{error}");
    }
}
