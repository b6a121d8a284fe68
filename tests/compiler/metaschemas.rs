//! References to the metaschemas of JSON Schema.

use std::path::Path;

use serde_json::Value;

use crate::cases::{Scratch, files_below};

const FOLDER: &str = "../codegen/src/definition/metaschemas";

#[test]
fn references_to_all_metaschemas_are_resolved() {
    for path in files_below(Path::new(FOLDER)) {
        let id = id(&read(&path));
        let folder = Scratch::new("metaschemas");
        folder.file("channels.yaml", definition(&id).as_bytes());
        let made = fanfare_codegen::generate(folder.path()).unwrap_or_else(|error| panic!("{error}"));
        let (_, name) = id.split_once("://").expect("a URI");
        let types = format!("typescript/{}.types.d.ts", name.trim_end_matches('#'));
        assert!(made.iter().any(|(path, _)| path == types), "{id} is read from {path}");
    }
}

#[test]
fn a_copy_of_a_metaschema_replaces_it() {
    let copy = read("draft-07/schema.json");
    let folder = Scratch::new("metaschema-copy");
    folder.file("channels.yaml", definition(&id(&copy)).as_bytes());
    folder.file("copy.json", copy.to_string().as_bytes());
    let made = fanfare_codegen::generate(folder.path()).unwrap_or_else(|error| panic!("{error}"));
    assert!(made.iter().any(|(path, _)| path == "typescript/copy.types.d.ts"));
    assert!(made.iter().all(|(path, _)| !path.contains("json-schema.org")));
}

fn read(path: &str) -> Value {
    let text = std::fs::read_to_string(Path::new(FOLDER).join(path)).expect("a readable metaschema");
    serde_json::from_str(&text).expect("a metaschema in JSON")
}

fn id(metaschema: &Value) -> String {
    let id = metaschema.get("$id").or(metaschema.get("id")).and_then(Value::as_str);
    id.expect("a metaschema with a URI").to_owned()
}

fn definition(reference: &str) -> String {
    format!(
        "version: 1\nchannels:\n  a:\n    address: a\n    topics:\n      b: {{ payload: {{ $ref: \"{reference}\" }} }}\n"
    )
}
