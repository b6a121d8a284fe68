//! Random schemas that validate one value several times, as several of their parts refer to the same types. And values
//! that are deeply nested or have many issues.

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// How many random schemas there are.
const COUNT: u64 = 40;
/// How many types each of them has. Each type may refer to all others.
const TYPES: usize = 2;

/// Returns the schemas for a seed.
#[must_use]
pub fn schemas(seed: u64) -> Vec<Value> {
    (0..COUNT).map(|at| schema_at(seed, at)).collect()
}

/// Returns the schema with this index.
#[must_use]
pub fn schema_at(seed: u64, at: u64) -> Value {
    schema(&mut rng(seed, at))
}

/// Returns the generator of random numbers for the schema with this index.
#[must_use]
pub fn rng(seed: u64, at: u64) -> Rng {
    Rng::with_seed(seed.wrapping_mul(0xd1b5_4a32_d192_ed03) ^ at)
}

fn schema(rng: &mut Rng) -> Value {
    let definitions: Map<String, Value> = (0..TYPES).map(|at| (format!("D{at}"), definition(rng))).collect();
    json!({ "$ref": "#/$defs/D0", "$defs": definitions })
}

/// Returns a type that refers to types in at least two places.
fn definition(rng: &mut Rng) -> Value {
    let mut members = if rng.usize(..3) == 0 { part(rng) } else { Map::new() };
    if rng.usize(..4) > 0 {
        members.insert("type".to_owned(), json!("object"));
    }
    match rng.usize(..8) {
        0..5 => {
            let key = ["anyOf", "oneOf", "allOf", "anyOf", "oneOf"][rng.usize(..5)];
            let alternatives: Vec<Value> = (0..rng.usize(2..4)).map(|_| alternative(rng, 1)).collect();
            members.insert(key.to_owned(), json!(alternatives));
        }
        5 | 6 => {
            for key in ["if", "then", "else"] {
                members.insert(key.to_owned(), alternative(rng, 1));
            }
        }
        _ => {
            members.extend(part(rng));
            members.insert("patternProperties".to_owned(), json!({ "^c": reference(rng) }));
        }
    }
    match rng.usize(..6) {
        0 | 1 => _ = members.insert("unevaluatedProperties".to_owned(), json!(false)),
        2 => _ = members.insert("unevaluatedProperties".to_owned(), reference(rng)),
        _ => {}
    }
    Value::Object(members)
}

fn alternative(rng: &mut Rng, depth: usize) -> Value {
    if depth > 0 && rng.usize(..4) == 0 {
        let key = ["anyOf", "oneOf", "allOf"][rng.usize(..3)];
        let same = alternative(rng, depth - 1);
        return json!({ key: [same, alternative(rng, depth - 1)] });
    }
    Value::Object(part(rng))
}

/// Returns properties, of which one may refer to a type.
fn part(rng: &mut Rng) -> Map<String, Value> {
    let mut properties = Map::new();
    if rng.usize(..5) > 0 {
        properties.insert("child".to_owned(), reference(rng));
    }
    if rng.usize(..3) == 0 {
        let list = match rng.usize(..3) {
            0 => json!({ "type": "array", "items": reference(rng), "contains": reference(rng) }),
            1 => json!({ "type": "array", "items": reference(rng), "uniqueItems": true }),
            _ => json!({ "type": "array", "items": reference(rng), "maxItems": 24 }),
        };
        properties.insert("list".to_owned(), list);
    }
    for (name, schema) in [("heading", json!({ "type": "string" })), ("size", json!({ "type": "integer" }))] {
        if rng.usize(..3) > 0 {
            properties.insert(name.to_owned(), schema);
        }
    }
    let mut members = Map::from_iter([("properties".to_owned(), Value::Object(properties))]);
    match rng.usize(..10) {
        0 => _ = members.insert("required".to_owned(), json!(["size"])),
        1 => _ = members.insert("additionalProperties".to_owned(), json!(false)),
        2 => _ = members.insert("minProperties".to_owned(), json!(1)),
        _ => {}
    }
    members
}

fn reference(rng: &mut Rng) -> Value {
    json!({ "$ref": format!("#/$defs/D{}", rng.usize(..TYPES)) })
}

/// Returns a value with a number of nested levels.
#[must_use]
pub fn value(rng: &mut Rng, levels: usize) -> Value {
    // If few members are wrong, some values are accepted. If many are, there are more issues than can be reported.
    let wrong = [0, 0, 40, 3][rng.usize(..4)];
    let leaf = [json!({}), json!({ "heading": "x" }), json!({ "size": 1 }), json!(1), json!({ "wrong": [] })]
        [rng.usize(..5)]
    .clone();
    (0..levels).fold(leaf, |inner, _| {
        let mut members = Map::new();
        add_leaves(rng, wrong, &mut members);
        match rng.usize(..12) {
            0 => {
                let more = if rng.usize(..6) == 0 { 30 } else { 1 };
                let mut list: Vec<Value> = (0..rng.usize(..=more)).map(|_| small(rng, wrong)).collect();
                list.insert(rng.usize(..=list.len()), inner);
                members.insert("list".to_owned(), json!(list));
            }
            _ => _ = members.insert("child".to_owned(), inner),
        }
        if rng.usize(..4) == 0 {
            add_leaves(rng, wrong, &mut members);
        }
        Value::Object(members)
    })
}

fn small(rng: &mut Rng, wrong: usize) -> Value {
    let mut members = Map::new();
    add_leaves(rng, wrong, &mut members);
    Value::Object(members)
}

fn add_leaves(rng: &mut Rng, wrong: usize, members: &mut Map<String, Value>) {
    let is_wrong = wrong > 0 && rng.usize(..wrong) == 0;
    match rng.usize(..4) {
        0 => _ = members.insert("heading".to_owned(), if is_wrong { json!(1) } else { json!("x") }),
        1 => _ = members.insert("size".to_owned(), if is_wrong { json!("x") } else { json!(1) }),
        2 if is_wrong => _ = members.insert("wrong".to_owned(), json!(null)),
        _ => {}
    }
}
