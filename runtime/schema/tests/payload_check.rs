//! The schema interpreter.

#![allow(clippy::items_after_statements, reason = "tables are next to their tests")]

use fanfare_schema::{
    Additional, Array, Format, Integer, Literals, Number, Object, Pattern, Property, Schema, Tagged, Text,
    accepts, check,
};
use serde_json::{Value, json};

const TEXT: Schema = Schema::Text(Text::ANY);
const INTEGER: Schema = Schema::Integer(Integer::ANY);
const NUMBER: Schema = Schema::Number(Number::ANY);
const ANY: u32 = u32::MAX;

/// Formats each issue as `path rule: message`.
fn issues<T: serde::Serialize + ?Sized>(schema: &Schema, value: &T) -> Vec<String> {
    let issues = check(schema, value).err().unwrap_or_default();
    assert_eq!(issues.is_empty(), accepts(schema, value), "check and accepts must agree");
    issues.iter().map(|issue| format!("{} {}: {}", issue.path, issue.rule, issue.message)).collect()
}

/// Returns the runtime's verdict on JSON text.
fn takes(schema: &Schema, json: &str) -> bool {
    serde_json::from_str::<Value>(json).is_ok_and(|value| issues(schema, &value).is_empty())
}

fn multiple_of(divisor: f64) -> Schema {
    Schema::Number(Number { multiple_of: Some(divisor), ..Number::ANY })
}

#[test]
fn an_integer_may_be_written_as_a_decimal_and_stays_within_safe_limits() {
    for json in ["1", "1.0", "1e2", "-0", "-0.0", "9007199254740991", "-9007199254740991.0"] {
        assert!(takes(&INTEGER, json), "{json}");
    }
    for json in ["1.5", "9007199254740992", "-9007199254740992", "1e300", "\"1\"", "true", "[1]"] {
        assert!(!takes(&INTEGER, json), "{json}");
    }
    assert_eq!(issues(&INTEGER, &9_007_199_254_740_993_i64), [" maximum: must be at most 9007199254740991"]);
    static UINT8: Schema = Schema::Integer(Integer { minimum: 0, maximum: 255, multiple_of: None });
    assert!(accepts(&UINT8, &255) && !accepts(&UINT8, &-1) && !accepts(&UINT8, &256));
}

#[test]
fn numbers_are_doubles_and_finite() {
    assert!(takes(&NUMBER, "0.1234567890123456789012345678901234567890"));
    assert!(takes(&NUMBER, "123456789012345678901234567890"));
    assert!(takes(&NUMBER, "1e-400"));
    assert!(!takes(&NUMBER, "1e400"));
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(issues(&NUMBER, &value), [" type: must be a finite number"]);
        assert_eq!(issues(&Schema::Any, &[value]), ["/0 type: must be a finite number"]);
    }
}

#[test]
fn limits_of_numbers_bind() {
    static LIMITED: Schema = Schema::Number(Number {
        minimum: Some(1.0),
        maximum: Some(6.0),
        exclusive_minimum: Some(1.0),
        exclusive_maximum: Some(6.0),
        multiple_of: None,
    });
    assert!(accepts(&LIMITED, &1.000_000_1) && accepts(&LIMITED, &5));
    assert_eq!(issues(&LIMITED, &1), [" exclusiveMinimum: must be greater than 1"]);
    assert_eq!(
        issues(&LIMITED, &7),
        [" maximum: must be at most 6", " exclusiveMaximum: must be less than 6"]
    );
}

#[test]
fn a_multiple_is_a_multiple_of_the_decimal() {
    let multiples: [(f64, &[f64], &[f64]); 6] = [
        (0.01, &[19.99, 0.07, 1.1, 4.35, 1e22, -0.29, 0.0, -0.0], &[19.999, 1e-3, 5e-324]),
        (0.1, &[0.3, 1e300, 1.7], &[0.35, 1e-300]),
        (3.0, &[9.0, -9.0, 9_007_199_254_740_990.0, 3e300], &[1.0, 1e300, 9_007_199_254_740_991.0]),
        (0.000_7, &[7e-4, 7e300, 0.0014], &[1e300, 0.0008]),
        (5e-324, &[5e-324, 1e-323, 1.0, 1e308], &[]),
        (1e308, &[1e308, 0.0], &[1e307, 1.0, 5e-324, 1.5e308]),
    ];
    for (divisor, yes, no) in multiples {
        for value in yes {
            assert!(accepts(&multiple_of(divisor), value), "{value} of {divisor}");
        }
        for value in no {
            assert!(!accepts(&multiple_of(divisor), value), "{value} of {divisor}");
        }
    }
    assert_eq!(issues(&multiple_of(0.01), &0.005), [" multipleOf: must be a multiple of 0.01"]);
}

#[test]
fn a_text_that_is_too_long_is_reported_and_not_matched() {
    static DIGITS: Pattern = Pattern::new(r"^\d+$");
    static LIMITED: Schema =
        Schema::Text(Text { max_length: 2, pattern: Some(&DIGITS), format: Some(Format::Date), ..Text::ANY });
    assert_eq!(issues(&LIMITED, "abc"), [" maxLength: must have at most 2 characters"]);
    assert_eq!(
        issues(&LIMITED, "ab"),
        [r" pattern: must match the pattern ^\d+$", " format: must be a valid date"]
    );
}

#[test]
fn a_text_of_a_mebibyte_is_matched_quickly_by_every_pattern() {
    static WORDS: Pattern = Pattern::new(r"^(\w+\s?)*$");
    static ADDRESS: Pattern = Pattern::new(r"\S+@example\.com");
    let since = std::time::Instant::now();
    let text = "a".repeat(1 << 20);
    assert!(WORDS.matches(&text) && !WORDS.matches(&format!("{text}!")));
    assert!(ADDRESS.matches(&format!("{text}@example.com")) && !ADDRESS.matches(&text));
    assert!(since.elapsed().as_secs() < 20, "{:?}", since.elapsed());
}

#[test]
fn strings_count_code_points_and_patterns_are_ecma_with_the_u_flag() {
    static ONE: Schema = Schema::Text(Text { min_length: 1, max_length: 1, ..Text::ANY });
    assert!(takes(&ONE, "\"😀\"") && takes(&ONE, "\"\\ud83d\\ude00\"") && !takes(&ONE, "\"\""));
    assert!(!takes(&ONE, "\"👍🏽\""));
    assert_eq!(issues(&ONE, "ab"), [" maxLength: must have at most 1 character"]);
    assert!(!takes(&TEXT, r#""\ud800""#));

    static DOT: Pattern = Pattern::new("^.$");
    static DIGITS: Pattern = Pattern::new(r"^\d+$");
    static LETTERS: Pattern = Pattern::new(r"^\p{L}+$");
    static AHEAD: Pattern = Pattern::new(r"^(?=.*\d)(?:aa|bb)");
    let matches: [(&'static Pattern, &[&str], &[&str]); 4] = [
        (&DOT, &["😀", "a"], &["", "ab", "\n"]),
        (&DIGITS, &["12"], &["१२", "12\n"]),
        (&LETTERS, &["é", "日本", "𝒜"], &["1", "a b"]),
        (&AHEAD, &["aa1"], &["ab1", "aa"]),
    ];
    for (pattern, yes, no) in matches {
        let schema = Schema::Text(Text { pattern: Some(pattern), ..Text::ANY });
        assert!(yes.iter().all(|text| accepts(&schema, *text)), "{pattern:?}");
        assert!(!no.iter().any(|text| accepts(&schema, *text)), "{pattern:?}");
    }
}

#[test]
fn every_broken_rule_is_reported_with_its_path() {
    static DATE: Pattern = Pattern::new("^2");
    static SCHEMA: Schema = Schema::Object(Object {
        properties: &[
            Property::Required("a/b~c", &INTEGER),
            Property::Required(
                "list",
                &Schema::Array(Array {
                    items: &Schema::Tuple(&[&TEXT, &Schema::Boolean]),
                    min_items: 3,
                    max_items: ANY,
                }),
            ),
            Property::Optional(
                "day",
                &Schema::Text(Text {
                    min_length: 0,
                    max_length: 3,
                    pattern: Some(&DATE),
                    format: Some(Format::Date),
                }),
            ),
            Property::Required("missing", &Schema::Any),
        ],
        additional: Additional::Refused,
    });
    let value = json!({ "list": [["x"], [1, true, 2], null], "day": "today", "a/b~c": "x", "z": 1 });
    assert_eq!(
        issues(&SCHEMA, &value),
        [
            "/a~1b~0c type: must be an integer",
            "/day maxLength: must have at most 3 characters",
            "/list/0 minItems: must have exactly 2 items",
            "/list/1 maxItems: must have exactly 2 items",
            "/list/1/0 type: must be a string",
            "/list/2 type: must be an array",
            "/missing required: is required",
            "/z additionalProperties: is not allowed",
        ]
    );
}

#[test]
fn objects_reject_undeclared_keys() {
    static SCHEMA: Schema = Schema::Object(Object {
        properties: &[Property::Optional("toString", &TEXT), Property::Optional("__proto__", &INTEGER)],
        additional: Additional::Checked(&Schema::Boolean),
    });
    assert!(takes(&SCHEMA, "{}"));
    assert!(takes(&SCHEMA, r#"{"__proto__": 1, "constructor": true, "x": false}"#));
    assert!(!takes(&SCHEMA, r#"{"__proto__": "1"}"#));
    assert!(!takes(&SCHEMA, r#"{"toString": null}"#));
    assert!(!takes(&SCHEMA, r#"{"hasOwnProperty": 1}"#));
    assert!(!takes(&SCHEMA, r#"["toString", "a"]"#));
    static MAP: Schema = Schema::Map(&INTEGER);
    assert!(takes(&MAP, r#"{"__proto__": 1, "a": "x", "a": 2}"#), "the last of two keys counts");
    assert_eq!(issues(&MAP, &json!({ "__proto__": "x" })), ["/__proto__ type: must be an integer"]);
}

#[test]
fn objects_with_many_properties_in_any_order_are_matched() {
    let names: Vec<&'static str> = (0..150).map(|n| &*format!("p{n}").leak()).collect();
    let properties: Vec<Property> = names.iter().map(|name| Property::Required(name, &INTEGER)).collect();
    let schema = Schema::Object(Object { properties: properties.leak(), additional: Additional::Refused });
    let mut value: Value = names.iter().rev().map(|name| ((*name).to_owned(), json!(1))).collect();
    assert_eq!(issues(&schema, &value), [""; 0]);
    value.as_object_mut().unwrap().remove("p149");
    assert_eq!(issues(&schema, &value), ["/p149 required: is required"]);
}

#[test]
fn literals_are_compared_deeply() {
    static LITERALS: Literals = Literals::new(r#"[1, "a", null, {"x": [1, {"y": 2}], "z": 0}]"#);
    static SCHEMA: Schema = Schema::Literals(&LITERALS);
    for json in ["1", "1.0", "\"a\"", "null", r#"{"z": -0.0, "x": [1e0, {"y": 2.0}]}"#] {
        assert!(takes(&SCHEMA, json), "{json}");
    }
    for json in ["2", "true", "\"b\"", "[]", r#"{"x": [1, {"y": 3}], "z": 0}"#, r#"{"z": 0}"#] {
        assert!(!takes(&SCHEMA, json), "{json}");
    }
    assert!(!accepts(&SCHEMA, &f64::NAN), "a NaN is not the null that JSON would write for it");

    static ONE: Literals = Literals::new("[[1]]");
    assert_eq!(issues(&Schema::Literals(&ONE), &1), [" const: must be [1]"]);
    let names = Schema::Enum(&["a", "b\""]);
    assert_eq!(issues(&names, &1), [r#" enum: must be one of "a", "b\"""#]);
    assert_eq!(issues(&Schema::Enum(&["a"]), &json!({ "a": null })), [r#" const: must be "a""#]);
}

#[test]
fn alternatives_follow_json_schema_exactly() {
    static SMALL: Schema = Schema::Integer(Integer { maximum: 10, ..Integer::ANY });
    static EVEN: Schema = Schema::Integer(Integer { multiple_of: Some(2.0), ..Integer::ANY });
    static ANY_OF: Schema = Schema::AnyOf(&[&SMALL, &EVEN]);
    static ONE_OF: Schema = Schema::OneOf(&[&SMALL, &EVEN]);
    assert!(takes(&ANY_OF, "4") && takes(&ANY_OF, "12") && takes(&ANY_OF, "3"));
    assert!(!takes(&ONE_OF, "4") && takes(&ONE_OF, "12") && takes(&ONE_OF, "3"));
    assert_eq!(
        issues(&ANY_OF, &13),
        [" anyOf: must be an integer (nearest: an integer, but it must be at most 10)"]
    );
    assert_eq!(
        issues(&ONE_OF, &4),
        [
            " oneOf: must match exactly one alternative, but matches alternatives 1 (an integer) and 2 (an integer)"
        ]
    );

    static NULLABLE: Schema = Schema::AnyOf(&[&SMALL, &Schema::Null]);
    assert!(takes(&NULLABLE, "null"));
    assert_eq!(issues(&NULLABLE, &11), [" maximum: must be at most 10"]);
    assert_eq!(issues(&Schema::Never, &json!([])), [" not: is not allowed"]);
}

#[test]
fn nested_alternatives_are_not_tried_exponentially_often() {
    static NEXT: Property = Property::Optional("next", &NODE);
    static A: Schema = Schema::Object(Object {
        properties: &[NEXT, Property::Required("a", &INTEGER)],
        additional: Additional::Refused,
    });
    static B: Schema = Schema::Object(Object {
        properties: &[NEXT, Property::Required("b", &INTEGER)],
        additional: Additional::Refused,
    });
    static NODE: Schema = Schema::OneOf(&[&A, &B]);
    let nested = |innermost: Value| (1..120).fold(innermost, |inner, _| json!({ "next": inner, "b": 1 }));
    assert!(accepts(&NODE, &nested(json!({ "a": 1 }))));
    let either = r#"must be an object with "a" or an object with "b""#;
    let reason = format!(r#" oneOf: {either} (nearest: an object with "b", but /next {either})"#);
    assert_eq!(issues(&NODE, &nested(json!({}))), [reason]);
}

/// `zod.test.ts` has the same schemas, values and messages.
#[test]
fn messages_of_alternatives_name_them_and_give_the_reason_of_the_nearest() {
    static KIND_CAT: Property = Property::Required("kind", &Schema::Enum(&["cat"]));
    static KIND_DOG: Property = Property::Required("kind", &Schema::Enum(&["dog"]));
    static TEXT: Schema = Schema::Text(Text { max_length: 3, ..Text::ANY });
    static CAT: Schema = Schema::Object(Object {
        properties: &[KIND_CAT, Property::Required("age", &INTEGER)],
        additional: Additional::Ignored,
    });
    static DOG: Schema = Schema::Object(Object {
        properties: &[KIND_DOG, Property::Required("name", &TEXT)],
        additional: Additional::Ignored,
    });
    static LIST: Schema = Schema::Array(Array { items: &INTEGER, min_items: 0, max_items: u32::MAX });
    static SIZES: Schema = Schema::Enum(&["a", "b", "c", "d"]);
    static PET: Schema = Schema::AnyOf(&[&CAT, &DOG, &LIST, &TEXT, &Schema::Boolean, &SIZES]);
    static PET_OR_NULL: Schema = Schema::AnyOf(&[&PET, &Schema::Null]);

    let cat_or_dog = r#"an object with "kind": "cat", an object with "kind": "dog""#;
    let pets = format!("must be {cat_or_dog}, an array of integers, a string, a boolean or 1 other");
    let near = |nearest: &str| [format!(" anyOf: {pets} (nearest: {nearest})")];
    assert_eq!(issues(&PET, &1), [format!(" anyOf: {pets}")]);
    assert_eq!(
        issues(&PET, &json!({ "kind": "cat" })),
        near(r#"an object with "kind": "cat", but /age is required"#)
    );
    assert_eq!(
        issues(&PET, &json!({ "kind": "dog", "name": "Rover" })),
        near(r#"an object with "kind": "dog", but /name must have at most 3 characters"#)
    );
    assert_eq!(issues(&PET, &json!([1, "x"])), near("an array of integers, but /1 must be an integer"));
    assert_eq!(issues(&PET, "Rover"), near("a string, but it must have at most 3 characters"));
    let pets = format!("must be null, {cat_or_dog}, an array of integers, a string or 2 others");
    assert_eq!(issues(&PET_OR_NULL, &1), [format!(" anyOf: {pets}")]);
}

/// `zod.test.ts` has the same schemas, values and messages.
#[test]
fn messages_mention_null_where_it_is_allowed() {
    static NAMES: Schema = Schema::AnyOf(&[&Schema::Enum(&["a", "b"]), &Schema::Null]);
    static ONE: Schema = Schema::AnyOf(&[&Schema::Enum(&["a"]), &Schema::Null]);
    static LIST: Schema = Schema::Array(Array { items: &INTEGER, min_items: 0, max_items: u32::MAX });
    static LIST_OR_NULL: Schema = Schema::AnyOf(&[&LIST, &Schema::Null]);
    static LONG: Schema = Schema::AnyOf(&[&Schema::Int64, &Schema::Null]);
    assert_eq!(issues(&NAMES, "c"), [r#" enum: must be one of null, "a", "b""#]);
    assert_eq!(issues(&ONE, "c"), [r#" enum: must be one of null, "a""#]);
    assert_eq!(issues(&LIST_OR_NULL, &1), [" type: must be null or an array"]);
    assert_eq!(issues(&LIST_OR_NULL, &["x"]), ["/0 type: must be an integer"]);
    static INTEGER_OR_NULL: Schema = Schema::AnyOf(&[&INTEGER, &Schema::Null]);
    assert_eq!(issues(&INTEGER_OR_NULL, &0.5), [" type: must be null or an integer"]);
    assert_eq!(issues(&LONG, &1), [" format: must be null or a 64-bit integer in a string"]);
}

#[test]
fn a_tag_selects_the_variant() {
    static CREATED: Schema = Schema::Object(Object {
        properties: &[Property::Required("by", &TEXT)],
        additional: Additional::Ignored,
    });
    static CASES: &[(&str, &Schema)] = &[("created", &CREATED), ("gone", &Schema::Any)];
    let closed = Schema::Tagged(Tagged { tag: "kind", cases: CASES, open: false });
    let open = Schema::Tagged(Tagged { tag: "kind", cases: CASES, open: true });
    for schema in [&closed, &open] {
        assert_eq!(issues(schema, &json!({ "by": "ada", "kind": "created" })), [""; 0]);
        assert_eq!(issues(schema, &json!({ "kind": "created" })), ["/by required: is required"]);
        assert_eq!(issues(schema, &json!({})), ["/kind required: is required"]);
        assert_eq!(issues(schema, &json!({ "kind": 1 })), ["/kind type: must be a string"]);
        assert_eq!(issues(schema, &json!({ "kind": ["a"] })), ["/kind type: must be a string"]);
        assert_eq!(issues(schema, &json!(["kind"])), [" type: must be an object"]);
        assert_eq!(issues(schema, "created"), [" type: must be an object"]);
    }
    let unknown = json!({ "kind": "moved" });
    assert_eq!(issues(&closed, &unknown), [r#"/kind enum: must be one of "created", "gone""#]);
    assert_eq!(issues(&open, &unknown), [""; 0]);
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(
        json!(1),
        |inner, level| {
            if level % 2 == 0 { json!([inner]) } else { json!({ "a": inner }) }
        },
    )
}

#[test]
fn depth_is_limited_to_127_levels() {
    static OPEN: Schema = Schema::Object(Object { properties: &[], additional: Additional::Ignored });
    assert!(accepts(&Schema::Any, &nested(127)));
    assert!(!accepts(&Schema::Any, &nested(128)));
    assert!(takes(&OPEN, &nested(126).to_string()));
    assert!(!takes(&OPEN, &nested(128).to_string()));
    static TREE: Schema = Schema::Array(Array { items: &TREE, min_items: 0, max_items: ANY });
    let tree = |depth: usize| (1..depth).fold(json!([]), |inner, _| Value::Array(vec![inner]));
    assert!(accepts(&TREE, &tree(127)));
    let issues = issues(&TREE, &tree(2_000));
    assert_eq!(issues.len(), 1);
    assert!(issues[0].ends_with("depth: must not be nested deeper than 127 levels"));
}

#[test]
fn typed_values_are_checked_as_the_json_they_serialize_to() {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "lowercase")]
    enum Shape {
        Point,
        Circle(f64),
    }
    static CIRCLE: Schema = Schema::Object(Object {
        properties: &[Property::Required("circle", &NUMBER)],
        additional: Additional::Refused,
    });
    assert!(accepts(&Schema::Enum(&["point"]), &Shape::Point));
    assert!(accepts(&CIRCLE, &Shape::Circle(0.5)));
    assert!(!accepts(&CIRCLE, &Shape::Circle(f64::NAN)));
    assert!(accepts(&Schema::Null, &None::<u8>) && accepts(&TEXT, &Some('x')));
    assert!(accepts(&multiple_of(0.1), &0.1_f32), "a single is compared as the digits it writes");
    let keyed = std::collections::HashMap::from([(1_u8, 2_u8)]);
    assert!(accepts(&Schema::Map(&INTEGER), &keyed));
    let unwritable = std::collections::HashMap::from([(vec![1], 2)]);
    assert_eq!(
        issues(&Schema::Any, &unwritable),
        [" type: cannot be written as JSON: a key must be a string"]
    );
}
