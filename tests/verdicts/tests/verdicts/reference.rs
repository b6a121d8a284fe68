//! The reference: the `jsonschema` crate, on what the user wrote. Only what the wire profile adds is put into
//! its words first.

use serde_json::{Map, Value, json};

use crate::voices::{normal, parse};

pub(crate) struct Reference(jsonschema::Validator);

impl Reference {
    /// Holds texts against a schema that refers to shared definitions.
    pub(crate) fn new(schema: &Value, definitions: &Value) -> Self {
        let document = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [in_standard_words(schema)],
            "$defs": in_standard_words(definitions),
        });
        Self::of_document(&document)
    }

    /// Holds texts against a schema that is a document of its own.
    pub(crate) fn of_resource(schema: &Value) -> Self {
        Self::of_document(&in_standard_words(schema))
    }

    fn of_document(document: &Value) -> Self {
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

    /// Whether the text is accepted. What is not JSON that a runtime can hold is not.
    pub(crate) fn accepts(&self, text: &str) -> bool {
        parse(text).is_ok_and(|value| self.accepts_value(&value))
    }

    /// Whether the value is accepted, with its numbers as every runtime holds them.
    pub(crate) fn accepts_value(&self, value: &Value) -> bool {
        self.0.is_valid(&normal(value))
    }
}

/// Whether a schema needs a document that is not part of it: it refers to one, or to a metaschema, or its
/// dialect is described by one.
pub(crate) fn needs_remote_document(schema: &Value) -> bool {
    let dialect = schema.get("$schema").and_then(Value::as_str);
    let is_standard = dialect.is_none_or(|dialect| dialect.contains("://json-schema.org/draft"));
    !is_standard || refers_to_metaschema(schema) || jsonschema::options().build(schema).is_err()
}

fn refers_to_metaschema(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.iter().any(|(key, value)| {
            let target = value.as_str().filter(|_| key == "$ref");
            target.is_some_and(|target| target.contains("://json-schema.org/"))
                || (key != "const" && key != "enum" && refers_to_metaschema(value))
        }),
        Value::Array(items) => items.iter().any(refers_to_metaschema),
        _ => false,
    }
}

/// Integers get the limits of the profile, integer formats their own, and `x-open` is spelled out.
fn in_standard_words(schema: &Value) -> Value {
    let Value::Object(members) = schema else {
        return match schema {
            Value::Array(items) => items.iter().map(in_standard_words).collect(),
            other => other.clone(),
        };
    };
    let is_data = |key: &str| key == "const" || key == "enum";
    let standard = members.iter().map(|(key, value)| {
        (key.clone(), if is_data(key) { value.clone() } else { in_standard_words(value) })
    });
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
    if standard.remove("x-open") == Some(json!(true)) {
        return opened(standard);
    }
    Value::Object(standard)
}

/// Whether the numbers among the values of these types are integers.
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

/// An open enum is any string; an open union also accepts objects with another tag.
fn opened(mut schema: Map<String, Value>) -> Value {
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
