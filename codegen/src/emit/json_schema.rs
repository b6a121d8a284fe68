//! Canonical JSON Schema (draft 2020-12): one self-contained file per payload of a topic or a signal, and per result of
//! a channel's runs.
//!
//! A topic that carries text streams has no file: a schema would suggest that a string can be published.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::keywords::{Keywords, to_keywords};
use super::printed::{File, Printed};
use crate::model::{Additional, Channel, Enum, Model, Object, Rules, RulesId, Tagged, Type, TypeId};

/// Prints one file per payload of a topic, payload of a signal, and result of some modules. Names contain no slash, so no
/// two paths are equal.
pub(super) fn print(model: &Model, modules: &[usize]) -> Vec<Printed> {
    let mut printed: HashMap<usize, Printed> =
        modules.iter().map(|module| (*module, Printed::default())).collect();
    for channel in &model.channels {
        if let Some(printed) = printed.get_mut(&channel.module) {
            print_channel(model, channel, &mut printed.files);
        }
    }
    modules.iter().map(|module| printed.remove(module).unwrap_or_default()).collect()
}

fn print_channel(model: &Model, channel: &Channel, files: &mut Vec<File>) {
    let header = super::header([model.modules[channel.module].source.as_str()]);
    let topics = channel.topics.iter();
    let topics = topics.filter_map(|topic| Some((topic.name.wire.clone(), topic.payload()?)));
    let signals = channel.signals.iter();
    let signals = signals.map(|signal| (format!("signals/{}", signal.name.wire), signal.payload));
    let result = channel.result.map(|id| ("run/result".to_owned(), id));
    for (name, id) in topics.chain(signals).chain(result) {
        let mut document = Map::new();
        document.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        document.insert("$comment".to_owned(), json!(header));
        if let Value::Object(rest) = to_document(model, id) {
            document.extend(rest);
        }
        let path = format!("{}/{name}.json", channel.name.wire);
        files.push((path, format!("{:#}\n", Value::Object(document)).into()));
    }
}

/// Returns the schema of one type, with all types and rules that it refers to.
pub(super) fn to_document(model: &Model, root: TypeId) -> Value {
    let mut reachable = BTreeSet::from([root]);
    let mut pending = vec![root];
    while let Some(id) = pending.pop() {
        visit_unchecked_types(&model.get(id).shape, &mut |target| {
            if reachable.insert(target) {
                pending.push(target);
            }
        });
    }
    let rules = find_reachable_rules(model, &reachable);
    let mut definitions: Map<String, Value> = reachable
        .into_iter()
        .map(|id| {
            (
                model.get(id).typescript.clone(),
                with_description(
                    to_schema(model, &model.get(id).shape),
                    model.get(id).docs.description.as_deref(),
                ),
            )
        })
        .collect();
    let rules =
        rules.into_iter().map(|id| (rules_key(model, id), print_rules(model, &model.rules[id.0].rules)));
    definitions.extend(rules);
    json!({ "$ref": type_reference(model, root), "$defs": definitions })
}

/// Removes descriptions from a schema.
pub(super) fn without_descriptions(schema: Value) -> Value {
    match schema {
        Value::Object(members) => members
            .into_iter()
            .filter(|(key, value)| key != "description" || !value.is_string())
            .map(|(key, value)| (key, without_descriptions(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_descriptions).collect(),
        other => other,
    }
}

fn type_reference(model: &Model, id: TypeId) -> String {
    format!("#/$defs/{}", model.get(id).typescript)
}

fn with_description(schema: Value, description: Option<&str>) -> Value {
    match (schema, description) {
        (Value::Object(members), Some(text)) => {
            let mut described = Map::new();
            described.insert("description".to_owned(), json!(text));
            described.extend(members);
            Value::Object(described)
        }
        (schema, _) => schema,
    }
}

/// Returns the schema of a type, with references to named types.
pub(crate) fn to_schema(model: &Model, shape: &Type) -> Value {
    match shape {
        Type::Any => json!({}),
        Type::Null => json!({ "type": "null" }),
        Type::Boolean => json!({ "type": "boolean" }),
        Type::Integer(integer) => {
            let mut schema =
                json!({ "type": "integer", "minimum": integer.minimum, "maximum": integer.maximum });
            set_member(&mut schema, "multipleOf", integer.multiple_of.map(|number| json!(number)));
            schema
        }
        Type::Number(number) => {
            let mut schema = json!({ "type": "number" });
            set_member(&mut schema, "minimum", number.minimum.map(|number| json!(number)));
            set_member(&mut schema, "maximum", number.maximum.map(|number| json!(number)));
            set_member(&mut schema, "exclusiveMinimum", number.exclusive_minimum.map(|number| json!(number)));
            set_member(&mut schema, "exclusiveMaximum", number.exclusive_maximum.map(|number| json!(number)));
            set_member(&mut schema, "multipleOf", number.multiple_of.map(|number| json!(number)));
            schema
        }
        Type::Text(text) => {
            let mut schema = json!({ "type": "string" });
            set_member(&mut schema, "minLength", text.min_length.map(|length| json!(length)));
            set_member(&mut schema, "maxLength", text.max_length.map(|length| json!(length)));
            set_member(&mut schema, "pattern", text.pattern.as_ref().map(|pattern| json!(pattern)));
            set_member(&mut schema, "format", text.format.map(|format| json!(format.name())));
            schema
        }
        Type::Int64 => json!({ "type": "string", "format": "int64", "pattern": "^(0|-?[1-9][0-9]*)$" }),
        Type::Uint64 => json!({ "type": "string", "format": "uint64", "pattern": "^(0|[1-9][0-9]*)$" }),
        Type::Enum(Enum { values, open: false }) => {
            json!({ "enum": values.iter().map(|value| &value.wire).collect::<Vec<_>>() })
        }
        Type::Enum(Enum { values, open: true }) => {
            json!({ "type": "string", "examples": values.iter().map(|value| &value.wire).collect::<Vec<_>>() })
        }
        Type::Literals(values) => match values.as_slice() {
            [value] => json!({ "const": value }),
            values => json!({ "enum": values }),
        },
        Type::Array(array) => {
            let mut schema = json!({ "type": "array", "items": to_schema(model, &array.items) });
            set_member(&mut schema, "minItems", array.min_items.map(|count| json!(count)));
            set_member(&mut schema, "maxItems", array.max_items.map(|count| json!(count)));
            schema
        }
        Type::Tuple(items) => {
            let prefix: Vec<Value> = items.iter().map(|item| to_schema(model, item)).collect();
            json!({ "type": "array", "prefixItems": prefix, "items": false, "minItems": items.len() })
        }
        Type::Map(values, _) => json!({ "type": "object", "additionalProperties": to_schema(model, values) }),
        Type::Object(object) => to_object_schema(model, object),
        Type::Union(union) => {
            let key = union.key();
            json!({ key: union.alternatives.iter().map(|alternative| to_schema(model, &alternative.shape)).collect::<Vec<_>>() })
        }
        Type::Tagged(tagged) => to_tagged_schema(model, tagged),
        Type::Nullable(inner) => json!({ "anyOf": [to_schema(model, inner), { "type": "null" }] }),
        Type::Named(id) => json!({ "$ref": type_reference(model, *id) }),
        Type::Checked(checked) => print_rules(model, &checked.rules),
    }
}

/// Prints keywords as JSON, with references printed by `reference`.
pub(super) fn print_keywords(keywords: &Keywords, reference: &dyn Fn(RulesId) -> String) -> Value {
    match keywords {
        Keywords::Json(value) => value.clone(),
        Keywords::Pattern(pattern) => json!(pattern),
        Keywords::Reference(id) => json!(reference(*id)),
        Keywords::Members(members) | Keywords::ByPattern(members) => {
            members.iter().map(|(key, keywords)| (key.clone(), print_keywords(keywords, reference))).collect()
        }
        Keywords::List(items) => items.iter().map(|keywords| print_keywords(keywords, reference)).collect(),
    }
}

/// Prints the rules of a type, which refer to entries of `$defs`.
pub(crate) fn print_rules(model: &Model, rules: &Rules) -> Value {
    print_keywords(&to_keywords(rules), &|id| format!("#/$defs/{}", rules_key(model, id)))
}

/// Returns the key of rules in `$defs`. The `$` keeps it distinct from type names.
fn rules_key(model: &Model, id: RulesId) -> String {
    format!("${}", model.rules[id.0].name)
}

/// Returns the rules that types and other rules refer to.
pub(super) fn find_reachable_rules(model: &Model, types: &BTreeSet<TypeId>) -> BTreeSet<RulesId> {
    let mut reachable = BTreeSet::new();
    let mut pending = Vec::new();
    for id in types {
        visit_rules(&model.get(*id).shape, &mut |rules| rules.references(false, &mut |id| pending.push(id)));
    }
    while let Some(id) = pending.pop() {
        if reachable.insert(id) {
            model.rules[id.0].rules.references(false, &mut |id| pending.push(id));
        }
    }
    reachable
}

/// Calls `found` for the rules in a type.
pub(super) fn visit_rules(shape: &Type, found: &mut dyn FnMut(&Rules)) {
    match shape {
        Type::Checked(checked) => {
            found(&checked.rules);
            visit_rules(&checked.shape, found);
        }
        shape => shape.children().into_iter().for_each(|part| visit_rules(part, found)),
    }
}

fn to_object_schema(model: &Model, object: &Object) -> Value {
    let properties: Map<String, Value> = object
        .properties
        .iter()
        .map(|property| {
            (
                property.name.wire.clone(),
                with_description(to_schema(model, &property.shape), property.docs.description.as_deref()),
            )
        })
        .collect();
    let required: Vec<&str> = object
        .properties
        .iter()
        .filter(|property| property.required)
        .map(|property| property.name.wire.as_str())
        .collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    set_member(&mut schema, "required", (!required.is_empty()).then(|| json!(required)));
    set_member(
        &mut schema,
        "additionalProperties",
        match &object.additional {
            Additional::Ignored => None,
            Additional::Refused => Some(json!(false)),
            Additional::Checked(values) => Some(to_schema(model, values)),
        },
    );
    schema
}

fn to_tagged_schema(model: &Model, tagged: &Tagged) -> Value {
    let mut alternatives: Vec<Value> =
        tagged.cases.iter().map(|case| json!({ "$ref": type_reference(model, case.target) })).collect();
    if tagged.open {
        let known: Vec<&str> = tagged.cases.iter().map(|case| case.wire.as_str()).collect();
        let tag = tagged.tag.as_str();
        alternatives.push(json!({
            "type": "object",
            "properties": { tag: { "type": "string", "not": { "enum": known } } },
            "required": [tag],
        }));
    }
    json!({ "oneOf": alternatives })
}

fn set_member(schema: &mut Value, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        schema[key] = value;
    }
}

/// Like [`visit_types`](crate::model::visit_types), but skips types with rules: in JSON Schema, only their rules are
/// printed.
fn visit_unchecked_types(shape: &Type, found: &mut impl FnMut(TypeId)) {
    match shape {
        Type::Checked(_) => {}
        Type::Named(id) => found(*id),
        Type::Tagged(tagged) => tagged.cases.iter().for_each(|case| found(case.target)),
        shape => shape.children().into_iter().for_each(|part| visit_unchecked_types(part, found)),
    }
}
