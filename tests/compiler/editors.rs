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

#[test]
fn editors_and_the_compiler_accept_the_same_configurations() {
    let schema: Value = serde_json::from_str(&fanfare_codegen::configuration_schema()).expect("JSON");
    let editor = jsonschema::validator_for(&schema).expect("a JSON Schema");
    let rust = json!({ "language": "rust", "folder": "x" });
    let typescript = |more: Value| {
        let mut output = json!({ "language": "typescript", "folder": "x" });
        let members = output.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        json!({ "outputs": [output] })
    };
    for (configuration, is_one) in [
        (json!({}), true),
        (json!({ "version": 1, "schemas": "definitions", "allow-refs-to": ["shared"] }), true),
        (json!({ "version": 2 }), false),
        (json!({ "schema": "definitions" }), false),
        (json!({ "allow-refs-to": "shared" }), false),
        (
            json!({ "server": { "url": "http://127.0.0.1:3000", "key-variable": "FANFARE_SIGNING_KEY" } }),
            true,
        ),
        (json!({ "server": {} }), true),
        (json!({ "server": { "url": "127.0.0.1:3000" } }), false),
        (json!({ "server": { "key": "signkey-test-00112233445566778899aabbccddeeff" } }), false),
        (json!({ "server": { "key-variable": "signkey-test-00112233445566778899aabbccddeeff" } }), false),
        (json!({ "server": { "key-variable": "0123456789abcdef" } }), false),
        (json!({ "server": { "key-variable": "" } }), false),
        (json!({ "outputs": [] }), true),
        (json!({ "outputs": [rust] }), true),
        (json!({ "outputs": [{ "language": "rust" }] }), false),
        (json!({ "outputs": [{ "language": "java", "folder": "x" }] }), false),
        (json!({ "outputs": [{ "language": "rust", "folder": "x", "style": "ts" }] }), false),
        (json!({ "outputs": [{ "language": "json-schema", "folder": "x", "zod-schemas": [] }] }), false),
        (json!({ "outputs": [{ "language": "rust", "folder": "x", "channels": ["news"] }] }), true),
        (typescript(json!({})), true),
        (typescript(json!({ "style": "ts", "imports": "none", "zod-schemas": ["zod", "zod/mini"] })), true),
        (typescript(json!({ "imports": "ts" })), false),
        (typescript(json!({ "style": "js", "imports": "ts" })), false),
        (typescript(json!({ "style": "tsx" })), false),
        (typescript(json!({ "zod-schemas": ["yup"] })), false),
        (json!({ "breaking": { "wire": "off", "topic-removed": "warning" } }), true),
        (json!({ "breaking": { "topic-removd": "warning" } }), false),
        (json!({ "breaking": { "wire": "fatal" } }), false),
    ] {
        let folder = Scratch::new("configurations");
        folder.file("fanfare.yaml", configuration.to_string().as_bytes());
        let read = fanfare_codegen::Configuration::read(&folder.path().join("fanfare.yaml"));
        assert_eq!(read.is_ok(), is_one, "compiler: {configuration}");
        assert_eq!(editor.is_valid(&configuration), is_one, "editor: {configuration}");
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
