//! The verdicts of each keyword, including values that it does not apply to.

use serde_json::json;

use crate::verdicts;

#[test]
fn a_type_is_one_kind_or_several() {
    verdicts(
        json!({ "type": "integer" }),
        &["1", "1.0", "-0", "9007199254740991"],
        &["1.5", "9007199254740992", "1e300", "\"1\""],
    );
    verdicts(json!({ "type": "number" }), &["1", "1.5", "1e300"], &["null", "\"1\""]);
    verdicts(json!({ "type": ["null", "boolean", "object"] }), &["null", "true", "{}"], &["0", "[]", "\"\""]);
    verdicts(json!({ "type": "array" }), &["[]"], &["{}", "0"]);
    verdicts(json!({ "type": "string" }), &["\"\""], &["null"]);
    verdicts(json!(true), &["null", "[{}]"], &[]);
    verdicts(json!(false), &[], &["null", "[{}]", "{}", "0"]);
}

#[test]
fn literals_are_compared_by_value() {
    let nested = r#"{"a":[1,{"b":null}],"c":"x"}"#;
    verdicts(
        json!({ "const": { "c": "x", "a": [1.0, { "b": null }] } }),
        &[nested, r#"{"c":"x","a":[1e0,{"b":null}]}"#],
        &["{}", r#"{"a":[1,{"b":null}]}"#, r#"{"a":[{"b":null},1],"c":"x"}"#],
    );
    verdicts(json!({ "const": 1 }), &["1", "1.0", "10e-1"], &["true", "2", "\"1\"", "[1]"]);
    verdicts(json!({ "const": 0 }), &["0", "-0", "0.0", "-0.0"], &["false", "null", "\"\""]);
    verdicts(json!({ "const": false }), &["false"], &["0", "[false]"]);
    verdicts(json!({ "enum": [[false], "a", null] }), &["[false]", "\"a\"", "null"], &["[0]", "[]", "false"]);
    verdicts(json!({ "const": { "__proto__": 1 } }), &[r#"{"__proto__":1}"#], &["{}", r#"{"__proto__":2}"#]);
    verdicts(json!({ "const": [] }), &["[]"], &["{}", "[[]]"]);
    verdicts(json!({ "enum": [] }), &[], &["null", "[]"]);
}

#[test]
fn limits_bind_only_their_own_kind() {
    let numbers = json!({
        "minimum": 1, "maximum": 6, "exclusiveMinimum": 0, "exclusiveMaximum": 7, "multipleOf": 0.01,
    });
    verdicts(numbers, &["1", "5.99", "\"0\"", "[0]", "null"], &["0.99", "6.01", "5.999"]);
    let strings = json!({ "minLength": 1, "maxLength": 2, "pattern": "^[ab]" });
    verdicts(strings, &["\"a\"", "\"a😀\"", "0", "[]"], &["\"\"", "\"abc\"", "\"c\""]);
    verdicts(json!({ "exclusiveMinimum": 0, "exclusiveMaximum": 1 }), &["0.5"], &["0", "-0", "1"]);
}

#[test]
fn wide_integers_are_a_format() {
    verdicts(
        json!({ "format": "int64" }),
        &["\"-9223372036854775808\"", "\"0\"", "7"],
        &["\"9223372036854775808\"", "\"-0\"", "\"+1\"", "\"01\"", "\"1.0\"", "\"\"", "\"१\""],
    );
    verdicts(
        json!({ "format": "uint64" }),
        &["\"18446744073709551615\"", "null"],
        &["\"18446744073709551616\"", "\"-1\"", "\" 1\""],
    );
}

#[test]
fn items_come_after_prefix_items() {
    let schema = json!({
        "prefixItems": [{ "type": "string" }, { "type": "integer" }],
        "items": { "type": "boolean" },
    });
    verdicts(schema, &["[]", "[\"a\"]", "[\"a\", 1, true, false]", "{}"], &["[1]", "[\"a\", 1, 1]"]);
    verdicts(json!({ "prefixItems": [true, false] }), &["[1]"], &["[1, 2]"]);
    verdicts(json!({ "prefixItems": [true], "items": false }), &["[]", "[1]"], &["[1, 2]"]);
    verdicts(json!({ "minItems": 1, "maxItems": 2 }), &["[1]", "[1, 2]", "{}"], &["[]", "[1, 2, 3]"]);
}

#[test]
fn contains_counts_the_items_that_match() {
    verdicts(json!({ "contains": { "minimum": 5 } }), &["[1, 5]", "{}", "[\"a\"]"], &["[]", "[1]"]);
    verdicts(
        json!({ "contains": { "const": 1 }, "minContains": 2, "maxContains": 3 }),
        &["[1, 2, 1]", "[1, 1.0, 1]"],
        &["[1]", "[1, 1, 1, 1]"],
    );
    verdicts(json!({ "contains": { "const": 1 }, "minContains": 0 }), &["[]", "[1]"], &[]);
    verdicts(json!({ "contains": { "const": 1 }, "minContains": 0, "maxContains": 1 }), &["[]"], &["[1, 1]"]);
    verdicts(json!({ "contains": false }), &["{}"], &["[]", "[1]"]);
}

#[test]
fn unique_items_are_compared_deeply() {
    verdicts(
        json!({ "uniqueItems": true }),
        &[
            "[]",
            "[1, true, \"1\", [1], null]",
            "[0, false, \"\", []]",
            "[{\"a\":1},{\"a\":2}]",
            "[[1,2],[2,1]]",
            "[\"a\",[\"a\"]]",
            "[{\"__proto__\":1},{}]",
            "[[[1],2],[[1,2]]]",
        ],
        &[
            "[1, 1.0]",
            "[0, -0]",
            "[-0.0, 0]",
            "[{\"a\":1,\"b\":[2]},{\"b\":[2.0],\"a\":1}]",
            "[[],[]]",
            "[null, 1, null]",
            "[9007199254740993, 9007199254740992]",
        ],
    );
    verdicts(json!({ "uniqueItems": false }), &["[1, 1]"], &[]);
}

#[test]
fn every_rule_for_a_property_binds() {
    let schema = json!({
        "properties": { "foo": { "minItems": 1 }, "__proto__": { "type": "integer" } },
        "patternProperties": { "^f": { "maxItems": 2 }, "o$": { "type": "array" } },
        "additionalProperties": { "type": "boolean" },
    });
    verdicts(
        schema,
        &["{}", "{\"foo\":[1]}", "{\"fx\":[]}", "{\"bar\":true}", "{\"__proto__\":1}", "[\"foo\"]"],
        &[
            "{\"foo\":[]}",
            "{\"foo\":[1,2,3]}",
            "{\"zoo\":1}",
            "{\"bar\":1}",
            "{\"__proto__\":true}",
            "{\"toString\":1}",
        ],
    );
    verdicts(json!({ "properties": { "a": false } }), &["{\"b\":1}"], &["{\"a\":1}"]);
    verdicts(json!({ "additionalProperties": false }), &["{}", "[]"], &["{\"__proto__\":1}", "{\"\":1}"]);
}

#[test]
fn property_names_are_checked_against_their_own_rules() {
    verdicts(
        json!({ "propertyNames": { "pattern": "^[a-z]+$" } }),
        &["{}", "{\"a\":1}", "[\"1\"]"],
        &["{\"a\":1,\"B\":2}", "{\"\":1}"],
    );
    verdicts(json!({ "propertyNames": false }), &["{}"], &["{\"a\":1}"]);
    verdicts(json!({ "propertyNames": { "const": "__proto__" } }), &["{\"__proto__\":1}"], &["{\"a\":1}"]);
    verdicts(json!({ "propertyNames": { "type": "integer" } }), &["{}"], &["{\"1\":1}"]);
}

#[test]
fn properties_are_counted_and_required() {
    verdicts(
        json!({ "minProperties": 1, "maxProperties": 2 }),
        &["{\"a\":1}", "{\"a\":1,\"b\":2}", "[]"],
        &["{}", "{\"a\":1,\"b\":2,\"c\":3}"],
    );
    verdicts(
        json!({ "required": ["__proto__", "toString"] }),
        &["{\"toString\":1,\"__proto__\":1}", "[]", "1"],
        &["{}", "{\"toString\":1}"],
    );
    let dependent =
        json!({ "dependentRequired": { "a": ["b", "c"], "b": ["c"], "toString": ["__proto__"] } });
    verdicts(
        dependent,
        &["{}", "{\"c\":1}", "{\"b\":1,\"c\":1}", "[\"a\"]"],
        &["{\"a\":1}", "{\"a\":1,\"c\":1}", "{\"b\":1}", "{\"toString\":1}"],
    );
    let schemas = json!({ "dependentSchemas": { "a": { "maxProperties": 1 }, "b": false } });
    verdicts(
        schemas,
        &["{}", "{\"a\":1}", "{\"c\":1,\"d\":1}", "[\"b\"]"],
        &["{\"a\":1,\"c\":1}", "{\"b\":1}"],
    );
}

#[test]
fn applicators_apply_to_the_same_value() {
    verdicts(json!({ "allOf": [{ "minimum": 1 }, { "maximum": 2 }] }), &["1", "\"x\""], &["0", "3"]);
    verdicts(json!({ "anyOf": [{ "type": "integer" }, { "minimum": 2 }] }), &["1", "2.5", "\"x\""], &["1.5"]);
    verdicts(
        json!({ "oneOf": [{ "type": "integer" }, { "minimum": 2 }] }),
        &["1", "2.5", "\"x\""],
        &["1.5", "3"],
    );
    verdicts(json!({ "not": { "type": "integer" } }), &["1.5", "\"x\""], &["1"]);
    verdicts(json!({ "not": { "not": { "type": "integer" } } }), &["1"], &["1.5"]);
    let condition = json!({ "if": { "minimum": 0 }, "then": { "multipleOf": 2 }, "else": { "minimum": -9 } });
    verdicts(condition, &["0", "2", "-9", "\"x\""], &["1", "-10"]);
    verdicts(json!({ "if": { "const": 0 }, "then": false }), &["1"], &["0"]);
    verdicts(json!({ "if": false, "then": false, "else": { "const": 1 } }), &["1"], &["0"]);
    verdicts(
        json!({
            "type": "object",
            "anyOf": [{ "required": ["a"] }, { "required": ["b"] }],
            "not": { "required": ["c"] },
        }),
        &["{\"a\":1}", "{\"b\":1}"],
        &["{}", "{\"a\":1,\"c\":1}", "1"],
    );
}
