//! The keywords of [`Rules`].

use serde_json::{Map, Value, json};

use super::super::{Items, Kinds, Members, Number, Rules};
use super::definitions::Definitions;
use super::keywords::{Keywords, choices, count, number, pattern, safe_integers, text};
use super::node::Node;

pub(super) fn describe_rules(rules: &Rules, definitions: &Definitions<'_>) -> Value {
    let values = rules.values.map(|literals| choices(literals.values().to_vec()));
    if rules.is_never() || values == Some(Value::Bool(false)) {
        return json!(false);
    }
    let mut keywords = Keywords::default();
    kinds(&mut keywords, rules.kinds);
    if let Some(Value::Object(values)) = values {
        values.into_iter().for_each(|(keyword, value)| keywords.add(&keyword, value));
    }
    let limits = rules.number.unwrap_or(&Number::ANY);
    number(&mut keywords, limits);
    if rules.kinds.contains(Kinds::INTEGER) && !rules.kinds.contains(Kinds::NUMBER) {
        safe_integers(&mut keywords, limits);
    }
    if let Some(limits) = rules.text {
        text(&mut keywords, limits);
    }
    if let Some(array) = rules.array {
        items(&mut keywords, array, definitions);
    }
    if let Some(object) = rules.object {
        members(&mut keywords, object, definitions);
    }
    applicators(&mut keywords, rules, definitions);
    keywords.finish()
}

/// Describes a part of rules, or refers to its definition.
fn part(rules: &'static Rules, definitions: &Definitions<'_>) -> Value {
    definitions.reference(Node::Rules(rules)).unwrap_or_else(|| describe_rules(rules, definitions))
}

fn parts(list: &[&'static Rules], definitions: &Definitions<'_>) -> Vec<Value> {
    list.iter().map(|rules| part(rules, definitions)).collect()
}

fn kinds(keywords: &mut Keywords, kinds: Kinds) {
    if kinds == Kinds::ANY {
        return;
    }
    let names: Vec<&str> = kinds.names().map(|(kind, _)| name_of(kind)).collect();
    match names.as_slice() {
        [name] => keywords.add("type", *name),
        names => keywords.add("type", names),
    }
}

fn name_of(kind: Kinds) -> &'static str {
    match kind {
        Kinds::NULL => "null",
        Kinds::BOOLEAN => "boolean",
        Kinds::INTEGER => "integer",
        Kinds::NUMBER => "number",
        Kinds::STRING => "string",
        Kinds::ARRAY => "array",
        _ => "object",
    }
}

fn items(keywords: &mut Keywords, items: &Items, definitions: &Definitions<'_>) {
    if !items.prefix.is_empty() {
        keywords.add("prefixItems", parts(items.prefix, definitions));
    }
    if let Some(rest) = items.rest {
        keywords.add("items", part(rest, definitions));
    }
    if let Some(contains) = items.contains {
        keywords.add("contains", part(contains.rules, definitions));
        if contains.min != 1 {
            keywords.add("minContains", contains.min);
        }
        if contains.max != u32::MAX {
            keywords.add("maxContains", contains.max);
        }
    }
    count(keywords, "Items", (items.min_items, items.max_items));
    if items.unique {
        keywords.add("uniqueItems", true);
    }
}

fn members(keywords: &mut Keywords, members: &Members, definitions: &Definitions<'_>) {
    let mut properties = Map::new();
    for (name, rules) in members.properties {
        properties.entry(*name).or_insert_with(|| part(rules, definitions));
    }
    let patterns = members.patterns.iter().filter_map(|(source, rules)| Some((pattern(source)?, *rules)));
    let by_name = [
        ("properties", properties),
        ("patternProperties", combine(patterns, definitions)),
        ("dependentSchemas", combine(members.dependent_schemas.iter().copied(), definitions)),
    ];
    for (keyword, schemas) in by_name {
        if !schemas.is_empty() {
            keywords.add(keyword, schemas);
        }
    }
    if let Some(others) = members.others {
        keywords.add("additionalProperties", part(others, definitions));
    }
    if let Some(names) = members.names {
        keywords.add("propertyNames", part(names, definitions));
    }
    if !members.required.is_empty() {
        keywords.add("required", members.required);
    }
    let mut dependent: Map<String, Value> = Map::new();
    for (trigger, names) in members.dependent_required {
        let required = dependent.entry(*trigger).or_insert_with(|| json!([]));
        required
            .as_array_mut()
            .into_iter()
            .for_each(|required| required.extend(names.iter().map(|name| json!(name))));
    }
    if !dependent.is_empty() {
        keywords.add("dependentRequired", dependent);
    }
    count(keywords, "Properties", (members.min_properties, members.max_properties));
}

/// Collects schemas by name. Those with the same name all apply.
fn combine(
    entries: impl Iterator<Item = (&'static str, &'static Rules)>,
    definitions: &Definitions<'_>,
) -> Map<String, Value> {
    let mut combined: Map<String, Value> = Map::new();
    for (name, rules) in entries {
        let schema = part(rules, definitions);
        match combined.get_mut(name) {
            Some(earlier) => *earlier = json!({ "allOf": [earlier.take(), schema] }),
            None => _ = combined.insert(name.to_owned(), schema),
        }
    }
    combined
}

fn applicators(keywords: &mut Keywords, rules: &Rules, definitions: &Definitions<'_>) {
    for rules in rules.all_of() {
        keywords.add_schema(part(rules, definitions));
    }
    for (keyword, alternatives) in [("anyOf", rules.any_of), ("oneOf", rules.one_of)] {
        if !alternatives.is_empty() {
            keywords.add(keyword, parts(alternatives, definitions));
        }
    }
    if let Some(rules) = rules.not {
        keywords.add("not", part(rules, definitions));
    }
    if let Some(condition) = rules.condition {
        keywords.add("if", part(condition.test, definitions));
        for (keyword, rules) in [("then", condition.then), ("else", condition.otherwise)] {
            let schema = part(rules, definitions);
            if schema != json!(true) {
                keywords.add(keyword, schema);
            }
        }
    }
    let unevaluated = [
        ("unevaluatedItems", rules.unevaluated_items),
        ("unevaluatedProperties", rules.unevaluated_properties),
    ];
    for (keyword, rules) in unevaluated {
        if let Some(rules) = rules {
            keywords.add(keyword, part(rules, definitions));
        }
    }
}
