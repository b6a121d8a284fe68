//! The wire profile, typed values, and values that are expensive to evaluate.

use std::collections::BTreeMap;
use std::time::Instant;

use fanfare_schema::Rules;
use serde_json::{Value, json};

use crate::compile::compile;
use crate::issues_of;

#[test]
fn the_wire_profile_applies_even_without_a_rule() {
    let finite = "type: must be a finite number, got";
    assert_eq!(issues_of(&Rules::ANY, &f64::NAN), [format!(" {finite} NaN")]);
    assert_eq!(
        issues_of(&Rules::ANY, &[f64::INFINITY, f64::NEG_INFINITY]),
        [format!("/0 {finite} Infinity"), format!("/1 {finite} -Infinity")]
    );
    let all_of = json!([{ "prefixItems": [{ "const": null }] }]);
    let rules = compile(&json!({ "allOf": all_of, "not": { "items": true } }));
    assert_eq!(issues_of(rules, &[f64::NAN]), [format!("/0 {finite} NaN")], "reported once");
}

#[test]
fn typed_values_are_evaluated_as_the_json_they_serialize_to() {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "lowercase")]
    enum Shape {
        Point,
        Circle { radius: f32 },
        Named(&'static str),
    }
    let rules = compile(&json!({ "oneOf": [
        { "const": "point" },
        { "type": "object", "properties": { "named": true }, "required": ["named"] },
    ] }));
    assert_eq!(issues_of(rules, &Shape::Point), [""; 0]);
    assert_eq!(issues_of(rules, &Shape::Named("x")), [""; 0]);
    let unwritable = issues_of(rules, &Shape::Circle { radius: 0.5 });
    assert_eq!(unwritable, [" type: cannot be a payload: the variant circle has several fields"]);
    let single = compile(&json!({ "const": 0.1 }));
    assert_eq!(issues_of(single, &0.1_f32), [""; 0]);
    let keyed = BTreeMap::from([(1_u8, 2_u8), (3, 4)]);
    let unique =
        compile(&json!({ "const": [{ "3": 4, "1": 2 }], "propertyNames": { "pattern": "^[0-9]$" } }));
    assert_eq!(issues_of(unique, &[keyed]), [""; 0]);
}

#[test]
fn many_items_are_compared_quickly() {
    let rules = compile(
        &json!({ "uniqueItems": true, "contains": { "required": ["id"] }, "unevaluatedItems": false }),
    );
    let item = |n: usize| json!({ "id": n, "tags": [n.to_string()] });
    let mut items: Vec<Value> = (0..100_000).map(item).collect();
    let start = Instant::now();
    assert_eq!(issues_of(rules, &items), [""; 0]);
    items.push(item(77_777));
    assert_eq!(issues_of(rules, &items), ["/100000 uniqueItems: must not repeat item 77777, got an object"]);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
