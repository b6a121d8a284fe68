//! Rules as JSON Schema keywords, for all outputs except Rust.

use serde_json::{Value, json};

use crate::model::{Items, Kinds, Members, Rules, RulesId};

/// A canonical JSON Schema as a tree of keywords.
pub(super) enum Words {
    /// A plain value, or a schema without parts.
    Json(Value),
    /// A regular expression.
    Pattern(String),
    /// Schemas by a regular expression for property names.
    ByPattern(Vec<(String, Words)>),
    /// The target of a `$ref`.
    Reference(RulesId),
    Members(Vec<(String, Words)>),
    List(Vec<Words>),
}

/// Converts rules to JSON Schema, draft 2020-12.
pub(super) fn words(rules: &Rules) -> Words {
    if *rules == Rules::default() {
        return Words::Json(json!(true));
    }
    if *rules == Rules::never() {
        return Words::Json(json!(false));
    }
    let mut members = Writer::default();
    members.json("type", types(rules.kinds));
    match rules.values.as_deref() {
        Some([value]) => members.json("const", Some(value.clone())),
        values => members.json("enum", values.map(|values| json!(values))),
    }
    let (number, text) = (&rules.number, &rules.text);
    members.json("minimum", number.minimum.map(|limit| json!(limit)));
    members.json("maximum", number.maximum.map(|limit| json!(limit)));
    members.json("exclusiveMinimum", number.exclusive_minimum.map(|limit| json!(limit)));
    members.json("exclusiveMaximum", number.exclusive_maximum.map(|limit| json!(limit)));
    members.json("multipleOf", number.multiple_of.map(|limit| json!(limit)));
    members.json("minLength", text.min_length.map(|length| json!(length)));
    members.json("maxLength", text.max_length.map(|length| json!(length)));
    let pattern = text.pattern.iter().map(|pattern| Words::Pattern(pattern.clone()));
    members.0.extend(pattern.map(|pattern| ("pattern".to_owned(), pattern)));
    members.json("format", text.format.map(|format| json!(format.keyword())));
    members.array(&rules.array);
    members.object(&rules.object);
    members.applicators(rules);
    Words::Members(members.0)
}

fn types(kinds: Kinds) -> Option<Value> {
    let names: Vec<&str> = kinds.names().into_iter().map(|(name, _)| name).collect();
    match names.as_slice() {
        _ if kinds == Kinds::ANY => None,
        [name] => Some(json!(name)),
        names => Some(json!(names)),
    }
}

/// The keywords of one schema, in output order.
#[derive(Default)]
struct Writer(Vec<(String, Words)>);

impl Writer {
    fn json(&mut self, keyword: &str, value: Option<Value>) {
        self.0.extend(value.map(|value| (keyword.to_owned(), Words::Json(value))));
    }

    fn rules(&mut self, keyword: &str, rules: Option<&Rules>) {
        self.0.extend(rules.map(|rules| (keyword.to_owned(), words(rules))));
    }

    fn list(&mut self, keyword: &str, rules: &[Rules]) {
        if !rules.is_empty() {
            self.0.push((keyword.to_owned(), Words::List(rules.iter().map(words).collect())));
        }
    }

    fn map(&mut self, keyword: &str, rules: &[(String, Rules)]) {
        if !rules.is_empty() {
            let members = rules.iter().map(|(name, rules)| (name.clone(), words(rules)));
            self.0.push((keyword.to_owned(), Words::Members(members.collect())));
        }
    }

    fn array(&mut self, array: &Items) {
        self.list("prefixItems", &array.prefix);
        self.rules("items", array.rest.as_deref());
        if let Some(contains) = &array.contains {
            self.rules("contains", Some(&contains.rules));
            self.json("minContains", (contains.min != 1).then(|| json!(contains.min)));
            self.json("maxContains", contains.max.map(|count| json!(count)));
        }
        self.json("minItems", array.min_items.map(|count| json!(count)));
        self.json("maxItems", array.max_items.map(|count| json!(count)));
        self.json("uniqueItems", array.unique.then(|| json!(true)));
    }

    fn object(&mut self, object: &Members) {
        self.map("properties", &object.properties);
        if !object.patterns.is_empty() {
            let by_pattern = object.patterns.iter().map(|(pattern, rules)| (pattern.clone(), words(rules)));
            self.0.push(("patternProperties".to_owned(), Words::ByPattern(by_pattern.collect())));
        }
        self.rules("additionalProperties", object.others.as_deref());
        self.rules("propertyNames", object.names.as_deref());
        self.json("minProperties", object.min_properties.map(|count| json!(count)));
        self.json("maxProperties", object.max_properties.map(|count| json!(count)));
        self.json("required", (!object.required.is_empty()).then(|| json!(object.required)));
        let dependent: serde_json::Map<String, Value> =
            object.dependent_required.iter().map(|(name, others)| (name.clone(), json!(others))).collect();
        self.json("dependentRequired", (!dependent.is_empty()).then(|| json!(dependent)));
        self.map("dependentSchemas", &object.dependent_schemas);
    }

    fn applicators(&mut self, rules: &Rules) {
        let mut all: Vec<Words> = rules.all_of.iter().map(words).collect();
        match rules.references.as_slice() {
            [] => {}
            [lone] => self.0.push(("$ref".to_owned(), Words::Reference(*lone))),
            several => all.extend(
                several.iter().map(|id| Words::Members(vec![("$ref".to_owned(), Words::Reference(*id))])),
            ),
        }
        if !all.is_empty() {
            self.0.push(("allOf".to_owned(), Words::List(all)));
        }
        self.list("anyOf", &rules.any_of);
        self.list("oneOf", &rules.one_of);
        self.rules("not", rules.not.as_deref());
        if let Some(condition) = &rules.condition {
            let branch = |rules| Some(rules).filter(|rules| *rules != &Rules::default());
            self.rules("if", Some(&condition.test));
            self.rules("then", branch(&condition.then));
            self.rules("else", branch(&condition.otherwise));
        }
        self.rules("unevaluatedItems", rules.unevaluated_items.as_deref());
        self.rules("unevaluatedProperties", rules.unevaluated_properties.as_deref());
    }
}
