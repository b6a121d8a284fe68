//! Tables that are built at run time and refer to themselves.

use fanfare_schema::{
    Additional, Array, Deferred, Items, Kinds, Members, Object, Property, Rules, Schema, Text, check,
    describe, example,
};
use serde_json::json;

static NODE: Schema = Schema::Object(Object {
    properties: &[
        Property::Required("name", &Schema::Text(Text::ANY)),
        Property::Optional("next", &Schema::AnyOf(&[&NODE, &Schema::Null])),
        Property::Optional("list", &Schema::Array(Array { items: &NODE, min_items: 0, max_items: 9 })),
    ],
    additional: Additional::Refused,
});

static TREE: Rules = Rules {
    kinds: Kinds::OBJECT,
    object: Some(&Members {
        properties: &[("leaves", &Rules { array: Some(&TREES), ..Rules::ANY })],
        ..Members::ANY
    }),
    unevaluated_properties: Some(&Rules::NEVER),
    ..Rules::ANY
};
static TREES: Items = Items { rest: Some(&Rules { all_of: &[&TREE], ..Rules::ANY }), ..Items::ANY };

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Builds `NODE` with references that are set later.
fn build_node() -> &'static Schema {
    let itself = leak(Deferred::new());
    let node = leak(Schema::Deferred(itself));
    let alternatives: &'static [&'static Schema] = leak([node, &Schema::Null]);
    let properties = leak([
        Property::Required("name", &Schema::Text(Text::ANY)),
        Property::Optional("next", leak(Schema::AnyOf(alternatives))),
        Property::Optional("list", leak(Schema::Array(Array { items: node, min_items: 0, max_items: 9 }))),
    ]);
    let table = leak(Schema::Object(Object { properties, additional: Additional::Refused }));
    itself.set(table);
    table
}

/// Builds `TREE` with a reference that is set later.
fn build_tree() -> &'static Rules {
    let itself = leak(Deferred::new());
    let reference = leak(Rules { deferred: Some(itself), ..Rules::ANY });
    let all_of: &'static [&'static Rules] = leak([reference]);
    let trees = leak(Items { rest: Some(leak(Rules { all_of, ..Rules::ANY })), ..Items::ANY });
    let leaves = leak(Rules { array: Some(trees), ..Rules::ANY });
    let properties: &'static [(&'static str, &'static Rules)] = leak([("leaves", leaves)]);
    let table = leak(Rules { object: Some(leak(Members { properties, ..Members::ANY })), ..TREE });
    itself.set(table);
    table
}

#[test]
fn a_deferred_table_is_like_a_static() {
    let values = [
        json!({ "name": "a" }),
        json!({ "name": "a", "next": { "name": "b", "next": null } }),
        json!({ "name": "a", "next": { "name": "b", "next": 1, "list": [{}] } }),
        json!({ "leaves": [{ "leaves": [] }, {}] }),
        json!({ "leaves": [{ "leaves": [{ "other": 1 }] }, 2] }),
        json!(1),
    ];
    let pairs = [(&NODE, build_node()), (&Schema::Rules(&TREE), leak(Schema::Rules(build_tree())))];
    for (expected, built) in pairs {
        assert_eq!(describe(expected).to_string(), describe(built).to_string());
        assert_eq!(example(expected), example(built));
        for value in &values {
            assert_eq!(check(expected, value), check(built, value), "{value}");
        }
    }
}

#[test]
fn a_reference_that_is_not_set_accepts_nothing() {
    let schema = Schema::Deferred(leak(Deferred::new()));
    assert!(check(&schema, &json!(null)).is_err());
    assert_eq!(example(&schema), None);
    let deferred = leak(Rules { deferred: Some(leak(Deferred::new())), ..Rules::ANY });
    let all_of: &'static [&'static Rules] = leak([deferred]);
    assert!(check(&Schema::Rules(leak(Rules { all_of, ..Rules::ANY })), &json!(null)).is_err());
}
