//! Edits of schemas, as people make them from one version to the next.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::{FORMATS, NAMES, PATTERNS, literal, name};

/// Keywords whose value is a limit.
const LIMITS: [&str; 13] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minContains",
    "maxContains",
    "multipleOf",
];

/// How many of the mixed schemas have a next version.
pub const EVOLVED: usize = 100;
/// How many of the deep schemas have a next version.
pub const EVOLVED_DEEP: usize = 20;

/// Returns the next versions of the first schemas of each kind.
#[must_use]
pub fn evolutions(seed: u64, deep: &[Value]) -> Vec<Value> {
    let mixed = super::schemas(seed, EVOLVED.min(super::count()));
    let originals = mixed.iter().chain(deep.iter().take(EVOLVED_DEEP)).enumerate();
    originals
        .map(|(at, original)| evolved(&mut super::rng(seed ^ 0x5bd1_e995, at as u64), original))
        .collect()
}

/// Returns the next version of a schema: one to three edits.
#[must_use]
pub fn evolved(rng: &mut Rng, schema: &Value) -> Value {
    let mut next = schema.clone();
    for _ in 0..[1, 1, 1, 2, 3][rng.usize(..5)] {
        edit(rng, &mut next);
    }
    next
}

/// Edits one of the subschemas.
fn edit(rng: &mut Rng, document: &mut Value) {
    let mut paths = Vec::new();
    collect(document, String::new(), &mut paths);
    // Most edits change something, and some subschemas have no keyword that a random edit applies to.
    for _ in 0..20 {
        let path = &paths[rng.usize(..paths.len())];
        let before = document.clone();
        if rng.usize(..12) == 0 && !path.is_empty() && !path.starts_with("/$defs") {
            split(rng, document, path);
        } else if let Some(schema) = document.pointer_mut(path) {
            change(rng, schema);
        }
        if *document != before {
            return;
        }
    }
}

/// Lists the subschemas of a schema as JSON Pointers.
fn collect(schema: &Value, path: String, paths: &mut Vec<String>) {
    if let Value::Object(members) = schema {
        for (key, value) in members {
            match (key.as_str(), value) {
                ("properties" | "patternProperties" | "dependentSchemas" | "$defs", Value::Object(named)) => {
                    for (name, part) in named {
                        let name = name.replace('~', "~0").replace('/', "~1");
                        collect(part, format!("{path}/{key}/{name}"), paths);
                    }
                }
                ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(parts)) => {
                    for (at, part) in parts.iter().enumerate() {
                        collect(part, format!("{path}/{key}/{at}"), paths);
                    }
                }
                (
                    "items"
                    | "contains"
                    | "additionalProperties"
                    | "propertyNames"
                    | "not"
                    | "if"
                    | "then"
                    | "else"
                    | "unevaluatedItems"
                    | "unevaluatedProperties",
                    part,
                ) => collect(part, format!("{path}/{key}"), paths),
                _ => {}
            }
        }
    }
    paths.push(path);
}

/// Moves a subschema to `$defs`, and refers to it.
fn split(rng: &mut Rng, document: &mut Value, path: &str) {
    let name = format!("S{}", rng.usize(..9));
    let Some(part) = document.pointer_mut(path) else { return };
    let moved = std::mem::replace(part, json!({ "$ref": format!("#/$defs/{name}") }));
    if let Value::Object(members) = document {
        let definitions = members.entry("$defs").or_insert_with(|| json!({}));
        if definitions.get(&name).is_none() {
            definitions[name] = moved;
            return;
        }
    }
    if let Some(part) = document.pointer_mut(path) {
        *part = moved;
    }
}

fn change(rng: &mut Rng, schema: &mut Value) {
    match (rng.usize(..16), schema) {
        (0, schema) => *schema = json!(rng.usize(..3) > 0),
        (1, schema) if schema.get("$defs").is_none() => wrap(rng, schema),
        (_, Value::Object(members)) => match rng.usize(..15) {
            0 | 1 => change_limit(rng, members),
            2 => add_limit(rng, members),
            3 => change_values(rng, members),
            4 | 5 => change_properties(rng, members),
            6 => change_required(rng, members),
            7 => change_types(rng, members),
            8 => change_rest(rng, members),
            9 => remove_keyword(rng, members),
            10 => change_alternatives(rng, members),
            11 => change_text(rng, members),
            12 => rename(rng, members),
            13 => reorder(rng, members),
            _ => change_combination(rng, members),
        },
        (_, schema) => *schema = leaf(rng),
    }
}

/// Wraps a schema in another that accepts the same values, or also `null`.
fn wrap(rng: &mut Rng, schema: &mut Value) {
    let inner = schema.take();
    *schema = match rng.usize(..5) {
        0 | 1 => json!({ "anyOf": [inner, { "type": "null" }] }),
        2 => json!({ "oneOf": [{ "type": "null" }, inner] }),
        3 => json!({ "allOf": [inner] }),
        _ => json!({ "anyOf": [inner, leaf(rng)] }),
    };
}

fn change_limit(rng: &mut Rng, members: &mut Map<String, Value>) {
    let present: Vec<&str> = LIMITS.into_iter().filter(|key| members.contains_key(*key)).collect();
    let Some(key) = present.get(rng.usize(..present.len().max(1))) else { return };
    let limit = members[*key].as_f64().unwrap_or_default();
    let changed = match rng.usize(..4) {
        0 => limit + 1.0,
        1 => limit - 1.0,
        2 => limit * 2.0,
        _ => limit + 5.0,
    };
    let is_size = key.len() > 7 && !key.starts_with("exclusive") && *key != "multipleOf";
    if (is_size && changed < 0.0) || (*key == "multipleOf" && changed <= 0.0) {
        return;
    }
    members.insert((*key).to_owned(), super::values::plain(changed));
}

fn add_limit(rng: &mut Rng, members: &mut Map<String, Value>) {
    let types = members.get("type").map(Value::to_string).unwrap_or_default();
    let (key, value) = if types.contains("number") || types.contains("integer") {
        super::keywords::add_number(rng, members);
        return;
    } else if types.contains("string") {
        super::keywords::add_text(rng, members);
        return;
    } else if types.contains("array") {
        match rng.usize(..3) {
            0 => ("minItems", json!(rng.u32(..3))),
            1 => ("maxItems", json!(rng.u32(1..5))),
            _ => ("uniqueItems", json!(true)),
        }
    } else {
        super::keywords::add_object_limit(rng, members);
        return;
    };
    members.insert(key.to_owned(), value);
}

fn change_values(rng: &mut Rng, members: &mut Map<String, Value>) {
    if let Some(value) = members.shift_remove("const") {
        let other = literal(rng);
        if other == value {
            members.insert("const".to_owned(), value);
        } else {
            members.insert("enum".to_owned(), json!([value, other]));
        }
    } else if let Some(Value::Array(values)) = members.get_mut("enum") {
        if rng.bool() && values.len() > 1 {
            values.remove(rng.usize(..values.len()));
        } else {
            let other = literal(rng);
            if !values.contains(&other) {
                values.push(other);
            }
        }
    }
}

fn change_properties(rng: &mut Rng, members: &mut Map<String, Value>) {
    let key = if rng.usize(..5) == 0 { "patternProperties" } else { "properties" };
    let is_new = !members.contains_key(key);
    if is_new && rng.usize(..3) > 0 {
        return;
    }
    let new = if key == "properties" { name(rng) } else { PATTERNS[rng.usize(..3)].0 };
    let properties = members.entry(key).or_insert_with(|| json!({}));
    let Value::Object(properties) = properties else { return };
    match rng.usize(..4) {
        0 if !properties.is_empty() => {
            let at = rng.usize(..properties.len());
            properties.shift_remove(&properties.keys().nth(at).cloned().unwrap_or_default());
        }
        at => {
            if properties.contains_key(new) {
                return;
            }
            properties.insert(new.to_owned(), leaf(rng));
            if at == 1 && key == "properties" {
                require(members, new);
            }
        }
    }
}

fn require(members: &mut Map<String, Value>, name: &str) {
    let required = members.entry("required").or_insert_with(|| json!([]));
    if let Value::Array(names) = required
        && !names.contains(&json!(name))
    {
        names.push(json!(name));
    }
}

fn change_required(rng: &mut Rng, members: &mut Map<String, Value>) {
    let declared = members.get("properties").and_then(Value::as_object);
    let names: Vec<String> = declared.map(|all| all.keys().cloned().collect()).unwrap_or_default();
    match members.get_mut("required") {
        Some(Value::Array(required)) if rng.bool() && !required.is_empty() => {
            required.remove(rng.usize(..required.len()));
        }
        _ => {
            if let Some(name) = names.get(rng.usize(..names.len().max(1))) {
                require(members, name);
            }
        }
    }
}

fn change_types(rng: &mut Rng, members: &mut Map<String, Value>) {
    let all = ["null", "boolean", "integer", "number", "string", "array", "object"];
    let Some(types) = members.get_mut("type") else { return };
    match types {
        Value::String(one) if one == "integer" && rng.bool() => *types = json!("number"),
        Value::String(one) if one == "number" && rng.bool() => *types = json!("integer"),
        Value::String(one) => {
            let other = if rng.bool() { "null" } else { all[rng.usize(..all.len())] };
            if one != other {
                *types = json!([one.clone(), other]);
            }
        }
        Value::Array(several) if several.len() > 1 => {
            several.remove(rng.usize(..several.len()));
        }
        _ => {}
    }
}

/// Changes the rules for undeclared properties and further items.
fn change_rest(rng: &mut Rng, members: &mut Map<String, Value>) {
    let is_array = members.contains_key("prefixItems") || members.get("type") == Some(&json!("array"));
    let key = match (is_array, rng.usize(..4)) {
        (true, 0) => "unevaluatedItems",
        (true, _) => "items",
        (false, 0) => "unevaluatedProperties",
        (false, _) => "additionalProperties",
    };
    if members.shift_remove(key).is_none() || rng.usize(..3) == 0 {
        let rest = if rng.usize(..3) > 0 { json!(false) } else { leaf(rng) };
        members.insert(key.to_owned(), rest);
    }
}

fn remove_keyword(rng: &mut Rng, members: &mut Map<String, Value>) {
    let keys: Vec<String> = members.keys().filter(|key| *key != "$defs").cloned().collect();
    if let Some(key) = keys.get(rng.usize(..keys.len().max(1))) {
        members.shift_remove(key);
    }
}

fn change_alternatives(rng: &mut Rng, members: &mut Map<String, Value>) {
    for key in ["oneOf", "anyOf", "allOf"] {
        let Some(Value::Array(parts)) = members.get_mut(key) else { continue };
        match rng.usize(..5) {
            0 if parts.len() > 1 => {
                parts.remove(rng.usize(..parts.len()));
            }
            1 if key != "allOf" => {
                let other = if key == "oneOf" { "anyOf" } else { "oneOf" };
                if let Some(parts) = members.shift_remove(key) {
                    members.insert(other.to_owned(), parts);
                }
            }
            2 => {
                // A case with another tag, as far as the case has one.
                let mut case = parts[rng.usize(..parts.len())].clone();
                if let Some(tag) = case.pointer_mut("/properties/kind") {
                    *tag = json!({ "const": "four" });
                }
                parts.push(case);
            }
            _ => parts.push(leaf(rng)),
        }
        return;
    }
}

fn change_text(rng: &mut Rng, members: &mut Map<String, Value>) {
    if members.contains_key("pattern") {
        members.insert("pattern".to_owned(), json!(super::pattern(rng)));
    } else if members.contains_key("format") {
        members.insert("format".to_owned(), json!(FORMATS[rng.usize(..FORMATS.len())].0));
    }
}

/// Renames a property.
fn rename(rng: &mut Rng, members: &mut Map<String, Value>) {
    let Some(Value::Object(properties)) = members.get_mut("properties") else { return };
    let keys: Vec<String> = properties.keys().cloned().collect();
    let Some(old) = keys.get(rng.usize(..keys.len().max(1))) else { return };
    let new = NAMES[rng.usize(..NAMES.len())];
    if properties.contains_key(new) {
        return;
    }
    let moved = properties.shift_remove(old).unwrap_or_default();
    properties.insert(new.to_owned(), moved);
    if let Some(Value::Array(required)) = members.get_mut("required") {
        required.iter_mut().filter(|name| *name == old).for_each(|name| *name = json!(new));
    }
}

/// Changes the order of parts, which has no effect.
fn reorder(rng: &mut Rng, members: &mut Map<String, Value>) {
    for key in ["allOf", "anyOf", "oneOf", "enum", "required"] {
        if let Some(Value::Array(parts)) = members.get_mut(key) {
            rng.shuffle(parts);
        }
    }
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        let mut entries: Vec<(String, Value)> = std::mem::take(properties).into_iter().collect();
        rng.shuffle(&mut entries);
        properties.extend(entries);
    }
}

/// Adds or changes a rule that combines schemas.
fn change_combination(rng: &mut Rng, members: &mut Map<String, Value>) {
    match rng.usize(..6) {
        0 => _ = members.insert("not".to_owned(), json!({ "required": [name(rng)] })),
        1 => _ = members.insert("not".to_owned(), json!({ "const": literal(rng) })),
        2 => {
            members
                .insert("if".to_owned(), json!({ "properties": { name(rng): { "const": literal(rng) } } }));
            members.insert("then".to_owned(), json!({ "required": [name(rng)] }));
        }
        3 => _ = members.insert("allOf".to_owned(), json!([{ "properties": { name(rng): leaf(rng) } }])),
        4 => _ = members.insert("contains".to_owned(), leaf(rng)),
        _ => _ = members.insert("dependentRequired".to_owned(), json!({ name(rng): [name(rng)] })),
    }
}

/// Returns a schema for a new property, item or alternative.
pub(super) fn leaf(rng: &mut Rng) -> Value {
    match rng.usize(..9) {
        0 => json!({ "type": "string" }),
        1 => json!({ "type": "string", "maxLength": rng.usize(..4) }),
        2 => json!({ "type": "integer", "minimum": rng.i32(-1..3) }),
        3 => json!({ "type": ["number", "null"] }),
        4 => json!({ "enum": ["one", "two", 1] }),
        5 => json!({ "type": "array", "items": { "type": "integer" } }),
        6 => {
            json!({ "type": "object", "properties": { name(rng): { "type": "string" } }, "required": [name(rng)] })
        }
        7 => json!({ "const": literal(rng) }),
        _ => json!({ "type": "boolean" }),
    }
}
