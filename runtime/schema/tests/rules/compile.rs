//! Compiles JSON Schema text into tables, so that tests read like schemas. References are
//! written out: recursive schemas are `static`s.

use fanfare_schema::{
    Condition, Contains, Format, Items, Kinds, Literals, Members, Number, Pattern, Rules, Text,
};
use serde_json::{Map, Value};

pub(crate) fn compile(schema: &Value) -> &'static Rules {
    keep(rules(schema))
}

pub(crate) fn keep<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn keep_all<T>(values: impl Iterator<Item = T>) -> &'static [T] {
    values.collect::<Vec<T>>().leak()
}

fn text(value: &Value) -> &'static str {
    value.as_str().unwrap().to_owned().leak()
}

fn rules(schema: &Value) -> Rules {
    let schema = match schema {
        Value::Bool(true) => return Rules::ANY,
        Value::Bool(false) => return Rules::NEVER,
        schema => schema.as_object().unwrap(),
    };
    let one = |keyword: &str| schema.get(keyword).map(compile);
    let condition = schema.get("if").map(|test| {
        let branch = |keyword: &str| one(keyword).unwrap_or(&Rules::ANY);
        keep(Condition { test: compile(test), then: branch("then"), otherwise: branch("else") })
    });
    let constant = schema.get("const").map(|value| format!("[{value}]"));
    let values = constant.or_else(|| schema.get("enum").map(Value::to_string));
    Rules {
        kinds: schema.get("type").map_or(Kinds::ANY, kinds),
        values: values.map(|json| keep(Literals::new(json.leak()))),
        number: has(schema, &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"])
            .then(|| keep(number(schema))),
        text: has(schema, &["minLength", "maxLength", "pattern", "format"]).then(|| keep(string(schema))),
        array: has(schema, &ARRAY_KEYWORDS).then(|| keep(items(schema))),
        object: has(schema, &OBJECT_KEYWORDS).then(|| keep(members(schema))),
        all_of: list(schema, "allOf"),
        any_of: list(schema, "anyOf"),
        one_of: list(schema, "oneOf"),
        not: one("not"),
        condition,
        unevaluated_items: one("unevaluatedItems"),
        unevaluated_properties: one("unevaluatedProperties"),
        deferred: None,
    }
}

const ARRAY_KEYWORDS: [&str; 6] = ["prefixItems", "items", "contains", "minItems", "maxItems", "uniqueItems"];

const OBJECT_KEYWORDS: [&str; 9] = [
    "properties",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
    "required",
    "dependentRequired",
    "dependentSchemas",
    "minProperties",
    "maxProperties",
];

fn has(schema: &Map<String, Value>, keywords: &[&str]) -> bool {
    keywords.iter().any(|keyword| schema.contains_key(*keyword))
}

fn list(schema: &Map<String, Value>, keyword: &str) -> &'static [&'static Rules] {
    keep_all(schema.get(keyword).and_then(Value::as_array).into_iter().flatten().map(compile))
}

fn count(schema: &Map<String, Value>, keyword: &str, absent: u32) -> u32 {
    schema.get(keyword).map_or(absent, |count| u32::try_from(count.as_u64().unwrap()).unwrap())
}

fn kinds(types: &Value) -> Kinds {
    match types {
        Value::Array(types) => types.iter().map(kinds).fold(Kinds::NONE, Kinds::or),
        name => match name.as_str().unwrap() {
            "null" => Kinds::NULL,
            "boolean" => Kinds::BOOLEAN,
            "integer" => Kinds::INTEGER,
            "number" => Kinds::NUMBER,
            "string" => Kinds::STRING,
            "array" => Kinds::ARRAY,
            "object" => Kinds::OBJECT,
            other => panic!("{other} is not a type"),
        },
    }
}

fn number(schema: &Map<String, Value>) -> Number {
    let limit = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    Number {
        minimum: limit("minimum"),
        maximum: limit("maximum"),
        exclusive_minimum: limit("exclusiveMinimum"),
        exclusive_maximum: limit("exclusiveMaximum"),
        multiple_of: limit("multipleOf"),
    }
}

fn string(schema: &Map<String, Value>) -> Text {
    let format = |name: &Value| match name.as_str().unwrap() {
        "date" => Format::Date,
        "int64" => Format::Int64,
        "uint64" => Format::Uint64,
        other => panic!("no test needs {other}"),
    };
    Text {
        min_length: count(schema, "minLength", 0),
        max_length: count(schema, "maxLength", u32::MAX),
        pattern: schema.get("pattern").map(|source| keep(Pattern::new(text(source)))),
        format: schema.get("format").map(format),
    }
}

fn items(schema: &Map<String, Value>) -> Items {
    Items {
        prefix: list(schema, "prefixItems"),
        rest: schema.get("items").map(compile),
        contains: schema.get("contains").map(|rules| Contains {
            rules: compile(rules),
            min: count(schema, "minContains", 1),
            max: count(schema, "maxContains", u32::MAX),
        }),
        min_items: count(schema, "minItems", 0),
        max_items: count(schema, "maxItems", u32::MAX),
        unique: schema.get("uniqueItems") == Some(&Value::Bool(true)),
    }
}

fn members(schema: &Map<String, Value>) -> Members {
    let entries = |keyword: &str| schema.get(keyword).and_then(Value::as_object).into_iter().flatten();
    let name = |name: &String| -> &'static str { name.clone().leak() };
    let names = |names: &Value| keep_all(names.as_array().unwrap().iter().map(text));
    Members {
        properties: keep_all(entries("properties").map(|(key, rules)| (name(key), compile(rules)))),
        patterns: keep_all(
            entries("patternProperties").map(|(key, rules)| (keep(Pattern::new(name(key))), compile(rules))),
        ),
        others: schema.get("additionalProperties").map(compile),
        names: schema.get("propertyNames").map(compile),
        required: schema.get("required").map_or(&[], names),
        dependent_required: keep_all(
            entries("dependentRequired").map(|(key, list)| (name(key), names(list))),
        ),
        dependent_schemas: keep_all(
            entries("dependentSchemas").map(|(key, rules)| (name(key), compile(rules))),
        ),
        min_properties: count(schema, "minProperties", 0),
        max_properties: count(schema, "maxProperties", u32::MAX),
    }
}
