//! Frames, checked against the vectors that TypeScript reads too.

use std::fs;
use std::path::Path;

use fanfare::wire::{read_client_frame, read_server_frames};
use serde_json::{Value, json};

#[test]
fn every_vector_decodes_to_its_meaning() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/frames");
    let mut cases = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let case: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let meaning = read(&case);
        if meaning != case["meaning"] {
            wrong.push(format!("{}: {meaning}", path.display()));
        }
        cases += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases > 50, "only {cases} cases");
}

fn read(case: &Value) -> Value {
    let text = match &case["frame"] {
        Value::String(text) => text.clone(),
        frame => frame.to_string(),
    };
    let meaning = match case["from"].as_str() {
        Some("server") => read_server_frames(&text).map(|message| {
            let mut frames = json!(message.frames);
            if let Some(subscription_id) = message.subscription_id {
                for frame in frames.as_array_mut().unwrap() {
                    frame["ref"] = json!(subscription_id);
                }
            }
            frames
        }),
        _ => read_client_frame(&text).map(|frame| json!(frame)),
    };
    meaning.unwrap_or_else(|_| "bad_frame".into())
}

/// `→` marks a frame from the client and `←` a frame from the server.
#[test]
fn the_frames_in_the_documented_exchanges_are_valid() {
    let document = include_str!("../../../EXCHANGES.md");
    let mut frames = 0;
    for line in document.lines() {
        if let Some(frame) = line.strip_prefix("→ ") {
            read_client_frame(frame).unwrap_or_else(|error| panic!("{error} in {frame}"));
            frames += 1;
        } else if let Some(frame) = line.strip_prefix("← ") {
            let message = read_server_frames(frame).unwrap_or_else(|error| panic!("{error} in {frame}"));
            assert!(!message.frames.is_empty(), "unknown kind in {frame}");
            frames += 1;
        }
    }
    assert!(frames > 20, "only {frames} frames");
}
