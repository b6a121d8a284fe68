//! The reference: the `jsonschema` crate, which validates with the schema as written. Only the rules that the wire
//! profile adds are translated to JSON Schema first.

use serde_json::{Map, Value, json};

use crate::validators::{normal, parse};

pub(crate) struct Reference(jsonschema::Validator);

impl Reference {
    /// Creates a reference for a schema that refers to shared definitions.
    pub(crate) fn new(schema: &Value, definitions: &Value) -> Self {
        let document = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [to_standard(schema)],
            "$defs": to_standard(definitions),
        });
        Self::of_document(&document)
    }

    /// Creates a reference for a schema that is a whole document.
    pub(crate) fn of_resource(schema: &Value) -> Self {
        Self::of_document(&to_standard(schema))
    }

    /// Creates a reference for a document in standard JSON Schema.
    pub(crate) fn of_document(document: &Value) -> Self {
        let options = jsonschema::options()
            .should_validate_formats(true)
            .with_format("int64", |text: &str| {
                text.parse::<i64>().is_ok_and(|number| number.to_string() == text)
            })
            .with_format("uint64", |text: &str| {
                text.parse::<u64>().is_ok_and(|number| number.to_string() == text)
            });
        Self(options.build(document).expect("the reference accepts the schema"))
    }

    /// Returns whether the text is accepted. It is refused if it is not valid JSON.
    pub(crate) fn accepts(&self, text: &str) -> bool {
        parse(text).is_ok_and(|value| self.accepts_value(&value))
    }

    /// Returns whether the value is accepted, with its numbers as doubles.
    pub(crate) fn accepts_value(&self, value: &Value) -> bool {
        self.0.is_valid(&normal(value))
    }
}

/// Returns whether a schema needs another document, because it refers to one that is not a metaschema, or because one
/// describes its dialect.
pub(crate) fn needs_remote_document(schema: &Value) -> bool {
    let dialect = schema.get("$schema").and_then(Value::as_str);
    let is_standard = dialect.is_none_or(|dialect| dialect.contains("://json-schema.org/draft"));
    !is_standard || jsonschema::options().build(schema).is_err()
}

/// Translates the wire profile to JSON Schema: adds the limits of integers and of integer formats, and expands
/// `nullable` and `x-open`.
fn to_standard(schema: &Value) -> Value {
    let Value::Object(members) = schema else {
        return match schema {
            Value::Array(items) => items.iter().map(to_standard).collect(),
            other => other.clone(),
        };
    };
    let is_data = |key: &str| key == "const" || key == "enum";
    let standard = members
        .iter()
        .map(|(key, value)| (key.clone(), if is_data(key) { value.clone() } else { to_standard(value) }));
    let mut standard: Map<String, Value> = standard.collect();
    if is_integer_where_number(standard.get("type")) {
        let (least, most) = integer_limits(standard.get("format").and_then(Value::as_str));
        if standard["type"] == "integer" {
            standard.remove("format");
        }
        let limits = json!({ "minimum": least, "maximum": most });
        match standard.get_mut("allOf") {
            Some(Value::Array(parts)) => parts.push(limits),
            _ => _ = standard.insert("allOf".to_owned(), json!([limits])),
        }
    }
    let is_nullable = standard.remove("nullable") == Some(json!(true));
    let standard = match standard.remove("x-open") {
        Some(Value::Bool(true)) => expand_open(standard),
        _ => Value::Object(standard),
    };
    if is_nullable { json!({ "anyOf": [{ "type": "null" }, standard] }) } else { standard }
}

/// Returns whether these types allow no other numbers than integers.
fn is_integer_where_number(types: Option<&Value>) -> bool {
    match types {
        Some(Value::Array(types)) => types.contains(&json!("integer")) && !types.contains(&json!("number")),
        types => types == Some(&json!("integer")),
    }
}

fn integer_limits(format: Option<&str>) -> (i64, i64) {
    match format {
        Some("int8") => (i8::MIN.into(), i8::MAX.into()),
        Some("uint8") => (0, u8::MAX.into()),
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        _ => (-fanfare::schema::MAX_SAFE_INTEGER, fanfare::schema::MAX_SAFE_INTEGER),
    }
}

/// Expands `x-open`. An open enum accepts all strings, and an open union also accepts objects with another tag.
fn expand_open(mut schema: Map<String, Value>) -> Value {
    let Some(Value::Array(mut cases)) = schema.remove("oneOf") else { return json!({ "type": "string" }) };
    let tags = |name: &str| -> Option<Vec<Value>> {
        cases
            .iter()
            .map(|case| case["properties"][name].get("const").filter(|tag| tag.is_string()).cloned())
            .collect()
    };
    let first = cases[0]["properties"].as_object().cloned().unwrap_or_default();
    let tag = first.keys().find_map(|name| tags(name).map(|tags| (name.clone(), tags)));
    let (name, tags) = tag.expect("an open union has a tag");
    let other_tag = json!({ "type": "string", "not": { "enum": tags } });
    cases.push(json!({ "type": "object", "required": [name], "properties": { name: other_tag } }));
    json!({ "oneOf": cases })
}
