//! Formats, checked against the vectors that TypeScript reads too.

use std::fs;
use std::path::Path;

use fanfare_schema::formats::{DateTime, Format, Uuid};
use serde_json::Value;

#[test]
fn every_format_matches_its_vectors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/formats");
    for format in Format::STRING_FORMATS {
        let file = folder.join(format!("{}.json", format.name()));
        let vectors: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        for (list, expected) in [("valid", true), ("invalid", false)] {
            for text in vectors[list].as_array().unwrap() {
                let text = text.as_str().unwrap();
                assert_eq!(format.accepts(text), expected, "{} {text:?}", format.name());
            }
        }
    }
}

#[test]
fn no_format_panics_on_truncated_text() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/formats");
    for entry in fs::read_dir(folder).unwrap() {
        let vectors: Value = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
        for text in vectors["valid"].as_array().unwrap().iter().filter_map(Value::as_str) {
            for (cut, _) in text.char_indices() {
                let altered = format!("{}🎉{}", &text[..cut], &text[cut..]);
                for format in Format::STRING_FORMATS {
                    let _ = format.accepts(&text[cut..]);
                    assert!(!format.accepts(&altered), "{} {altered:?}", format.name());
                }
            }
        }
    }
}

#[test]
fn the_text_of_a_format_is_never_rewritten() {
    for text in ["2026-11-22t03:31:00.10+05:30", "2016-12-31T23:59:60z"] {
        let read: DateTime = serde_json::from_value(text.into()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), text);
    }
    assert_eq!(
        "2EB8AA08-aa98-11ea-b4aa-73b441d16380".parse::<Uuid>().unwrap().to_string(),
        "2EB8AA08-aa98-11ea-b4aa-73b441d16380"
    );
    assert_eq!("2eb8".parse::<Uuid>().unwrap_err().to_string(), "must be a valid uuid");
}
