//! Objects: their properties, and `allOf` merged into one object.

use super::types::{Naming, Types, description_of};
use crate::definition::{Keywords, SchemaNode, TypeName, TypeNames};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::model::{Additional, Object, Property, Type};
use crate::names::Name;

/// The type of a schema with `type: object`. Without declared properties it is a map.
pub(super) fn object(types: &mut Types<'_>, keywords: &Keywords, place: &Place, naming: &Naming) -> Type {
    let additional = match keywords.additional_properties.as_deref() {
        None | Some(SchemaNode::Bool(true)) => Additional::Ignored,
        Some(SchemaNode::Bool(false)) => Additional::Refused,
        Some(schema) => {
            let part = naming.child("Value");
            Additional::Checked(Box::new(types.part(schema, &place.join("additionalProperties"), &part)))
        }
    };
    let mut object = Object { properties: Vec::new(), additional };
    for (key, node) in keywords.properties.iter().flatten() {
        let place = place.join("properties").join(key);
        let required = keywords.required.iter().flatten().any(|name| name == key);
        if let Some(name) = property_name(types, key, &place) {
            let shape = types.part(node, &place, &naming.child(&name.pascal));
            object.properties.push(Property {
                description: description_of(node),
                shape,
                required,
                name,
                boxed: false,
            });
        }
    }
    require_undeclared(types, &mut object, keywords, place);
    match object.additional {
        Additional::Checked(values) if object.properties.is_empty() => Type::Map(values),
        Additional::Ignored if object.properties.is_empty() && keywords.properties.is_none() => {
            Type::Map(Box::new(Type::Any))
        }
        _ => Type::Object(object),
    }
}

/// A property may be required without being declared; then any value satisfies it.
fn require_undeclared(types: &mut Types<'_>, object: &mut Object, keywords: &Keywords, place: &Place) {
    for (at, key) in keywords.required.iter().flatten().enumerate() {
        let place = place.join("required").join(at);
        if object.properties.iter().any(|property| property.name.wire == *key) {
            continue;
        }
        if keywords.properties.iter().flatten().any(|(declared, _)| declared == key) {
            continue;
        }
        let shape = match &object.additional {
            Additional::Ignored => Type::Any,
            Additional::Checked(values) => (**values).clone(),
            Additional::Refused => {
                types.diagnostics.push(
                    Diagnostic::at(
                        Code::Unsatisfiable,
                        &place,
                        format!("the property `{key}` is required and refused"),
                    )
                    .note("`additionalProperties: false` refuses properties that are not declared")
                    .help(format!("declare `{key}` under `properties`")),
                );
                continue;
            }
        };
        if let Some(name) = property_name(types, key, &place) {
            object.properties.push(Property { name, description: None, shape, required: true, boxed: false });
        }
    }
}

fn property_name(types: &mut Types<'_>, key: &str, place: &Place) -> Option<Name> {
    let name = Name::new(key);
    if name.is_none() {
        types.diagnostics.push(
            Diagnostic::at_key(
                Code::BadName,
                place,
                format!("the property `{key}` gives no name for a Rust field"),
            )
            .help("use letters and digits"),
        );
    }
    name
}

/// The type of an `allOf`: one object with the properties of all parts.
pub(super) fn merged(types: &mut Types<'_>, keywords: &Keywords, place: &Place, naming: &Naming) -> Type {
    let siblings = ["allOf", "type", "properties", "required", "additionalProperties"];
    let assertions = keywords.assertions();
    types.refuse_beside("allOf", &siblings, &assertions, place);
    let parts = keywords.all_of.as_deref().unwrap_or_default();
    if parts.is_empty() {
        types.diagnostics.push(Diagnostic::at(
            Code::Merge,
            &place.join("allOf"),
            "`allOf` needs at least one schema",
        ));
        return Type::Any;
    }
    if parts.len() == 1 && assertions.len() == 1 {
        return types.structure(&parts[0], &place.join("allOf").join(0), naming);
    }
    let mut merged = Object { properties: Vec::new(), additional: Additional::Ignored };
    let own = assertions.iter().any(|keyword| *keyword != "allOf" && siblings.contains(keyword));
    let own = own.then(|| SchemaNode::Keywords(own_keywords(keywords)));
    for (at, part) in parts.iter().enumerate() {
        merge_part(types, &mut merged, part, &place.join("allOf").join(at), naming);
    }
    if let Some(own) = own {
        merge_part(types, &mut merged, &own, place, naming);
    }
    Type::Object(merged)
}

/// What an `allOf` says beside its parts; anything that is no keyword of objects was refused before.
fn own_keywords(keywords: &Keywords) -> Keywords {
    Keywords {
        type_: keywords.type_.clone(),
        properties: keywords.properties.clone(),
        required: keywords.required.clone(),
        additional_properties: keywords.additional_properties.clone(),
        ..Keywords::default()
    }
}

fn merge_part(types: &mut Types<'_>, merged: &mut Object, part: &SchemaNode, place: &Place, naming: &Naming) {
    let shape = types.structure(&as_object(part), place, naming);
    let Some(part) = resolved_object(types, shape, place) else { return };
    if part.additional != Additional::Ignored {
        types.diagnostics.push(
            Diagnostic::at(Code::Merge, place, "an object with `additionalProperties` cannot be merged")
                .note("it would refuse the properties that the other parts of the `allOf` declare")
                .help("remove `additionalProperties` from this part"),
        );
    }
    for property in part.properties {
        match merged.properties.iter_mut().find(|known| known.name.wire == property.name.wire) {
            None => merged.properties.push(property),
            Some(known) if property.shape == Type::Any || known.shape == property.shape => {
                known.required |= property.required;
            }
            Some(known) if known.shape == Type::Any => {
                *known = Property { required: known.required || property.required, ..property };
            }
            Some(known) => {
                let message = format!(
                    "two parts of this `allOf` give the property `{}` different types",
                    known.name.wire
                );
                types
                    .diagnostics
                    .push(Diagnostic::at(Code::Merge, place, message).help("declare it in one part only"));
            }
        }
    }
}

/// Inside `allOf`, a part that says only which properties are required speaks of the merged object.
fn as_object(part: &SchemaNode) -> SchemaNode {
    let SchemaNode::Keywords(keywords) = part else { return part.clone() };
    let object_keywords = ["properties", "required", "additionalProperties"];
    let assertions = keywords.assertions();
    if assertions.is_empty() || !assertions.iter().all(|keyword| object_keywords.contains(keyword)) {
        return part.clone();
    }
    SchemaNode::Keywords(Keywords { type_: Some(TypeNames::One(TypeName::Object)), ..keywords.clone() })
}

fn resolved_object(types: &mut Types<'_>, shape: Type, place: &Place) -> Option<Object> {
    let Some(shape) = types.behind_aliases(shape) else {
        types.diagnostics.push(Diagnostic::at(
            Code::EndlessReference,
            place,
            "this `allOf` contains itself, or is nested too deeply",
        ));
        return None;
    };
    match shape {
        Type::Object(object) => Some(object),
        Type::Map(values) if *values == Type::Any => {
            Some(Object { properties: Vec::new(), additional: Additional::Ignored })
        }
        _ => {
            types.diagnostics.push(
                Diagnostic::at(Code::Merge, place, "only objects can be combined with `allOf`")
                    .help("write the keywords into one schema"),
            );
            None
        }
    }
}
