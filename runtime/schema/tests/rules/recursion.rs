//! Recursive tables.

use fanfare_schema::{Items, Kinds, MAX_ISSUES, Members, Rules};
use serde_json::{Value, json};

use crate::issues_of;

/// An open tree, which other rules close.
static NODE: Rules = Rules {
    kinds: Kinds::OBJECT,
    object: Some(&Members {
        properties: &[("left", &CLOSED), ("right", &CLOSED), ("value", &INTEGER)],
        ..Members::ANY
    }),
    ..Rules::ANY
};
static CLOSED: Rules = Rules { all_of: &[&NODE], unevaluated_properties: Some(&Rules::NEVER), ..Rules::ANY };
static INTEGER: Rules = Rules { kinds: Kinds::INTEGER, ..Rules::ANY };

#[test]
fn a_recursive_reference_evaluates_on_every_level() {
    let tree = json!({ "left": { "value": 1, "right": {} }, "value": 2 });
    assert_eq!(issues_of(&CLOSED, &tree), [""; 0]);
    let broken = json!({ "left": { "right": { "valeu": 1 }, "value": 1 }, "x": 1 });
    // The levels above check for unevaluated properties only if this level is valid.
    assert_eq!(
        issues_of(&CLOSED, &broken),
        ["/left/right/valeu unevaluatedProperties: is not allowed, got 1"]
    );
}

static LISTS: Rules = Rules {
    any_of: &[
        &Rules {
            kinds: Kinds::ARRAY,
            array: Some(&Items { rest: Some(&LISTS), unique: true, ..Items::ANY }),
            ..Rules::ANY
        },
        &INTEGER,
    ],
    ..Rules::ANY
};

fn nested(depth: usize) -> Value {
    (1..depth).fold(json!([]), |inner, _| json!([inner]))
}

#[test]
fn recursion_is_limited_by_the_depth_of_the_wire_profile() {
    assert_eq!(issues_of(&LISTS, &nested(127)), [""; 0]);
    let too_deep =
        format!("{} depth: must not be nested deeper than 127 levels, got an array", "/0".repeat(127));
    for depth in [128, 500] {
        assert_eq!(
            issues_of(&LISTS, &nested(depth)),
            [
                " anyOf: must be an array or an integer (nearest: an array, but /0 must be an array or an integer), got an array",
                &too_deep
            ]
        );
        assert_eq!(issues_of(&Rules::ANY, &nested(depth)), [&*too_deep]);
    }
}

/// Two alternatives and other rules that all apply to the same property.
static EXPRESSION: Rules = Rules {
    object: Some(&Members { properties: &[("of", &EXPRESSION)], ..Members::ANY }),
    one_of: &[&ADD, &MULTIPLY],
    unevaluated_properties: Some(&Rules::NEVER),
    ..Rules::ANY
};
static ADD: Rules = Rules {
    object: Some(&Members {
        properties: &[("of", &EXPRESSION), ("add", &INTEGER)],
        required: &["add"],
        ..Members::ANY
    }),
    ..Rules::ANY
};
static MULTIPLY: Rules = Rules {
    object: Some(&Members {
        properties: &[("of", &EXPRESSION), ("multiply", &INTEGER)],
        required: &["multiply"],
        ..Members::ANY
    }),
    ..Rules::ANY
};

#[test]
fn nested_alternatives_are_not_tried_exponentially_often() {
    let nested =
        |innermost: Value| (1..120).fold(innermost, |inner, _| json!({ "of": inner, "multiply": 1 }));
    assert_eq!(issues_of(&EXPRESSION, &nested(json!({ "add": 1 }))), [""; 0]);
    let issues = issues_of(&EXPRESSION, &nested(json!({ "add": 1, "multiply": 1, "x": 1 })));
    assert!(issues.len() <= MAX_ISSUES + 1);
    // The path of the innermost value is truncated.
    let innermost = "/of".repeat(100);
    let matching = r#"1 (an object with "add") and 2 (an object with "multiply")"#;
    assert!(issues.contains(&format!(
        "{innermost}… oneOf: must match exactly one alternative, but matches alternatives {matching}, got an object"
    )));
}
