//! Schema resources: their base URIs, drafts and anchors, and the resolution of `$ref`s.

use std::collections::{BTreeMap, HashMap};

use fluent_uri::{Uri, UriRef};
use serde_json::Value;

use super::read::{Definition, Definitions, Resolved, without_fragment};
use super::{Dialect, subschemas};
use crate::diagnostics::{Code, Diagnostic, Location, Sources, closest};

/// The possible targets of a `$dynamicRef`, by name.
pub(crate) type DynamicAnchors = BTreeMap<String, Location>;

/// All schema resources: files, payloads, and the schemas inside them with their own URI.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    /// By the location of the resource's root.
    scopes: HashMap<Location, Scope>,
    /// The depths at which resources begin; other depths need not be searched.
    depths: Vec<usize>,
    by_uri: HashMap<String, Vec<Location>>,
    anchors: HashMap<(Location, String), Location>,
    dynamic_anchors: HashMap<Location, DynamicAnchors>,
}

/// The context of the schemas in one resource.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// The location of the resource's root.
    pub(crate) root: Location,
    pub(crate) dialect: Dialect,
    /// The base URI of relative references.
    base: String,
    /// The enclosing resource, if `#` can refer to it too.
    outer: Option<Location>,
}

/// The target of a reference.
pub(crate) enum Target {
    Schema(Location),
    /// A schema that an outer schema with the same dynamic anchor may replace.
    Dynamic(String, Location),
    /// A file with errors, which are reported already.
    Unreadable,
}

impl Target {
    /// The location of the schema, if nothing replaces it.
    pub(crate) fn into_location(self) -> Option<Location> {
        match self {
            Self::Schema(location) | Self::Dynamic(_, location) => Some(location),
            Self::Unreadable => None,
        }
    }
}

impl Resources {
    /// Finds the resources of all files.
    pub(crate) fn of(definitions: &Definitions, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut resources = Self::default();
        for definition in &definitions.files {
            resources.add_file(definition, diagnostics);
        }
        resources.depths = resources.scopes.keys().map(|location| location.pointer.depth()).collect();
        resources.depths.sort_unstable_by(|one, other| other.cmp(one));
        resources.depths.dedup();
        resources
    }

    fn add_file(&mut self, definition: &Definition, diagnostics: &mut Vec<Diagnostic>) {
        let root = Location::root(definition.source);
        let base = format!("fanfare://{}/", self.scopes.len());
        let scope = Scope { root: root.clone(), dialect: definition.dialect, base, outer: None };
        self.scopes.insert(root.clone(), scope.clone());
        if definition.is_schema {
            return self.walk(&definition.document, &root, &scope, diagnostics);
        }
        let document = &definition.document;
        for key in ["$defs", "definitions"] {
            for (name, schema) in members(document.get(key)) {
                self.walk(schema, &root.join(key).join(name), &scope, diagnostics);
            }
        }
        for (name, channel) in members(document.get("channels")) {
            let location = root.join("channels").join(name);
            for (name, schema) in members(channel.get("params")) {
                self.walk(schema, &location.join("params").join(name), &scope, diagnostics);
            }
            let carried = ["topics", "signals"].into_iter().flat_map(|group| {
                let members = members(channel.get(group));
                members.map(move |(name, member)| (group, name, member.get("payload")))
            });
            for (group, name, payload) in carried {
                let location = location.join(group).join(name).join("payload");
                self.add_document(payload, &location, &scope, diagnostics);
            }
            self.add_document(channel.get("result"), &location.join("result"), &scope, diagnostics);
        }
    }

    /// Registers a schema that is a separate document: a payload, or the result of a run.
    fn add_document(
        &mut self,
        schema: Option<&Value>,
        location: &Location,
        file: &Scope,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let Some(schema) = schema else { return };
        let base = format!("fanfare://{}/", self.scopes.len());
        let own = Scope { root: location.clone(), base, outer: Some(file.root.clone()), ..file.clone() };
        self.scopes.insert(location.clone(), own.clone());
        self.walk(schema, location, &own, diagnostics);
    }

    /// Registers the URIs, drafts and anchors of a schema and its subschemas.
    fn walk(
        &mut self,
        schema: &Value,
        location: &Location,
        scope: &Scope,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let Value::Object(keywords) = schema else { return };
        let text = |key: &str| keywords.get(key).and_then(Value::as_str);
        let (around, mut scope) = (scope, scope.clone());
        if let Some(uri) = text("$schema") {
            match Dialect::of_uri(uri) {
                Some(dialect) => scope.dialect = dialect,
                None => diagnostics.push(unknown_dialect(uri, &location.join("$schema"))),
            }
        }
        let is_overruled = scope.dialect.reference_stands_alone() && keywords.contains_key("$ref");
        if let Some(id) = text(scope.dialect.id_keyword()).filter(|_| !is_overruled) {
            match id.strip_prefix('#').filter(|_| scope.dialect.reference_stands_alone()) {
                Some(anchor) => {
                    _ = self.anchors.insert((scope.root.clone(), anchor.to_owned()), location.clone())
                }
                None => {
                    let base = without_fragment(&joined(&scope.base, id)).to_owned();
                    self.by_uri.entry(base.clone()).or_default().push(location.clone());
                    scope = Scope { root: location.clone(), base, outer: None, ..scope };
                }
            }
        }
        if scope.base != around.base || scope.dialect != around.dialect {
            self.scopes.insert(location.clone(), scope.clone());
        }
        self.name(keywords, location, &scope.root);
        let mut inner = Vec::new();
        subschemas(keywords, &mut |path, schema| inner.push((path.to_vec(), schema)));
        for (path, schema) in inner {
            self.walk(schema, &location.below(&path), &scope, diagnostics);
        }
    }

    fn name(&mut self, keywords: &serde_json::Map<String, Value>, location: &Location, root: &Location) {
        let text = |key: &str| keywords.get(key).and_then(Value::as_str).map(str::to_owned);
        for anchor in text("$anchor").into_iter().chain(text("$dynamicAnchor")) {
            self.anchors.insert((root.clone(), anchor), location.clone());
        }
        let recursive = (keywords.get("$recursiveAnchor") == Some(&Value::Bool(true))).then(String::new);
        for anchor in text("$dynamicAnchor").into_iter().chain(recursive) {
            self.dynamic_anchors.entry(root.clone()).or_default().insert(anchor, location.clone());
        }
    }

    /// The context of the schema at a location.
    pub(crate) fn scope(&self, location: &Location) -> Option<&Scope> {
        let length = location.pointer.depth();
        let depths = self.depths.iter().filter(|depth| **depth <= length);
        depths.map(|depth| location.ancestor(*depth)).find_map(|location| self.scopes.get(&location))
    }

    pub(crate) fn dialect(&self, location: &Location) -> Dialect {
        self.scope(location).map_or_else(Dialect::default, |scope| scope.dialect)
    }

    /// Returns `true` if the payload or file of a location has dynamic anchors, so that references depend on their path.
    pub(crate) fn are_dynamic(&self, location: &Location) -> bool {
        if self.dynamic_anchors.is_empty() {
            return false;
        }
        let document = document(location);
        self.dynamic_anchors.keys().any(|root| self::document(root) == document)
    }

    /// Adds the dynamic anchors of the location's resource to those that the path there has set.
    pub(crate) fn enter(&self, location: &Location, dynamic_scope: &DynamicAnchors) -> DynamicAnchors {
        let mut anchors = dynamic_scope.clone();
        let root = self.scope(location).map(|scope| &scope.root);
        for (name, location) in root.and_then(|root| self.dynamic_anchors.get(root)).into_iter().flatten() {
            anchors.entry(name.clone()).or_insert_with(|| location.clone());
        }
        anchors
    }

    /// Resolves a reference at a location.
    ///
    /// # Errors
    /// Returns a diagnostic if the target does not exist or may not be read.
    pub(crate) fn resolve(
        &self,
        reference: &str,
        location: &Location,
        definitions: &Definitions,
        sources: &Sources,
    ) -> Result<Target, Box<Diagnostic>> {
        let (before, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let Some(scope) = self.scope(location) else { return Ok(Target::Unreadable) };
        let roots = if before.is_empty() {
            std::iter::once(scope.root.clone()).chain(scope.outer.clone()).collect()
        } else if let Some(root) = self.by_uri(&joined(&scope.base, before), location) {
            vec![root]
        } else if before.contains("://") || joined(&scope.base, before).starts_with("http") {
            return Err(Box::new(
                Diagnostic::at(Code::Reference, location, "a `$ref` is never fetched from the network")
                    .help("copy the schema to a file in the definition folder, and refer to its path"),
            ));
        } else {
            let from = &sources.get(location.source).path;
            match definitions.resolve(from, &percent_decoded(before)) {
                Resolved::Definition(definition) => vec![Location::root(definition.source)],
                Resolved::Unreadable => return Ok(Target::Unreadable),
                Resolved::Missing => {
                    let message = format!("file `{before}` not found");
                    return Err(Box::new(
                        Diagnostic::at(Code::Reference, location, message)
                            .help("paths are relative to the file that contains the `$ref`"),
                    ));
                }
                Resolved::Outside => {
                    let message = format!("`{before}` is outside the definition folder");
                    return Err(Box::new(Diagnostic::at(Code::Reference, location, message).help(
                        "move the file into the definition folder, or allow its folder with `--allow-refs-to`",
                    )));
                }
            }
        };
        let found = roots.iter().find_map(|root| self.inside(root, &percent_decoded(fragment), definitions));
        found.ok_or_else(|| Box::new(nothing_there(reference, fragment, &roots, location, definitions)))
    }

    fn by_uri(&self, uri: &str, from: &Location) -> Option<Location> {
        let locations = self.by_uri.get(without_fragment(uri))?;
        // A schema may be embedded in several payloads; the nearest one is the target.
        locations.iter().max_by_key(|location| location.shared_depth(from)).cloned()
    }

    /// The schema that a fragment refers to in a resource.
    fn inside(&self, root: &Location, fragment: &str, definitions: &Definitions) -> Option<Target> {
        if !fragment.is_empty() && !fragment.starts_with('/') {
            let location = self.anchors.get(&(root.clone(), fragment.to_owned()))?;
            let dynamic = self.dynamic_anchors.get(root).and_then(|anchors| anchors.get(fragment));
            return Some(match dynamic.filter(|dynamic| *dynamic == location) {
                Some(location) => Target::Dynamic(fragment.to_owned(), location.clone()),
                None => Target::Schema(location.clone()),
            });
        }
        let segments =
            fragment.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~"));
        let location = segments.fold(root.clone(), |location, segment| location.join(segment));
        let definition = definitions.of(root.source)?;
        let may_be_schema = definition.is_schema || is_inside_schema(&location.pointer.segments());
        let value = at(&definition.document, &location)?;
        (may_be_schema && (value.is_object() || value.is_boolean())).then_some(Target::Schema(location))
    }

    /// The location of the `$recursiveAnchor` of a resource, which an outer schema may replace.
    pub(crate) fn recursive_anchor(&self, root: &Location) -> Option<&Location> {
        self.dynamic_anchors.get(root)?.get("")
    }
}

/// The value at a location of its document.
pub(crate) fn at<'v>(document: &'v Value, location: &Location) -> Option<&'v Value> {
    location.pointer.segments().iter().try_fold(document, |value, segment| match value {
        Value::Object(members) => members.get(*segment),
        Value::Array(items) if segment.bytes().all(|byte| byte.is_ascii_digit()) => {
            items.get(segment.parse::<usize>().ok()?)
        }
        _ => None,
    })
}

/// The payload or result that contains a location, or else its file.
fn document(location: &Location) -> Location {
    match location.pointer.segments().as_slice() {
        ["channels", _, "topics" | "signals", _, "payload", ..] => location.ancestor(5),
        ["channels", _, "result", ..] => location.ancestor(3),
        _ => location.ancestor(0),
    }
}

/// Returns `true` for a path into a schema of a definition file: a type, a param, a payload or a result.
fn is_inside_schema(segments: &[&str]) -> bool {
    matches!(
        segments,
        ["$defs" | "definitions", _, ..]
            | ["channels", _, "params", _, ..]
            | ["channels", _, "topics" | "signals", _, "payload", ..]
            | ["channels", _, "result", ..]
    )
}

fn nothing_there(
    reference: &str,
    fragment: &str,
    roots: &[Location],
    location: &Location,
    definitions: &Definitions,
) -> Diagnostic {
    let error = |message: String| Diagnostic::at(Code::Reference, location, message);
    let source = roots.last().map_or(location.source, |root| root.source);
    let Some(key) = ["/$defs/", "/definitions/"].iter().find_map(|start| fragment.strip_prefix(start)) else {
        return error(format!("`{reference}` does not refer to a type"))
            .help("write `#/$defs/Name`, or `other.yaml#/$defs/Name` for a type in another file");
    };
    let document = definitions.of(source).map(|definition| &definition.document);
    let known = ["$defs", "definitions"]
        .into_iter()
        .flat_map(|key| members(document.and_then(|document| document.get(key))))
        .map(|(name, _)| name.as_str());
    let diagnostic = error(format!("type `{key}` not found in `$defs`"));
    match closest(key, known) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("declare it under `$defs`"),
    }
}

fn unknown_dialect(uri: &str, location: &Location) -> Diagnostic {
    Diagnostic::at(Code::Dialect, location, format!("unknown JSON Schema draft `{uri}`"))
        .note("supported drafts are draft-04, draft-06, draft-07, 2019-09 and 2020-12")
        .help("write `$schema: https://json-schema.org/draft/2020-12/schema`, or remove it")
}

fn members(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

/// Resolves a reference to an absolute URI, or returns it unchanged if it is not a URI.
fn joined(base: &str, reference: &str) -> String {
    let absolute = || {
        let base = Uri::parse(without_fragment(base)).ok()?;
        let reference = UriRef::parse(reference).ok()?;
        Some(reference.resolve_against(&base).ok()?.normalize().to_string())
    };
    absolute().unwrap_or_else(|| reference.to_owned())
}

/// Decodes the percent-encoding of a URI.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = (*first == b'%').then(|| tail.get(..2)).flatten();
        let decoded = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
