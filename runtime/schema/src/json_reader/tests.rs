//! Tests that the reader reads the same texts as serde, and the same values.

use serde_json::{Value, json};

use super::super::{Array, Schema, Text};
use super::{JsonReader, Unread};

fn read_tree(json: &[u8]) -> Result<Value, Unread> {
    let mut reader = JsonReader::new(json)?;
    let value = reader.tree(&Schema::Any)?;
    reader.end().map(|()| value)
}

fn skip(json: &[u8]) -> Result<(), Unread> {
    let mut reader = JsonReader::new(json)?;
    reader.check(&Schema::Any)?;
    reader.end()
}

#[track_caller]
fn assert_as_serde(json: &[u8]) {
    let expected: Option<Value> = serde_json::from_slice(json).ok();
    let text = || String::from_utf8_lossy(json).into_owned();
    assert_eq!(skip(json).is_ok(), expected.is_some(), "skipping {}", text());
    let read = read_tree(json).ok();
    // The text of numbers distinguishes -0 and 1.0, which are equal to other numbers.
    let show = |value: Option<Value>| value.map(|value| value.to_string());
    assert_eq!(show(read), show(expected), "reading {}", text());
}

/// Reads every sequence of up to `length` of these tokens.
fn assert_all_as_serde(tokens: &[&str], length: usize) {
    fn extend(text: &mut String, tokens: &[&str], length: usize) {
        assert_as_serde(text.as_bytes());
        if length > 0 {
            for token in tokens {
                let end = text.len();
                text.push_str(token);
                extend(text, tokens, length - 1);
                text.truncate(end);
            }
        }
    }
    extend(&mut String::new(), tokens, length);
}

#[test]
fn every_short_sequence_of_characters_is_read_as_by_serde() {
    assert_all_as_serde(&["[", "]", "{", "}", ",", ":", "\"a\"", "1", " "], 5);
    assert_all_as_serde(&["-", "0", "7", ".", "e", "E", "+"], 5);
    assert_all_as_serde(&["null", "true", "false", "n", "t", "[", "]", ","], 4);
}

#[test]
fn every_short_string_is_read_as_by_serde() {
    fn quoted(inner: &str) -> String {
        format!("[\"{inner}\", {{\"{inner}\": 1}}]")
    }
    let parts = ["a", "\\", "\"", "u", "00", "d8", "dc", "\u{1f}", "\u{7f}", "é", "😀", "n"];
    let mut texts = vec![String::new()];
    for _ in 0..4 {
        texts = texts.iter().flat_map(|text| parts.map(|part| format!("{text}{part}"))).collect();
        for text in &texts {
            assert_as_serde(quoted(text).as_bytes());
        }
    }
    assert_as_serde(quoted(r"\ud83d\ude00").as_bytes());
    assert_as_serde(quoted(r"\ude00\ud83d").as_bytes());
}

#[test]
fn special_characters_are_found_at_every_distance() {
    for before in 0..20 {
        for after in 0..20 {
            for special in
                ["\\n", "\\\"", "\\\\", "\n", "\u{1}", "\"", "é", "\u{80}", "!", "\u{20}", "#", "[", "]"]
            {
                let text = format!("\"{}{special}{}\"", "x".repeat(before), "é".repeat(after));
                assert_as_serde(text.as_bytes());
            }
        }
    }
    assert_as_serde(b"\"\xff\"");
    assert_as_serde(b"\"\xed\xa0\x80\"");
}

#[test]
fn numbers_are_the_nearest_doubles() {
    let mut seed = 1_u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    for _ in 0..20_000 {
        let digits = format!("{}{}", random(), random());
        let (whole, fraction) =
            digits.split_at(1 + usize::try_from(random()).unwrap_or(0) % (digits.len() - 1));
        let whole = whole.trim_start_matches('0');
        let exponent = random() % 700;
        let whole = if whole.is_empty() { "0" } else { whole };
        for text in [
            format!("{whole}.{fraction}"),
            format!("-{whole}"),
            format!("{whole}.{fraction}e-{exponent}"),
            format!("{}.{}", &whole[..whole.len().min(7)], &fraction[..fraction.len().min(7)]),
        ] {
            assert_as_serde(text.as_bytes());
            let number = JsonReader::new(text.as_bytes()).and_then(|mut reader| reader.scan_number());
            let expected: Option<f64> = text.parse().ok();
            assert_eq!(number.ok().map(f64::to_bits), expected.map(f64::to_bits), "{text}");
        }
    }
    for text in [
        "1e308",
        "1e309",
        "-1e309",
        "5e-324",
        "1e-400",
        "-0",
        "-0.0",
        "0e9",
        "999999999999999",
        "9007199254740993",
    ] {
        assert_as_serde(text.as_bytes());
    }
}

#[test]
fn nesting_is_limited_as_by_serde() {
    for depth in 125..131 {
        assert_as_serde(format!("{}{}", "[".repeat(depth), "]".repeat(depth)).as_bytes());
        assert_as_serde(format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)).as_bytes());
    }
}

#[test]
fn values_of_other_schemas_are_decided_by_the_interpreter() {
    static LIST: Schema = Schema::Array(Array { items: &WORD, min_items: 1, max_items: 2 });
    static WORD: Schema = Schema::Text(Text { max_length: 2, ..Text::ANY });
    for (json, is_accepted) in [("[\"ab\"]", true), ("[\"abc\"]", false), ("[]", false), ("\"ab\"", false)] {
        let value = JsonReader::new(json.as_bytes()).and_then(|mut reader| reader.tree(&LIST));
        assert_eq!(value.is_ok(), is_accepted, "{json}");
    }
    let twice = JsonReader::new(br#"{"a":1,"b":2,"a":3}"#).and_then(|mut reader| reader.tree(&Schema::Any));
    assert_eq!(twice, Ok(json!({ "a": 3, "b": 2 })));
}
