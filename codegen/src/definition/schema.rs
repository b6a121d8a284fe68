//! One JSON Schema node as the user wrote it.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A schema: `true`, `false`, or an object of keywords.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename = "Schema", untagged)]
#[expect(clippy::large_enum_variant, reason = "nearly every node is the large variant")]
pub(crate) enum SchemaNode {
    /// `true` accepts every value, `false` none.
    Bool(bool),
    /// The keywords that a value has to satisfy together.
    Keywords(Keywords),
}

impl<'de> Deserialize<'de> for SchemaNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NodeVisitor;
        impl<'de> Visitor<'de> for NodeVisitor {
            type Value = SchemaNode;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a JSON Schema: a mapping of keywords, `true` or `false`")
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<SchemaNode, E> {
                Ok(SchemaNode::Bool(value))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SchemaNode, A::Error> {
                Keywords::deserialize(MapAccessDeserializer::new(map)).map(SchemaNode::Keywords)
            }
        }
        deserializer.deserialize_any(NodeVisitor)
    }
}

/// Declares the keywords once: the struct that parses them, and the list of those that a schema sets.
macro_rules! keywords {
    ($($(#[$attribute:meta])* $field:ident $name:literal : $type:ty,)*) => {
        /// The keywords of a schema.
        #[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
        #[schemars(extend("additionalProperties" = false))]
        pub(crate) struct Keywords {
            $(
                $(#[$attribute])*
                #[serde(default, rename = $name, skip_serializing_if = "Option::is_none")]
                pub(crate) $field: Option<$type>,
            )*
            #[serde(flatten)]
            #[schemars(skip)]
            pub(crate) unknown: IndexMap<String, Value>,
        }

        impl Keywords {
            /// The names of all supported keywords.
            pub(crate) const NAMES: &[&str] = &[$($name),*];

            /// The names of the keywords that this schema sets, in the order of [`Self::NAMES`].
            pub(crate) fn set(&self) -> Vec<&'static str> {
                let mut set = Vec::new();
                $(if self.$field.is_some() { set.push($name); })*
                set
            }
        }
    };
}

keywords! {
    /// A name for this type, used where nothing else names it.
    title "title": String,
    /// What the value means; becomes its documentation.
    description "description": String,
    /// A note to other authors; ignored.
    comment "$comment": String,
    /// An annotation: no side fills it in.
    #[serde(deserialize_with = "present")]
    default "default": Value,
    /// Example values; ignored.
    examples "examples": Vec<Value>,
    /// An annotation; ignored.
    deprecated "deprecated": bool,
    /// An annotation; ignored.
    read_only "readOnly": bool,
    /// An annotation; ignored.
    write_only "writeOnly": bool,
    /// Another type: `#/$defs/Name`, or `other.yaml#/$defs/Name`.
    reference "$ref": String,
    /// The kind of value, or a list of kinds.
    type_ "type": TypeNames,
    /// The values allowed.
    enumeration "enum": Vec<Value>,
    /// Also accepts strings (`enum`) or tags (`oneOf`) that are not listed, so that the list can grow.
    open "x-open": bool,
    /// The only value allowed.
    #[serde(deserialize_with = "present")]
    constant "const": Value,
    /// The smallest number allowed.
    #[serde(deserialize_with = "number")]
    minimum "minimum": f64,
    /// The largest number allowed.
    #[serde(deserialize_with = "number")]
    maximum "maximum": f64,
    /// Numbers must be larger than this.
    #[serde(deserialize_with = "number")]
    exclusive_minimum "exclusiveMinimum": f64,
    /// Numbers must be smaller than this.
    #[serde(deserialize_with = "number")]
    exclusive_maximum "exclusiveMaximum": f64,
    /// Numbers must be a multiple of this.
    #[serde(deserialize_with = "number")]
    multiple_of "multipleOf": f64,
    /// The fewest characters (code points).
    #[serde(deserialize_with = "count")]
    min_length "minLength": u32,
    /// The most characters (code points).
    #[serde(deserialize_with = "count")]
    max_length "maxLength": u32,
    /// An ECMA-262 regular expression (with the `u` flag) that the string must contain a match of.
    pattern "pattern": String,
    /// The grammar of a string, or the width of an integer.
    format "format": String,
    /// The schema of every item.
    items "items": Box<SchemaNode>,
    /// The schemas of the first items: a tuple.
    prefix_items "prefixItems": Vec<SchemaNode>,
    /// The fewest items.
    #[serde(deserialize_with = "count")]
    min_items "minItems": u32,
    /// The most items.
    #[serde(deserialize_with = "count")]
    max_items "maxItems": u32,
    /// The properties, by name.
    properties "properties": IndexMap<String, SchemaNode>,
    /// The names of the properties that must be there.
    required "required": Vec<String>,
    /// The schema of all other properties; `false` refuses them.
    additional_properties "additionalProperties": Box<SchemaNode>,
    /// Exactly one of these schemas.
    one_of "oneOf": Vec<SchemaNode>,
    /// At least one of these schemas.
    any_of "anyOf": Vec<SchemaNode>,
    /// All of these schemas: objects that are merged into one.
    all_of "allOf": Vec<SchemaNode>,
}

impl Keywords {
    /// Keywords that say nothing about which values are valid.
    pub(crate) const ANNOTATIONS: [&str; 8] =
        ["title", "description", "$comment", "default", "examples", "deprecated", "readOnly", "writeOnly"];

    /// The keywords set, without annotations.
    pub(crate) fn assertions(&self) -> Vec<&'static str> {
        self.set().into_iter().filter(|name| !Self::ANNOTATIONS.contains(name)).collect()
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
                formatter.write_str("the name of a type, or a list of them")
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

impl TypeName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            TypeName::Null => "null",
            TypeName::Boolean => "boolean",
            TypeName::Integer => "integer",
            TypeName::Number => "number",
            TypeName::String => "string",
            TypeName::Array => "array",
            TypeName::Object => "object",
        }
    }
}

/// Keeps `const: null` apart from no `const`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    value.as_f64().map(Some).ok_or_else(|| de::Error::custom(format!("expected a number, found `{value}`")))
}

/// A count may be written `1` or `1.0`.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
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
