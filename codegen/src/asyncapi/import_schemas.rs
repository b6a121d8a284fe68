//! Converts the schemas of AsyncAPI documents to draft 2020-12.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::documents::Documents;
use super::names::Taken;
use super::spelling;
use crate::definition::{Dialect, Keyword};
use crate::diagnostics::Location;
use crate::names::Name;

/// Converts schemas, and collects those that others refer to under `$defs`.
pub(super) struct Schemas {
    pub(super) documents: Documents,
    pub(super) left_out: Vec<(Location, String)>,
    said: HashSet<(Location, String)>,
    /// The `$defs` of the definition.
    pub(super) defs: Map<String, Value>,
    /// The locations of schemas, with their paths in the definition.
    pub(super) placed: HashMap<Location, Vec<String>>,
    pub(super) taken: Taken,
    /// Entries of `$defs` that are not converted yet.
    pending: Vec<(String, Location, Dialect)>,
    /// The document was exported by Fanfare, so unknown keywords are the definition's own annotations.
    pub(super) is_exported: bool,
}

impl Schemas {
    pub(super) fn new(documents: Documents, is_exported: bool) -> Self {
        Self {
            documents,
            left_out: Vec::new(),
            said: HashSet::new(),
            defs: Map::new(),
            placed: HashMap::new(),
            taken: Taken::default(),
            pending: Vec::new(),
            is_exported,
        }
    }

    /// Records, once, what the definition does not contain.
    pub(super) fn leave_out(&mut self, location: &Location, reason: impl Into<String>) {
        let reason = reason.into();
        if self.said.insert((location.clone(), reason.clone())) {
            self.left_out.push((location.clone(), reason));
        }
    }

    /// Declares an entry of `$defs`.
    pub(super) fn declare(&mut self, name: &str, location: &Location, dialect: Dialect) {
        let name = self.taken.claim(name);
        self.placed.insert(location.clone(), vec!["$defs".to_owned(), name.clone()]);
        self.defs.insert(name.clone(), Value::Null);
        self.pending.push((name, location.clone(), dialect));
    }

    /// Converts the declared entries, and those that they refer to.
    pub(super) fn finish(&mut self) {
        while let Some((name, location, dialect)) = self.pending.pop() {
            let schema = self.convert(&location, dialect);
            self.defs.insert(name, schema);
        }
    }

    /// Converts the schema at a location.
    pub(super) fn convert(&mut self, location: &Location, dialect: Dialect) -> Value {
        match self.documents.value(location).clone() {
            Value::Object(members) => self.keywords(&members, location, dialect),
            Value::Bool(value) => Value::Bool(value),
            _ => {
                self.leave_out(location, "not a JSON Schema; any value is accepted");
                Value::Bool(true)
            }
        }
    }

    fn keywords(&mut self, members: &Map<String, Value>, location: &Location, dialect: Dialect) -> Value {
        let own = members.get("$schema").and_then(Value::as_str).and_then(Dialect::of_uri);
        let dialect = own.unwrap_or(dialect);
        let is_reference = members.get("$ref").is_some_and(Value::is_string);
        let reads_reference_only = is_reference && dialect.reference_stands_alone();
        let mut schema = Map::new();
        for (key, value) in members {
            let at = location.join(key);
            if reads_reference_only && key != "$ref" && !is_annotation(key) {
                self.leave_out(&at, format!("has no effect next to `$ref` in {}", dialect.name()));
            } else if !self.special(key, value, &at, members, dialect, &mut schema) {
                self.keyword(key, value, &at, dialect, &mut schema);
            }
        }
        Value::Object(schema)
    }

    /// Converts a keyword that is spelled differently in draft 2020-12. Returns `false` for any other.
    fn special(
        &mut self,
        key: &str,
        value: &Value,
        at: &Location,
        members: &Map<String, Value>,
        dialect: Dialect,
        schema: &mut Map<String, Value>,
    ) -> bool {
        let has_tuple = members.get("items").is_some_and(Value::is_array);
        match (key, value) {
            ("$ref", Value::String(reference)) => match self.reference(reference, at, dialect) {
                Ok(reference) => _ = schema.insert("$ref".to_owned(), json!(reference)),
                Err(reason) => self.leave_out(at, format!("{reason}; any value is accepted")),
            },
            ("id", Value::String(_)) if dialect == Dialect::Draft4 => {}
            ("$schema" | "$id" | "$anchor" | spelling::NAME | spelling::SIBLING, _) => {}
            (spelling::KNOWN, known) => {
                schema.insert("enum".to_owned(), known.clone());
                schema.insert("x-open".to_owned(), json!(true));
            }
            (spelling::OPEN, open) => _ = schema.insert("x-open".to_owned(), open.clone()),
            ("items", Value::Array(_)) => {
                let items = self.list(at, dialect);
                schema.insert("prefixItems".to_owned(), items);
            }
            ("additionalItems", _) if has_tuple => {
                let rest = self.convert(at, dialect);
                schema.insert("items".to_owned(), rest);
            }
            ("additionalItems", _) => {
                self.leave_out(at, "has no effect unless `items` is a list");
            }
            ("dependencies", Value::Object(dependencies)) => {
                self.dependencies(dependencies, at, dialect, schema);
            }
            ("exclusiveMinimum" | "exclusiveMaximum", Value::Bool(is_exclusive)) => {
                let limit = if key == "exclusiveMinimum" { "minimum" } else { "maximum" };
                if let Some(limit) = members.get(limit).filter(|_| *is_exclusive) {
                    schema.insert(key.to_owned(), limit.clone());
                }
            }
            ("minimum" | "maximum", _)
                if members.get(if key == "minimum" { "exclusiveMinimum" } else { "exclusiveMaximum" })
                    == Some(&Value::Bool(true)) => {}
            ("allOf", Value::Array(all)) if all.first().is_some_and(spelling::is_sibling) => {
                if let Some(reference) = all[0].get("$ref").and_then(Value::as_str)
                    && let Ok(reference) = self.reference(reference, &at.join(0), dialect)
                {
                    schema.insert("$ref".to_owned(), json!(reference));
                }
                let rest: Vec<Value> =
                    (1..all.len()).map(|index| self.convert(&at.join(index), dialect)).collect();
                if !rest.is_empty() {
                    schema.insert("allOf".to_owned(), Value::Array(rest));
                }
            }
            ("oneOf" | "anyOf", Value::Array(alternatives))
                if alternatives.iter().any(spelling::is_other) =>
            {
                let known =
                    (0..alternatives.len()).filter(|index| !spelling::is_other(&alternatives[*index]));
                let known: Vec<usize> = known.collect();
                let known = known.into_iter().map(|index| self.convert(&at.join(index), dialect)).collect();
                schema.insert(key.to_owned(), Value::Array(known));
                schema.insert("x-open".to_owned(), json!(true));
            }
            _ => return false,
        }
        true
    }

    fn keyword(
        &mut self,
        key: &str,
        value: &Value,
        at: &Location,
        dialect: Dialect,
        schema: &mut Map<String, Value>,
    ) {
        if let Some(hidden) = key.strip_prefix(spelling::PREFIX) {
            // Keywords that AsyncAPI's schemas do not have keep the meaning that they have in draft 2020-12.
            return self.keyword(hidden, value, at, Dialect::Draft2020, schema);
        }
        if Keyword::named(key).is_some_and(|keyword| dialect.refuses(keyword).is_some()) {
            return self.leave_out(at, format!("not a keyword of {}", dialect.name()));
        }
        let converted = match (key, value) {
            (
                "items"
                | "contains"
                | "additionalProperties"
                | "propertyNames"
                | "not"
                | "if"
                | "then"
                | "else"
                | "unevaluatedItems"
                | "unevaluatedProperties",
                _,
            ) => self.convert(at, dialect),
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(_)) => self.list(at, dialect),
            (
                "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
                Value::Object(_),
            ) => self.map(at, dialect),
            ("discriminator", _) => {
                return self.leave_out(at, "a `const` property distinguishes the alternatives of a `oneOf`");
            }
            ("externalDocs", _) => return self.leave_out(at, "definitions have no links"),
            _ if self.is_exported || Keyword::named(key).is_some() => value.clone(),
            _ if key.starts_with("x-") => return self.leave_out(at, "an extension of another tool"),
            _ => return self.leave_out(at, "not a keyword of JSON Schema"),
        };
        schema.insert(key.to_owned(), converted);
    }

    fn list(&mut self, at: &Location, dialect: Dialect) -> Value {
        let count = self.documents.value(at).as_array().map_or(0, Vec::len);
        (0..count).map(|index| self.convert(&at.join(index), dialect)).collect()
    }

    fn map(&mut self, at: &Location, dialect: Dialect) -> Value {
        let keys = self.documents.keys(at);
        Value::Object(
            keys.into_iter().map(|key| (key.clone(), self.convert(&at.join(&key), dialect))).collect(),
        )
    }

    fn dependencies(
        &mut self,
        dependencies: &Map<String, Value>,
        at: &Location,
        dialect: Dialect,
        schema: &mut Map<String, Value>,
    ) {
        for (name, dependency) in dependencies {
            let (keyword, value) = match dependency {
                Value::Array(_) => ("dependentRequired", dependency.clone()),
                _ => ("dependentSchemas", self.convert(&at.join(name), dialect)),
            };
            let group = schema.entry(keyword).or_insert_with(|| json!({}));
            group[name] = value;
        }
    }

    /// Returns a reference from the definition to the schema that a document's reference names.
    fn reference(&mut self, reference: &str, at: &Location, dialect: Dialect) -> Result<String, String> {
        let mut target = self.documents.target(reference, at)?;
        let mut dialect = dialect;
        // In version 3, a schema of another format is inside an object that names the format.
        if let Some(format) = self.documents.text(&target.join("schemaFormat")) {
            dialect = dialect_of(&format)
                .ok_or_else(|| format!("the schema format `{format}` is not JSON Schema"))?;
            target = target.join("schema");
        }
        let value = self.documents.value(&target);
        if value.get("asyncapi").is_some() {
            return Err(format!("`{reference}` refers to the whole document"));
        }
        if !value.is_object() && !value.is_boolean() {
            return Err(format!("`{reference}` does not refer to a schema"));
        }
        let path = self.path(&target, dialect);
        Ok(spelling::print_pointer(path.iter().map(String::as_str)))
    }

    /// Returns the path of a schema in the definition. Declares it under `$defs` if it is not part of it.
    fn path(&mut self, target: &Location, dialect: Dialect) -> Vec<String> {
        let mut depths = (0..=target.pointer.depth()).rev();
        let placed =
            depths.find_map(|depth| Some((depth, self.placed.get(&target.ancestor(depth))?.clone())));
        if let Some((depth, mut path)) = placed {
            let segments = target.pointer.segments();
            path.extend(to_definition(self.documents.value(&target.ancestor(depth)), &segments[depth..]));
            return path;
        }
        let file = Location::root(target.source);
        let draft = self.documents.text(&file.join("$schema"));
        let draft = draft.as_deref().and_then(Dialect::of_uri).unwrap_or(dialect);
        self.declare(&self.name(target), target, draft);
        self.placed[target].clone()
    }

    /// Returns a name for the schema at a location.
    fn name(&self, target: &Location) -> String {
        let is_name = |segment: &&&str| {
            !["payload", "schema", "headers", "schemas"].contains(*segment)
                && Keyword::named(segment).is_none()
                && !segment.bytes().all(|byte| byte.is_ascii_digit())
        };
        let segments = target.pointer.segments();
        let name = segments.iter().rev().find(is_name).map(|segment| (*segment).to_owned());
        let file = self.documents.sources.get(target.source).path.file_stem();
        let name = name.or_else(|| file.map(|stem| stem.to_string_lossy().into_owned()));
        name.filter(|name| Name::new(name).is_some()).unwrap_or_else(|| "Schema".to_owned())
    }
}

/// Converts a path below a schema of a document to one below the schema of the definition.
fn to_definition(schema: &Value, segments: &[&str]) -> Vec<String> {
    let mut path = Vec::new();
    let mut value = schema;
    let mut rest = segments;
    while let [segment, after @ ..] = rest {
        let is_tuple = value.get("items").is_some_and(Value::is_array);
        let child = value.get(*segment).or_else(|| value.get(segment.parse::<usize>().ok()?));
        let spelled = match *segment {
            "items" if is_tuple => "prefixItems",
            "additionalItems" if is_tuple => "items",
            "dependencies" => "dependentSchemas",
            segment => segment.strip_prefix(spelling::PREFIX).unwrap_or(segment),
        };
        path.push(spelled.to_owned());
        value = child.unwrap_or(&Value::Null);
        rest = after;
        // The keys of these are names and indexes, not keywords.
        let holds_schemas = matches!(
            *segment,
            "properties"
                | "patternProperties"
                | "$defs"
                | "definitions"
                | "dependencies"
                | "allOf"
                | "anyOf"
                | "oneOf"
        ) || (*segment == "items" && is_tuple);
        if let (true, [name, after @ ..]) = (holds_schemas, rest) {
            let is_shifted = *segment == "allOf" && value.get(0).is_some_and(spelling::is_sibling);
            let index = name.parse::<usize>().ok();
            path.push(match index.filter(|_| is_shifted) {
                Some(index) => index.saturating_sub(1).to_string(),
                None => (*name).to_owned(),
            });
            value = value.get(*name).or_else(|| value.get(index?)).unwrap_or(&Value::Null);
            rest = after;
        }
    }
    path
}

fn is_annotation(keyword: &str) -> bool {
    Keyword::named(keyword).is_some_and(Keyword::is_annotation) || keyword.starts_with("x-")
}

/// Returns the draft that a schema format means. AsyncAPI's own schemas extend draft-07.
pub(super) fn dialect_of(format: &str) -> Option<Dialect> {
    let format: String = format.to_ascii_lowercase().split_whitespace().collect();
    let (media, parameters) = format.split_once(';').unwrap_or((&format, ""));
    match media.trim_end_matches("+json").trim_end_matches("+yaml") {
        "application/vnd.aai.asyncapi" => Some(Dialect::Draft7),
        "application/schema" => match parameters.strip_prefix("version=").unwrap_or(parameters) {
            "draft-04" | "draft-4" => Some(Dialect::Draft4),
            "draft-06" | "draft-6" => Some(Dialect::Draft6),
            "draft-07" | "draft-7" | "" => Some(Dialect::Draft7),
            "2019-09" | "draft-2019-09" => Some(Dialect::Draft2019),
            "2020-12" | "draft-2020-12" => Some(Dialect::Draft2020),
            _ => None,
        },
        _ => None,
    }
}
