//! Random schemas that combine keywords freely.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::{FORMATS, Kind, Scope, literal, literal_of, name, pattern};

/// Returns a schema with a few groups of keywords. Most apply to one kind of value, so that they are combined. With
/// more keywords at each level, hardly any value would satisfy the schema.
pub(super) fn schema(rng: &mut Rng, scope: Scope) -> Value {
    if rng.usize(..20) == 0 {
        return json!(rng.usize(..4) > 0);
    }
    let mut members = Map::new();
    for _ in 0..rng.usize(1..scope.depth + 3) {
        add_group(rng, scope, &mut members);
    }
    if rng.usize(..4) == 0 {
        add_type(rng, scope.kind, &mut members);
    }
    Value::Object(members)
}

fn add_group(rng: &mut Rng, scope: Scope, members: &mut Map<String, Value>) {
    let in_place = if scope.depth == 0 { 0 } else { 5 };
    match rng.usize(..10 + in_place) {
        0 => add_type(rng, scope.kind, members),
        1 if rng.bool() => add_literals(rng, scope.kind, members),
        1..3 => {
            let kind = [Kind::Number, Kind::Text, Kind::Array, Kind::Object][rng.usize(..4)];
            add_of_kind(rng, Scope { kind, ..scope }, members);
        }
        3..10 => add_of_kind(rng, scope, members),
        10 => {
            let key = ["allOf", "anyOf", "oneOf"][rng.usize(..3)];
            let parts: Vec<Value> = (0..rng.usize(1..4)).map(|_| schema(rng, scope.in_place())).collect();
            members.insert(key.to_owned(), json!(parts));
        }
        11 => _ = members.insert("not".to_owned(), excluded(rng, scope)),
        12 => {
            for key in ["if", "then", "else"] {
                // Each may be missing. `then` without `if` has no effect.
                if rng.usize(..6) > 0 {
                    members.insert(key.to_owned(), schema(rng, scope.in_place()));
                }
            }
        }
        13 => {
            if let Some(reference) = scope.reference_of_kind(rng) {
                members.insert("$ref".to_owned(), reference);
            }
        }
        _ => add_unevaluated(rng, scope, members),
    }
}

/// Returns a schema for `not`. It is usually narrow, as most schemas accept all values of other kinds.
pub(super) fn excluded(rng: &mut Rng, scope: Scope) -> Value {
    let mut members = Map::new();
    match (scope.kind, rng.usize(..3)) {
        (_, 0) => return schema(rng, scope.in_place()),
        (Kind::Object, 1) => _ = members.insert("required".to_owned(), json!(names(rng, 1..3))),
        _ => add_literals(rng, scope.kind, &mut members),
    }
    Value::Object(members)
}

fn add_type(rng: &mut Rng, kind: Kind, members: &mut Map<String, Value>) {
    let own = match kind {
        Kind::Number => ["number", "integer"][rng.usize(..2)],
        Kind::Text => "string",
        Kind::Array => "array",
        Kind::Object => "object",
    };
    let mut types = vec![own];
    for other in ["null", "boolean", "integer", "number", "string", "array", "object"] {
        if rng.usize(..9) == 0 && other != own {
            types.push(other);
        }
    }
    members.insert("type".to_owned(), if types.len() == 1 { json!(own) } else { json!(types) });
}

fn add_literals(rng: &mut Rng, kind: Kind, members: &mut Map<String, Value>) {
    let mut literals: Vec<Value> = Vec::new();
    for _ in 0..rng.usize(1..7) {
        let literal = if rng.usize(..4) == 0 { literal(rng) } else { literal_of(rng, kind) };
        if !literals.contains(&literal) {
            literals.push(literal);
        }
    }
    match literals.as_slice() {
        [only] => _ = members.insert("const".to_owned(), only.clone()),
        _ => _ = members.insert("enum".to_owned(), json!(literals)),
    }
}

fn add_of_kind(rng: &mut Rng, scope: Scope, members: &mut Map<String, Value>) {
    match scope.kind {
        Kind::Number => add_number(rng, members),
        Kind::Text => add_text(rng, members),
        Kind::Array => add_array(rng, scope, members),
        Kind::Object => add_object(rng, scope, members),
    }
}

pub(super) fn add_number(rng: &mut Rng, members: &mut Map<String, Value>) {
    let (key, value) = match rng.usize(..6) {
        0 => ("minimum", json!(rng.i32(-3..3))),
        1 => ("maximum", json!(rng.i32(3..20))),
        2 => ("exclusiveMinimum", [json!(-1.5), json!(0), json!(1)][rng.usize(..3)].clone()),
        3 => ("exclusiveMaximum", [json!(10), json!(2.5), json!(1e21)][rng.usize(..3)].clone()),
        _ => (
            "multipleOf",
            [json!(1), json!(2), json!(0.01), json!(0.5), json!(1e-7), json!(1.1)][rng.usize(..6)].clone(),
        ),
    };
    members.insert(key.to_owned(), value);
}

pub(super) fn add_text(rng: &mut Rng, members: &mut Map<String, Value>) {
    // Hardly any text satisfies a format and another keyword.
    let has_format = members.contains_key("format");
    let (key, value) = match rng.usize(..5) {
        0 => ("minLength", json!(rng.u32(..3))),
        1 if !has_format => ("maxLength", json!(rng.u32(1..5))),
        2 if !members.keys().any(|key| key.ends_with("Length") || key == "pattern") => {
            ("format", json!(FORMATS[rng.usize(..FORMATS.len())].0))
        }
        _ if !has_format => ("pattern", json!(pattern(rng))),
        _ => ("maxLength", json!(40)),
    };
    members.insert(key.to_owned(), value);
}

fn add_array(rng: &mut Rng, scope: Scope, members: &mut Map<String, Value>) {
    if scope.depth == 0 {
        return add_array_limit(rng, members);
    }
    match rng.usize(..6) {
        0 => _ = members.insert("items".to_owned(), below(rng, scope)),
        1..3 => {
            let prefix: Vec<Value> = (0..rng.usize(1..4)).map(|_| below(rng, scope)).collect();
            members.insert("prefixItems".to_owned(), json!(prefix));
            if rng.usize(..3) == 0 {
                members.insert("items".to_owned(), below(rng, scope));
            }
        }
        3..5 => {
            members.insert("contains".to_owned(), below(rng, scope));
            if rng.bool() {
                members.insert("minContains".to_owned(), json!(rng.u32(..3)));
            }
            if rng.usize(..3) == 0 {
                members.insert("maxContains".to_owned(), json!(rng.u32(1..3)));
            }
        }
        _ => add_array_limit(rng, members),
    }
}

fn add_array_limit(rng: &mut Rng, members: &mut Map<String, Value>) {
    let (key, value) = match rng.usize(..4) {
        0 => ("minItems", json!(rng.u32(..3))),
        1 => ("maxItems", json!(rng.u32(1..5))),
        _ => ("uniqueItems", json!(rng.usize(..5) > 0)),
    };
    members.insert(key.to_owned(), value);
}

fn add_object(rng: &mut Rng, scope: Scope, members: &mut Map<String, Value>) {
    if scope.depth == 0 {
        return add_object_limit(rng, members);
    }
    match rng.usize(..9) {
        0..3 => {
            let properties = schemas_by(rng, scope, |rng| name(rng).to_owned());
            members.insert("properties".to_owned(), Value::Object(properties));
        }
        3 => {
            let patterns = schemas_by(rng, scope, |rng| pattern(rng).to_owned());
            members.insert("patternProperties".to_owned(), Value::Object(patterns));
        }
        4 => _ = members.insert("additionalProperties".to_owned(), below(rng, scope)),
        5 => {
            let about_names = Scope { kind: Kind::Text, inside: None, depth: 0, ..scope };
            members.insert("propertyNames".to_owned(), schema(rng, about_names));
        }
        6 => {
            let key = name(rng).to_owned();
            let dependent = schema(rng, scope.in_place());
            members.insert("dependentSchemas".to_owned(), json!({ key: dependent }));
        }
        _ => add_object_limit(rng, members),
    }
}

pub(super) fn add_object_limit(rng: &mut Rng, members: &mut Map<String, Value>) {
    let (key, value) = match rng.usize(..5) {
        0 => ("minProperties", json!(rng.u32(..3))),
        1 => ("maxProperties", json!(rng.u32(1..5))),
        2..4 => ("required", json!(names(rng, 1..3))),
        _ => ("dependentRequired", json!({ name(rng): names(rng, 0..3) })),
    };
    members.insert(key.to_owned(), value);
}

fn add_unevaluated(rng: &mut Rng, scope: Scope, members: &mut Map<String, Value>) {
    let key = match scope.kind {
        Kind::Array => "unevaluatedItems",
        Kind::Object => "unevaluatedProperties",
        _ => ["unevaluatedItems", "unevaluatedProperties"][rng.usize(..2)],
    };
    let rest = if rng.usize(..3) > 0 { json!(false) } else { below(rng, scope) };
    members.insert(key.to_owned(), rest);
    // Only useful next to a subschema that evaluates some of the properties or items.
    if scope.depth > 0 && rng.usize(..4) > 0 {
        let key = ["allOf", "anyOf", "oneOf"][rng.usize(..3)];
        let parts: Vec<Value> = (0..rng.usize(1..4)).map(|_| schema(rng, scope.in_place())).collect();
        members.insert(key.to_owned(), json!(parts));
    }
}

fn below(rng: &mut Rng, scope: Scope) -> Value {
    let below = scope.below(rng);
    schema(rng, below)
}

fn schemas_by(rng: &mut Rng, scope: Scope, key: impl Fn(&mut Rng) -> String) -> Map<String, Value> {
    (0..rng.usize(1..4)).map(|_| (key(rng), below(rng, scope))).collect()
}

/// Returns distinct names.
pub(super) fn names(rng: &mut Rng, count: std::ops::Range<usize>) -> Vec<&'static str> {
    let mut names = Vec::new();
    for _ in 0..rng.usize(count) {
        let name = name(rng);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
