//! Objects, with the properties of all schemas that `allOf` and `$ref` merge into one.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::naming::Naming;
use super::shapes;
use super::types::{Types, description_of};
use crate::definition::{Keywords, SchemaNode, TypeName, TypeNames, at};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::model::{Additional, Object, Property, Type};
use crate::names::{Name, distinct_names};

/// The type of a schema with `type: object` whose only other keywords describe properties. Without declared properties
/// it is a map.
pub(super) fn object(
    types: &mut Types<'_>,
    keywords: &Keywords,
    place: &Place,
    naming: &Naming,
) -> Option<Type> {
    let mut gathered = Gathered::default();
    gathered.add_own(keywords, place);
    if matches!(keywords.additional_properties.as_deref(), Some(SchemaNode::Bool(false))) {
        refuse_undeclared(types, &gathered, place);
    }
    let names = gathered.names()?;
    let additional = match keywords.additional_properties.as_deref() {
        None | Some(SchemaNode::Bool(true)) => Additional::Ignored,
        Some(SchemaNode::Bool(false)) => Additional::Refused,
        Some(schema) => {
            let part = naming.child("Value");
            Additional::Checked(Box::new(types.part(schema, &place.join("additionalProperties"), &part)))
        }
    };
    let declares = keywords.properties.is_some();
    let properties = gathered.properties(types, names, &additional, naming);
    Some(match additional {
        Additional::Checked(values) if properties.is_empty() => Type::Map(values),
        Additional::Ignored if properties.is_empty() && !declares => Type::Map(Box::new(Type::Any)),
        additional => Type::Object(Object { properties, additional }),
    })
}

fn refuse_undeclared(types: &mut Types<'_>, gathered: &Gathered, place: &Place) {
    for (at, key) in gathered.required.iter().enumerate() {
        if !gathered.declared.contains_key(key) {
            types.diagnostics.push(
                Diagnostic::at(
                    Code::Unsatisfiable,
                    &place.join("required").join(at),
                    format!("property `{key}` is required but not allowed"),
                )
                .note("`additionalProperties: false` rejects undeclared properties")
                .help(format!("declare `{key}` under `properties`")),
            );
        }
    }
}

/// The type of an `allOf` of open objects: one object with all their properties.
pub(super) fn merged(
    types: &mut Types<'_>,
    keywords: &Keywords,
    place: &Place,
    naming: &Naming,
) -> Option<Type> {
    let parts = keywords.all_of.as_deref().unwrap_or_default();
    if parts.len() == 1 && keywords.assertions().len() == 1 {
        return Some(types.structure(&parts[0], &place.join("allOf").join(0), naming));
    }
    let gathered = gather(types, keywords, place);
    if !gathered.exact || !gathered.says_object {
        return None;
    }
    let names = gathered.names()?;
    let properties = gathered.properties(types, names, &Additional::Ignored, naming);
    Some(if properties.is_empty() {
        Type::Map(Box::new(Type::Any))
    } else {
        Type::Object(Object { properties, additional: Additional::Ignored })
    })
}

/// The property declarations of all schemas that apply to one object.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) declared: IndexMap<String, Vec<Declared>>,
    pub(super) required: Vec<String>,
    /// No other kind of value is valid.
    pub(super) says_object: bool,
    /// The schemas have no other keywords.
    exact: bool,
}

/// One declaration of a property.
pub(super) enum Declared {
    Here(Box<SchemaNode>, Place),
    /// In a type that is converted already.
    There(Property),
}

/// Collects the properties that a schema, its `$ref` and its `allOf` declare.
pub(super) fn gather(types: &mut Types<'_>, keywords: &Keywords, place: &Place) -> Gathered {
    let mut gathered = Gathered { exact: true, ..Gathered::default() };
    gathered.add(types, keywords, place);
    gathered.exact = gathered.exact && !gathered.conflicts(types);
    gathered
}

impl Gathered {
    fn add(&mut self, types: &mut Types<'_>, keywords: &Keywords, place: &Place) {
        if let Some(reference) = &keywords.reference {
            let target = types.reference(reference, &place.join("$ref"));
            let shape = types.behind_aliases(target);
            self.add_type(shape.as_ref());
            if types.resources.dialect(place).reference_stands_alone() {
                return;
            }
        }
        let known = ["type", "properties", "required", "allOf", "$ref"];
        self.exact &= keywords.assertions().iter().all(|keyword| known.contains(keyword));
        for (at, part) in keywords.all_of.iter().flatten().enumerate() {
            match part {
                SchemaNode::Keywords(part) => {
                    types.deeper(|types| self.add(types, part, &place.join("allOf").join(at)));
                }
                SchemaNode::Bool(accepts) => self.exact &= accepts,
            }
        }
        self.add_own(keywords, place);
    }

    fn add_own(&mut self, keywords: &Keywords, place: &Place) {
        match &keywords.type_ {
            Some(TypeNames::One(TypeName::Object)) => self.says_object = true,
            None => {}
            _ => self.exact = false,
        }
        for (key, node) in keywords.properties.iter().flatten() {
            let declared = Declared::Here(Box::new(node.clone()), place.join("properties").join(key));
            self.declared.entry(key.clone()).or_default().push(declared);
        }
        for key in
            keywords.required.iter().flatten().filter(|key| !self.required.contains(key)).collect::<Vec<_>>()
        {
            self.required.push(key.clone());
        }
    }

    fn add_type(&mut self, shape: Option<&Type>) {
        self.exact &= shape.is_some_and(|shape| !matches!(shape, Type::Checked(_)));
        match shape.map(Type::shape) {
            Some(Type::Object(object)) => {
                self.says_object = true;
                self.exact &= object.additional == Additional::Ignored;
                for property in &object.properties {
                    let key = &property.name.wire;
                    self.declared.entry(key.clone()).or_default().push(Declared::There(property.clone()));
                    if property.required && !self.required.contains(key) {
                        self.required.push(key.clone());
                    }
                }
            }
            Some(Type::Map(values)) => {
                self.says_object = true;
                self.exact &= **values == Type::Any;
            }
            _ => self.exact = false,
        }
    }

    /// Returns `true` if two declarations of a property differ.
    fn conflicts(&self, types: &mut Types<'_>) -> bool {
        self.declared.values().any(|declarations| conflict(declarations, types))
    }

    /// Returns `true` if a property is declared with the schema `false`.
    fn refuses_one(&self) -> bool {
        self.declared.values().flatten().any(Declared::is_refused)
    }

    /// The name of each property, declared or only required. `None` if names collide in Rust, or if a property has the
    /// schema `false`.
    pub(super) fn names(&self) -> Option<Vec<Name>> {
        if self.refuses_one() {
            return None;
        }
        let undeclared = self.required.iter().filter(|key| !self.declared.contains_key(*key));
        let keys: Vec<&str> = self.declared.keys().chain(undeclared).map(String::as_str).collect();
        distinct_names(&keys)
    }

    /// The properties, declared or only required. Undeclared ones have the type of `additional`.
    pub(super) fn properties(
        &self,
        types: &mut Types<'_>,
        names: Vec<Name>,
        additional: &Additional,
        naming: &Naming,
    ) -> Vec<Property> {
        let mut properties = Vec::new();
        for name in names {
            let required = self.required.contains(&name.wire);
            let declarations = self.declared.get(&name.wire);
            let telling = declarations
                .and_then(|all| all.iter().find(|declared| !declared.says_nothing()).or(all.first()));
            let conflict = declarations.is_some_and(|all| conflict(all, types));
            let mut property = match telling {
                Some(Declared::There(property)) => Property { name, required, ..property.clone() },
                Some(Declared::Here(node, place)) => Property {
                    description: description_of(node),
                    shape: types.part(node, place, &naming.child(&name.pascal)),
                    required,
                    name,
                    boxed: false,
                },
                None => {
                    let shape = match additional {
                        Additional::Checked(values) => (**values).clone(),
                        Additional::Ignored | Additional::Refused => Type::Any,
                    };
                    Property { name, description: None, shape, required, boxed: false }
                }
            };
            // Each declaration may describe properties that the others ignore.
            if conflict && shapes::leaves_out(types, &property.shape, &mut HashSet::new()) {
                property.shape = Type::Any;
            }
            properties.push(property);
        }
        properties
    }

    /// Removes the properties with the schema `false`.
    pub(super) fn without_refused(mut self) -> Self {
        self.declared.retain(|_, declarations| !declarations.iter().any(Declared::is_refused));
        self
    }
}

/// Returns `true` if two declarations of a property differ.
fn conflict(declarations: &[Declared], types: &mut Types<'_>) -> bool {
    let mut telling = declarations.iter().filter(|declared| !declared.says_nothing());
    let Some(first) = telling.next() else { return false };
    telling.any(|other| !first.is_equal(other, types))
}

impl Declared {
    fn says_nothing(&self) -> bool {
        match self {
            Self::Here(node, _) => match &**node {
                SchemaNode::Bool(accepts) => *accepts,
                SchemaNode::Keywords(keywords) => keywords.assertions().is_empty(),
            },
            Self::There(property) => property.shape == Type::Any,
        }
    }

    fn is_refused(&self) -> bool {
        matches!(self, Self::Here(node, _) if matches!(**node, SchemaNode::Bool(false)))
    }

    fn is_equal(&self, other: &Self, types: &mut Types<'_>) -> bool {
        match (self, other) {
            (Self::There(property), Self::Here(node, place))
            | (Self::Here(node, place), Self::There(property)) => {
                types.simple(node, place).is_some_and(|shape| shape == property.shape)
            }
            (Self::There(one), Self::There(other)) => one.shape == other.shape,
            (Self::Here(_, one), Self::Here(_, other)) => {
                let value = |place: &Place| {
                    types.definitions.of(place.source).and_then(|definition| at(&definition.document, place))
                };
                one.source == other.source && value(one) == value(other)
            }
        }
    }
}
