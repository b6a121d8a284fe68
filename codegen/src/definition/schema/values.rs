//! Values of keywords that can be written in more than one way.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{Keywords, SchemaNode};

/// The schema of every item or, in older drafts, of the first items.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum ItemsNode {
    /// The schema of every item, or of those after `prefixItems`.
    Every(Box<SchemaNode>),
    /// The schemas of the first items; the others have `additionalItems`.
    First(Vec<SchemaNode>),
}

impl<'de> Deserialize<'de> for ItemsNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemsVisitor;
        impl<'de> Visitor<'de> for ItemsVisitor {
            type Value = ItemsNode;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a JSON Schema, or in older drafts a list of schemas")
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<ItemsNode, E> {
                Ok(ItemsNode::Every(Box::new(SchemaNode::Bool(value))))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ItemsNode, A::Error> {
                let node = Keywords::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ItemsNode::Every(Box::new(SchemaNode::Keywords(node))))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<ItemsNode, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(ItemsNode::First)
            }
        }
        deserializer.deserialize_any(ItemsVisitor)
    }
}

/// The requirement if a property is present: other properties, or a schema of the object.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Dependency {
    /// Names of properties.
    Names(Vec<String>),
    /// A schema of the whole object.
    Schema(Box<SchemaNode>),
}

impl<'de> Deserialize<'de> for Dependency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DependencyVisitor;
        impl<'de> Visitor<'de> for DependencyVisitor {
            type Value = Dependency;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a list of property names, or a JSON Schema")
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Dependency, E> {
                Ok(Dependency::Schema(Box::new(SchemaNode::Bool(value))))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Dependency, A::Error> {
                let node = Keywords::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Dependency::Schema(Box::new(SchemaNode::Keywords(node))))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Dependency, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(names)).map(Dependency::Names)
            }
        }
        deserializer.deserialize_any(DependencyVisitor)
    }
}

/// An exclusive limit or, in draft-04, a flag that makes the inclusive limit exclusive.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Exclusive {
    /// The limit.
    Limit(f64),
    /// `true` if `minimum` or `maximum` itself is not allowed.
    Flag(bool),
}

impl<'de> Deserialize<'de> for Exclusive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match value {
            Value::Bool(flag) => Ok(Self::Flag(flag)),
            _ => value.as_f64().map(Self::Limit).ok_or_else(|| not_a_number(&value)),
        }
    }
}

/// One type name or a list of them.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum TypeNames {
    /// One kind.
    One(TypeName),
    /// Any of several kinds.
    Several(Vec<TypeName>),
}

impl<'de> Deserialize<'de> for TypeNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;
        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = TypeNames;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a type name or a list of type names")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<TypeNames, E> {
                TypeName::deserialize(name.into_deserializer()).map(TypeNames::One)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<TypeNames, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(names)).map(TypeNames::Several)
            }
        }
        deserializer.deserialize_any(NamesVisitor)
    }
}

/// A kind of JSON value.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TypeName {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

/// Distinguishes `const: null` from an absent `const`.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    value.as_f64().map(Some).ok_or_else(|| not_a_number(&value))
}

fn not_a_number<E: de::Error>(value: &Value) -> E {
    de::Error::custom(format!("expected a number, found `{value}`"))
}

/// A count may be written `1` or `1.0`.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let whole =
        value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..4_294_967_295.0).contains(number));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and in range, as checked above"
    )]
    whole.map(|number| Some(number as u32)).ok_or_else(|| {
        de::Error::custom(format!("expected a whole number from 0 to 4294967294, found `{value}`"))
    })
}

/// The schemas that the value of a keyword holds.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Holds {
    Nothing,
    Schema,
    List,
    /// In older drafts, `items` may be a list.
    SchemaOrList,
    Map,
}

/// A value of a keyword, which may hold schemas.
pub(crate) trait Subschemas {
    const HOLDS: Holds = Holds::Nothing;

    /// Calls `found` for each schema, with the steps to it.
    fn visit<'k>(&'k self, _: &str, _: &mut dyn FnMut(&[&str], &'k SchemaNode)) {}
}

impl Subschemas for Value {}
impl Subschemas for String {}
impl Subschemas for bool {}
impl Subschemas for f64 {}
impl Subschemas for u32 {}
impl Subschemas for TypeNames {}
impl Subschemas for Exclusive {}
impl Subschemas for Vec<Value> {}
impl Subschemas for Vec<String> {}
impl Subschemas for IndexMap<String, Vec<String>> {}

impl Subschemas for Box<SchemaNode> {
    const HOLDS: Holds = Holds::Schema;

    fn visit<'k>(&'k self, keyword: &str, found: &mut dyn FnMut(&[&str], &'k SchemaNode)) {
        found(&[keyword], self);
    }
}

impl Subschemas for Vec<SchemaNode> {
    const HOLDS: Holds = Holds::List;

    fn visit<'k>(&'k self, keyword: &str, found: &mut dyn FnMut(&[&str], &'k SchemaNode)) {
        self.iter().enumerate().for_each(|(at, node)| found(&[keyword, &at.to_string()], node));
    }
}

impl Subschemas for IndexMap<String, SchemaNode> {
    const HOLDS: Holds = Holds::Map;

    fn visit<'k>(&'k self, keyword: &str, found: &mut dyn FnMut(&[&str], &'k SchemaNode)) {
        self.iter().for_each(|(name, node)| found(&[keyword, name], node));
    }
}

impl Subschemas for ItemsNode {
    const HOLDS: Holds = Holds::SchemaOrList;

    fn visit<'k>(&'k self, keyword: &str, found: &mut dyn FnMut(&[&str], &'k SchemaNode)) {
        match self {
            Self::Every(node) => node.visit(keyword, found),
            Self::First(nodes) => nodes.visit(keyword, found),
        }
    }
}

impl Subschemas for IndexMap<String, Dependency> {
    const HOLDS: Holds = Holds::Map;

    fn visit<'k>(&'k self, keyword: &str, found: &mut dyn FnMut(&[&str], &'k SchemaNode)) {
        for (name, dependency) in self {
            if let Dependency::Schema(node) = dependency {
                found(&[keyword, name], node);
            }
        }
    }
}
