//! The JSON Schema for editors accepts the same definitions as the compiler.

use fanfare::Value;
use serde_json::json;

use crate::cases::Scratch;

#[test]
fn editors_and_the_compiler_accept_the_same_topics() {
    let schema: Value = serde_json::from_str(&fanfare_codegen::format_schema()).expect("JSON");
    let editor = jsonschema::validator_for(&schema).expect("a JSON Schema");
    let text = json!({ "type": "string" });
    for (topic, is_one) in [
        (json!({ "payload": text }), true),
        (json!({ "stream": "text" }), true),
        (json!({ "stream": "text", "retain": "last", "description": "A text." }), true),
        (json!({ "payload": text, "stream": "text" }), false),
        (json!({ "retain": "all" }), false),
        (json!({ "stream": "binary" }), false),
        (json!({ "stream": true }), false),
        (json!({ "stream": null }), false),
        (json!({ "stream": { "text": null } }), false),
        (json!({ "stream": "text", "schema": text }), false),
    ] {
        agree(&editor, &json!({ "address": "room", "topics": { "story": topic } }), is_one);
    }
}

#[test]
fn editors_and_the_compiler_accept_the_same_signals_and_results() {
    let schema: Value = serde_json::from_str(&fanfare_codegen::format_schema()).expect("JSON");
    let editor = jsonschema::validator_for(&schema).expect("a JSON Schema");
    let text = json!({ "type": "string" });
    for (signal, is_one) in [
        (json!({ "payload": text }), true),
        (json!({ "payload": true, "description": "Anything." }), true),
        (json!({}), false),
        (json!({ "payload": null }), false),
        (json!({ "stream": "text" }), false),
        (json!({ "payload": text, "retain": "last" }), false),
        (json!("approve"), false),
    ] {
        let topics = json!({ "story": { "payload": text } });
        let room = json!({ "address": "room", "topics": topics, "signals": { "approve": signal } });
        agree(&editor, &room, is_one);
    }
    for (result, is_one) in
        [(text.clone(), true), (json!(true), true), (json!(null), false), (json!("text"), false)]
    {
        let topics = json!({ "story": { "payload": text } });
        agree(&editor, &json!({ "address": "room", "topics": topics, "result": result }), is_one);
    }
}

/// Asserts that the compiler and the JSON Schema both accept or both reject a channel.
fn agree(editor: &jsonschema::Validator, channel: &Value, is_one: bool) {
    let definition = json!({ "version": 1, "channels": { "room": channel } });
    let folder = Scratch::new("editors");
    folder.file("channels.json", definition.to_string().as_bytes());
    assert_eq!(fanfare_codegen::generate(folder.path()).is_ok(), is_one, "compiler: {channel}");
    assert_eq!(editor.is_valid(&definition), is_one, "editor: {channel}");
}
