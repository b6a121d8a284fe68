//! Decoding and encoding of the types that the macros declare.

#![allow(
    clippy::option_option,
    clippy::items_after_statements,
    clippy::float_cmp,
    clippy::needless_pass_by_value,
    reason = "an optional nullable is one, tables are next to their tests, and doubles are compared exactly"
)]

use std::collections::BTreeMap;

use fanfare::formats::Uuid;
use fanfare::schema::{
    Additional, Array, Integer, Number, Object, Pattern, Property, Schema, Tagged, Text, check,
};
use fanfare::{Int64, Payload, Uint64, decode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

static TEXT: Schema = Schema::Text(Text::ANY);
static NUMBER: Schema = Schema::Number(Number::ANY);
static INTEGER: Schema = Schema::Integer(Integer::ANY);

#[derive(Debug, PartialEq)]
struct Status {
    message: String,
    step: Option<Step>,
    note: Option<Option<String>>,
    parent: Option<String>,
    tags: Option<Vec<String>>,
    percent: i64,
}

static STATUS: Schema = Schema::Object(Object {
    properties: &[
        Property::Required("kind", &Schema::Enum(&["status"])),
        Property::Required("message", &TEXT),
        Property::Optional("step", &STEP),
        Property::Optional("note", &NULLABLE_TEXT),
        Property::Required("parent", &NULLABLE_TEXT),
        Property::Optional("tags", &TAGS),
        Property::Required("percent", &INTEGER),
    ],
    additional: Additional::Ignored,
});
static NULLABLE_TEXT: Schema = Schema::AnyOf(&[&TEXT, &Schema::Null]);
static TAGS: Schema = Schema::Array(Array { items: &TEXT, min_items: 0, max_items: u32::MAX });

fanfare::object!(Status: STATUS {
    "kind" = "status",
    "message" => message,
    "step" => step?,
    "note" => note?,
    "parent" => parent,
    "tags" => tags?,
    "percent" => percent,
});

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Research,
    Write,
}
static STEP: Schema = Schema::Enum(&["research", "write"]);
fanfare::string_enum!(Step: STEP { Research = "research", Write = "write" });

fn read<T: Payload>(json: &Value) -> Option<T> {
    decode(json.to_string().as_bytes()).ok()
}

/// Asserts that decoding and encoding returns the same JSON.
#[track_caller]
fn carries<T: Payload + std::fmt::Debug>(json: Value) {
    let payload: T = decode(json.to_string().as_bytes()).unwrap();
    assert_eq!(check(T::SCHEMA, &payload), Ok(()));
    assert_eq!(serde_json::to_value(&payload).unwrap(), json, "{payload:?}");
}

#[test]
fn absent_null_and_empty_values_are_distinct() {
    let base = json!({ "kind": "status", "message": "", "parent": null, "percent": 0 });
    carries::<Status>(base.clone());
    let with = |name: &str, value: Value| {
        let mut json = base.clone();
        json[name] = value;
        json
    };
    carries::<Status>(with("note", Value::Null));
    carries::<Status>(with("note", json!("x")));
    carries::<Status>(with("tags", json!([])));
    carries::<Status>(with("parent", json!("")));
    assert_eq!(read::<Status>(&with("note", Value::Null)).unwrap().note, Some(None));
    assert_eq!(read::<Status>(&base).unwrap().note, None);
    assert!(read::<Status>(&with("step", Value::Null)).is_none());
    let mut missing = base.clone();
    missing.as_object_mut().unwrap().remove("parent");
    assert!(read::<Status>(&missing).is_none(), "a required nullable must be there");
}

#[test]
fn types_reject_what_derived_deserialize_would_accept() {
    assert!(read::<Status>(&json!(["status", "m", null, null, null, null, 1])).is_none());
    assert!(read::<Step>(&json!({ "research": null })).is_none());
    let json = r#"{"kind":"status","message":"a","message":"b","parent":null,"percent":1e1,"x":1}"#;
    let status: Status = decode(json.as_bytes()).unwrap();
    assert_eq!((status.message.as_str(), status.percent), ("b", 10));
    for json in ["1e400", r#""\ud800""#, "\u{feff}1", "NaN", "01", ""] {
        assert!(decode::<Anything>(json.as_bytes()).is_err(), "{json}");
    }
    assert!(decode::<Anything>(b"\"\xff\"").is_err());
    assert!(serde_json::from_str::<Status>(r#"{"kind":"other"}"#).is_err());
}

#[derive(Debug, PartialEq)]
struct Anything(Value);
fanfare::wrapper!(Anything: ANYTHING);
static ANYTHING: Schema = Schema::Any;

#[derive(Debug, PartialEq)]
struct Measure(f64);
fanfare::wrapper!(Measure: NUMBER);

#[test]
fn minus_zero_is_read_as_zero_and_long_numbers_are_rounded() {
    assert!(decode::<Measure>(b"-0").unwrap().0.is_sign_positive());
    assert_eq!(decode::<Measure>(b"1e-400").unwrap().0.to_bits(), 0);
    assert_eq!(decode::<Measure>(b"0.1000000000000000055511151231257827").unwrap().0, 0.1);
}

#[derive(Debug, PartialEq)]
struct Row((i8, u8, Int64, Uint64, Uuid, ()));
static ROW: Schema = Schema::Tuple(&[
    &Schema::Integer(Integer { minimum: -128, maximum: 127, multiple_of: None }),
    &Schema::Integer(Integer { minimum: 0, maximum: 255, multiple_of: None }),
    &Schema::Int64,
    &Schema::Uint64,
    &Schema::Text(Text { format: Some(fanfare::formats::Format::Uuid), ..Text::ANY }),
    &Schema::Null,
]);
fanfare::wrapper!(Row: ROW);

#[test]
fn wide_integers_travel_as_canonical_strings() {
    let uuid = "2EB8AA08-aa98-11ea-b4aa-73b441d16380";
    let row = |signed: Value, unsigned: Value| json!([-128, 255, signed, unsigned, uuid, null]);
    carries::<Row>(row(json!(i64::MIN.to_string()), json!(u64::MAX.to_string())));
    carries::<Row>(row(json!("-1"), json!("0")));
    for text in ["", "-", "-0", "+1", "01", "1.0", "1e2", " 1", "9223372036854775808", "१"] {
        assert!(read::<Row>(&row(json!(text), json!("0"))).is_none(), "{text}");
    }
    for text in ["-1", "18446744073709551616", "00"] {
        assert!(read::<Row>(&row(json!("0"), json!(text))).is_none(), "{text}");
    }
    assert!(read::<Row>(&row(json!(1), json!("0"))).is_none());
    assert!(serde_json::from_str::<Int64>("\"007\"").is_err());
    assert_eq!(serde_json::from_str::<Uint64>("\"7\"").unwrap(), Uint64(7));
}

#[derive(Debug, PartialEq)]
struct RunId(String);
static RUN_ID_PATTERN: Pattern = Pattern::new("^run_[a-z0-9]+$");
static RUN_ID: Schema = Schema::Text(Text { pattern: Some(&RUN_ID_PATTERN), ..Text::ANY });
fanfare::newtype!(RunId: RUN_ID (String));

#[test]
fn a_limited_string_rejects_values_outside_its_limits() {
    assert_eq!(&*"run_42".parse::<RunId>().unwrap(), "run_42");
    let refused = RunId::try_from("walk").unwrap_err();
    assert_eq!(refused.to_string(), r#"the value must match the pattern ^run_[a-z0-9]+$, got "walk""#);
    assert!(serde_json::from_str::<RunId>("\"walk\"").is_err());
}

#[derive(Debug, PartialEq)]
struct Open {
    id: i64,
    additional: BTreeMap<String, f64>,
}
static OPEN: Schema = Schema::Object(Object {
    properties: &[Property::Required("id", &INTEGER)],
    additional: Additional::Checked(&NUMBER),
});
fanfare::object!(Open: OPEN { "id" => id, .. additional });

#[test]
fn additional_properties_round_trip_and_are_never_written_twice() {
    carries::<Open>(json!({ "id": 1, "__proto__": 0.5, "x": 2.5 }));
    let twice = Open { id: 1, additional: BTreeMap::from([("id".to_owned(), 2.0)]) };
    let issues = check(&OPEN, &twice).unwrap_err();
    assert_eq!(issues[0].to_string(), "/id must not be written twice, got 2");
}

#[derive(Debug, PartialEq)]
enum Width {
    Pixels(f64),
    Auto,
    Css(String),
    Many(Vec<Width>),
}
static MANY: Schema = Schema::Array(Array { items: &WIDTH, min_items: 0, max_items: u32::MAX });
static WIDTH: Schema = Schema::AnyOf(&[&NUMBER, &TEXT, &MANY]);
fanfare::union!(Width: WIDTH { Pixels(&NUMBER), Auto = "auto", Css(&Schema::Text(Text::ANY)), Many(&MANY) });

#[test]
fn a_union_decodes_as_the_first_alternative_that_accepts() {
    carries::<Width>(json!([1.5, "auto", "1em", [[]]]));
    assert_eq!(
        read::<Width>(&json!([1, "auto", "x"])),
        Some(Width::Many(vec![Width::Pixels(1.0), Width::Auto, Width::Css("x".into())]))
    );
    assert_eq!(read::<Width>(&json!(true)), None);
}

#[derive(Debug, PartialEq)]
struct Created {
    by: String,
    child: Option<Box<Event>>,
}
static CREATED: Schema = Schema::Object(Object {
    properties: &[
        Property::Required("by", &TEXT),
        Property::Optional("child", &EVENT),
        Property::Required("kind", &Schema::Enum(&["created"])),
    ],
    additional: Additional::Refused,
});
fanfare::object!(Created: CREATED { "by" => by, "child" => child?, "kind" = "created" });

#[derive(Debug, PartialEq)]
enum Event {
    Created(Created),
    Unknown(Value),
}
static EVENT: Schema = Schema::Tagged(Tagged { tag: "kind", cases: &[("created", &CREATED)], open: true });
fanfare::tagged!(Event: EVENT by "kind" { Created = "created", .. Unknown });

#[derive(Debug, PartialEq)]
enum Closed {
    Created(Created),
}
static CLOSED: Schema = Schema::Tagged(Tagged { tag: "kind", cases: &[("created", &CREATED)], open: false });
fanfare::tagged!(Closed: CLOSED by "kind" { Created = "created" });

#[test]
fn a_tagged_enum_keeps_unknown_variants() {
    carries::<Event>(json!({ "by": "ada", "child": { "kind": "moved", "to": [1] }, "kind": "created" }));
    assert!(read::<Closed>(&json!({ "kind": "moved" })).is_none());
    assert!(read::<Closed>(&json!({ "kind": "created", "by": "a", "x": 1 })).is_none());
    carries::<Closed>(json!({ "by": "ada", "kind": "created" }));
}

#[derive(Debug, PartialEq)]
enum Colour {
    Red,
    Other(String),
}
fanfare::string_enum!(Colour: TEXT { Red = "red", .. Other });

#[test]
fn an_open_enum_keeps_unknown_strings() {
    assert_eq!(read(&json!("red")), Some(Colour::Red));
    assert_eq!(read(&json!("blue")), Some(Colour::Other("blue".into())));
    carries::<Colour>(json!("blue"));
    assert_eq!(
        "walk".parse::<Step>().unwrap_err().to_string(),
        r#"the value must be one of "research", "write", got "walk""#
    );
    assert_eq!(format!("{:>6}", Step::Write), " write");
}

#[derive(Debug, PartialEq)]
struct Tree(Vec<Tree>);
static TREE: Schema = Schema::Array(Array { items: &TREE, min_items: 0, max_items: u32::MAX });
fanfare::wrapper!(Tree: TREE);

#[test]
fn a_payload_may_be_rules() {
    use fanfare::schema::{Kinds, Members, Rules};

    #[derive(Debug, PartialEq)]
    struct Card {
        number: String,
        additional: BTreeMap<String, String>,
    }
    static TEXT: Rules =
        Rules { kinds: Kinds::STRING, text: Some(&Text { min_length: 1, ..Text::ANY }), ..Rules::ANY };
    static CARD: Schema = Schema::Rules(&Rules {
        kinds: Kinds::OBJECT,
        object: Some(&Members {
            properties: &[("number", &TEXT)],
            others: Some(&TEXT),
            required: &["number"],
            dependent_required: &[("number", &["address"])],
            ..Members::ANY
        }),
        ..Rules::ANY
    });
    fanfare::object!(Card: CARD { "number" => number, .. additional });

    let card: Card = decode(br#"{"number":"1","address":"x"}"#).unwrap();
    assert_eq!(card.additional, BTreeMap::from([("address".to_owned(), "x".to_owned())]));
    assert_eq!(check(Card::SCHEMA, &card), Ok(()));
    let error = decode::<Card>(br#"{"number":""}"#).unwrap_err().to_string();
    assert_eq!(
        error,
        "/address is required when \"number\" is present; /number must have at least 1 character, got \"\""
    );
    let twice = Card { number: "1".into(), additional: BTreeMap::from([("number".into(), "2".into())]) };
    let issues = check(Card::SCHEMA, &twice).unwrap_err();
    assert!(issues.iter().any(|issue| issue.to_string() == "/number must not be written twice, got \"2\""));
}

#[test]
fn depth_is_limited_for_typed_values_and_for_text() {
    let text = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(decode::<Tree>(text(127).as_bytes()).is_ok());
    assert!(decode::<Tree>(text(128).as_bytes()).is_err());
    assert!(decode::<Tree>("[".repeat(100_000).as_bytes()).is_err());
    let deep = (0..128).fold(Tree(vec![]), |inner, _| Tree(vec![inner]));
    assert_eq!(check(&TREE, &deep).unwrap_err()[0].rule, "depth");
}

/// Asserts that reading in one pass and reading through a tree give the same result, for a text and for all texts that
/// differ from it by one character.
#[track_caller]
fn reads_as_through_a_tree<T: Payload + DeserializeOwned + std::fmt::Debug>(json: &str) {
    let same = |json: &[u8]| {
        let read = decode::<T>(json).ok().map(|payload| format!("{payload:?}"));
        let through_tree = serde_json::from_slice::<T>(json).ok().map(|payload| format!("{payload:?}"));
        assert_eq!(read, through_tree, "{}", String::from_utf8_lossy(json));
    };
    same(json.as_bytes());
    for at in 0..=json.len() {
        for other in *b"\"\\{],:-0.e n\x01" {
            let mut changed = json.as_bytes().to_vec();
            changed.insert(at, other);
            same(&changed);
            if at < json.len() {
                changed.remove(at + 1);
                same(&changed);
                changed.remove(at);
                same(&changed);
            }
        }
    }
}

#[test]
fn reading_in_one_pass_gives_what_reading_through_a_tree_gives() {
    for json in [
        r#" {"kind":"status","message":"a","step":"write","note":null,"parent":"b","tags":["c","d"],"percent":7} "#,
        r#"{"percent":1e1,"x":[{"y":1.5},true],"parent":null,"kind":"status","message":"\u00e9"}"#,
        r#"{"message":1,"kind":"status","message":"a","percent":1,"parent":null,"percent":2.5,"percent":3}"#,
        r#"{"kind":"other","message":"a","parent":null,"percent":1,"kind":"status","not\u0065":null}"#,
    ] {
        reads_as_through_a_tree::<Status>(json);
    }
    reads_as_through_a_tree::<Row>(r#"[-128,255,"-9","18","2EB8AA08-aa98-11ea-b4aa-73b441d16380",null]"#);
    reads_as_through_a_tree::<Open>(r#"{"x":1,"id":-0.0,"y":9007199254740993,"x":2,"id":3}"#);
    reads_as_through_a_tree::<Width>(r#"[1,"auto",["b",0.1]]"#);
    for json in [
        r#"{"kind":"created","by":"a","child":{"by":"b","kind":"created"}}"#,
        r#"{"by":"a","child":{"kind":"moved","to":[1]},"kind":"created"}"#,
        r#"{"kind":"created","by":"a","kind":"moved"}"#,
        r#"{"kind":1,"by":"a","kind":"created"}"#,
    ] {
        reads_as_through_a_tree::<Event>(json);
        reads_as_through_a_tree::<Closed>(json);
    }
    reads_as_through_a_tree::<RunId>(r#""run_a""#);
    reads_as_through_a_tree::<Tree>("[[],[[],[]]]");
}
