//! Pairs of schemas that differ in one keyword.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::evolutions::leaf;
use super::{literal, name};

/// Returns two schemas that differ in one keyword, whose name is returned as well.
#[must_use]
pub fn single_keyword(rng: &mut Rng) -> (&'static str, Value, Value) {
    const KEYWORDS: [&str; 32] = [
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "items",
        "prefixItems",
        "contains",
        "minItems",
        "maxItems",
        "uniqueItems",
        "unevaluatedItems",
        "properties",
        "patternProperties",
        "additionalProperties",
        "propertyNames",
        "required",
        "minProperties",
        "maxProperties",
        "dependentRequired",
        "dependentSchemas",
        "unevaluatedProperties",
        "type",
        "enum",
        "const",
        "anyOf",
        "not",
        "if",
    ];
    let keyword = KEYWORDS[rng.usize(..KEYWORDS.len())];
    let mut schemas = [json!({}), json!({})];
    // A common keyword next to it, in both.
    let context = if rng.bool() { None } else { context(rng, keyword) };
    for schema in &mut schemas {
        if let Some(kind) = kind_of(keyword) {
            schema["type"] = json!(kind);
        }
        if let Some((other, value)) = &context {
            schema[other] = value.clone();
        }
        if rng.usize(..5) > 0 {
            schema[keyword] = value_of(rng, keyword);
            if keyword == "if" {
                schema["then"] = json!({ "required": [name(rng)] });
            }
        }
    }
    let [old, new] = schemas;
    (keyword, old, new)
}

/// Returns another keyword for the same kind of value, with its value.
fn context(rng: &mut Rng, keyword: &str) -> Option<(&'static str, Value)> {
    let others: &[&'static str] = match kind_of(keyword)? {
        "number" => &["minimum", "maximum", "multipleOf"],
        "string" => &["minLength", "maxLength", "pattern", "format"],
        "array" => &["items", "minItems", "maxItems", "uniqueItems", "prefixItems"],
        _ => &["properties", "required", "additionalProperties", "maxProperties"],
    };
    let other = others[rng.usize(..others.len())];
    (other != keyword).then(|| (other, value_of(rng, other)))
}

fn kind_of(keyword: &str) -> Option<&'static str> {
    match keyword {
        "if" => Some("object"),
        keyword => super::values::kind_of(keyword),
    }
}

/// Patterns with lookarounds, as people write them.
const LOOKAROUNDS: [&str; 8] = [
    "^(?!x)[a-z]+$",
    "^(?!.*--)[a-z-]+$",
    "^(?=.*[0-9])[a-z0-9]{2,}$",
    "(?<!a)b",
    "(?<=a)b$",
    "^(?!con$|aux$)[a-z]{1,8}$",
    r"^(?!\d+$)\w+$",
    "^(?=[a-z])(?!.*z$).{1,5}$",
];

fn value_of(rng: &mut Rng, keyword: &str) -> Value {
    match keyword {
        "minimum" | "exclusiveMinimum" => [json!(0), json!(1), json!(-2.5), json!(7)][rng.usize(..4)].clone(),
        "maximum" | "exclusiveMaximum" => {
            [json!(10), json!(8), json!(9.5), json!(100)][rng.usize(..4)].clone()
        }
        "multipleOf" => {
            [json!(1), json!(2), json!(3), json!(0.5), json!(0.01), json!(6)][rng.usize(..6)].clone()
        }
        "minLength" | "minItems" | "minProperties" => json!(rng.u32(..4)),
        "maxLength" => json!([3, 10, 35, 36, 40, 100][rng.usize(..6)]),
        "maxItems" | "maxProperties" => json!(rng.u32(1..5)),
        "pattern" => match rng.usize(..3) {
            0 => json!(LOOKAROUNDS[rng.usize(..LOOKAROUNDS.len())]),
            1 => {
                let digits = [
                    r"^\d+$",
                    r"^[0-9a-f-]{36}$",
                    r"^\d{4}-\d\d-\d\d",
                    r"^[\d.]+$",
                    r"@",
                    r"^[a-z.]+$",
                    "^-?[0-9]{1,19}$",
                ];
                json!(digits[rng.usize(..digits.len())])
            }
            _ => json!(super::pattern(rng)),
        },
        "format" => {
            let formats = [
                "uuid",
                "date-time",
                "date",
                "time",
                "email",
                "uri",
                "ipv4",
                "ipv6",
                "hostname",
                "int64",
                "uint64",
            ];
            json!(formats[rng.usize(..formats.len())])
        }
        "items" | "contains" | "additionalProperties" | "unevaluatedItems" | "unevaluatedProperties" => {
            if rng.usize(..4) == 0 { json!(false) } else { leaf(rng) }
        }
        "prefixItems" => (0..rng.usize(1..4)).map(|_| leaf(rng)).collect(),
        "uniqueItems" => json!(true),
        "properties" => {
            (0..rng.usize(1..4)).map(|_| (name(rng).to_owned(), leaf(rng))).collect::<Map<_, _>>().into()
        }
        "patternProperties" => json!({ super::pattern(rng): leaf(rng) }),
        "propertyNames" => match rng.usize(..3) {
            0 => json!({ "pattern": super::pattern(rng) }),
            1 => json!({ "maxLength": rng.usize(1..5) }),
            _ => json!({ "enum": super::keywords::names(rng, 1..4) }),
        },
        "required" => json!(super::keywords::names(rng, 1..3)),
        "dependentRequired" => json!({ name(rng): super::keywords::names(rng, 1..3) }),
        "dependentSchemas" => json!({ name(rng): { "properties": { name(rng): leaf(rng) } } }),
        "type" => {
            let all = ["null", "boolean", "integer", "number", "string", "array", "object"];
            if rng.bool() {
                json!(all[rng.usize(..all.len())])
            } else {
                json!([all[rng.usize(..3)], all[rng.usize(3..7)]])
            }
        }
        "enum" => {
            let mut values: Vec<Value> = Vec::new();
            for _ in 0..rng.usize(1..5) {
                let value = literal(rng);
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            json!(values)
        }
        "const" => literal(rng),
        "anyOf" => (0..rng.usize(1..4)).map(|_| leaf(rng)).collect(),
        "not" => leaf(rng),
        _ => json!({ "properties": { name(rng): { "const": literal(rng) } }, "required": [name(rng)] }),
    }
}
