//! Converts the schemas of definitions to those of AsyncAPI: draft-07, and a few more keywords.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::spelling;
use crate::definition::{Definitions, Dialect, Keyword, Resources, Target, at};
use crate::diagnostics::{Location, Sources};

/// Converts schemas, and collects those that others refer to.
pub(super) struct Schemas<'d> {
    definitions: &'d Definitions,
    sources: &'d Sources,
    resources: Resources,
    /// The paths of schemas in the document.
    placed: HashMap<Location, Vec<String>>,
    components: Map<String, Value>,
    taken: HashSet<String>,
    /// Components that are not converted yet: the key, the name and the location.
    pending: Vec<(String, String, Location)>,
    left_out: Vec<(Location, String)>,
}

impl<'d> Schemas<'d> {
    pub(super) fn new(definitions: &'d Definitions, sources: &'d Sources) -> Self {
        Self {
            definitions,
            sources,
            // Errors were reported before there was a model.
            resources: Resources::of(definitions, &mut Vec::new()),
            placed: HashMap::new(),
            components: Map::new(),
            taken: HashSet::new(),
            pending: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Records the path of a schema in the document.
    pub(super) fn place(&mut self, location: Location, path: &[&str]) {
        self.placed.insert(location, path.iter().map(|segment| (*segment).to_owned()).collect());
    }

    /// Declares the types of all definitions as components.
    pub(super) fn declare_definitions(&mut self) {
        for definition in self.definitions.files.iter().filter(|definition| !definition.is_schema) {
            let root = Location::root(definition.source);
            for (group, types) in
                [("$defs", &definition.file.defs), ("definitions", &definition.file.definitions)]
            {
                for name in types.keys() {
                    self.declare(name, root.join(group).join(name));
                }
            }
        }
    }

    fn declare(&mut self, name: &str, location: Location) {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let allowed: String = name.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect();
        let mut key = allowed.clone();
        let mut numbers = 2..;
        while !self.taken.insert(key.clone()) {
            key = format!("{allowed}{}", numbers.next().unwrap_or(0));
        }
        self.place(location.clone(), &["components", "schemas", &key]);
        self.components.insert(key.clone(), Value::Null);
        self.pending.push((key, name.to_owned(), location));
    }

    /// Converts the components. Returns them, and what they say less precisely than the definitions.
    pub(super) fn finish(mut self) -> (Map<String, Value>, Vec<(Location, String)>) {
        while let Some((key, name, location)) = self.pending.pop() {
            let mut schema = self.convert(&location);
            if key != name {
                if let Value::Bool(accepts) = schema {
                    schema = if accepts { json!({}) } else { json!({ "not": {} }) };
                }
                schema[spelling::NAME] = json!(name);
            }
            self.components.insert(key, schema);
        }
        (self.components, self.left_out)
    }

    /// Converts the schema at a location.
    pub(super) fn convert(&mut self, location: &Location) -> Value {
        match self.value(location) {
            Some(Value::Object(members)) => self.keywords(members, location),
            Some(value) => value.clone(),
            None => Value::Null,
        }
    }

    fn value(&self, location: &Location) -> Option<&'d Value> {
        at(&self.definitions.of(location.source)?.document, location)
    }

    fn keywords(&mut self, members: &Map<String, Value>, location: &Location) -> Value {
        let dialect = self.resources.dialect(location);
        let is_reference = members.contains_key("$ref");
        let is_alone = is_reference && dialect.reference_stands_alone();
        let mut schema = Map::new();
        for (key, value) in members {
            let is_read = !is_alone || ["$ref", "title", "description"].contains(&key.as_str());
            if is_read && !is_hoisted(key, location) {
                self.keyword(key, value, location, members, &mut schema);
            }
        }
        if members.get("nullable") == Some(&Value::Bool(true)) {
            return with_null(schema);
        }
        let is_constrained = schema
            .keys()
            .any(|key| key != "$ref" && !Keyword::named(key).is_some_and(Keyword::is_annotation));
        if let Some(reference) = schema.get("$ref").cloned().filter(|_| is_constrained) {
            // Draft-07 ignores keywords next to a `$ref`.
            schema.shift_remove("$ref");
            let sibling = json!({ "$ref": reference, spelling::SIBLING: true });
            match schema.get_mut("allOf") {
                Some(Value::Array(all)) => all.insert(0, sibling),
                _ => _ = schema.insert("allOf".to_owned(), json!([sibling])),
            }
        }
        Value::Object(schema)
    }

    fn keyword(
        &mut self,
        key: &str,
        value: &Value,
        location: &Location,
        members: &Map<String, Value>,
        schema: &mut Map<String, Value>,
    ) {
        let at = location.join(key);
        let is_draft_4 = self.resources.dialect(location) == Dialect::Draft4;
        let is_open = members.get("x-open") == Some(&Value::Bool(true));
        match (key, value) {
            _ if is_left_out(key, value, members, is_draft_4) => {}
            ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(reference)) => {
                if key != "$ref" {
                    self.left_out.push((
                        at.clone(),
                        format!("AsyncAPI has no `{key}`; the `$ref` names the schema that nothing replaces"),
                    ));
                }
                if let Some(target) = self.reference(reference, &at) {
                    set(schema, "$ref", json!(target));
                }
            }
            ("prefixItems", Value::Array(_)) => set(schema, "items", self.list(&at)),
            ("items", _) if members.contains_key("prefixItems") => {
                set(schema, "additionalItems", self.convert(&at))
            }
            ("items" | "allOf" | "anyOf" | "oneOf", Value::Array(_)) => set(schema, key, self.list(&at)),
            ("exclusiveMinimum" | "exclusiveMaximum", Value::Bool(is_exclusive)) => {
                let limit = if key == "exclusiveMinimum" { "minimum" } else { "maximum" };
                if let Some(limit) = members.get(limit).filter(|_| *is_exclusive) {
                    set(schema, key, limit.clone());
                }
            }
            ("x-open", _) if is_open => self.open(members, location, schema),
            ("x-open", _) => set(schema, spelling::OPEN, json!(false)),
            ("minContains" | "maxContains" | "unevaluatedItems" | "unevaluatedProperties", _) => {
                self.left_out
                    .push((at.clone(), format!("AsyncAPI has no `{key}`, so other tools do not check it")));
                let converted = if value.is_number() { value.clone() } else { self.convert(&at) };
                set(schema, &format!("{}{key}", spelling::PREFIX), converted);
            }
            ("contains", _) if accepts_none(members) => {
                set(schema, &format!("{}{key}", spelling::PREFIX), self.convert(&at));
            }
            _ => self.same(key, value, &at, schema),
        }
    }

    /// Converts a keyword that draft-07 has, or its older form.
    fn same(&mut self, key: &str, value: &Value, at: &Location, schema: &mut Map<String, Value>) {
        match (key, value) {
            ("dependentRequired", Value::Object(names)) => {
                for (name, others) in names {
                    depend(schema, name, others.clone());
                }
            }
            ("dependentSchemas" | "dependencies", Value::Object(dependencies)) => {
                for (name, dependency) in dependencies {
                    let converted =
                        if dependency.is_array() { dependency.clone() } else { self.convert(&at.join(name)) };
                    depend(schema, name, converted);
                }
            }
            (
                "additionalItems"
                | "items"
                | "contains"
                | "additionalProperties"
                | "propertyNames"
                | "not"
                | "if"
                | "then"
                | "else",
                _,
            ) => {
                set(schema, key, self.convert(at));
            }
            ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(parts)) => {
                let converted =
                    parts.keys().map(|name| (name.clone(), self.convert(&at.join(name)))).collect();
                set(schema, key, Value::Object(converted));
            }
            _ => set(schema, key, value.clone()),
        }
    }

    fn list(&mut self, at: &Location) -> Value {
        let count = self.value(at).and_then(Value::as_array).map_or(0, Vec::len);
        (0..count).map(|index| self.convert(&at.join(index))).collect()
    }

    /// Prints an open enum as any string, and an open union with an alternative for all other tags.
    fn open(&mut self, members: &Map<String, Value>, location: &Location, schema: &mut Map<String, Value>) {
        if let Some(known) = members.get("enum") {
            let is_null = |value: &Value| value.is_null();
            let nullable = known.as_array().is_some_and(|known| known.iter().any(is_null));
            let kind = if nullable { json!(["string", "null"]) } else { json!("string") };
            schema.entry("type").or_insert(kind);
            schema.insert(spelling::KNOWN.to_owned(), known.clone());
            return;
        }
        // An open union has exactly one of them.
        let key = if members.contains_key("oneOf") { "oneOf" } else { "anyOf" };
        let at = location.join(key);
        let Some((tag, known)) = self.tags(&at) else {
            let mut alternatives = self.list(&at);
            if let Some(listed) = alternatives.as_array_mut().filter(|list| list.iter().all(is_listed)) {
                listed.push(json!({ "type": "string", spelling::OTHER: true }));
                schema.insert("anyOf".to_owned(), alternatives);
                return;
            }
            set(schema, key, alternatives);
            self.left_out.push((
                at,
                "AsyncAPI has no open unions; other tools reject alternatives that are not listed".to_owned(),
            ));
            schema.insert(spelling::OPEN.to_owned(), json!(true));
            return;
        };
        let mut alternatives = self.list(&at);
        if let Value::Array(alternatives) = &mut alternatives {
            alternatives.push(json!({
                "type": "object",
                "required": [tag],
                "properties": { tag: { "type": "string", "not": { "enum": known } } },
                spelling::OTHER: true,
            }));
        }
        schema.insert(key.to_owned(), alternatives);
    }

    /// Returns the property that distinguishes alternatives, and its values.
    fn tags(&self, alternatives: &Location) -> Option<(String, Vec<Value>)> {
        let count = self.value(alternatives)?.as_array()?.len();
        let constants = |index: usize| -> Option<HashMap<&str, &Value>> {
            let mut location = alternatives.join(index);
            while let Some(reference) = self.value(&location)?.get("$ref").and_then(Value::as_str) {
                location = self.target(reference, &location.join("$ref"))?;
            }
            let properties = self.value(&location)?.get("properties")?.as_object()?.iter();
            let constant = |schema: &'d Value| {
                schema
                    .get("const")
                    .or_else(|| schema.get("enum")?.as_array().filter(|values| values.len() == 1)?.first())
            };
            Some(properties.filter_map(|(name, schema)| Some((name.as_str(), constant(schema)?))).collect())
        };
        let all: Vec<HashMap<&str, &Value>> = (0..count).map(constants).collect::<Option<_>>()?;
        let first = all.first()?;
        let mut names: Vec<&str> = first.keys().copied().collect();
        names.sort_unstable();
        let tag = names.into_iter().find(|name| all.iter().all(|constants| constants.contains_key(name)))?;
        Some((tag.to_owned(), all.iter().map(|constants| constants[tag].clone()).collect()))
    }

    fn target(&self, reference: &str, location: &Location) -> Option<Location> {
        self.resources
            .resolve(reference, location, self.definitions, self.sources)
            .ok()
            .and_then(Target::into_location)
    }

    /// Returns the reference in the document for one in a definition.
    fn reference(&mut self, reference: &str, location: &Location) -> Option<String> {
        let target = self.target(reference, location)?;
        let path = self.path(&target)?;
        Some(spelling::print_pointer(path.iter().map(String::as_str)))
    }

    /// Returns the path of a schema in the document. Declares the schemas of other files on first use.
    fn path(&mut self, target: &Location) -> Option<Vec<String>> {
        let mut depths = (0..=target.pointer.depth()).rev();
        let placed = depths.find(|depth| self.placed.contains_key(&target.ancestor(*depth)));
        let segments = target.pointer.segments();
        // A type of a plain JSON Schema is a component, not a part of the file's.
        let hoisted = matches!(segments[..], ["$defs" | "definitions", _, ..]).then_some(2);
        let Some(depth) = placed.filter(|depth| *depth > 0 || hoisted.is_none()) else {
            let definition = self.definitions.of(target.source)?;
            let stem = definition.stem.rsplit('/').next().unwrap_or_default();
            let (name, depth) = hoisted.map_or((stem, 0), |depth| (segments[1], depth));
            let declared = target.ancestor(depth);
            self.declare(name, declared);
            return self.path(target);
        };
        let ancestor = target.ancestor(depth);
        let mut path = self.placed[&ancestor].clone();
        path.extend(to_document(self.value(&ancestor)?, &segments[depth..]));
        Some(path)
    }
}

/// Returns `true` for the types of a plain JSON Schema, which become components.
fn is_hoisted(key: &str, location: &Location) -> bool {
    let is_file = location.pointer.depth() == 0;
    is_file && ["$defs", "definitions"].contains(&key)
}

/// Returns `true` for a keyword that becomes part of another one, or that references between documents need.
fn is_left_out(key: &str, value: &Value, members: &Map<String, Value>, is_draft_4: bool) -> bool {
    let is_true = |key: &str| members.get(key) == Some(&Value::Bool(true));
    match key {
        "$schema" | "$id" | "$anchor" | "$dynamicAnchor" | "$recursiveAnchor" | "$vocabulary"
        | "nullable" => true,
        "id" => is_draft_4 && value.is_string(),
        "minimum" => is_true("exclusiveMinimum"),
        "maximum" => is_true("exclusiveMaximum"),
        "enum" | "oneOf" | "anyOf" => is_true("x-open"),
        _ => false,
    }
}

/// Returns `true` for an alternative of an open enum.
fn is_listed(alternative: &Value) -> bool {
    let is_null = alternative.get("type").is_some_and(|kind| kind == "null");
    let inner = alternative.get("oneOf").or_else(|| alternative.get("anyOf")).and_then(Value::as_array);
    is_null
        || alternative.get("const").is_some()
        || alternative.get("enum").is_some()
        || inner.is_some_and(|inner| inner.iter().all(is_listed))
}

/// Returns `true` if no item has to match `contains`. In draft-07, one always has to.
fn accepts_none(members: &Map<String, Value>) -> bool {
    members.get("minContains").and_then(Value::as_f64) == Some(0.0)
}

fn set(schema: &mut Map<String, Value>, key: &str, value: Value) {
    schema.insert(key.to_owned(), value);
}

/// Converts a path below a schema of a definition to one below the schema of the document.
fn to_document(schema: &Value, segments: &[&str]) -> Vec<String> {
    let mut path = Vec::new();
    let mut value = schema;
    let mut is_keyword = true;
    let mut is_shifted = false;
    for segment in segments {
        let moved = segment.parse::<usize>().ok().filter(|_| !is_keyword && is_shifted);
        let spelled = match *segment {
            segment if !is_keyword => {
                moved.map_or_else(|| segment.to_owned(), |index| (index + 1).to_string())
            }
            "prefixItems" => "items".to_owned(),
            "items" if value.get("prefixItems").is_some() => "additionalItems".to_owned(),
            "dependentSchemas" => "dependencies".to_owned(),
            "unevaluatedItems" | "unevaluatedProperties" => format!("{}{segment}", spelling::PREFIX),
            "contains" if value.as_object().is_some_and(accepts_none) => {
                format!("{}{segment}", spelling::PREFIX)
            }
            segment => segment.to_owned(),
        };
        path.push(spelled);
        // The `$ref` next to an `allOf` becomes its first schema.
        is_shifted = is_keyword && *segment == "allOf" && value.get("$ref").is_some();
        value =
            value.get(*segment).or_else(|| value.get(segment.parse::<usize>().ok()?)).unwrap_or(&Value::Null);
        let holds_schemas = value.is_array()
            || [
                "properties",
                "patternProperties",
                "$defs",
                "definitions",
                "dependentSchemas",
                "dependencies",
            ]
            .contains(segment);
        is_keyword = !is_keyword || !holds_schemas;
    }
    path
}

/// Adds a dependency. If the property has another one, the schema contains both.
fn depend(schema: &mut Map<String, Value>, name: &str, dependency: Value) {
    let group = schema.entry("dependencies").or_insert_with(|| json!({}));
    let Some(earlier) = group.get(name).cloned() else {
        group[name] = dependency;
        return;
    };
    let to_schema = |dependency: Value| {
        if dependency.is_array() { json!({ "required": dependency }) } else { dependency }
    };
    group[name] = json!({ "allOf": [to_schema(earlier), to_schema(dependency)] });
}

/// Returns a schema that also accepts null.
fn with_null(mut schema: Map<String, Value>) -> Value {
    let simple = !["const", "$ref", "anyOf", "oneOf", "allOf"].iter().any(|key| schema.contains_key(*key));
    if simple && let Some(kinds) = schema.get_mut("type") {
        let mut listed = match std::mem::take(kinds) {
            Value::Array(kinds) => kinds,
            kind => vec![kind],
        };
        if !listed.contains(&json!("null")) {
            listed.push(json!("null"));
        }
        *kinds = Value::Array(listed);
        if let Some(Value::Array(values)) = schema.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
        return Value::Object(schema);
    }
    json!({ "anyOf": [schema, { "type": "null" }] })
}
