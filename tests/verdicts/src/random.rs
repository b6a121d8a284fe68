//! Random schemas of all kinds that become plain types, and random values near their limits.

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// How many random payload schemas there are.
pub const SCHEMAS: usize = 300;
/// How many types they share.
const DEFINITIONS: usize = 16;

/// Returns the seed: `FANFARE_SEED`, or 1.
#[must_use]
pub fn seed() -> u64 {
    option_env!("FANFARE_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

/// Random schemas and the types they refer to.
pub struct Schemas {
    /// `$defs`, by name. The first half are objects, so that references never form an endless cycle.
    pub definitions: Map<String, Value>,
    /// The payload schemas.
    pub payloads: Vec<Value>,
}

/// Returns the schemas for a seed. The build script and the test generate the same ones.
#[must_use]
pub fn schemas(seed: u64) -> Schemas {
    let mut rng = Rng::with_seed(seed);
    let definitions = (0..DEFINITIONS).map(|at| (format!("D{at}"), definition(&mut rng, at))).collect();
    let payloads = (0..SCHEMAS).map(|_| schema(&mut rng, 3)).collect();
    Schemas { definitions, payloads }
}

fn definition(rng: &mut Rng, at: usize) -> Value {
    if at < DEFINITIONS / 2 { object(rng, 2, false) } else { schema(rng, 1) }
}

const NAMES: [&str; 14] = [
    "a",
    "b",
    "c",
    "kind",
    "type",
    "toString",
    "__proto__",
    "constructor",
    "a-b",
    "größe",
    "1st",
    "snake_case",
    "camelCase",
    "x y",
];

fn schema(rng: &mut Rng, depth: usize) -> Value {
    let kinds = if depth == 0 { 12 } else { 22 };
    match rng.usize(..kinds) {
        0..3 => string(rng),
        3..5 => integer(rng),
        5..7 => number(rng),
        7 => json!({ "type": "boolean" }),
        8 => enumeration(rng),
        9 => literal(rng),
        10 => json!({ "$ref": format!("#/$defs/D{}", rng.usize(..DEFINITIONS / 2)) }),
        11 => [json!({}), json!(true), json!({ "type": "null" }), json!({ "type": "object" })]
            [rng.usize(..4)]
        .clone(),
        12..14 => array(rng, depth),
        14 => tuple(rng, depth),
        15 => json!({ "type": "object", "additionalProperties": schema(rng, depth - 1) }),
        16..18 => {
            let closed = rng.bool();
            object(rng, depth, closed)
        }
        18 => tagged(rng, depth),
        19 => alternatives(rng, depth),
        20 => nullable(rng, depth),
        _ => all_of(rng, depth),
    }
}

fn string(rng: &mut Rng) -> Value {
    let mut schema = json!({ "type": "string" });
    match rng.usize(..5) {
        0 => {
            schema["minLength"] = json!(rng.u32(..3));
            schema["maxLength"] = json!(rng.u32(3..6));
        }
        1 => schema["pattern"] = json!(PATTERNS[rng.usize(..PATTERNS.len())].0),
        2 => schema["format"] = json!(FORMATS[rng.usize(..FORMATS.len())].0),
        3 => schema["format"] = json!(["int64", "uint64"][rng.usize(..2)]),
        _ => {}
    }
    schema
}

/// Patterns with texts that match.
const PATTERNS: [(&str, &[&str]); 6] = [
    ("^[a-z]+$", &["a", "abc"]),
    (r"^\p{L}[1😀]$", &["é1", "x😀"]),
    ("^(a|aa|b)+$", &["aa", "bb"]),
    (r"\d{2}", &["12", "x99y"]),
    (r"^(?!x)[a-z0-9_]*$", &["", "a_1"]),
    (r"^[😀-😎]/$", &["😀/", "😎/"]),
];

/// Formats with texts of that format.
const FORMATS: [(&str, &[&str]); 9] = [
    ("uuid", &["2eb8aa08-aa98-11ea-b4aa-73b441d16380", "2EB8AA08-AA98-11EA-B4AA-73B441D16380"]),
    ("date-time", &["2026-11-22T03:31:00Z", "1998-12-31T23:59:60Z", "2026-11-22t03:31:00.5+05:30"]),
    ("date", &["2024-02-29", "1999-12-31"]),
    ("time", &["08:30:06Z", "23:59:60z", "08:30:06.1-00:30"]),
    ("email", &["a@b.example", "te~st@example.com"]),
    ("uri", &["https://example.com/a?b#c", "urn:a:b"]),
    ("ipv4", &["127.0.0.1", "255.255.255.255"]),
    ("ipv6", &["::1", "2001:db8::192.168.0.1"]),
    ("hostname", &["example.com", "a"]),
];

fn integer(rng: &mut Rng) -> Value {
    let mut schema = json!({ "type": "integer" });
    match rng.usize(..5) {
        0 => {
            schema["minimum"] = json!(rng.i64(-5..3));
            schema["maximum"] = json!(rng.i64(3..300));
        }
        1 => schema["exclusiveMinimum"] = json!(rng.i64(-5..5)),
        2 => schema["multipleOf"] = json!(rng.i64(1..5)),
        3 => schema["format"] = json!(["int8", "uint8", "int32", "uint32"][rng.usize(..4)]),
        _ => {}
    }
    schema
}

fn number(rng: &mut Rng) -> Value {
    let mut schema = json!({ "type": "number" });
    match rng.usize(..4) {
        0 => {
            schema["minimum"] = json!(-1.5);
            schema["exclusiveMaximum"] = json!(10);
        }
        1 => schema["multipleOf"] = json!([0.01, 0.5, 2.0, 1e-8][rng.usize(..4)]),
        2 => schema["maximum"] = json!(1e21),
        _ => {}
    }
    schema
}

fn enumeration(rng: &mut Rng) -> Value {
    match rng.usize(..4) {
        0 => json!({ "enum": ["red", "green", "blue"] }),
        1 => json!({ "enum": ["red", "green"], "x-open": true }),
        2 => json!({ "enum": [1, 2.5, "x", null, [1, { "a": null }], { "b": [2] }] }),
        _ => json!({ "enum": [1, 2, 3] }),
    }
}

fn literal(rng: &mut Rng) -> Value {
    let values = [
        json!("x"),
        json!(1),
        json!(0.5),
        json!(true),
        json!(null),
        json!({ "a": [1] }),
        json!([]),
        json!({ "__proto__": 1 }),
    ];
    json!({ "const": values[rng.usize(..values.len())] })
}

fn array(rng: &mut Rng, depth: usize) -> Value {
    let mut schema = json!({ "type": "array", "items": schema(rng, depth - 1) });
    if rng.bool() {
        schema["minItems"] = json!(rng.u32(..2));
        schema["maxItems"] = json!(rng.u32(2..4));
    }
    schema
}

fn tuple(rng: &mut Rng, depth: usize) -> Value {
    let items: Vec<Value> = (0..rng.usize(1..4)).map(|_| schema(rng, depth - 1)).collect();
    json!({ "type": "array", "minItems": items.len(), "items": false, "prefixItems": items })
}

fn object(rng: &mut Rng, depth: usize, may_close: bool) -> Value {
    let mut properties = Map::new();
    for _ in 0..rng.usize(1..5) {
        let name = NAMES[rng.usize(..NAMES.len())];
        properties.insert(name.to_owned(), schema(rng, depth - 1));
    }
    // References are optional, so that a circle always ends.
    let required: Vec<&String> = properties
        .iter()
        .filter(|(_, schema)| schema.get("$ref").is_none() && rng.bool())
        .map(|(name, _)| name)
        .collect();
    let mut schema = json!({ "type": "object", "required": required, "properties": properties });
    match rng.usize(..4) {
        0 if may_close => schema["additionalProperties"] = json!(false),
        1 if may_close => schema["additionalProperties"] = self::schema(rng, 0),
        _ => {}
    }
    schema
}

fn tagged(rng: &mut Rng, depth: usize) -> Value {
    let tag = NAMES[rng.usize(..NAMES.len())];
    let cases: Vec<Value> = ["one", "two", "three"][..rng.usize(1..4)]
        .iter()
        .map(|name| {
            let mut case = object(rng, depth, true);
            case["properties"][tag] = json!({ "const": name });
            let mut required: Vec<Value> = case["required"].as_array().cloned().unwrap_or_default();
            if !required.contains(&json!(tag)) {
                required.push(json!(tag));
            }
            case["required"] = json!(required);
            case["title"] = json!(name);
            case
        })
        .collect();
    if rng.usize(..3) == 0 { json!({ "oneOf": cases, "x-open": true }) } else { json!({ "oneOf": cases }) }
}

fn alternatives(rng: &mut Rng, depth: usize) -> Value {
    let cases: Vec<Value> = (0..rng.usize(2..4))
        .map(|at| {
            let case = schema(rng, depth - 1);
            let mut titled = if case.is_object() { case } else { json!({}) };
            titled["title"] = json!(format!("case {}", ["one", "two", "three"][at]));
            titled
        })
        .collect();
    json!({ ["anyOf", "oneOf"][rng.usize(..2)]: cases })
}

fn nullable(rng: &mut Rng, depth: usize) -> Value {
    match rng.usize(..3) {
        0 => json!({ "type": ["string", "null"], "maxLength": 3 }),
        1 => json!({ "anyOf": [schema(rng, depth - 1), { "type": "null" }] }),
        // Exactly one must accept null, so the other is of a kind that does not.
        _ => {
            let others = [string(rng), integer(rng), object(rng, depth, true)];
            json!({ "oneOf": [{ "type": "null" }, others[rng.usize(..3)]] })
        }
    }
}

fn all_of(rng: &mut Rng, depth: usize) -> Value {
    let mut one = object(rng, depth, false);
    let mut other = object(rng, depth, false);
    // The same property in both would have two types.
    let shared: Vec<String> =
        one["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    for name in shared {
        other["properties"]
            .as_object_mut()
            .into_iter()
            .for_each(|properties| _ = properties.shift_remove(&name));
        other["required"]
            .as_array_mut()
            .into_iter()
            .for_each(|required| required.retain(|required| *required != json!(name)));
    }
    one["required"].as_array_mut().into_iter().for_each(|required| required.push(json!("undeclared")));
    json!({ "allOf": [one, other] })
}

/// Returns a value that is probably valid, or a copy with one change.
#[must_use]
pub fn value(rng: &mut Rng, schemas: &Schemas, schema: &Value) -> Value {
    let mut value = likely(rng, schemas, schema, 0);
    if rng.usize(..2) == 0 {
        spoil(rng, &mut value);
    }
    value
}

fn likely(rng: &mut Rng, schemas: &Schemas, schema: &Value, depth: usize) -> Value {
    if depth > 8 || schema.as_object().is_none_or(Map::is_empty) {
        return any(rng);
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.trim_start_matches("#/$defs/");
        return likely(rng, schemas, &schemas.definitions[name], depth + 1);
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    for key in ["enum", "oneOf", "anyOf"] {
        if let Some(options) = schema[key].as_array() {
            let option = &options[rng.usize(..options.len())];
            return if key == "enum" { option.clone() } else { likely(rng, schemas, option, depth) };
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut merged = Map::from_iter([("undeclared".to_owned(), any(rng))]);
        for part in parts {
            if let Value::Object(members) = likely(rng, schemas, part, depth) {
                merged.extend(members);
            }
        }
        return Value::Object(merged);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds[rng.usize(..kinds.len())].as_str(),
        kind => kind.as_str(),
    };
    match kind.unwrap_or_default() {
        "null" => Value::Null,
        "boolean" => json!(rng.bool()),
        "integer" => likely_integer(rng, schema),
        "number" => likely_number(rng, schema),
        "string" => likely_string(rng, schema),
        "array" => likely_array(rng, schemas, schema, depth),
        _ => likely_object(rng, schemas, schema, depth),
    }
}

/// Numbers at and around the limits.
fn likely_integer(rng: &mut Rng, schema: &Value) -> Value {
    let limits: Vec<i64> =
        ["minimum", "maximum", "exclusiveMinimum"].iter().filter_map(|key| schema[key].as_i64()).collect();
    let edges = [0, 1, -1, 127, 128, -128, 255, 256, 1 << 31, (1 << 53) - 1, 1 << 53, -(1 << 53)];
    if rng.bool() || limits.is_empty() {
        let factor = schema["multipleOf"].as_i64().unwrap_or(1);
        return json!(if rng.bool() { rng.i64(-3..10) * factor } else { edges[rng.usize(..edges.len())] });
    }
    json!(limits[rng.usize(..limits.len())] + rng.i64(-1..2))
}

fn likely_number(rng: &mut Rng, schema: &Value) -> Value {
    let edges = [0.0, -1.5, 10.0, 9.99, 0.07, 19.99, 1e21, 1e22, 5e-324, 4.5, 1e-8, 12_391_239_123.0, 0.1];
    match schema["multipleOf"].as_f64() {
        Some(divisor) if rng.bool() => json!(f64::from(rng.i32(-50..500)) * divisor),
        _ => json!(edges[rng.usize(..edges.len())]),
    }
}

fn likely_string(rng: &mut Rng, schema: &Value) -> Value {
    let known = |known: &[(&str, &'static [&'static str])], key: &str| {
        known.iter().find(|(name, _)| schema[key] == *name).map(|(_, texts)| *texts)
    };
    if let Some(texts) = known(&PATTERNS, "pattern").or_else(|| known(&FORMATS, "format"))
        && rng.usize(..4) > 0
    {
        return json!(texts[rng.usize(..texts.len())]);
    }
    if schema["format"].as_str().is_some_and(|format| format.ends_with("int64")) {
        let texts = [
            "0",
            "1",
            "-1",
            "-0",
            "01",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
        ];
        return json!(texts[rng.usize(..texts.len())]);
    }
    let pieces = ["a", "b", "é", "😀", "\u{301}", "1", "\"", "\\", "\n", "\u{2028}", "\0"];
    json!((0..rng.usize(..7)).map(|_| pieces[rng.usize(..pieces.len())]).collect::<String>())
}

fn likely_array(rng: &mut Rng, schemas: &Schemas, schema: &Value, depth: usize) -> Value {
    if let Some(items) = schema["prefixItems"].as_array() {
        return items.iter().map(|item| likely(rng, schemas, item, depth + 1)).collect();
    }
    (0..rng.usize(..4)).map(|_| likely(rng, schemas, &schema["items"], depth + 1)).collect()
}

fn likely_object(rng: &mut Rng, schemas: &Schemas, schema: &Value, depth: usize) -> Value {
    let mut object = Map::new();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if required.contains(&json!(name)) || (depth < 4 && rng.bool()) {
            object.insert(name.clone(), likely(rng, schemas, property, depth + 1));
        }
    }
    if let Some(additional) = schema.get("additionalProperties").filter(|schema| schema.is_object()) {
        for _ in 0..rng.usize(..3) {
            object
                .entry(NAMES[rng.usize(..NAMES.len())])
                .or_insert_with(|| likely(rng, schemas, additional, depth + 1));
        }
    }
    Value::Object(object)
}

fn any(rng: &mut Rng) -> Value {
    let values = [
        json!(null),
        json!(true),
        json!(0),
        json!(-7),
        json!(0.5),
        json!("a"),
        json!(""),
        json!([]),
        json!({}),
        json!([1, [null]]),
        json!({ "a": { "__proto__": [] } }),
        json!({ "toString": 1 }),
    ];
    values[rng.usize(..values.len())].clone()
}

/// Changes one place of a value.
fn spoil(rng: &mut Rng, value: &mut Value) {
    match value {
        Value::Object(object) if !object.is_empty() && rng.usize(..3) > 0 => {
            let at = rng.usize(..object.len());
            let Some(key) = object.keys().nth(at).cloned() else { return };
            match rng.usize(..4) {
                0 => _ = object.shift_remove(&key),
                1 => _ = object.insert(NAMES[rng.usize(..NAMES.len())].to_owned(), any(rng)),
                _ => object.get_mut(&key).into_iter().for_each(|value| spoil(rng, value)),
            }
        }
        Value::Array(items) if !items.is_empty() && rng.usize(..3) > 0 => match rng.usize(..4) {
            0 => _ = items.pop(),
            1 => items.push(any(rng)),
            _ => {
                let at = rng.usize(..items.len());
                spoil(rng, &mut items[at]);
            }
        },
        Value::Number(number) if rng.bool() => {
            let number = number.as_f64().unwrap_or_default();
            *value = json!(number + [0.5, 1.0, -1.0, 1e-9][rng.usize(..4)]);
        }
        Value::String(text) if rng.bool() => text.push_str(["x", "😀", " "][rng.usize(..3)]),
        value => *value = any(rng),
    }
}

/// Returns a value as JSON text, with numbers in one of their notations.
#[must_use]
pub fn text(rng: &mut Rng, value: &Value) -> String {
    match value {
        Value::Number(number) => match (rng.usize(..6), number.as_i64()) {
            (0, Some(whole)) => format!("{whole}.0"),
            (1, Some(whole)) => format!("{whole}e0"),
            (2, Some(0)) => "-0".to_owned(),
            _ => number.to_string(),
        },
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| text(rng, item)).collect::<Vec<_>>().join(","))
        }
        Value::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(key, value)| format!("{}:{}", json!(key), text(rng, value))).collect();
            format!("{{{}}}", members.join(", "))
        }
        other => other.to_string(),
    }
}
