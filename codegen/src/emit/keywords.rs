//! Converts rules to JSON Schema keywords, for all outputs except Rust.

use serde_json::{Value, json};

use crate::model::{Items, Kinds, Members, Rules, RulesId};

/// A canonical JSON Schema. Patterns and references are separate nodes, because each output prints them differently.
pub(super) enum Keywords {
    /// A plain value, or a schema without parts.
    Json(Value),
    /// A regular expression.
    Pattern(String),
    /// Schemas by a regular expression for property names.
    ByPattern(Vec<(String, Keywords)>),
    /// The target of a `$ref`.
    Reference(RulesId),
    Members(Vec<(String, Keywords)>),
    List(Vec<Keywords>),
}

/// Converts rules to JSON Schema, draft 2020-12.
pub(super) fn to_keywords(rules: &Rules) -> Keywords {
    if *rules == Rules::default() {
        return Keywords::Json(json!(true));
    }
    if *rules == Rules::never() {
        return Keywords::Json(json!(false));
    }
    let mut members = KeywordWriter::default();
    members.push_json("type", type_keyword(rules.kinds));
    match rules.values.as_deref() {
        Some([value]) => members.push_json("const", Some(value.clone())),
        values => members.push_json("enum", values.map(|values| json!(values))),
    }
    let (number, text) = (&rules.number, &rules.text);
    members.push_json("minimum", number.minimum.map(|limit| json!(limit)));
    members.push_json("maximum", number.maximum.map(|limit| json!(limit)));
    members.push_json("exclusiveMinimum", number.exclusive_minimum.map(|limit| json!(limit)));
    members.push_json("exclusiveMaximum", number.exclusive_maximum.map(|limit| json!(limit)));
    members.push_json("multipleOf", number.multiple_of.map(|limit| json!(limit)));
    members.push_json("minLength", text.min_length.map(|length| json!(length)));
    members.push_json("maxLength", text.max_length.map(|length| json!(length)));
    let pattern = text.pattern.iter().map(|pattern| Keywords::Pattern(pattern.clone()));
    members.0.extend(pattern.map(|pattern| ("pattern".to_owned(), pattern)));
    members.push_json("format", text.format.map(|format| json!(format.name())));
    members.push_array(&rules.array);
    members.push_object(&rules.object);
    members.push_applicators(rules);
    Keywords::Members(members.0)
}

fn type_keyword(kinds: Kinds) -> Option<Value> {
    let names: Vec<&str> = kinds.names().into_iter().map(|(name, _)| name).collect();
    match names.as_slice() {
        _ if kinds == Kinds::ANY => None,
        [name] => Some(json!(name)),
        names => Some(json!(names)),
    }
}

/// The keywords of one schema, in output order.
#[derive(Default)]
struct KeywordWriter(Vec<(String, Keywords)>);

impl KeywordWriter {
    fn push_json(&mut self, keyword: &str, value: Option<Value>) {
        self.0.extend(value.map(|value| (keyword.to_owned(), Keywords::Json(value))));
    }

    fn push_rules(&mut self, keyword: &str, rules: Option<&Rules>) {
        self.0.extend(rules.map(|rules| (keyword.to_owned(), to_keywords(rules))));
    }

    fn push_list(&mut self, keyword: &str, rules: &[Rules]) {
        if !rules.is_empty() {
            self.0.push((keyword.to_owned(), Keywords::List(rules.iter().map(to_keywords).collect())));
        }
    }

    fn push_map(&mut self, keyword: &str, rules: &[(String, Rules)]) {
        if !rules.is_empty() {
            let members = rules.iter().map(|(name, rules)| (name.clone(), to_keywords(rules)));
            self.0.push((keyword.to_owned(), Keywords::Members(members.collect())));
        }
    }

    fn push_array(&mut self, array: &Items) {
        self.push_list("prefixItems", &array.prefix);
        self.push_rules("items", array.rest.as_deref());
        if let Some(contains) = &array.contains {
            self.push_rules("contains", Some(&contains.rules));
            self.push_json("minContains", (contains.min != 1).then(|| json!(contains.min)));
            self.push_json("maxContains", contains.max.map(|count| json!(count)));
        }
        self.push_json("minItems", array.min_items.map(|count| json!(count)));
        self.push_json("maxItems", array.max_items.map(|count| json!(count)));
        self.push_json("uniqueItems", array.unique.then(|| json!(true)));
    }

    fn push_object(&mut self, object: &Members) {
        self.push_map("properties", &object.properties);
        if !object.patterns.is_empty() {
            let by_pattern =
                object.patterns.iter().map(|(pattern, rules)| (pattern.clone(), to_keywords(rules)));
            self.0.push(("patternProperties".to_owned(), Keywords::ByPattern(by_pattern.collect())));
        }
        self.push_rules("additionalProperties", object.others.as_deref());
        self.push_rules("propertyNames", object.names.as_deref());
        self.push_json("minProperties", object.min_properties.map(|count| json!(count)));
        self.push_json("maxProperties", object.max_properties.map(|count| json!(count)));
        self.push_json("required", (!object.required.is_empty()).then(|| json!(object.required)));
        let dependent: serde_json::Map<String, Value> =
            object.dependent_required.iter().map(|(name, others)| (name.clone(), json!(others))).collect();
        self.push_json("dependentRequired", (!dependent.is_empty()).then(|| json!(dependent)));
        self.push_map("dependentSchemas", &object.dependent_schemas);
    }

    fn push_applicators(&mut self, rules: &Rules) {
        let mut all: Vec<Keywords> = rules.all_of.iter().map(to_keywords).collect();
        match rules.references.as_slice() {
            [] => {}
            [lone] => self.0.push(("$ref".to_owned(), Keywords::Reference(*lone))),
            several => all.extend(
                several
                    .iter()
                    .map(|id| Keywords::Members(vec![("$ref".to_owned(), Keywords::Reference(*id))])),
            ),
        }
        if !all.is_empty() {
            self.0.push(("allOf".to_owned(), Keywords::List(all)));
        }
        self.push_list("anyOf", &rules.any_of);
        self.push_list("oneOf", &rules.one_of);
        self.push_rules("not", rules.not.as_deref());
        if let Some(condition) = &rules.condition {
            let branch = |rules| Some(rules).filter(|rules| *rules != &Rules::default());
            self.push_rules("if", Some(&condition.test));
            self.push_rules("then", branch(&condition.then));
            self.push_rules("else", branch(&condition.otherwise));
        }
        self.push_rules("unevaluatedItems", rules.unevaluated_items.as_deref());
        self.push_rules("unevaluatedProperties", rules.unevaluated_properties.as_deref());
    }
}
