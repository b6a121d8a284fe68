//! The path, text and value of each rule's issue, and the order of issues.

use fanfare_schema::{Schema, check};
use serde_json::{Value, json};

use crate::compile::compile;
use crate::issues;

#[track_caller]
fn says(schema: Value, value: Value, expected: &str) {
    assert_eq!(issues(schema.clone(), value), [expected], "{schema}");
}

#[test]
fn a_wrong_type_is_the_only_issue() {
    for (types, expected) in [
        (json!("string"), "must be a string"),
        (json!(["string", "boolean", "null"]), "must be null, a boolean or a string"),
        (json!(["integer", "array"]), "must be an integer or an array"),
        (json!(["number", "integer", "array"]), "must be a number or an array"),
        (
            json!(["string", "null", "boolean", "integer", "array"]),
            "must be null, a boolean, an integer, a string or an array",
        ),
    ] {
        let schema = json!({ "type": types, "minProperties": 9, "anyOf": [false], "not": true, "const": 1 });
        says(schema, json!({ "a": 1 }), &format!(" type: {expected}, got an object"));
    }
    says(json!(false), json!("x"), r#" not: is not allowed, got "x""#);
    says(
        json!({ "type": "integer" }),
        json!(9_007_199_254_740_992_u64),
        " type: must be an integer, got 9007199254740992",
    );
}

#[test]
fn issues_of_scalars_have_their_texts() {
    says(json!({ "const": 1.0 }), json!(2), " const: must be 1, got 2");
    says(
        json!({ "enum": [1, "a", { "b": [1e21] }] }),
        json!([]),
        r#" enum: must be one of 1, "a", {"b":[1e+21]}, got an array"#,
    );
    says(json!({ "minimum": 1.5 }), json!(-0.0), " minimum: must be at least 1.5, got 0");
    says(json!({ "maximum": 1 }), json!(1e21), " maximum: must be at most 1, got 1e+21");
    says(json!({ "exclusiveMinimum": 1 }), json!(1), " exclusiveMinimum: must be greater than 1, got 1");
    says(json!({ "exclusiveMaximum": 1 }), json!(1.5), " exclusiveMaximum: must be less than 1, got 1.5");
    says(json!({ "multipleOf": 0.01 }), json!(1e-7), " multipleOf: must be a multiple of 0.01, got 1e-7");
    says(json!({ "minLength": 2 }), json!("😀"), r#" minLength: must have at least 2 characters, got "😀""#);
    says(
        json!({ "maxLength": 1 }),
        json!("a\n\u{1f}\""),
        r#" maxLength: must have at most 1 character, got "a\n\u001f\"""#,
    );
    says(json!({ "pattern": "^a$" }), json!("b"), r#" pattern: must match the pattern ^a$, got "b""#);
    says(json!({ "format": "date" }), json!("x"), r#" format: must be a valid date, got "x""#);
    says(json!({ "format": "int64" }), json!("x"), r#" format: must be a valid int64, got "x""#);
}

#[test]
fn issues_of_arrays_have_their_texts() {
    says(json!({ "minItems": 1 }), json!([]), " minItems: must have at least 1 item, got an array");
    says(json!({ "maxItems": 1 }), json!([1, 2]), " maxItems: must have at most 1 item, got an array");
    says(
        json!({ "uniqueItems": true }),
        json!([1, [2], 3, [2.0], 3, [2]]),
        "/3 uniqueItems: must not repeat item 1, got an array",
    );
    says(
        json!({ "contains": false }),
        json!([1]),
        " contains: must contain at least 1 matching item, got an array",
    );
    says(
        json!({ "contains": false, "minContains": 2 }),
        json!([1]),
        " minContains: must contain at least 2 matching items, got an array",
    );
    says(
        json!({ "contains": true, "maxContains": 1 }),
        json!([1, 2]),
        " maxContains: must contain at most 1 matching item, got an array",
    );
    says(json!({ "items": false }), json!([null]), "/0 items: is not allowed, got null");
    says(json!({ "prefixItems": [false] }), json!([true]), "/0 not: is not allowed, got true");
    says(
        json!({ "unevaluatedItems": false }),
        json!([{}]),
        "/0 unevaluatedItems: is not allowed, got an object",
    );
    says(json!({ "items": { "type": "null" } }), json!([1]), "/0 type: must be null, got 1");
}

#[test]
fn issues_of_objects_have_their_texts() {
    says(
        json!({ "minProperties": 1 }),
        json!({}),
        " minProperties: must have at least 1 property, got an object",
    );
    says(
        json!({ "maxProperties": 0 }),
        json!({ "a": 1 }),
        " maxProperties: must have at most 0 properties, got an object",
    );
    says(json!({ "required": ["a/b~"] }), json!({}), "/a~1b~0 required: is required");
    says(
        json!({ "dependentRequired": { "\"": ["b"] } }),
        json!({ "\"": 1 }),
        r#"/b dependentRequired: is required when "\"" is present"#,
    );
    says(
        json!({ "additionalProperties": false }),
        json!({ "a": 1 }),
        "/a additionalProperties: is not allowed, got 1",
    );
    says(
        json!({ "unevaluatedProperties": false }),
        json!({ "a": 1 }),
        "/a unevaluatedProperties: is not allowed, got 1",
    );
    says(json!({ "properties": { "a": false } }), json!({ "a": 1 }), "/a not: is not allowed, got 1");
    says(json!({ "patternProperties": { "a": false } }), json!({ "a": 1 }), "/a not: is not allowed, got 1");
    says(
        json!({ "propertyNames": false }),
        json!({ "a": 1 }),
        r#"/a propertyNames: its name is not allowed, got "a""#,
    );
    assert_eq!(
        issues(json!({ "propertyNames": { "minLength": 2, "enum": ["ab"] } }), json!({ "a": 1, "b": 1 })),
        [
            r#"/a propertyNames: its name must be one of "ab", got "a""#.replace("one of ", ""),
            r#"/a propertyNames: its name must have at least 2 characters, got "a""#.to_owned(),
            r#"/b propertyNames: its name must be one of "ab", got "b""#.replace("one of ", ""),
            r#"/b propertyNames: its name must have at least 2 characters, got "b""#.to_owned(),
        ]
    );
}

#[test]
fn issues_of_alternatives_have_their_texts() {
    says(json!({ "anyOf": [false, { "type": "null" }] }), json!(1), " anyOf: must be null, got 1");
    says(
        json!({ "oneOf": [{ "type": "integer" }, true] }),
        json!(1),
        " oneOf: must match exactly one alternative, but matches alternatives 1 (an integer) and 2 (a value of another schema), got 1",
    );
    says(json!({ "not": true }), json!(1), r#" not: must not match the schema under "not", got 1"#);
    says(json!({ "if": true, "then": { "minimum": 2 } }), json!(1), " minimum: must be at least 2, got 1");
    says(json!({ "if": true, "then": false }), json!(1), " not: is not allowed, got 1");
    says(json!({ "allOf": [{ "minimum": 2 }] }), json!(1), " minimum: must be at least 2, got 1");
    says(
        json!({ "dependentSchemas": { "a": { "required": ["b"] } } }),
        json!({ "a": 1 }),
        "/b required: is required",
    );
}

/// `rules.test.ts` reads the same vectors.
#[test]
fn messages_of_alternatives_are_those_of_the_vectors() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("../../../../tests/vectors/messages.json")).unwrap();
    for vector in vectors {
        for (text, expected) in vector["issues"].as_object().unwrap() {
            let value = serde_json::from_str(text).unwrap();
            assert_eq!(json!(issues(vector["schema"].clone(), value)), *expected, "{text}");
        }
    }
}

#[test]
fn issues_of_one_path_keep_the_order_of_evaluation() {
    let all = json!({
        "const": {}, "minProperties": 3, "dependentSchemas": { "a": { "minProperties": 4 } },
        "allOf": [{ "minProperties": 5 }], "anyOf": [false], "oneOf": [false], "not": true,
        "if": true, "then": { "minProperties": 6 },
    });
    let rules: Vec<&str> = vec![
        " const: must be {}, got an object",
        " minProperties: must have at least 3 properties, got an object",
        " minProperties: must have at least 4 properties, got an object",
        " minProperties: must have at least 5 properties, got an object",
        " anyOf: is not allowed, got an object",
        " oneOf: is not allowed, got an object",
        r#" not: must not match the schema under "not", got an object"#,
        " minProperties: must have at least 6 properties, got an object",
    ];
    assert_eq!(issues(all, json!({ "a": 1 })), rules);
    let member = json!({
        "propertyNames": { "maxLength": 0 }, "properties": { "a": { "minimum": 1 } },
        "patternProperties": { "a": { "minimum": 2 }, "^": { "minimum": 3 } },
        "allOf": [{ "additionalProperties": false }], "unevaluatedProperties": false,
    });
    assert_eq!(
        issues(member, json!({ "a": 0 })),
        [
            r#"/a propertyNames: its name must have at most 0 characters, got "a""#,
            "/a minimum: must be at least 1, got 0",
            "/a minimum: must be at least 2, got 0",
            "/a minimum: must be at least 3, got 0",
            "/a additionalProperties: is not allowed, got 0",
        ]
    );
}

#[test]
fn issues_are_sorted_by_path_and_reported_once() {
    let schema = json!({
        "required": ["z", "A"],
        "allOf": [{ "required": ["z"] }, { "properties": { "b": { "type": "null" } } }],
        "properties": { "b": { "type": "null" }, "😀": false, "\u{ff5e}": false, "b/": false },
    });
    assert_eq!(
        issues(schema, json!({ "😀": 1, "\u{ff5e}": 1, "b/": 1, "b": 1 })),
        [
            "/A required: is required",
            "/b type: must be null, got 1",
            "/b~1 not: is not allowed, got 1",
            "/z required: is required",
            "/\u{ff5e} not: is not allowed, got 1",
            "/😀 not: is not allowed, got 1",
        ]
    );
    assert_eq!(
        issues(json!({ "items": { "type": "null" } }), json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]))[1..3],
        ["/1 type: must be null, got 1", "/10 type: must be null, got 10"]
    );
}

#[test]
fn long_values_are_truncated() {
    let text = "é😀\"".repeat(20);
    says(json!(false), json!(text), &format!(" not: is not allowed, got \"{}é…\"", r#"é😀\""#.repeat(13)));
    let just_short_enough = "x".repeat(40);
    says(
        json!(false),
        json!(just_short_enough),
        &format!(" not: is not allowed, got \"{just_short_enough}\""),
    );
}

#[test]
fn an_issue_displays_its_path_and_value() {
    let text = |schema: Value, value: Value| {
        check(&Schema::Rules(compile(&schema)), &value).unwrap_err()[0].to_string()
    };
    assert_eq!(text(json!({ "items": { "maximum": 100 } }), json!([101])), "/0 must be at most 100, got 101");
    assert_eq!(text(json!({ "type": "null" }), json!({})), "the value must be null, got an object");
    assert_eq!(text(json!({ "required": ["message"] }), json!({})), "/message is required");
}
