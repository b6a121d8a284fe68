//! `unevaluatedItems` and `unevaluatedProperties`.

use serde_json::json;

use crate::{issues, verdicts};

#[test]
fn members_that_the_same_rules_check_are_evaluated() {
    let schema = json!({
        "properties": { "a": true }, "patternProperties": { "^x": true }, "unevaluatedProperties": false,
    });
    verdicts(schema, &["{}", "{\"a\":1,\"x1\":1}", "[1]"], &["{\"b\":1}", "{\"a\":1,\"__proto__\":1}"]);
    verdicts(json!({ "additionalProperties": true, "unevaluatedProperties": false }), &["{\"b\":1}"], &[]);
    verdicts(
        json!({ "prefixItems": [true], "unevaluatedItems": false }),
        &["[]", "[1]", "{\"a\":1}"],
        &["[1, 2]"],
    );
    verdicts(json!({ "items": true, "unevaluatedItems": false }), &["[1, 2]"], &[]);
    verdicts(json!({ "unevaluatedItems": { "type": "integer" } }), &["[1]"], &["[1, \"a\"]"]);
    verdicts(
        json!({ "unevaluatedProperties": { "minLength": 3 } }),
        &["{\"a\":\"abc\"}"],
        &["{\"a\":\"ab\"}"],
    );
}

#[test]
fn contains_evaluates_the_items_that_match() {
    let schema =
        json!({ "prefixItems": [true], "contains": { "type": "string" }, "unevaluatedItems": false });
    verdicts(schema, &["[1, \"a\"]", "[1, \"a\", \"b\"]"], &["[1, 2]", "[1, \"a\", 2]", "[1]"]);
    let schema = json!({
        "allOf": [{ "contains": { "multipleOf": 2 } }, { "contains": { "multipleOf": 3 } }],
        "unevaluatedItems": { "multipleOf": 5 },
    });
    verdicts(schema, &["[2, 3, 4, 5, 6]"], &["[2, 3, 4, 7, 8]"]);
    let none = json!({ "contains": { "const": 1 }, "minContains": 0, "unevaluatedItems": false });
    verdicts(none, &["[]", "[1, 1]"], &["[1, 2]"]);
}

#[test]
fn alternatives_that_accept_mark_members_as_evaluated() {
    let schema = json!({
        "anyOf": [
            { "properties": { "a": { "const": 1 } }, "required": ["a"] },
            { "properties": { "b": { "const": 1 } }, "required": ["b"] },
            { "properties": { "c": true }, "required": ["z"] },
        ],
        "unevaluatedProperties": false,
    });
    verdicts(schema, &["{\"a\":1}", "{\"a\":1,\"b\":1}"], &["{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":1}", "{}"]);
    let schema = json!({
        "oneOf": [{ "prefixItems": [{ "const": 1 }] }, { "prefixItems": [{ "const": 2 }, true] }],
        "unevaluatedItems": false,
    });
    verdicts(schema, &["[1]", "[2, 3]"], &["[1, 2]", "[2, 3, 4]"]);
}

#[test]
fn conditions_evaluate_through_the_test_and_the_branch() {
    let schema = json!({
        "if": { "properties": { "a": { "const": 1 } }, "required": ["a"] },
        "then": { "properties": { "b": true } },
        "else": { "properties": { "c": true } },
        "unevaluatedProperties": false,
    });
    verdicts(
        schema,
        &["{\"a\":1}", "{\"a\":1,\"b\":2}", "{\"c\":1}", "{}"],
        &["{\"a\":2}", "{\"a\":1,\"c\":1}", "{\"b\":1}", "{\"a\":2,\"c\":1}"],
    );
    let only_test = json!({ "if": { "properties": { "a": true } }, "unevaluatedProperties": false });
    verdicts(only_test, &["{\"a\":1}"], &["{\"b\":1}"]);
}

#[test]
fn not_evaluates_nothing() {
    let schema = json!({
        "not": { "not": { "properties": { "a": true } } },
        "unevaluatedProperties": false,
    });
    verdicts(schema, &["{}"], &["{\"a\":1}"]);
    let inside = json!({ "not": { "properties": { "a": true }, "unevaluatedProperties": false } });
    verdicts(inside, &["{\"b\":1}"], &["{\"a\":1}", "{}"]);
}

#[test]
fn dependent_schemas_evaluate_if_they_apply() {
    let schema = json!({
        "dependentSchemas": { "a": { "properties": { "a": true, "b": true } } },
        "unevaluatedProperties": false,
    });
    verdicts(schema, &["{}", "{\"a\":1,\"b\":1}", "{\"b\":1,\"a\":1}"], &["{\"b\":1}", "{\"a\":1,\"c\":1}"]);
}

#[test]
fn nested_applicators_pass_evaluated_members_upwards() {
    let schema = json!({
        "properties": { "a": true },
        "allOf": [
            { "anyOf": [{
                "if": { "required": ["b"] },
                "then": { "properties": { "b": { "type": "integer" } } },
            }] },
            { "dependentSchemas": { "c": { "oneOf": [{ "properties": { "c": true } }, false] } } },
        ],
        "unevaluatedProperties": false,
    });
    verdicts(schema, &["{\"a\":1,\"b\":1,\"c\":1}"], &["{\"d\":1}", "{\"b\":\"x\"}"]);
    // A member that an inner keyword treats as unevaluated is evaluated for the outer one.
    let inner = json!({
        "allOf": [{ "unevaluatedProperties": { "type": "integer" } }], "unevaluatedProperties": false,
    });
    verdicts(inner, &["{\"a\":1}"], &["{\"a\":\"x\"}"]);
    // The reverse is not true: inner rules do not see what their siblings evaluate.
    let cousins = json!({ "allOf": [{ "properties": { "a": true } }, { "unevaluatedProperties": false }] });
    verdicts(cousins, &["{}"], &["{\"a\":1}"]);
    let items = json!({ "allOf": [{ "items": true }, { "unevaluatedItems": false }] });
    verdicts(items, &["[]"], &["[1]"]);
}

#[test]
fn each_level_tracks_its_own_evaluated_members() {
    let schema = json!({
        "properties": { "in": { "properties": { "a": true }, "unevaluatedProperties": false } },
        "unevaluatedProperties": { "type": "integer" },
    });
    verdicts(schema, &["{\"in\":{\"a\":1},\"x\":1}"], &["{\"in\":{\"b\":1}}", "{\"x\":\"1\"}"]);
}

#[test]
fn a_rejected_value_is_not_searched_for_unevaluated_members() {
    let schema = json!({
        "allOf": [{ "properties": { "a": { "type": "string" }, "b": true } }],
        "unevaluatedProperties": false,
    });
    assert_eq!(issues(schema, json!({ "a": 1, "b": 2 })), ["/a type: must be a string, got 1"]);
    // The same rules have evaluated it, whatever their verdict.
    let schema = json!({ "properties": { "a": { "type": "string" } }, "unevaluatedProperties": false });
    assert_eq!(issues(schema, json!({ "a": 1 })), ["/a type: must be a string, got 1"]);
}

#[test]
fn more_than_64_members_are_tracked() {
    let names: Vec<String> = (0..200).map(|n| format!("p{n}")).collect();
    let all: serde_json::Value = names.iter().map(|name| (name.clone(), json!(1))).collect();
    let known: serde_json::Value = names.iter().take(199).map(|name| (name.clone(), json!(true))).collect();
    let schema = json!({ "allOf": [{ "properties": known }], "unevaluatedProperties": false });
    assert_eq!(issues(schema, all), ["/p199 unevaluatedProperties: is not allowed, got 1"]);
    let array: serde_json::Value = (0..200).map(|n| json!(n % 100)).collect();
    let schema = json!({ "contains": { "maximum": 98 }, "unevaluatedItems": false });
    assert_eq!(
        issues(schema, array),
        ["/199 unevaluatedItems: is not allowed, got 99", "/99 unevaluatedItems: is not allowed, got 99"]
    );
}
