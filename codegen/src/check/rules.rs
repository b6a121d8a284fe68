//! Lowers schemas to rules, keyword by keyword and without loss.

use serde_json::Value;

use super::types::Types;
use super::{alternatives, limits};
use crate::definition::{
    Dependency, Dialect, DynamicAnchors, Keywords, SchemaNode, Target, TypeName, TypeNames,
};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::model::{
    Condition, Contains, Format, Items, Kinds, Members, NamedRules, Number, Rules, RulesId, Text, Type,
};
use crate::names::Name;

/// The limit for rules if `$dynamicRef`s multiply schemas by the paths to them.
const MAX_RULES: usize = 2_000;

/// A schema that rules refer to and that is not lowered yet.
pub(super) struct PendingRules {
    id: RulesId,
    place: Place,
    way: DynamicAnchors,
}

/// Lowers the schema at a location.
pub(super) fn of(types: &mut Types<'_>, node: &SchemaNode, place: &Place) -> Rules {
    let way = types.resources.enter(place, &DynamicAnchors::new());
    Lowering { types, way }.node(node, place)
}

/// Lowers the schemas that rules refer to, until none is pending.
pub(super) fn lower_pending(types: &mut Types<'_>) {
    while let Some(PendingRules { id, place, way }) =
        types.pending_rules.pop().filter(|_| !types.has_too_many_rules)
    {
        let node = types.node_at(&place);
        types.model.rules[id.0].rules = Lowering { types, way }.node(&node, &place);
    }
}

/// Replaces a type's rules by a reference if the same rules have a name already.
pub(super) fn share(types: &mut Types<'_>) {
    for (at, place) in types.places.iter().enumerate() {
        let Type::Checked(checked) = &mut types.model.types[at].shape else { continue };
        let way = types.resources.enter(place, &DynamicAnchors::new());
        if let Some(id) = types.rules_by_place.get(&(place.clone(), way))
            && types.model.rules[id.0].rules == checked.rules
        {
            checked.rules = Rules { references: vec![*id], ..Rules::default() };
        }
    }
}

/// The lowering of one schema.
struct Lowering<'t, 'd> {
    types: &'t mut Types<'d>,
    /// The dynamic anchors that the path to this schema sets.
    way: DynamicAnchors,
}

impl Lowering<'_, '_> {
    fn node(&mut self, node: &SchemaNode, place: &Place) -> Rules {
        let keywords = match node {
            SchemaNode::Bool(true) => return Rules::default(),
            SchemaNode::Bool(false) => return Rules::never(),
            SchemaNode::Keywords(keywords) => keywords,
        };
        let dialect = self.types.resources.dialect(place);
        if dialect.reference_stands_alone() && keywords.reference.is_some() {
            return self.keywords(&keywords.only_reference(), dialect, place);
        }
        if keywords.id.is_none() || !self.types.resources.are_dynamic(place) {
            return self.keywords(keywords, dialect, place);
        }
        let inside = self.types.resources.enter(place, &self.way);
        let outside = std::mem::replace(&mut self.way, inside);
        let rules = self.keywords(keywords, dialect, place);
        self.way = outside;
        rules
    }

    fn keywords(&mut self, keywords: &Keywords, dialect: Dialect, place: &Place) -> Rules {
        let mut rules = Rules {
            kinds: keywords.type_.as_ref().map_or(Kinds::ANY, kinds),
            number: number(keywords),
            text: text(keywords),
            array: self.items(keywords, place),
            object: self.members(keywords, place),
            references: self.references(keywords, place),
            all_of: self.list(keywords.all_of.as_deref(), &place.join("allOf")),
            any_of: self.list(keywords.any_of.as_deref(), &place.join("anyOf")),
            one_of: self.list(keywords.one_of.as_deref(), &place.join("oneOf")),
            not: self.boxed(keywords.not.as_deref(), &place.join("not")),
            condition: self.condition(keywords, place),
            unevaluated_items: self
                .boxed(keywords.unevaluated_items.as_deref(), &place.join("unevaluatedItems")),
            unevaluated_properties: self
                .boxed(keywords.unevaluated_properties.as_deref(), &place.join("unevaluatedProperties")),
            values: None,
        };
        // An open enum lists known values and fixes their kind; it does not restrict the values.
        let open = keywords.open == Some(true);
        if let Some(known) = keywords.enumeration.as_ref().filter(|_| open) {
            rules.kinds = rules.kinds.and(known.iter().map(kind_of).fold(Kinds::NONE, Kinds::or));
        } else if open && (keywords.one_of.is_some() || keywords.any_of.is_some()) {
            self.types.diagnostics.push(alternatives::cannot_be_open(place));
        }
        let values = [
            keywords.enumeration.clone().filter(|_| !open),
            keywords.constant.clone().map(|value| vec![value]),
        ];
        for values in values.into_iter().flatten() {
            match rules.values {
                None => rules.values = Some(values),
                Some(_) => rules.all_of.push(Rules { values: Some(values), ..Rules::default() }),
            }
        }
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

    fn items(&mut self, keywords: &Keywords, place: &Place) -> Items {
        let (first, first_key) = keywords.first_items();
        let contains = keywords.contains.as_deref().map(|node| {
            Box::new(Contains {
                rules: self.node(node, &place.join("contains")),
                min: keywords.min_contains.unwrap_or(1),
                max: keywords.max_contains,
            })
        });
        Items {
            prefix: self.list(Some(first), &place.join(first_key)),
            rest: keywords.other_items().map(|(node, key)| Box::new(self.node(node, &place.join(key)))),
            contains,
            min_items: keywords.min_items.filter(|least| *least > 0),
            max_items: keywords.max_items,
            unique: keywords.unique_items == Some(true),
        }
    }

    fn members(&mut self, keywords: &Keywords, place: &Place) -> Members {
        let mut members = Members {
            properties: self.map(keywords.properties.iter().flatten(), &place.join("properties")),
            patterns: self
                .map(keywords.pattern_properties.iter().flatten(), &place.join("patternProperties")),
            others: self
                .boxed(keywords.additional_properties.as_deref(), &place.join("additionalProperties")),
            names: self.boxed(keywords.property_names.as_deref(), &place.join("propertyNames")),
            required: distinct(keywords.required.as_deref().unwrap_or_default()),
            dependent_required: Vec::new(),
            dependent_schemas: self
                .map(keywords.dependent_schemas.iter().flatten(), &place.join("dependentSchemas")),
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
                    let place = place.join("dependencies").join(name);
                    members.dependent_schemas.push((name.clone(), self.node(node, &place)));
                }
            }
        }
        members
    }

    fn condition(&mut self, keywords: &Keywords, place: &Place) -> Option<Box<Condition>> {
        let mut branch = |node: Option<&SchemaNode>, key: &str| {
            node.map_or_else(Rules::default, |node| self.node(node, &place.join(key)))
        };
        Some(Box::new(Condition {
            test: branch(Some(keywords.condition.as_deref()?), "if"),
            then: branch(keywords.then.as_deref(), "then"),
            otherwise: branch(keywords.otherwise.as_deref(), "else"),
        }))
    }

    fn references(&mut self, keywords: &Keywords, place: &Place) -> Vec<RulesId> {
        let mut references = Vec::new();
        if let Some(reference) = &keywords.reference {
            let target = self.types.target(reference, &place.join("$ref")).map(Target::into_place);
            references.extend(target.flatten().map(|target| self.named(target)));
        }
        if let Some(reference) = &keywords.dynamic_reference {
            let target = match self.types.target(reference, &place.join("$dynamicRef")) {
                Some(Target::Dynamic(name, target)) => Some(self.way.get(&name).cloned().unwrap_or(target)),
                target => target.and_then(Target::into_place),
            };
            references.extend(target.map(|target| self.named(target)));
        }
        if let Some(reference) = &keywords.recursive_reference {
            let target = self.types.target(reference, &place.join("$recursiveRef"));
            let target = target.and_then(Target::into_place).map(|target| {
                let anchor = self.types.resources.recursive_anchor(&target);
                anchor.and_then(|_| self.way.get("")).cloned().unwrap_or(target)
            });
            references.extend(target.map(|target| self.named(target)));
        }
        references
    }

    /// The rules of a schema that others refer to.
    fn named(&mut self, place: Place) -> RulesId {
        let way = self.types.resources.enter(&place, &self.way);
        if let Some(id) = self.types.rules_by_place.get(&(place.clone(), way.clone())) {
            return *id;
        }
        let id = RulesId(self.types.model.rules.len());
        if id.0 >= MAX_RULES && !way.is_empty() {
            return self.one_too_many(&place);
        }
        self.types.rules_by_place.insert((place.clone(), way.clone()), id);
        let (name, module) = (self.types.name_of_rules(&place), self.types.module_of(&place));
        self.types.model.rules.push(NamedRules { name, module, rules: Rules::default() });
        self.types.places_of_rules.push(place.clone());
        self.types.pending_rules.push(PendingRules { id, place, way });
        id
    }

    /// Reports once that the limit is reached, and returns a placeholder.
    fn one_too_many(&mut self, place: &Place) -> RulesId {
        if !std::mem::replace(&mut self.types.has_too_many_rules, true) {
            let message = "too many combinations of dynamic anchors apply to this schema";
            self.types.diagnostics.push(
                Diagnostic::at_key(Code::Reference, place, message)
                    .note(format!(
                        "each path of references can set other `$dynamicAnchor`s; the limit is {MAX_RULES} schemas that differ by them"
                    ))
                    .help("give fewer schemas a `$dynamicAnchor`, or move fewer of them into schemas with their own `$id`"),
            );
        }
        RulesId(0)
    }

    fn boxed(&mut self, node: Option<&SchemaNode>, place: &Place) -> Option<Box<Rules>> {
        node.map(|node| Box::new(self.node(node, place)))
    }

    fn list(&mut self, nodes: Option<&[SchemaNode]>, place: &Place) -> Vec<Rules> {
        let nodes = nodes.unwrap_or_default().iter().enumerate();
        nodes.map(|(at, node)| self.node(node, &place.join(at))).collect()
    }

    fn map<'n>(
        &mut self,
        nodes: impl Iterator<Item = (&'n String, &'n SchemaNode)>,
        place: &Place,
    ) -> Vec<(String, Rules)> {
        nodes.map(|(name, node)| (name.clone(), self.node(node, &place.join(name)))).collect()
    }
}

impl Types<'_> {
    fn name_of_rules(&mut self, place: &Place) -> String {
        let pascal = |segment: &&str| Name::new(segment).map(|name| name.pascal);
        let last = place.pointer.segments().iter().rev().find_map(pascal);
        let base = last.unwrap_or_else(|| "Root".to_owned());
        // Names that differ only by case would be the same static in Rust.
        let key = |name: &str| name.to_lowercase();
        let count = self.counts_of_names.entry(key(&base)).or_insert(1);
        let mut name = base.clone();
        while !self.names_of_rules.insert(key(&name)) {
            *count += 1;
            name = format!("{base}{count}");
        }
        name
    }
}

/// The kinds that a `type` names.
pub(super) fn kinds(names: &TypeNames) -> Kinds {
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
        _ => Format::of_keyword(format),
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
pub(super) fn is_of_kind(value: &Value, kinds: Kinds) -> bool {
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
