//! JSON Schema documents from tables.

use serde_json::{Map, Value, json};

use super::{Additional, Array, Object, Property, Schema, Tagged};
use definitions::Definitions;
use keywords::{Keywords, choices, count, int64, integer, number, text, uint64};
use node::Node;
use rules::describe_rules;

mod definitions;
mod keywords;
mod node;
mod rules;

/// The rules that JSON Schema has no keyword for.
const COMMENT: &str = "\"format\" is an assertion, with the grammars of \
     https://docs.rs/fanfare-schema/latest/fanfare_schema/formats. Numbers are compared as doubles; \
     \"multipleOf\" takes them as their shortest decimals. Arrays and objects are nested at most 127 levels deep.";

/// Describes a schema as a JSON Schema document (draft 2020-12). It accepts the same values as [`check`](super::check).
///
/// The document is self-contained: tables that are used more than once are in its `$defs`, named after a property that
/// uses them. It has all rules as keywords, except those that its `$comment` states, because JSON Schema has no keyword
/// for them: a validator must check formats, compare numbers as doubles, take them as their shortest decimals for
/// `multipleOf`, and limit the depth of values to [`MAX_DEPTH`](super::MAX_DEPTH).
///
/// ```
/// use fanfare_schema::{Integer, Schema, describe};
///
/// static PERCENT: Schema = Schema::Integer(Integer { minimum: 0, maximum: 100, ..Integer::ANY });
/// let document = describe(&PERCENT);
/// assert_eq!(document["$schema"], "https://json-schema.org/draft/2020-12/schema");
/// assert_eq!((&document["type"], &document["maximum"]), (&"integer".into(), &100.into()));
/// ```
#[must_use]
pub fn describe(schema: &Schema) -> Value {
    let root = Node::of(schema);
    let definitions = Definitions::find(root);
    let mut document = Map::new();
    document.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    document.insert("$comment".to_owned(), json!(COMMENT));
    match describe_table(root, &definitions) {
        Value::Object(keywords) => document.extend(keywords),
        Value::Bool(true) => {}
        _ => _ = document.insert("not".to_owned(), json!({})),
    }
    let tables: Map<String, Value> = definitions
        .iter()
        .map(|(name, node)| (name.to_owned(), describe_table(node, &definitions)))
        .collect();
    if !tables.is_empty() {
        document.insert("$defs".to_owned(), Value::Object(tables));
    }
    Value::Object(document)
}

fn describe_table(node: Node<'_>, definitions: &Definitions<'_>) -> Value {
    match node {
        Node::Schema(schema) => describe_schema(schema, definitions),
        Node::Rules(rules) => describe_rules(rules, definitions),
    }
}

fn describe_schema(schema: &Schema, definitions: &Definitions<'_>) -> Value {
    match schema {
        Schema::Any => json!(true),
        // The target of a deferred schema is the node.
        Schema::Never | Schema::Deferred(_) | Schema::AnyOf([]) | Schema::OneOf([]) => json!(false),
        Schema::Null => json!({ "type": "null" }),
        Schema::Boolean => json!({ "type": "boolean" }),
        Schema::Integer(limits) => integer(limits),
        Schema::Number(limits) => {
            let mut keywords = Keywords::of_type("number");
            number(&mut keywords, limits);
            keywords.finish()
        }
        Schema::Text(limits) => {
            let mut keywords = Keywords::of_type("string");
            text(&mut keywords, limits);
            keywords.finish()
        }
        Schema::Int64 => int64(),
        Schema::Uint64 => uint64(),
        Schema::Literals(literals) => choices(literals.values().to_vec()),
        Schema::Enum(names) => choices(names.iter().map(|name| json!(name)).collect()),
        Schema::Array(array) => describe_array(array, definitions),
        Schema::Tuple(items) => describe_tuple(items, definitions),
        Schema::Map(values) => {
            json!({ "type": "object", "additionalProperties": part(values, definitions) })
        }
        Schema::Object(object) => describe_object(object, definitions),
        Schema::AnyOf(schemas) => json!({ "anyOf": parts(schemas, definitions) }),
        Schema::OneOf(schemas) => json!({ "oneOf": parts(schemas, definitions) }),
        Schema::Tagged(tagged) => describe_tagged(tagged, definitions),
        Schema::Rules(rules) => describe_rules(rules, definitions),
    }
}

/// Describes a part of a table, or refers to its definition.
fn part(schema: &'static Schema, definitions: &Definitions<'_>) -> Value {
    let node = Node::of(schema);
    definitions.reference(node).unwrap_or_else(|| describe_table(node, definitions))
}

fn parts(schemas: &[&'static Schema], definitions: &Definitions<'_>) -> Vec<Value> {
    schemas.iter().map(|schema| part(schema, definitions)).collect()
}

fn describe_array(array: &Array, definitions: &Definitions<'_>) -> Value {
    let mut keywords = Keywords::of_type("array");
    keywords.add("items", part(array.items, definitions));
    count(&mut keywords, "Items", (array.min_items, array.max_items));
    keywords.finish()
}

fn describe_tuple(items: &[&'static Schema], definitions: &Definitions<'_>) -> Value {
    let mut keywords = Keywords::of_type("array");
    if !items.is_empty() {
        keywords.add("prefixItems", parts(items, definitions));
        keywords.add("minItems", items.len());
    }
    keywords.add("maxItems", items.len());
    keywords.finish()
}

fn describe_object(object: &Object, definitions: &Definitions<'_>) -> Value {
    let mut keywords = Keywords::of_type("object");
    let properties = object.properties.iter();
    let properties: Map<String, Value> = properties
        .map(|property| (property.name().to_owned(), part(property.schema(), definitions)))
        .collect();
    if !properties.is_empty() {
        keywords.add("properties", properties);
    }
    let required = object.properties.iter().filter(|property| property.is_required());
    let required: Vec<&str> = required.map(Property::name).collect();
    if !required.is_empty() {
        keywords.add("required", required);
    }
    match object.additional {
        Additional::Ignored => {}
        Additional::Refused => keywords.add("additionalProperties", false),
        Additional::Checked(schema) => keywords.add("additionalProperties", part(schema, definitions)),
    }
    keywords.finish()
}

/// Describes the cases as alternatives that exclude each other by their tags.
fn describe_tagged(tagged: &Tagged, definitions: &Definitions<'_>) -> Value {
    let Tagged { tag, cases, open } = *tagged;
    let mut alternatives: Vec<Value> = Vec::new();
    for (index, (name, schema)) in cases.iter().enumerate() {
        if cases[..index].iter().any(|(earlier, _)| earlier == name) {
            continue;
        }
        let case = part(schema, definitions);
        if tags_of(schema, tag).is_some_and(|tags| tags == [*name]) {
            alternatives.push(case);
            continue;
        }
        let tag_is_name = json!({ tag: { "const": name } });
        alternatives
            .push(json!({ "type": "object", "properties": tag_is_name, "required": [tag], "allOf": [case] }));
    }
    if open {
        let names: Vec<&str> = cases.iter().map(|(name, _)| *name).collect();
        let mut other = json!({ "type": "string" });
        if !names.is_empty() {
            other["not"] = json!({ "enum": names });
        }
        alternatives.push(json!({ "type": "object", "properties": { tag: other }, "required": [tag] }));
    }
    if alternatives.is_empty() { json!(false) } else { json!({ "oneOf": alternatives }) }
}

/// Returns the only tags that a case accepts, if its table says so.
fn tags_of(case: &Schema, tag: &str) -> Option<&'static [&'static str]> {
    let Schema::Object(object) = case.resolve() else { return None };
    object.properties.iter().find_map(|property| match property {
        Property::Required(name, schema) if *name == tag => match schema.resolve() {
            Schema::Enum(tags) => Some(*tags),
            _ => None,
        },
        _ => None,
    })
}
