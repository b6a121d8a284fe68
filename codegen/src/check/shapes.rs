//! The types of schemas that no type expresses exactly. Each type holds every value that its schema allows, and as few
//! others as a simple type permits.

use std::collections::HashSet;

use serde_json::Value;

use super::naming::Naming;
use super::types::{MAX_REFERENCE_DEPTH, SCALAR_KEYWORDS, Types, keywords_of};
use super::{alternatives, objects};
use crate::definition::{Dependency, Keywords, SchemaNode, Target, TypeName, TypeNames};
use crate::diagnostics::Place;
use crate::model::{Additional, Array, Integer, MAX_INTEGER, Number, Object, Text, Type, TypeId};

/// A type that holds all values of the schema: any JSON value if the schema does not describe their shape.
pub(super) fn of(types: &mut Types<'_>, keywords: &Keywords, place: &Place, naming: &Naming) -> Type {
    if keywords.constant.is_some() || keywords.enumeration.is_some() {
        let own = keywords.only(&["const", "enum", "type", "x-open"]);
        return alternatives::values(types, &own, place);
    }
    if let (Some(reference), ["$ref"]) = (&keywords.reference, keywords.assertions().as_slice()) {
        return types.reference(reference, &place.join("$ref"));
    }
    if let Some(object) = object(types, keywords, place, naming) {
        return object;
    }
    match &keywords.type_ {
        Some(TypeNames::One(name)) => {
            let own = keywords.only(keywords_of(*name));
            return types.of_type(*name, &own, place, naming).unwrap_or_else(|| plain(*name));
        }
        Some(TypeNames::Several(names)) => {
            let own = Keywords { format: None, ..keywords.clone() };
            let union = alternatives::kinds_union(types, names, &own, place, naming, false);
            return union.unwrap_or(Type::Any);
        }
        None => {}
    }
    // A type from one keyword may drop properties that another keyword describes.
    let shape = of_applicator(types, keywords, place, naming);
    if speaks_of_members(keywords) && leaves_out(types, &shape, &mut HashSet::new()) {
        Type::Any
    } else {
        shape
    }
}

/// A type from one of the keywords that apply other schemas to the same value.
fn of_applicator(types: &mut Types<'_>, keywords: &Keywords, place: &Place, naming: &Naming) -> Type {
    if let Some(reference) = &keywords.reference {
        return types.reference(reference, &place.join("$ref"));
    }
    for (at, part) in keywords.all_of.iter().flatten().enumerate() {
        if says_something(part) {
            return types.structure(part, &place.join("allOf").join(at), naming).shape().clone();
        }
    }
    for key in ["oneOf", "anyOf"] {
        let own = keywords.only(&[key, "x-open"]);
        if own.assertions().contains(&key) {
            let union = alternatives::union(types, &own, place, naming);
            return union.or_else(|| of_one_kind(&own)).unwrap_or(Type::Any);
        }
    }
    Type::Any
}

/// Returns `true` if more than one keyword may describe the contents of an object or an array.
fn speaks_of_members(keywords: &Keywords) -> bool {
    let others =
        keywords.assertions().into_iter().filter(|keyword| !SCALAR_KEYWORDS.contains(keyword)).count();
    others + keywords.all_of.as_ref().map_or(0, |parts| parts.len().saturating_sub(1)) > 1
}

/// Returns `true` if decoding the type drops undeclared properties.
pub(super) fn leaves_out(types: &mut Types<'_>, shape: &Type, seen: &mut HashSet<TypeId>) -> bool {
    match shape {
        Type::Object(object) if object.additional == Additional::Ignored => true,
        Type::Tagged(_) => true,
        Type::Named(id) if seen.insert(*id) => match types.shape_of(*id).cloned() {
            Some(shape) => leaves_out(types, &shape, seen),
            None => true,
        },
        shape => shape.children().into_iter().any(|part| leaves_out(types, part, seen)),
    }
}

/// Returns `true` if a part of an `allOf` restricts the kinds of values.
fn says_something(part: &SchemaNode) -> bool {
    let SchemaNode::Keywords(keywords) = part else { return false };
    let telling = ["$ref", "type", "enum", "const", "oneOf", "anyOf"];
    keywords.assertions().iter().any(|keyword| telling.contains(keyword))
}

/// The type of the one kind that all alternatives have.
fn of_one_kind(keywords: &Keywords) -> Option<Type> {
    let nodes = keywords.one_of.iter().chain(&keywords.any_of).flatten();
    let mut kinds = nodes.map(|node| match node {
        SchemaNode::Keywords(Keywords { type_: Some(TypeNames::One(name)), reference: None, .. }) => {
            Some(*name)
        }
        _ => None,
    });
    let first = kinds.next()??;
    kinds.all(|kind| kind == Some(first)).then(|| plain(first))
}

/// The type of all values of a kind.
fn plain(name: TypeName) -> Type {
    match name {
        TypeName::Null => Type::Null,
        TypeName::Boolean => Type::Boolean,
        TypeName::Integer => {
            Type::Integer(Integer { minimum: -MAX_INTEGER, maximum: MAX_INTEGER, multiple_of: None })
        }
        TypeName::Number => Type::Number(Number::default()),
        TypeName::String => Type::Text(Text::default()),
        TypeName::Array => {
            Type::Array(Array { items: Box::new(Type::Any), min_items: None, max_items: None })
        }
        TypeName::Object => Type::Map(Box::new(Type::Any)),
    }
}

/// The struct or map for the objects that a schema allows.
pub(super) fn objects(types: &mut Types<'_>, keywords: &Keywords, place: &Place, naming: &Naming) -> Type {
    object(types, keywords, place, naming).unwrap_or_else(|| plain(TypeName::Object))
}

/// The struct or map of a schema, or `None` if it allows other kinds too.
fn object(types: &mut Types<'_>, keywords: &Keywords, place: &Place, naming: &Naming) -> Option<Type> {
    let gathered = objects::gather(types, keywords, place);
    let known: HashSet<String> = gathered.declared.keys().chain(&gathered.required).cloned().collect();
    let gathered = gathered.without_refused();
    if !gathered.says_object {
        return None;
    }
    let any = || Type::Map(Box::new(Type::Any));
    if gathered.declared.is_empty() && gathered.required.is_empty() {
        let values = values_of_map(types, keywords, place, naming);
        return Some(values.map_or_else(any, |values| Type::Map(Box::new(values))));
    }
    let Some(names) = gathered.names() else { return Some(any()) };
    let mut others = Others { types, declared: &known, seen: HashSet::new() };
    let keeps_others = others.are_named_by(keywords, place);
    let clashes = names.iter().any(|name| name.snake == "additional");
    let additional = if keeps_others {
        if clashes {
            return Some(any());
        }
        Additional::Checked(Box::new(values_of_map(types, keywords, place, naming).unwrap_or(Type::Any)))
    } else {
        Additional::Ignored
    };
    let properties = gathered.properties(types, names, &Additional::Ignored, naming);
    Some(Type::Object(Object { properties, additional }))
}

/// The type of undeclared properties, if one schema describes all of them.
fn values_of_map(types: &mut Types<'_>, keywords: &Keywords, place: &Place, naming: &Naming) -> Option<Type> {
    let naming = naming.child("Value");
    let mut patterns = keywords.pattern_properties.iter().flatten();
    let others = keywords.additional_properties.as_deref();
    match (patterns.next(), others) {
        (None, Some(schema @ SchemaNode::Keywords(_))) => {
            Some(types.part(schema, &place.join("additionalProperties"), &naming))
        }
        (Some((pattern, schema @ SchemaNode::Keywords(_))), Some(SchemaNode::Bool(false))) => {
            let place = place.join("patternProperties").join(pattern);
            patterns.next().is_none().then(|| types.part(schema, &place, &naming))
        }
        _ => None,
    }
}

/// Finds out whether a schema describes undeclared properties, which the type must then keep.
struct Others<'o, 'd> {
    types: &'o mut Types<'d>,
    declared: &'o HashSet<String>,
    seen: HashSet<Place>,
}

/// Keywords whose schemas apply to the same value.
const SAME_VALUE: [&str; 9] =
    ["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies"];

impl Others<'_, '_> {
    fn are_named(&mut self, node: &SchemaNode, place: &Place) -> bool {
        match node {
            SchemaNode::Bool(_) => false,
            SchemaNode::Keywords(keywords) => self.are_named_by(keywords, place),
        }
    }

    fn are_named_by(&mut self, keywords: &Keywords, place: &Place) -> bool {
        let binds = |node: &Option<Box<SchemaNode>>| matches!(node.as_deref(), Some(SchemaNode::Keywords(_)));
        let holds_object = |value: &Value| value.is_object();
        if keywords.pattern_properties.as_ref().is_some_and(|patterns| !patterns.is_empty())
            || binds(&keywords.additional_properties)
            || binds(&keywords.unevaluated_properties)
            || keywords.property_names.is_some()
            || keywords.min_properties.is_some_and(|least| least > 0)
            || keywords.max_properties.is_some()
            || keywords.constant.as_ref().is_some_and(holds_object)
            || keywords.enumeration.iter().flatten().any(holds_object)
        {
            return true;
        }
        let declared = keywords.properties.iter().flatten().map(|(name, _)| name);
        let mut names = declared.chain(keywords.required.iter().flatten()).collect::<Vec<_>>();
        for (name, others) in keywords.dependent_required.iter().flatten() {
            names.push(name);
            names.extend(others);
        }
        for (name, dependency) in keywords.dependencies.iter().flatten() {
            names.push(name);
            if let Dependency::Names(others) = dependency {
                names.extend(others);
            }
        }
        names.extend(keywords.dependent_schemas.iter().flatten().map(|(name, _)| name));
        names.iter().any(|name| !self.declared.contains(*name)) || self.are_named_inside(keywords, place)
    }

    fn are_named_inside(&mut self, keywords: &Keywords, place: &Place) -> bool {
        let mut are_named = false;
        keywords.parts(&mut |steps, node| {
            let is_same_value = steps.first().is_some_and(|step| SAME_VALUE.contains(step));
            are_named = are_named || (is_same_value && self.are_named(node, &place.below(steps)));
        });
        are_named || self.are_named_there(keywords, place)
    }

    /// Follows a `$ref`. Returns `true` if it is dynamic or the chain is too long to follow.
    fn are_named_there(&mut self, keywords: &Keywords, place: &Place) -> bool {
        if keywords.dynamic_reference.is_some() || keywords.recursive_reference.is_some() {
            return true;
        }
        let Some(reference) = &keywords.reference else { return false };
        if self.seen.len() > MAX_REFERENCE_DEPTH {
            return true;
        }
        let target = self.types.target(reference, &place.join("$ref")).and_then(Target::into_place);
        let Some(target) = target.filter(|target| self.seen.insert(target.clone())) else { return false };
        let node = self.types.node_at(&target);
        self.are_named(&node, &target)
    }
}
