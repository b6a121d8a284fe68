//! Lowers definitions: schemas of any draft become [`Rules`] in one form, and channels get their parts.

mod addresses;
mod channels;
mod keywords;
mod limits;
mod notes;
mod open_enum;
mod roots;

use std::collections::HashMap;
use std::rc::Rc;

use indexmap::IndexMap;
use serde_json::Value;

pub(crate) use addresses::may_be_in_param;
pub(crate) use channels::LoweredChannel;
pub(crate) use limits::{INTEGER_FORMATS, UNCHECKED_FORMATS};
pub(crate) use roots::{Naming, Roots};

use crate::definition::{
    Definitions, Dependency, Dialect, DynamicAnchors, Keywords, Resources, SchemaNode, Target, TypeName,
    TypeNames, at, node,
};
use crate::diagnostics::{Code, Diagnostic, Location, Sources};
use crate::model::{Condition, Contains, Format, Items, Kinds, Members, Notes, Number, Rules, RulesId, Text};

/// The limit for schemas if `$dynamicRef`s multiply them by the paths to them.
const MAX_SCHEMAS: usize = 2_000;

/// The definitions in the terms of draft 2020-12, with all references resolved.
#[derive(Default)]
pub(crate) struct Lowered {
    /// The schemas of payloads, params and `$defs`, and all that they refer to.
    pub(crate) schemas: Vec<LoweredSchema>,
    pub(crate) roots: Roots,
    pub(crate) channels: Vec<LoweredChannel>,
}

/// A schema that others can refer to.
pub(crate) struct LoweredSchema {
    pub(crate) rules: Rules,
    pub(crate) location: Location,
    /// Index into [`Model::modules`](crate::model::Model::modules).
    pub(crate) module: usize,
    /// The meaning of a part depends on the path to it.
    pub(crate) is_dynamic: bool,
}

/// Lowers all definitions. Adds a diagnostic for everything that is not allowed.
pub(crate) fn lower(
    definitions: &Definitions,
    sources: &Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Lowered {
    let resources = Resources::of(definitions, diagnostics);
    let mut lowering = Lowering {
        definitions,
        sources,
        resources,
        lowered: Lowered::default(),
        diagnostics,
        by_location: HashMap::new(),
        nodes: HashMap::new(),
        pending: Vec::new(),
        has_too_many: false,
        ignored: keywords::Ignored::default(),
    };
    lowering.definitions_of_all_files();
    lowering.channels_of_all_files();
    lowering.finish();
    lowering.diagnostics.extend(lowering.ignored.warnings());
    lowering.lowered
}

/// A schema that is referred to and not lowered yet.
struct Pending {
    id: RulesId,
    dynamic_scope: DynamicAnchors,
}

struct Lowering<'d> {
    definitions: &'d Definitions,
    sources: &'d Sources,
    resources: Resources,
    lowered: Lowered,
    diagnostics: &'d mut Vec<Diagnostic>,
    by_location: HashMap<(Location, DynamicAnchors), RulesId>,
    /// The schemas that were parsed so far.
    nodes: HashMap<Location, Rc<SchemaNode>>,
    pending: Vec<Pending>,
    has_too_many: bool,
    ignored: keywords::Ignored,
}

impl Lowering<'_> {
    /// Lowers the schemas that others refer to, until none is pending.
    fn finish(&mut self) {
        while let Some(Pending { id, dynamic_scope }) = self.pending.pop().filter(|_| !self.has_too_many) {
            let location = self.lowered.schemas[id.0].location.clone();
            let node = self.node_at(&location);
            self.lowered.schemas[id.0].rules =
                InScope { lowering: self, dynamic_scope }.node(&node, &location);
        }
    }

    /// The schema at a location of a document.
    fn node_at(&mut self, location: &Location) -> Rc<SchemaNode> {
        if let Some(node) = self.nodes.get(location) {
            return Rc::clone(node);
        }
        let document = self.definitions.of(location.source).map(|definition| &definition.document);
        let value = document.and_then(|document| at(document, location));
        self.parse(value.unwrap_or(&Value::Bool(true)), location)
    }

    /// Parses the schema at a location, and checks its keywords.
    fn parse(&mut self, value: &Value, location: &Location) -> Rc<SchemaNode> {
        let node = match node::<SchemaNode>(location, value) {
            Ok(node) => {
                let (resources, definitions) = (&self.resources, self.definitions);
                let mut check = keywords::Check {
                    dialect_at: &|location| resources.dialect(location),
                    is_foreign: definitions
                        .of(location.source)
                        .is_some_and(|definition| definition.is_schema),
                    ignored: &mut self.ignored,
                    diagnostics: self.diagnostics,
                };
                check.node(&node, location, true, 0);
                node
            }
            Err(diagnostic) => {
                self.diagnostics.push(diagnostic);
                SchemaNode::Bool(true)
            }
        };
        let node = Rc::new(node);
        self.nodes.insert(location.clone(), Rc::clone(&node));
        node
    }

    /// The schema at a location, which is lowered later.
    fn schema_at(&mut self, location: &Location, dynamic_scope: &DynamicAnchors) -> RulesId {
        let dynamic_scope = self.resources.enter(location, dynamic_scope);
        let key = (location.clone(), dynamic_scope);
        if let Some(id) = self.by_location.get(&key) {
            return *id;
        }
        let id = RulesId(self.lowered.schemas.len());
        if id.0 >= MAX_SCHEMAS && !key.1.is_empty() {
            return self.one_too_many(location);
        }
        self.pending.push(Pending { id, dynamic_scope: key.1.clone() });
        self.by_location.insert(key, id);
        self.lowered.schemas.push(LoweredSchema {
            rules: Rules::default(),
            location: location.clone(),
            module: self.module_of(location),
            is_dynamic: self.resources.are_dynamic(location),
        });
        id
    }

    /// Reports once that the limit is reached, and returns a placeholder.
    fn one_too_many(&mut self, location: &Location) -> RulesId {
        if !std::mem::replace(&mut self.has_too_many, true) {
            let message = "too many combinations of dynamic anchors apply to this schema";
            self.diagnostics.push(
                Diagnostic::at_key(Code::Reference, location, message)
                    .note(format!(
                        "each path of references can set other `$dynamicAnchor`s; the limit is {MAX_SCHEMAS} schemas that differ by them"
                    ))
                    .help("give fewer schemas a `$dynamicAnchor`, or move fewer of them into schemas with their own `$id`"),
            );
        }
        RulesId(0)
    }

    /// The target of a reference, or `None` after reporting that it cannot be resolved.
    fn target(&mut self, reference: &str, location: &Location) -> Option<Target> {
        match self.resources.resolve(reference, location, self.definitions, self.sources) {
            Ok(target) => Some(target),
            Err(diagnostic) => {
                self.diagnostics.push(*diagnostic);
                None
            }
        }
    }

    /// The file of a location, as an index into the model's modules.
    fn module_of(&self, location: &Location) -> usize {
        self.definitions.index_of(location.source).unwrap_or_default()
    }
}

/// The lowering of one schema and its parts.
struct InScope<'l, 'd> {
    lowering: &'l mut Lowering<'d>,
    /// The dynamic anchors that the path to this schema sets.
    dynamic_scope: DynamicAnchors,
}

impl InScope<'_, '_> {
    fn node(&mut self, node: &SchemaNode, location: &Location) -> Rules {
        let keywords = match node {
            SchemaNode::Bool(true) => return Rules { notes: Notes::at(location), ..Rules::default() },
            SchemaNode::Bool(false) => return Rules { notes: Notes::at(location), ..Rules::never() },
            SchemaNode::Keywords(keywords) => keywords,
        };
        let dialect = self.lowering.resources.dialect(location);
        if keywords.nullable == Some(true) {
            let own = Keywords { nullable: None, ..keywords.clone() };
            let own = self.node(&SchemaNode::Keywords(own), location);
            let null = Rules { kinds: Kinds::NULL, notes: Notes::at(location), ..Rules::default() };
            return Rules { notes: own.notes.clone(), any_of: vec![own, null], ..Rules::default() };
        }
        if dialect.reference_stands_alone() && keywords.reference.is_some() {
            return self.keywords(&keywords.only_reference(), dialect, location);
        }
        if keywords.id.is_none() || !self.lowering.resources.are_dynamic(location) {
            return self.keywords(keywords, dialect, location);
        }
        let inside = self.lowering.resources.enter(location, &self.dynamic_scope);
        let outside = std::mem::replace(&mut self.dynamic_scope, inside);
        let rules = self.keywords(keywords, dialect, location);
        self.dynamic_scope = outside;
        rules
    }

    fn keywords(&mut self, keywords: &Keywords, dialect: Dialect, location: &Location) -> Rules {
        // Keywords that the draft does not have are ignored in schemas for other tools, and errors elsewhere.
        let keywords = &keywords.without(|keyword| dialect.refuses(keyword).is_some());
        let mut rules = Rules {
            notes: notes::read(keywords, location),
            kinds: keywords.type_.as_ref().map_or(Kinds::ANY, kinds),
            number: number(keywords),
            text: text(keywords),
            array: self.items(keywords, location),
            object: self.members(keywords, location),
            references: self.references(keywords, location),
            all_of: self.list(keywords.all_of.as_deref(), location, "allOf"),
            any_of: self.list(keywords.any_of.as_deref(), location, "anyOf"),
            one_of: self.list(keywords.one_of.as_deref(), location, "oneOf"),
            not: self.boxed(keywords.not.as_deref(), location, "not"),
            condition: self.condition(keywords, location),
            unevaluated_items: self.boxed(
                keywords.unevaluated_items.as_deref(),
                location,
                "unevaluatedItems",
            ),
            unevaluated_properties: self.boxed(
                keywords.unevaluated_properties.as_deref(),
                location,
                "unevaluatedProperties",
            ),
            values: None,
        };
        self.values(keywords, location, &mut rules);
        if dialect == Dialect::Draft2019
            && let Some(contains) = rules.array.contains.take()
        {
            // In this draft, `contains` does not mark items as evaluated. Neither does a schema under `not`.
            let array = Items { contains: Some(contains), ..Items::default() };
            let negated =
                Rules { not: Some(Box::new(Rules { array, ..Rules::default() })), ..Rules::default() };
            rules.all_of.push(Rules { not: Some(Box::new(negated)), ..Rules::default() });
        }
        rules
    }

    /// Lowers `const`, `enum` and `x-open`.
    fn values(&mut self, keywords: &Keywords, location: &Location, rules: &mut Rules) {
        if keywords.open == Some(true) {
            match open_enum::take_values(keywords, rules) {
                // An open enum lists known values and fixes their kind; it does not restrict the values.
                Some(known) => {
                    let kinds = known.iter().map(|(value, _)| kind_of(value)).fold(Kinds::NONE, Kinds::or);
                    rules.kinds = rules.kinds.and(kinds);
                    open_enum::check(keywords, kinds, location, self.lowering.diagnostics);
                    rules.notes.known = Some(known);
                }
                None if keywords.one_of.is_some() || keywords.any_of.is_some() => rules.notes.open = true,
                None => {
                    let message = "`x-open` requires an `enum`, or a `oneOf` of tagged objects or constants";
                    self.lowering.diagnostics.push(Diagnostic::at_key(
                        Code::CannotBeOpen,
                        &location.join("x-open"),
                        message,
                    ));
                }
            }
        }
        let values = [
            keywords.enumeration.clone().filter(|_| keywords.open != Some(true)),
            keywords.constant.clone().map(|value| vec![value]),
        ];
        for values in values.into_iter().flatten() {
            match rules.values {
                None => rules.values = Some(values),
                Some(_) => rules.all_of.push(Rules { values: Some(values), ..Rules::default() }),
            }
        }
    }

    fn items(&mut self, keywords: &Keywords, location: &Location) -> Items {
        let (first, first_key) = keywords.first_items();
        let contains = keywords.contains.as_deref().map(|node| {
            Box::new(Contains {
                rules: self.node(node, &location.join("contains")),
                min: keywords.min_contains.unwrap_or(1),
                max: keywords.max_contains,
            })
        });
        Items {
            prefix: self.list(Some(first), location, first_key),
            rest: keywords.other_items().and_then(|(node, key)| self.boxed(Some(node), location, key)),
            contains,
            min_items: keywords.min_items.filter(|least| *least > 0),
            max_items: keywords.max_items,
            unique: keywords.unique_items == Some(true),
        }
    }

    fn members(&mut self, keywords: &Keywords, location: &Location) -> Members {
        let mut members = Members {
            properties: self.map(keywords.properties.as_ref(), location, "properties"),
            patterns: self.map(keywords.pattern_properties.as_ref(), location, "patternProperties"),
            others: self.boxed(keywords.additional_properties.as_deref(), location, "additionalProperties"),
            names: self.boxed(keywords.property_names.as_deref(), location, "propertyNames"),
            required: distinct(keywords.required.as_deref().unwrap_or_default()),
            dependent_required: Vec::new(),
            dependent_schemas: self.map(keywords.dependent_schemas.as_ref(), location, "dependentSchemas"),
            min_properties: keywords.min_properties.filter(|least| *least > 0),
            max_properties: keywords.max_properties,
        };
        for (pattern, _) in &mut members.patterns {
            *pattern = limits::with_unicode(pattern).unwrap_or_default();
        }
        let named = keywords.dependent_required.iter().flatten();
        members.dependent_required.extend(named.map(|(name, others)| (name.clone(), distinct(others))));
        for (name, dependency) in keywords.dependencies.iter().flatten() {
            match dependency {
                Dependency::Names(others) => {
                    members.dependent_required.push((name.clone(), distinct(others)));
                }
                Dependency::Schema(node) => {
                    let location = location.join("dependencies").join(name);
                    members.dependent_schemas.push((name.clone(), self.node(node, &location)));
                }
            }
        }
        members
    }

    fn condition(&mut self, keywords: &Keywords, location: &Location) -> Option<Box<Condition>> {
        let mut branch = |node: Option<&SchemaNode>, key: &str| {
            node.map_or_else(Rules::default, |node| self.node(node, &location.join(key)))
        };
        Some(Box::new(Condition {
            test: branch(Some(keywords.condition.as_deref()?), "if"),
            then: branch(keywords.then.as_deref(), "then"),
            otherwise: branch(keywords.otherwise.as_deref(), "else"),
        }))
    }

    fn references(&mut self, keywords: &Keywords, location: &Location) -> Vec<RulesId> {
        let mut references = Vec::new();
        if let Some(reference) = &keywords.reference {
            let target = self.lowering.target(reference, &location.join("$ref")).map(Target::into_location);
            references.extend(target.flatten().map(|target| self.named(&target)));
        }
        if let Some(reference) = &keywords.dynamic_reference {
            let target = match self.lowering.target(reference, &location.join("$dynamicRef")) {
                Some(Target::Dynamic(name, target)) => {
                    Some(self.dynamic_scope.get(&name).cloned().unwrap_or(target))
                }
                target => target.and_then(Target::into_location),
            };
            references.extend(target.map(|target| self.named(&target)));
        }
        if let Some(reference) = &keywords.recursive_reference {
            let target = self.lowering.target(reference, &location.join("$recursiveRef"));
            let target = target.and_then(Target::into_location).map(|target| {
                let anchor = self.lowering.resources.recursive_anchor(&target);
                anchor.and_then(|_| self.dynamic_scope.get("")).cloned().unwrap_or(target)
            });
            references.extend(target.map(|target| self.named(&target)));
        }
        references
    }

    fn named(&mut self, location: &Location) -> RulesId {
        self.lowering.schema_at(location, &self.dynamic_scope)
    }

    /// Lowers the schema that a keyword holds.
    fn boxed(&mut self, node: Option<&SchemaNode>, location: &Location, key: &str) -> Option<Box<Rules>> {
        node.map(|node| Box::new(self.node(node, &location.join(key))))
    }

    /// Lowers the schemas that a keyword lists.
    fn list(&mut self, nodes: Option<&[SchemaNode]>, location: &Location, key: &str) -> Vec<Rules> {
        let Some(nodes) = nodes.filter(|nodes| !nodes.is_empty()) else { return Vec::new() };
        let location = location.join(key);
        nodes.iter().enumerate().map(|(at, node)| self.node(node, &location.join(at))).collect()
    }

    /// Lowers the schemas that a keyword names.
    fn map(
        &mut self,
        nodes: Option<&IndexMap<String, SchemaNode>>,
        location: &Location,
        key: &str,
    ) -> Vec<(String, Rules)> {
        let Some(nodes) = nodes else { return Vec::new() };
        let location = location.join(key);
        nodes.iter().map(|(name, node)| (name.clone(), self.node(node, &location.join(name)))).collect()
    }
}

/// The kinds that a `type` names.
fn kinds(names: &TypeNames) -> Kinds {
    let of = |name: &TypeName| match name {
        TypeName::Null => Kinds::NULL,
        TypeName::Boolean => Kinds::BOOLEAN,
        TypeName::Integer => Kinds::INTEGER,
        TypeName::Number => Kinds::NUMBER,
        TypeName::String => Kinds::STRING,
        TypeName::Array => Kinds::ARRAY,
        TypeName::Object => Kinds::OBJECT,
    };
    match names {
        TypeNames::One(name) => of(name),
        TypeNames::Several(names) => names.iter().map(of).fold(Kinds::NONE, Kinds::or),
    }
}

fn number(keywords: &Keywords) -> Number {
    let mut number = limits::of_number(keywords);
    if let Some((least, most)) = limits::integer_format(keywords) {
        number.minimum = Some(number.minimum.map_or(least, |limit| limit.max(least)));
        number.maximum = Some(number.maximum.map_or(most, |limit| limit.min(most)));
    }
    number
}

fn text(keywords: &Keywords) -> Text {
    Text {
        format: keywords.format.as_deref().and_then(|format| text_format(format, keywords)),
        ..limits::of_text(keywords)
    }
}

/// The grammar that a `format` names. `int64` and `uint64` apply only if the `type` allows strings.
fn text_format(format: &str, keywords: &Keywords) -> Option<Format> {
    let says_string = keywords.type_.as_ref().is_some_and(|names| kinds(names).contains(Kinds::STRING));
    match format {
        "int64" if says_string => Some(Format::Int64),
        "uint64" if says_string => Some(Format::Uint64),
        _ => Format::STRING_FORMATS.into_iter().find(|known| known.name() == format),
    }
}

fn distinct(names: &[String]) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for name in names {
        if !distinct.contains(name) {
            distinct.push(name.clone());
        }
    }
    distinct
}

/// Returns `true` if the value has one of the kinds.
pub(crate) fn is_of_kind(value: &Value, kinds: Kinds) -> bool {
    kinds.contains(kind_of(value))
}

fn kind_of(value: &Value) -> Kinds {
    match value {
        Value::Null => Kinds::NULL,
        Value::Bool(_) => Kinds::BOOLEAN,
        Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => {
            Kinds::INTEGER
        }
        Value::Number(_) => Kinds::NUMBER,
        Value::String(_) => Kinds::STRING,
        Value::Array(_) => Kinds::ARRAY,
        Value::Object(_) => Kinds::OBJECT,
    }
}
