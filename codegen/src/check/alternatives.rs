//! Enums, unions, tagged unions and `null`.

use std::collections::HashSet;

use serde_json::Value;

use super::naming::Naming;
use super::types::{MAX_REFERENCE_DEPTH, Types, keywords_of};
use super::{collisions, rules, shapes};
use crate::definition::{Keywords, SchemaNode, Target, TypeName, TypeNames};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::model::{Alternative, Case, Enum, EnumValue, Kinds, Model, Property, Tagged, Type, Union};
use crate::names::{Name, distinct_names};

/// The type of `const` and `enum`.
pub(super) fn values(types: &mut Types<'_>, keywords: &Keywords, place: &Place) -> Type {
    let (key, values) = match (&keywords.constant, &keywords.enumeration) {
        (Some(value), _) => ("const", std::slice::from_ref(value)),
        (None, values) => ("enum", values.as_deref().unwrap_or_default()),
    };
    let place = place.join(key);
    let kinds = keywords.type_.as_ref().map_or(Kinds::ANY, rules::kinds);
    let mut allowed: Vec<Value> = Vec::new();
    for value in values.iter().filter(|value| rules::is_of_kind(value, kinds)) {
        if !allowed.iter().any(|other| other == value || is_equal_number(other, value)) {
            allowed.push(value.clone());
        }
    }
    if allowed.is_empty() {
        types.diagnostics.push(if values.is_empty() {
            Diagnostic::at(Code::Unsatisfiable, &place, "empty `enum`: no value is valid")
                .help("list the allowed values")
        } else {
            Diagnostic::at(
                Code::Unsatisfiable,
                &place,
                format!("no value of `{key}` has the schema's `type`"),
            )
            .help("correct the values or the type")
        });
    }
    let nullable = allowed.len() > 1 && allowed.contains(&Value::Null);
    allowed.retain(|value| !(nullable && value.is_null()));
    let open = keywords.open == Some(true);
    let is_list = allowed.iter().all(Value::is_string) && (allowed.len() > 1 || open);
    let shape = match variants(&allowed).filter(|_| is_list) {
        Some(values) => Type::Enum(Enum { values, open }),
        None if open => {
            types.diagnostics.push(Diagnostic::at(
                Code::KeywordNeedsType,
                &place,
                "`x-open` requires an `enum` of strings from which variant names can be derived",
            ));
            Type::Any
        }
        None => Type::Literals(allowed),
    };
    if nullable { Type::Nullable(Box::new(shape)) } else { shape }
}

/// Returns `true` for numbers that are equal by value, such as `1` and `1.0`.
fn is_equal_number(one: &Value, other: &Value) -> bool {
    one.is_number() && one.as_f64() == other.as_f64()
}

/// Returns the variants, named after the values. If two names collide, the characters between words are spelled out; if
/// they still collide, returns `None`, and the values stay strings.
fn variants(values: &[Value]) -> Option<Vec<EnumValue>> {
    let words: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
    let names = distinct_names(&words)?;
    let value = |(wire, name): (&str, Name)| EnumValue { wire: wire.to_owned(), variant: name.rust_type() };
    Some(words.into_iter().zip(names).map(value).collect())
}

/// The type of `anyOf` and `oneOf`, if the schema has no other assertions and each alternative has a name.
pub(super) fn union(
    types: &mut Types<'_>,
    keywords: &Keywords,
    place: &Place,
    naming: &Naming,
) -> Option<Type> {
    let exactly_one = keywords.one_of.is_some();
    let key = if exactly_one { "oneOf" } else { "anyOf" };
    let mut assertions = keywords.assertions();
    let nodes = keywords.one_of.as_deref().or(keywords.any_of.as_deref()).unwrap_or_default();
    let beside = |at: usize| types.resources.dialect(&place.join(key).join(at)).reference_stands_alone();
    let mut objects =
        nodes.iter().enumerate().map(|(at, node)| says_object(node) && !(refers(node) && beside(at)));
    if matches!(keywords.type_, Some(TypeNames::One(TypeName::Object)))
        && objects.all(|says_object| says_object)
    {
        assertions.retain(|keyword| *keyword != "type");
    }
    if assertions.iter().any(|keyword| ![key, "x-open"].contains(keyword)) {
        return None;
    }
    let place = place.join(key);
    let nulls = nodes.iter().filter(|node| is_null(node)).count();
    let lone = nodes.len() - nulls == 1;
    let open = keywords.open == Some(true);
    let others: Vec<(usize, &SchemaNode)> =
        nodes.iter().enumerate().filter(|(_, node)| !is_null(node)).collect();
    // An alternative that accepts `null` next to `null` itself matches it a second time, which `oneOf` rejects.
    let mut accepts_null = |(at, node): &(usize, &SchemaNode)| {
        may_accept_null(types, node, &place.join(at), &mut HashSet::new())
    };
    if exactly_one && (nulls > 1 || (nulls == 1 && others.iter().any(&mut accepts_null))) {
        return None;
    }
    let alternatives = if lone {
        let (at, node) = others[0];
        vec![Alternative {
            shape: types.structure(node, &place.join(at), naming),
            variant: String::new(),
            boxed: false,
        }]
    } else {
        named_alternatives(types, &others, &place, naming)?
    };
    Some(combined(alternatives, nulls > 0, exactly_one, open))
}

/// The alternatives with their variant names, or `None` if one has no name.
fn named_alternatives(
    types: &mut Types<'_>,
    nodes: &[(usize, &SchemaNode)],
    place: &Place,
    naming: &Naming,
) -> Option<Vec<Alternative>> {
    let mut names: Vec<String> = Vec::new();
    for (at, node) in nodes {
        let name = variant_name(types, node, &place.join(at), nodes)?;
        if names.contains(&name) || matches!(node, SchemaNode::Bool(_)) {
            return None;
        }
        names.push(name);
    }
    let alternative = |((at, node), variant): (&(usize, &SchemaNode), String)| Alternative {
        shape: types.part(node, &place.join(at), &naming.child(&variant)),
        variant,
        boxed: false,
    };
    Some(nodes.iter().zip(names).map(alternative).collect())
}

/// Rules know no tags, so only a union that becomes a type of its own can be open.
pub(super) fn cannot_be_open(place: &Place) -> Diagnostic {
    let message = "`x-open` requires a union that consists of tagged objects only";
    Diagnostic::at(Code::Alternatives, &place.join("x-open"), message)
        .note("keywords that a generated type cannot express are not allowed in this schema or around it")
        .help("give every alternative a required property with the same name and a distinct `const` string")
}

/// Combines the alternatives; `null` among them makes the rest nullable.
fn combined(mut alternatives: Vec<Alternative>, nullable: bool, exactly_one: bool, open: bool) -> Type {
    let shape = if alternatives.is_empty() {
        return Type::Null;
    } else if alternatives.len() == 1 {
        alternatives.remove(0).shape
    } else {
        Type::Union(Union { exactly_one, alternatives, open })
    };
    match shape {
        Type::Any | Type::Null | Type::Nullable(_) if nullable => shape,
        shape if nullable => Type::Nullable(Box::new(shape)),
        shape => shape,
    }
}

/// Returns `true` unless the schema certainly rejects `null`. Does not convert the schema: if its type turned out not to
/// be needed, the type in its place would be declared twice.
fn may_accept_null(
    types: &mut Types<'_>,
    node: &SchemaNode,
    place: &Place,
    seen: &mut HashSet<Place>,
) -> bool {
    let keywords = match node {
        SchemaNode::Bool(accepts) => return *accepts,
        SchemaNode::Keywords(keywords) => keywords,
    };
    if let Some(reference) = &keywords.reference {
        let target = types.target(reference, &place.join("$ref")).and_then(Target::into_place);
        let Some(target) =
            target.filter(|target| seen.len() < MAX_REFERENCE_DEPTH && seen.insert(target.clone()))
        else {
            return true;
        };
        let node = types.node_at(&target);
        if !may_accept_null(types, &node, &target, seen) {
            return false;
        }
        if types.resources.dialect(place).reference_stands_alone() {
            return true;
        }
    }
    let refuses = |kinds: Kinds| !kinds.contains(Kinds::NULL);
    if keywords.type_.as_ref().map(rules::kinds).is_some_and(refuses)
        || keywords.constant.as_ref().is_some_and(|value| !value.is_null())
        || keywords.enumeration.as_ref().is_some_and(|values| !values.contains(&Value::Null))
    {
        return false;
    }
    let mut accepts = |key: &str, nodes: &Option<Vec<SchemaNode>>| -> Vec<bool> {
        let nodes = nodes.iter().flatten().enumerate();
        nodes.map(|(at, node)| may_accept_null(types, node, &place.join(key).join(at), seen)).collect()
    };
    let none_of = |accepts: Vec<bool>| !accepts.is_empty() && !accepts.contains(&true);
    !accepts("allOf", &keywords.all_of).contains(&false)
        && !none_of(accepts("anyOf", &keywords.any_of))
        && !none_of(accepts("oneOf", &keywords.one_of))
}

/// The name of an alternative's variant: from its title, the type that it refers to, its tag, its kind of value, or a
/// property that only it requires.
fn variant_name(
    types: &mut Types<'_>,
    node: &SchemaNode,
    place: &Place,
    all: &[(usize, &SchemaNode)],
) -> Option<String> {
    let SchemaNode::Keywords(keywords) = node else { return Some("Any".to_owned()) };
    let spelled = |text: &str| Name::new(text).map(|name| name.rust_type());
    if let Some(title) = &keywords.title {
        return spelled(title);
    }
    if let Some(reference) = &keywords.reference {
        return match types.reference(reference, &place.join("$ref")) {
            Type::Named(id) => Some(types.model.get(id).rust.clone()),
            _ => None,
        };
    }
    if let Some(Value::String(text)) = &keywords.constant {
        return spelled(text);
    }
    let tag = keywords.properties.iter().flatten().find_map(|(key, node)| match node {
        SchemaNode::Keywords(property) if requires(keywords, key) => {
            property.constant.as_ref().and_then(Value::as_str)
        }
        _ => None,
    });
    if let Some(tag) = tag {
        return spelled(tag);
    }
    let kind = match &keywords.type_ {
        _ if keywords.enumeration.is_some() => "Choice",
        Some(TypeNames::One(TypeName::Object)) if keywords.properties.is_none() => "Map",
        Some(TypeNames::One(TypeName::Object)) => return own_property(keywords, all),
        Some(TypeNames::One(name)) => kind_name(*name),
        _ => return None,
    };
    Some(kind.to_owned())
}

fn requires(keywords: &Keywords, key: &str) -> bool {
    keywords.required.iter().flatten().any(|name| name == key)
}

/// The name of a property that only this alternative requires, or `Object` if this is the only object.
fn own_property(keywords: &Keywords, all: &[(usize, &SchemaNode)]) -> Option<String> {
    let objects: Vec<&Keywords> = all
        .iter()
        .filter_map(|(_, node)| match node {
            SchemaNode::Keywords(other) if says_object(node) => Some(other),
            _ => None,
        })
        .collect();
    if objects.len() == 1 {
        return Some("Object".to_owned());
    }
    let own = keywords
        .required
        .iter()
        .flatten()
        .find(|key| objects.iter().filter(|other| requires(other, key)).count() == 1)?;
    Name::new(own).map(|name| name.rust_type())
}

fn kind_name(name: TypeName) -> &'static str {
    match name {
        TypeName::Null => "Null",
        TypeName::Boolean => "Boolean",
        TypeName::Integer => "Integer",
        TypeName::Number => "Number",
        TypeName::String => "Text",
        TypeName::Array => "List",
        TypeName::Object => "Object",
    }
}

/// The type of a `type` list, if the type of each kind expresses all of the schema's assertions.
pub(super) fn of_types(
    types: &mut Types<'_>,
    names: &[TypeName],
    keywords: &Keywords,
    place: &Place,
    naming: &Naming,
) -> Option<Type> {
    let kinds = names.iter().map(|name| keywords_of(*name));
    let allowed: Vec<&str> = kinds.flatten().copied().collect();
    if keywords.assertions().iter().any(|keyword| !allowed.contains(keyword)) {
        return None;
    }
    kinds_union(types, names, keywords, place, naming, true)
}

/// A union with one alternative per kind, from the keywords for that kind. `exactly` if there are no other keywords.
pub(super) fn kinds_union(
    types: &mut Types<'_>,
    names: &[TypeName],
    keywords: &Keywords,
    place: &Place,
    naming: &Naming,
    exactly: bool,
) -> Option<Type> {
    let mut kinds: Vec<TypeName> = Vec::new();
    for name in names {
        let said = *name == TypeName::Null
            || kinds.contains(name)
            || (*name == TypeName::Integer && names.contains(&TypeName::Number));
        if !said {
            kinds.push(*name);
        }
    }
    // A number format does not apply to the strings of the union, nor a string format to its numbers.
    if kinds.len() > 1 && keywords.format.is_some() {
        return None;
    }
    let mut alternatives = Vec::new();
    for kind in &kinds {
        let own = Keywords { type_: Some(TypeNames::One(*kind)), ..keywords.only(keywords_of(*kind)) };
        let variant = match kind {
            TypeName::Object if keywords.properties.is_none() && keywords.required.is_none() => "Map",
            kind => kind_name(*kind),
        };
        let naming = if kinds.len() == 1 { naming.clone() } else { naming.child(variant) };
        let shape = match kind {
            // Other keywords may describe its properties too, so none can be left out.
            TypeName::Object if !exactly => {
                let whole = Keywords { type_: Some(TypeNames::One(*kind)), ..keywords.clone() };
                let convert = |types: &mut Types<'_>| shapes::objects(types, &whole, place, &naming);
                if kinds.len() == 1 { convert(types) } else { types.named(place, &naming, None, convert) }
            }
            kind if kinds.len() == 1 => types.of_type(*kind, &own, place, &naming)?,
            _ => types.part(&SchemaNode::Keywords(own), place, &naming),
        };
        alternatives.push(Alternative { variant: variant.to_owned(), shape, boxed: false });
    }
    Some(combined(alternatives, names.contains(&TypeName::Null), false, false))
}

/// Turns unions of objects with a distinguishing property into tagged unions.
pub(super) fn find_tags(model: &mut Model, places: &[Place], diagnostics: &mut Vec<Diagnostic>) {
    for (at, place) in places.iter().enumerate() {
        let Type::Union(union) = &model.types[at].shape else { continue };
        let found = tagged(model, union);
        if let Some(tagged) = found {
            collisions::check_cases(&tagged, &place.join(union.key()), diagnostics);
            model.types[at].shape = Type::Tagged(tagged);
        } else if union.open {
            diagnostics.push(
                Diagnostic::at(Code::Alternatives, place, "`x-open` requires a union of tagged objects")
                    .help("give every alternative a required property with the same name and a distinct `const` string"),
            );
        }
    }
}

fn tagged(model: &Model, union: &Union) -> Option<Tagged> {
    let objects: Option<Vec<&[Property]>> = union
        .alternatives
        .iter()
        .map(|alternative| match (alternative.shape.shape(), model.resolve(&alternative.shape)) {
            (Type::Named(_), Type::Object(object)) => Some(object.properties.as_slice()),
            _ => None,
        })
        .collect();
    let objects = objects?;
    objects.first()?.iter().find_map(|candidate| {
        let tags: Vec<String> =
            objects.iter().map_while(|properties| tag_value(properties, &candidate.name.wire)).collect();
        let distinct =
            tags.len() == objects.len() && (1..tags.len()).all(|at| !tags[..at].contains(&tags[at]));
        distinct.then(|| {
            let cases = union.alternatives.iter().zip(&tags).filter_map(|(alternative, wire)| {
                match alternative.shape {
                    Type::Named(target) => Some(Case {
                        wire: wire.clone(),
                        variant: Name::new(wire)
                            .map_or_else(|| alternative.variant.clone(), |name| name.rust_type()),
                        target,
                        boxed: false,
                    }),
                    _ => None,
                }
            });
            Tagged { tag: candidate.name.wire.clone(), cases: cases.collect(), open: union.open }
        })
    })
}

fn tag_value(properties: &[Property], name: &str) -> Option<String> {
    let property = properties.iter().find(|property| property.name.wire == name)?;
    property.constant().and_then(|value| value.as_str().map(str::to_owned))
}

/// Returns `true` if the schema accepts only `null`.
pub(super) fn is_null(node: &SchemaNode) -> bool {
    let SchemaNode::Keywords(keywords) = node else { return false };
    match keywords.assertions().as_slice() {
        ["type"] => matches!(keywords.type_, Some(TypeNames::One(TypeName::Null))),
        ["const"] => keywords.constant == Some(Value::Null),
        ["enum"] => keywords.enumeration.as_deref() == Some(&[Value::Null]),
        _ => false,
    }
}

/// Returns `true` for a schema with `$ref`, next to which older drafts ignore all other keywords.
fn refers(node: &SchemaNode) -> bool {
    matches!(node, SchemaNode::Keywords(keywords) if keywords.reference.is_some())
}

pub(super) fn says_object(node: &SchemaNode) -> bool {
    matches!(node, SchemaNode::Keywords(keywords) if matches!(keywords.type_, Some(TypeNames::One(TypeName::Object))))
}
