//! Random schemas as people typically write them: a type, with further rules.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::keywords::{add_number, add_object_limit, add_text, names};
use super::{Kind, Scope, keywords, literal, literal_of, name, pattern};

/// Returns a schema with a type, and rules that the type cannot express.
pub(super) fn schema(rng: &mut Rng, scope: Scope) -> Value {
    let mut schema = match scope.kind {
        Kind::Number => {
            let mut members =
                Map::from_iter([("type".to_owned(), json!(["number", "integer"][rng.usize(..2)]))]);
            (0..rng.usize(..3)).for_each(|_| add_number(rng, &mut members));
            members
        }
        Kind::Text => {
            let mut members = Map::from_iter([("type".to_owned(), json!("string"))]);
            (0..rng.usize(..3)).for_each(|_| add_text(rng, &mut members));
            members
        }
        Kind::Array => array(rng, scope),
        Kind::Object => object(rng, scope),
    };
    for _ in 0..rng.usize(..3) {
        match scope.kind {
            Kind::Object => add_object_rule(rng, scope, &mut schema),
            Kind::Array => add_array_rule(rng, scope, &mut schema),
            _ => add_plain_rule(rng, scope, &mut schema),
        }
    }
    Value::Object(schema)
}

fn object(rng: &mut Rng, scope: Scope) -> Map<String, Value> {
    let mut properties = Map::new();
    for _ in 0..rng.usize(1..5) {
        properties.insert(name(rng).to_owned(), property(rng, scope));
    }
    // References are optional, so that cycles can end.
    let required: Vec<&String> = properties
        .iter()
        .filter(|(_, property)| property.get("$ref").is_none() && rng.usize(..3) == 0)
        .map(|(name, _)| name)
        .collect();
    let mut schema = Map::from_iter([("type".to_owned(), json!("object"))]);
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema.insert("properties".to_owned(), json!(properties));
    match rng.usize(..5) {
        0 => _ = schema.insert("additionalProperties".to_owned(), json!(false)),
        1 => _ = schema.insert("additionalProperties".to_owned(), property(rng, scope)),
        _ => {}
    }
    schema
}

fn property(rng: &mut Rng, scope: Scope) -> Value {
    let below = scope.below(rng);
    match below.reference(rng) {
        Some(reference) if rng.usize(..4) == 0 => json!({ "$ref": reference }),
        _ if rng.usize(..5) == 0 => keywords::schema(rng, below),
        _ => schema(rng, below),
    }
}

fn array(rng: &mut Rng, scope: Scope) -> Map<String, Value> {
    let mut schema = Map::from_iter([("type".to_owned(), json!("array"))]);
    if rng.usize(..3) == 0 {
        let prefix: Vec<Value> = (0..rng.usize(1..4)).map(|_| property(rng, scope)).collect();
        schema.insert("minItems".to_owned(), json!(rng.usize(..=prefix.len())));
        schema.insert("prefixItems".to_owned(), json!(prefix));
        match rng.usize(..3) {
            0 => _ = schema.insert("items".to_owned(), json!(false)),
            1 => _ = schema.insert("items".to_owned(), property(rng, scope)),
            _ => {}
        }
    } else {
        schema.insert("items".to_owned(), property(rng, scope));
    }
    schema
}

fn add_array_rule(rng: &mut Rng, scope: Scope, schema: &mut Map<String, Value>) {
    match rng.usize(..4) {
        0 => _ = schema.insert("uniqueItems".to_owned(), json!(true)),
        1 => _ = schema.insert("maxItems".to_owned(), json!(rng.u32(2..5))),
        2 => {
            let contained = contained(rng, scope, schema);
            schema.insert("contains".to_owned(), contained);
            if rng.bool() {
                schema.insert("maxContains".to_owned(), json!(rng.u32(1..3)));
            }
        }
        _ => _ = schema.insert("unevaluatedItems".to_owned(), json!(false)),
    }
}

/// Returns a schema for `contains`, of the same kind as the items if they have one.
fn contained(rng: &mut Rng, scope: Scope, array: &Map<String, Value>) -> Value {
    let kind = match array.get("items").and_then(|items| items["type"].as_str()) {
        Some("string") => Kind::Text,
        Some("number" | "integer") => Kind::Number,
        Some("array") => Kind::Array,
        Some("object") => Kind::Object,
        _ => return property(rng, scope),
    };
    let below = Scope { kind, ..scope.below(rng) };
    keywords::schema(rng, below)
}

fn add_object_rule(rng: &mut Rng, scope: Scope, schema: &mut Map<String, Value>) {
    match rng.usize(..11) {
        0 => add_object_limit(rng, schema),
        1 => {
            let rule = json!({ pattern(rng): property(rng, scope) });
            schema.insert("patternProperties".to_owned(), rule);
        }
        2 => _ = schema.insert("propertyNames".to_owned(), json!({ "pattern": pattern(rng) })),
        3 => {
            let alternatives: Vec<Value> = (0..2).map(|_| json!({ "required": names(rng, 1..3) })).collect();
            schema.insert(["anyOf", "oneOf"][rng.usize(..2)].to_owned(), json!(alternatives));
        }
        4 => _ = schema.insert("not".to_owned(), json!({ "required": names(rng, 1..3) })),
        5 => {
            let test = json!({ "properties": { name(rng): { "const": literal(rng) } } });
            schema.insert("if".to_owned(), test);
            schema.insert("then".to_owned(), json!({ "required": names(rng, 1..2) }));
            if rng.bool() {
                schema.insert("else".to_owned(), partial(rng, scope));
            }
        }
        6 => {
            let parts: Vec<Value> = (0..rng.usize(1..3)).map(|_| partial(rng, scope)).collect();
            schema.insert("allOf".to_owned(), json!(parts));
            if rng.bool() {
                schema.insert("unevaluatedProperties".to_owned(), json!(false));
            }
        }
        7 => {
            let dependent = partial(rng, scope);
            schema.insert("dependentSchemas".to_owned(), json!({ name(rng): dependent }));
        }
        8 => {
            if let Some(reference) = scope.reference_of_kind(rng) {
                schema.insert("$ref".to_owned(), reference);
            }
            schema.insert("unevaluatedProperties".to_owned(), json!(false));
        }
        9 => _ = schema.insert("minProperties".to_owned(), json!(rng.u32(1..3))),
        _ => add_plain_rule(rng, scope, schema),
    }
}

/// Returns the further properties of a type that extends a base type.
fn partial(rng: &mut Rng, scope: Scope) -> Value {
    if let Some(reference) = scope.reference_of_kind(rng)
        && rng.usize(..3) == 0
    {
        return json!({ "$ref": reference });
    }
    json!({ "properties": { name(rng): property(rng, scope.in_place()) } })
}

fn add_plain_rule(rng: &mut Rng, scope: Scope, schema: &mut Map<String, Value>) {
    match rng.usize(..3) {
        0 => _ = schema.insert("not".to_owned(), json!({ "const": literal_of(rng, scope.kind) })),
        1 => _ = schema.insert("not".to_owned(), keywords::excluded(rng, Scope { depth: 0, ..scope })),
        _ => {
            let parts: Vec<Value> =
                (0..2).map(|_| keywords::schema(rng, Scope { depth: 0, ..scope })).collect();
            schema.insert(["anyOf", "oneOf"][rng.usize(..2)].to_owned(), json!(parts));
        }
    }
}
