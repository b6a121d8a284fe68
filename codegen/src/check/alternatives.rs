//! Types with several possibilities: enums, unions, tagged unions, and `null`.

use std::collections::HashSet;

use serde_json::Value;

use super::collisions;
use super::types::{Naming, Types};
use crate::definition::{Keywords, SchemaNode, TypeName, TypeNames};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::model::{
    Alternative, Case, Enum, EnumValue, LARGEST_INTEGER, Model, Property, Tagged, Type, Union,
};
use crate::names::Name;

/// The type of `const` and `enum`.
pub(super) fn values(types: &mut Types<'_>, keywords: &Keywords, place: &Place) -> Type {
    types.refuse_beside(
        if keywords.constant.is_some() { "const" } else { "enum" },
        if keywords.constant.is_some() { &["const", "type"] } else { &["enum", "type", "x-open"] },
        &keywords.assertions(),
        place,
    );
    let (key, values) = match (&keywords.constant, &keywords.enumeration) {
        (Some(value), _) => ("const", std::slice::from_ref(value)),
        (None, values) => ("enum", values.as_deref().unwrap_or_default()),
    };
    let place = place.join(key);
    if values.is_empty() {
        types.diagnostics.push(
            Diagnostic::at(Code::Unsatisfiable, &place, "an empty `enum` has no valid value")
                .help("list the values"),
        );
    }
    for (at, value) in values.iter().enumerate() {
        let place = if key == "enum" { place.join(at) } else { place.clone() };
        refuse_value(types, keywords, value, &values[..at], &place);
    }
    let nullable = values.len() > 1 && values.contains(&Value::Null);
    let values: Vec<Value> = values.iter().filter(|value| !(nullable && value.is_null())).cloned().collect();
    let open = keywords.open == Some(true);
    let shape = if values.iter().all(Value::is_string) && (values.len() > 1 || open) {
        Type::Enum(Enum { values: variants(types, &values, &place), open })
    } else {
        if open {
            types.diagnostics.push(Diagnostic::at(
                Code::KeywordNeedsType,
                &place,
                "`x-open` needs an `enum` of strings",
            ));
        }
        Type::Literals(values)
    };
    if nullable { Type::Nullable(Box::new(shape)) } else { shape }
}

fn refuse_value(types: &mut Types<'_>, keywords: &Keywords, value: &Value, before: &[Value], place: &Place) {
    let allowed = match &keywords.type_ {
        None => true,
        Some(TypeNames::One(name)) => is_of_type(value, *name),
        Some(TypeNames::Several(names)) => names.iter().any(|name| is_of_type(value, *name)),
    };
    if !allowed {
        types.diagnostics.push(
            Diagnostic::at(
                Code::Unsatisfiable,
                place,
                format!("the value {value} is not of the `type` beside it"),
            )
            .help("correct the value or the type"),
        );
    }
    if before.iter().any(|other| other == value || is_equal_number(other, value)) {
        types.diagnostics.push(
            Diagnostic::at(Code::Limit, place, format!("the value {value} stands here twice"))
                .help("remove one"),
        );
    }
    if contains_large_integer(value) {
        types.diagnostics.push(
            Diagnostic::at(
                Code::IntegerRange,
                place,
                "an integer beyond ±(2^53−1) is not exact in JavaScript",
            )
            .help("write it as a string"),
        );
    }
}

/// `1` and `1.0` are one value.
fn is_equal_number(one: &Value, other: &Value) -> bool {
    one.is_number() && one.as_f64() == other.as_f64()
}

fn is_of_type(value: &Value, name: TypeName) -> bool {
    match name {
        TypeName::Null => value.is_null(),
        TypeName::Boolean => value.is_boolean(),
        TypeName::Integer => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        TypeName::Number => value.is_number(),
        TypeName::String => value.is_string(),
        TypeName::Array => value.is_array(),
        TypeName::Object => value.is_object(),
    }
}

fn contains_large_integer(value: &Value) -> bool {
    match value {
        Value::Number(number) if !number.is_f64() => {
            number.as_i64().is_none_or(|number| number.abs() > LARGEST_INTEGER)
        }
        Value::Array(items) => items.iter().any(contains_large_integer),
        Value::Object(object) => object.values().any(contains_large_integer),
        _ => false,
    }
}

fn variants(types: &mut Types<'_>, values: &[Value], place: &Place) -> Vec<EnumValue> {
    let mut variants: Vec<EnumValue> = Vec::new();
    for value in values.iter().filter_map(Value::as_str) {
        if variants.iter().any(|known| known.wire == value) {
            continue;
        }
        let at = values.iter().position(|other| other.as_str() == Some(value)).unwrap_or_default();
        let Some(name) = Name::new(value) else {
            types.diagnostics.push(
                Diagnostic::at(
                    Code::BadName,
                    &place.join(at),
                    format!("the value {value:?} gives no name for a Rust variant"),
                )
                .help("use values with letters or digits"),
            );
            continue;
        };
        variants.push(EnumValue { wire: value.to_owned(), variant: name.rust_type() });
    }
    variants
}

/// The type of `anyOf` and `oneOf`.
pub(super) fn union(types: &mut Types<'_>, keywords: &Keywords, place: &Place, naming: &Naming) -> Type {
    let exactly_one = keywords.one_of.is_some();
    let key = if exactly_one { "oneOf" } else { "anyOf" };
    let mut assertions = keywords.assertions();
    let nodes = keywords.one_of.as_deref().or(keywords.any_of.as_deref()).unwrap_or_default();
    if matches!(keywords.type_, Some(TypeNames::One(TypeName::Object))) && nodes.iter().all(says_object) {
        assertions.retain(|keyword| *keyword != "type");
    }
    types.refuse_beside(key, &[key, "x-open"], &assertions, place);
    let place = place.join(key);
    if nodes.is_empty() {
        types.diagnostics.push(Diagnostic::at(
            Code::Unsatisfiable,
            &place,
            format!("`{key}` needs at least one schema"),
        ));
    }
    let nulls = nodes.iter().filter(|node| is_null(node)).count();
    let lone = nodes.len() - nulls == 1;
    let mut alternatives = Vec::new();
    for (at, node) in nodes.iter().enumerate().filter(|(_, node)| !is_null(node)) {
        let place = place.join(at);
        let shape_and_name = if lone {
            (types.structure(node, &place, naming), String::new())
        } else {
            alternative(types, node, &place, naming)
        };
        alternatives.push(Alternative { shape: shape_and_name.0, variant: shape_and_name.1, boxed: false });
    }
    if lone && exactly_one && (nulls > 1 || (nulls == 1 && may_accept_null(types, &alternatives[0].shape))) {
        types.diagnostics.push(
            Diagnostic::at(
                Code::Alternatives,
                &place,
                "`null` satisfies two of these alternatives, so `oneOf` refuses it",
            )
            .help("write `anyOf`, or let only one alternative accept `null`"),
        );
        return alternatives.remove(0).shape;
    }
    combined(types, alternatives, nulls, exactly_one, keywords.open == Some(true))
}

/// Joins the alternatives; `null` among them makes the rest nullable, where that has the same meaning.
fn combined(
    types: &mut Types<'_>,
    mut alternatives: Vec<Alternative>,
    nulls: usize,
    exactly_one: bool,
    open: bool,
) -> Type {
    let nullable = nulls > 0
        && (!exactly_one
            || (nulls == 1 && !alternatives.iter().any(|other| may_accept_null(types, &other.shape))));
    if nulls > 0 && !nullable {
        let null = || Alternative { variant: "Null".to_owned(), shape: Type::Null, boxed: false };
        alternatives.extend(std::iter::repeat_with(null).take(nulls));
    }
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

fn may_accept_null(types: &mut Types<'_>, shape: &Type) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![shape.clone()];
    while let Some(shape) = open.pop() {
        match shape {
            Type::Any | Type::Null | Type::Nullable(_) => return true,
            Type::Literals(values) if values.contains(&Value::Null) => return true,
            Type::Union(union) => {
                open.extend(union.alternatives.into_iter().map(|alternative| alternative.shape))
            }
            Type::Named(id) if seen.insert(id) => match types.shape_of(id) {
                Some(shape) => open.push(shape.clone()),
                None => return true,
            },
            _ => {}
        }
    }
    false
}

/// One alternative with the name of its variant.
fn alternative(types: &mut Types<'_>, node: &SchemaNode, place: &Place, naming: &Naming) -> (Type, String) {
    let variant = variant_name(node);
    // Where there is no name there is a diagnostic; the stand-in only keeps it from causing others.
    let stand_in = format!("Alternative{}", place.pointer.segments().last().map_or("", String::as_str));
    let shape = types.part(node, place, &naming.child(variant.as_deref().unwrap_or(&stand_in)));
    let variant = match (&shape, variant) {
        (Type::Named(id), None) => Some(types.model.types[id.0].rust.clone()).filter(|_| is_reference(node)),
        (_, variant) => variant,
    };
    let variant = variant.unwrap_or_else(|| {
        types.diagnostics.push(
            Diagnostic::at(Code::Alternatives, place, "this alternative has no name")
                .note("generated code names every alternative, so that it reads well and stays stable")
                .help("give it a `title`, move it to `$defs`, or give every alternative a property with a `const` of its own"),
        );
        stand_in
    });
    (shape, variant)
}

/// What an inline alternative calls itself: its title, its tag, or its kind of value.
fn variant_name(node: &SchemaNode) -> Option<String> {
    let SchemaNode::Keywords(keywords) = node else { return Some("Any".to_owned()) };
    if let Some(title) = &keywords.title {
        return Name::new(title).map(|name| name.rust_type());
    }
    if keywords.reference.is_some() {
        return None;
    }
    if let Some(Value::String(text)) = &keywords.constant {
        return Name::new(text).map(|name| name.rust_type());
    }
    let tag = keywords.properties.iter().flatten().find_map(|(key, node)| match node {
        SchemaNode::Keywords(property) if keywords.required.iter().flatten().any(|name| name == key) => {
            property.constant.as_ref().and_then(Value::as_str)
        }
        _ => None,
    });
    if let Some(tag) = tag {
        return Name::new(tag).map(|name| name.rust_type());
    }
    let kind = match &keywords.type_ {
        _ if keywords.enumeration.is_some() => "Choice",
        Some(TypeNames::One(TypeName::String)) => "Text",
        Some(TypeNames::One(TypeName::Integer)) => "Integer",
        Some(TypeNames::One(TypeName::Number)) => "Number",
        Some(TypeNames::One(TypeName::Boolean)) => "Boolean",
        Some(TypeNames::One(TypeName::Null)) => "Null",
        Some(TypeNames::One(TypeName::Array)) => "List",
        Some(TypeNames::One(TypeName::Object)) if keywords.properties.is_none() => "Map",
        _ => return None,
    };
    Some(kind.to_owned())
}

/// The type of a `type` list.
pub(super) fn of_types(
    types: &mut Types<'_>,
    names: &[TypeName],
    keywords: &Keywords,
    place: &Place,
    naming: &Naming,
) -> Type {
    let kinds: Vec<TypeName> = names.iter().copied().filter(|name| *name != TypeName::Null).collect();
    let nullable = kinds.len() < names.len();
    let shape = match kinds.as_slice() {
        [] => return Type::Null,
        [kind] => types.of_type(*kind, keywords, place, naming),
        kinds => Type::Union(Union {
            exactly_one: false,
            open: false,
            alternatives: kinds
                .iter()
                .map(|kind| kind_alternative(types, *kind, kinds, keywords, place, naming))
                .collect(),
        }),
    };
    if nullable { Type::Nullable(Box::new(shape)) } else { shape }
}

/// One kind of a `type` list, with the keywords that speak of it.
fn kind_alternative(
    types: &mut Types<'_>,
    kind: TypeName,
    kinds: &[TypeName],
    keywords: &Keywords,
    place: &Place,
    naming: &Naming,
) -> Alternative {
    let mut own = Keywords { type_: Some(TypeNames::One(kind)), title: None, ..keywords.clone() };
    if kind != TypeName::Integer
        && kind != TypeName::Number
        && kinds.iter().any(|kind| [TypeName::Integer, TypeName::Number].contains(kind))
    {
        own = Keywords {
            minimum: None,
            maximum: None,
            exclusive_minimum: None,
            exclusive_maximum: None,
            multiple_of: None,
            ..own
        };
    }
    if kind != TypeName::String && kinds.contains(&TypeName::String) {
        own = Keywords { min_length: None, max_length: None, pattern: None, format: None, ..own };
    }
    if kind != TypeName::Array && kinds.contains(&TypeName::Array) {
        own = Keywords { items: None, prefix_items: None, min_items: None, max_items: None, ..own };
    }
    if kind != TypeName::Object && kinds.contains(&TypeName::Object) {
        own = Keywords { properties: None, required: None, additional_properties: None, ..own };
    }
    let node = SchemaNode::Keywords(own);
    let (shape, variant) = alternative(types, &node, place, naming);
    Alternative { variant, shape, boxed: false }
}

/// Turns unions of objects that a property tells apart into tagged unions.
pub(super) fn find_tags(model: &mut Model, places: &[Place], diagnostics: &mut Vec<Diagnostic>) {
    for (at, place) in places.iter().enumerate() {
        let Type::Union(union) = &model.types[at].shape else { continue };
        let tagged = tagged(model, union);
        if let Some(tagged) = tagged {
            collisions::check_cases(&tagged, &place.join(union.key()), diagnostics);
            model.types[at].shape = Type::Tagged(tagged);
        } else if union.open {
            diagnostics.push(
                Diagnostic::at(Code::Alternatives, place, "only a union of tagged objects can be open")
                    .help("give every alternative a required property of the same name with a `const` string of its own"),
            );
        }
    }
}

fn tagged(model: &Model, union: &Union) -> Option<Tagged> {
    let objects: Option<Vec<&[Property]>> = union
        .alternatives
        .iter()
        .map(|alternative| match (&alternative.shape, model.resolve(&alternative.shape)) {
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

/// Whether a schema accepts `null` and nothing else.
pub(super) fn is_null(node: &SchemaNode) -> bool {
    let SchemaNode::Keywords(keywords) = node else { return false };
    match keywords.assertions().as_slice() {
        ["type"] => matches!(keywords.type_, Some(TypeNames::One(TypeName::Null))),
        ["const"] => keywords.constant == Some(Value::Null),
        ["enum"] => keywords.enumeration.as_deref() == Some(&[Value::Null]),
        _ => false,
    }
}

fn is_reference(node: &SchemaNode) -> bool {
    matches!(node, SchemaNode::Keywords(keywords) if keywords.reference.is_some())
}

fn says_object(node: &SchemaNode) -> bool {
    matches!(node, SchemaNode::Keywords(keywords) if matches!(keywords.type_, Some(TypeNames::One(TypeName::Object))))
}
