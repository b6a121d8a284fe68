//! Exported schemas, as other tools read them, accept every value that the compiler's own schemas accept.

use fanfare_codegen::{Schemas, export_asyncapi, generate};
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

use crate::cases::cases;

/// The number of values per payload.
const VALUES: u64 = 60;

#[test]
fn tools_accept_what_the_compiler_accepts() {
    let mut errors = Vec::new();
    let mut compared = 0;
    for (name, folder) in cases("compiler/golden") {
        let schemas = || Schemas::new(folder.join("schemas")).allow_refs_to(folder.join("elsewhere"));
        let document = export_asyncapi(schemas(), "Channels", "1.0.0").expect("a document").text;
        let document: Value = serde_yaml::from_str(&document).expect("YAML");
        let files = generate(schemas()).expect("valid definitions");
        for (path, text) in files.iter().filter(|(path, _)| path.starts_with("json-schema/")) {
            let Some(pointer) = pointer(&document, path) else { continue };
            let own: Value = serde_json::from_str(text).expect("JSON");
            let (ours, theirs) = (validator(&own, Draft::Draft202012), draft_07(&document, &pointer));
            let random = &mut Random(1);
            for value in (0..VALUES).map(|_| sample(&own, &own, random, 0)) {
                if ours.is_valid(&value) {
                    compared += 1;
                    if !theirs.is_valid(&value) {
                        errors.push(format!("{name}: {pointer} rejects {value}"));
                        break;
                    }
                }
            }
        }
    }
    assert!(errors.is_empty(), "\n{}\n", errors.join("\n"));
    assert!(compared > 3000, "only {compared} values are valid");
}

/// Returns where the document has the schema of a generated file.
fn pointer(document: &Value, path: &str) -> Option<String> {
    let mut names = path.trim_start_matches("json-schema/").trim_end_matches(".json").split('/');
    let channel = names.next()?;
    let pointer = match (names.next()?, names.next()) {
        ("run", Some("result")) => format!("/channels/{channel}/x-fanfare-result"),
        ("signals", Some(signal)) => format!("/channels/{channel}/messages/{signal}/payload"),
        (topic, _) => format!("/channels/{channel}/messages/{topic}/payload"),
    };
    document.pointer(&pointer).map(|_| pointer)
}

/// Returns the validator of a schema of a document, which AsyncAPI reads as draft-07.
fn draft_07(document: &Value, pointer: &str) -> Validator {
    let mut root = document.clone();
    root["$ref"] = json!(format!("#{pointer}"));
    validator(&root, Draft::Draft7)
}

fn validator(schema: &Value, draft: Draft) -> Validator {
    let options = jsonschema::options().with_draft(draft).should_validate_formats(false);
    options.build(schema).unwrap_or_else(|error| panic!("{error}: {schema}"))
}

/// Returns a value that probably matches a schema.
fn sample(schema: &Value, root: &Value, random: &mut Random, depth: usize) -> Value {
    if depth > 12 {
        return Value::Null;
    }
    let mut next = |schema: &Value, random: &mut Random| sample(schema, root, random, depth + 1);
    let part = |key: &str| schema.get(key);
    if let Some(target) = part("$ref").and_then(Value::as_str) {
        return next(root.pointer(target.trim_start_matches('#')).unwrap_or(&Value::Null), random);
    }
    if let Some(value) = part("const") {
        return value.clone();
    }
    for key in ["enum", "examples"] {
        if let Some(values) =
            part(key).and_then(Value::as_array).filter(|_| key == "enum" || random.below(2) == 0)
        {
            return random.pick(values).clone();
        }
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(alternatives) = part(key).and_then(Value::as_array) {
            let chosen = next(random.pick(alternatives), random);
            return merge(chosen, own_members(schema, random, &mut next));
        }
    }
    if let Some(all) = part("allOf").and_then(Value::as_array) {
        let parts = all.iter().map(|schema| next(schema, random)).collect::<Vec<_>>();
        let own = own_members(schema, random, &mut next);
        return parts.into_iter().fold(own, |one, other| merge(other, one));
    }
    let kind = match part("type") {
        Some(Value::Array(kinds)) => random.pick(kinds).clone(),
        Some(kind) => kind.clone(),
        None if part("properties").is_some() => json!("object"),
        None => json!(*random.pick(&["string", "object", "null", "number"])),
    };
    let number = |key: &str| part(key).and_then(Value::as_f64);
    match kind.as_str().unwrap_or_default() {
        "object" => own_members(schema, random, &mut next),
        "array" => {
            let mut items: Vec<Value> = Vec::new();
            let prefix = part("prefixItems").and_then(Value::as_array);
            items.extend(prefix.into_iter().flatten().map(|schema| next(schema, random)));
            if let Some(rest) = part("items").filter(|rest| !rest.is_boolean()) {
                items.extend((0..random.below(3)).map(|_| next(rest, random)));
            }
            Value::Array(items)
        }
        "integer" => {
            json!(part("minimum").and_then(Value::as_i64).unwrap_or(0).max(*random.pick(&[0, 1, 2])))
        }
        "number" => json!(number("minimum").unwrap_or(0.0).max(*random.pick(&[0.5, 1.0, 7.25]))),
        "boolean" => json!(random.below(2) == 0),
        "null" => Value::Null,
        _ => json!(*random.pick(&["a", "", "12", "other", "A1", "2024-01-01T00:00:00Z", "x-1"])),
    }
}

fn own_members(
    schema: &Value,
    random: &mut Random,
    next: &mut impl FnMut(&Value, &mut Random) -> Value,
) -> Value {
    let mut members = Map::new();
    let required = schema.get("required").and_then(Value::as_array);
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|required| required == name));
    for (name, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if is_required(name) || random.below(3) == 0 {
            members.insert(name.clone(), next(schema, random));
        }
    }
    if let Some(other) = schema.get("additionalProperties").filter(|other| other.is_object()) {
        members.insert("other".to_owned(), next(other, random));
    }
    Value::Object(members)
}

/// Adds the members of one object to another.
fn merge(value: Value, other: Value) -> Value {
    match (value, other) {
        (Value::Object(mut members), Value::Object(others)) => {
            for (name, value) in others {
                members.entry(name).or_insert(value);
            }
            Value::Object(members)
        }
        (value, _) => value,
    }
}

/// Returns the same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn pick<'v, T>(&mut self, values: &'v [T]) -> &'v T {
        let index = self.below(values.len() as u64);
        &values[usize::try_from(index).unwrap_or(0)]
    }
}
