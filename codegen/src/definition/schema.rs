//! A JSON Schema node, as written.

mod values;

use std::borrow::Cow;

use super::Dialect;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use values::{Holds, Subschemas, count, number, present};

pub(crate) use values::{Dependency, Exclusive, ItemsNode, TypeName, TypeNames};

/// A schema: `true`, `false`, or an object of keywords.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename = "Schema", untagged)]
#[expect(clippy::large_enum_variant, reason = "nearly every node is the large variant")]
pub(crate) enum SchemaNode {
    /// `true` accepts every value, `false` none.
    Bool(bool),
    /// The keywords, all of which a value must satisfy.
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

/// A keyword of JSON Schema.
pub(crate) struct Keyword {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// The drafts that have the keyword, and what to write in others. `None` if all drafts have it.
    pub(crate) drafts: Option<(Dialect, Dialect, &'static str)>,
    /// The schemas that the keyword's value holds.
    holds: Holds,
}

/// The effect of a keyword.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    /// None: it does not restrict values. With its meaning for the documentation.
    Annotation(&'static str),
    /// It restricts values of these kinds.
    Constrains(&'static [TypeName]),
}

impl Keyword {
    /// Returns `true` if the keyword does not restrict values.
    pub(crate) fn is_annotation(&self) -> bool {
        matches!(self.role, Role::Annotation(_))
    }

    /// The keyword with this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        KEYWORDS.iter().find(|keyword| keyword.name == name)
    }
}

/// Calls `found` for each direct subschema, with the steps to it.
pub(crate) fn subschemas<'v>(
    keywords: &'v serde_json::Map<String, Value>,
    found: &mut dyn FnMut(&[String], &'v Value),
) {
    for (name, value) in keywords {
        let holds = match name.as_str() {
            "$defs" | "definitions" => Holds::Map,
            name => Keyword::named(name).map_or(Holds::Nothing, |keyword| keyword.holds),
        };
        match (holds, value) {
            (Holds::Schema | Holds::SchemaOrList, Value::Object(_)) => {
                found(std::slice::from_ref(name), value);
            }
            (Holds::List | Holds::SchemaOrList, Value::Array(schemas)) => {
                for (at, schema) in schemas.iter().enumerate() {
                    found(&[name.clone(), at.to_string()], schema);
                }
            }
            (Holds::Map, Value::Object(schemas)) => {
                for (key, schema) in schemas {
                    found(&[name.clone(), key.clone()], schema);
                }
            }
            _ => {}
        }
    }
}

const NUMBERS: &[TypeName] = &[TypeName::Integer, TypeName::Number];
const STRINGS: &[TypeName] = &[TypeName::String];
const ARRAYS: &[TypeName] = &[TypeName::Array];
const OBJECTS: &[TypeName] = &[TypeName::Object];
const ALL: &[TypeName] = &[
    TypeName::Null,
    TypeName::Boolean,
    TypeName::Integer,
    TypeName::Number,
    TypeName::String,
    TypeName::Array,
    TypeName::Object,
];

/// What to write instead of a keyword that an older draft does not have.
const NEWER: &str = "set a newer draft with `$schema`, or remove the keyword";

/// Declares the keywords: the struct that parses them, and the table that describes them.
macro_rules! keywords {
    ($($(#[$attribute:meta])* $field:ident $name:literal : $type:ty => $role:ident($($detail:tt)*)
        $(, $first:ident to $last:ident, $instead:expr)?;)*) => {
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

        /// All supported keywords.
        pub(crate) const KEYWORDS: &[Keyword] = &[$(Keyword {
            name: $name,
            role: Role::$role($($detail)*),
            drafts: keywords!(@drafts $($first to $last, $instead)?),
            holds: <$type as Subschemas>::HOLDS,
        }),*];

        impl Keywords {
            /// This schema without some keywords.
            pub(crate) fn without(&self, is_left_out: impl Fn(&Keyword) -> bool) -> Cow<'_, Self> {
                let left_out: Vec<&str> =
                    self.set().into_iter().filter(|keyword| is_left_out(keyword)).map(|keyword| keyword.name).collect();
                if left_out.is_empty() {
                    return Cow::Borrowed(self);
                }
                let mut kept = self.clone();
                $(if left_out.contains(&$name) { kept.$field = None; })*
                Cow::Owned(kept)
            }

            /// The keywords that are present, in the order of [`KEYWORDS`].
            pub(crate) fn set(&self) -> Vec<&'static Keyword> {
                let is_set = [$(self.$field.is_some()),*];
                KEYWORDS.iter().zip(is_set).filter_map(|(keyword, is_set)| is_set.then_some(keyword)).collect()
            }

            /// Calls `found` for each direct subschema, with the steps to it.
            pub(crate) fn parts<'k>(&'k self, found: &mut dyn FnMut(&[&str], &'k SchemaNode)) {
                $(if let Some(value) = &self.$field { value.visit($name, found); })*
            }
        }
    };
    (@drafts) => { None };
    (@drafts $first:ident to $last:ident, $instead:expr) => {
        Some((Dialect::$first, Dialect::$last, $instead))
    };
}

keywords! {
    /// A name for this alternative of a union.
    title "title": String => Annotation("names an alternative of a union, before its tag or type");
    /// The meaning of the value. Becomes documentation in generated code.
    description "description": String => Annotation("documents the type or the field in generated code");
    /// A note to other authors. Ignored.
    #[serde(deserialize_with = "present")]
    comment "$comment": Value => Annotation("ignored");
    /// An annotation: missing values are not filled in.
    #[serde(deserialize_with = "present")]
    default "default": Value => Annotation("an annotation: missing values are not filled in");
    /// Example values. Ignored.
    #[serde(deserialize_with = "present")]
    examples "examples": Value => Annotation("an annotation");
    /// Marks the type or the field as deprecated in generated code.
    #[serde(deserialize_with = "present")]
    deprecated "deprecated": Value => Annotation("marks the type or the field as deprecated in generated code");
    /// An annotation. Ignored.
    #[serde(deserialize_with = "present")]
    read_only "readOnly": Value => Annotation("an annotation: senders may include the value");
    /// An annotation. Ignored.
    #[serde(deserialize_with = "present")]
    write_only "writeOnly": Value => Annotation("an annotation: senders may include the value");
    /// The JSON Schema draft of this schema and its subschemas.
    dialect "$schema": String => Annotation("the draft of the schema and its subschemas");
    /// The URI of this schema, and the base URI of the `$ref`s inside it.
    id "$id": String => Annotation("the base URI of the `$ref`s inside; never fetched");
    /// A name that a `$ref` can use instead of a path.
    anchor "$anchor": String => Annotation("a name for a `$ref`"), Draft2019 to Draft2020, "write `$id: \"#name\"`";
    /// A name that a `$dynamicRef` can use.
    dynamic_anchor "$dynamicAnchor": String => Annotation("a name for a `$dynamicRef`"), Draft2020 to Draft2020, NEWER;
    /// Makes this schema a target of `$recursiveRef`, in draft 2019-09.
    recursive_anchor "$recursiveAnchor": bool => Annotation("a target for a `$recursiveRef`"), Draft2019 to Draft2019, "write `$dynamicAnchor`";
    /// Schemas for others to refer to.
    #[serde(deserialize_with = "present")]
    #[schemars(with = "IndexMap<String, SchemaNode>")]
    defs "$defs": Value => Annotation("schemas to refer to");
    /// Schemas for others to refer to; the spelling of `$defs` in older drafts.
    #[serde(deserialize_with = "present")]
    #[schemars(with = "IndexMap<String, SchemaNode>")]
    definitions "definitions": Value => Annotation("schemas to refer to");
    /// An annotation: the draft determines the vocabularies.
    #[serde(deserialize_with = "present")]
    vocabulary "$vocabulary": Value => Annotation("ignored: the draft determines the vocabularies");
    /// An annotation: the encoding of other data in a string. The string is not decoded.
    #[serde(deserialize_with = "present")]
    content_encoding "contentEncoding": Value => Annotation("an annotation: the string is not decoded");
    /// An annotation: the media type of the data in a string. The data is not checked.
    #[serde(deserialize_with = "present")]
    content_media_type "contentMediaType": Value => Annotation("an annotation: the content of the string is not checked");
    /// An annotation: the schema of the data in a string. The data is not checked.
    #[serde(deserialize_with = "present")]
    #[schemars(with = "Box<SchemaNode>")]
    content_schema "contentSchema": Value => Annotation("an annotation: the content of the string is not checked");
    /// Another type: `#/$defs/Name`, or `other.yaml#/$defs/Name`.
    reference "$ref": String => Constrains(ALL);
    /// Another type, which an outer schema with the same `$dynamicAnchor` replaces.
    dynamic_reference "$dynamicRef": String => Constrains(ALL), Draft2020 to Draft2020, NEWER;
    /// `#`: a reference to the outermost schema, in draft 2019-09.
    recursive_reference "$recursiveRef": String => Constrains(ALL), Draft2019 to Draft2019, "write `$dynamicRef`";
    /// The kind of value, or a list of kinds.
    type_ "type": TypeNames => Constrains(ALL);
    /// Also accepts `null`: the spelling of `OpenAPI` 3.0.
    nullable "nullable": bool => Constrains(ALL);
    /// The allowed values.
    enumeration "enum": Vec<Value> => Constrains(ALL);
    /// `true` also accepts strings (`enum`) or tags (`oneOf`) that are not listed, so that the list can be extended later.
    /// `false` means that it will not be.
    open "x-open": bool => Constrains(ALL);
    /// The only allowed value.
    #[serde(deserialize_with = "present")]
    constant "const": Value => Constrains(ALL), Draft6 to Draft2020, "write `enum` with one value";
    /// The minimum, inclusive.
    #[serde(deserialize_with = "number")]
    minimum "minimum": f64 => Constrains(NUMBERS);
    /// The maximum, inclusive.
    #[serde(deserialize_with = "number")]
    maximum "maximum": f64 => Constrains(NUMBERS);
    /// The minimum, exclusive.
    exclusive_minimum "exclusiveMinimum": Exclusive => Constrains(NUMBERS);
    /// The maximum, exclusive.
    exclusive_maximum "exclusiveMaximum": Exclusive => Constrains(NUMBERS);
    /// Numbers must be a multiple of this.
    #[serde(deserialize_with = "number")]
    multiple_of "multipleOf": f64 => Constrains(NUMBERS);
    /// The minimum length in characters (code points).
    #[serde(deserialize_with = "count")]
    min_length "minLength": u32 => Constrains(STRINGS);
    /// The maximum length in characters (code points).
    #[serde(deserialize_with = "count")]
    max_length "maxLength": u32 => Constrains(STRINGS);
    /// An ECMA-262 regular expression (with the `u` flag) that must match somewhere in the string.
    pattern "pattern": String => Constrains(STRINGS);
    /// The grammar of a string, or the width of an integer.
    format "format": String => Constrains(ALL);
    /// The schema of every item.
    items "items": ItemsNode => Constrains(ARRAYS);
    /// The schema of the items after a list of `items`, in older drafts.
    additional_items "additionalItems": Box<SchemaNode> => Constrains(ARRAYS), Draft4 to Draft2019, "write `items`, and `prefixItems` for the first items";
    /// The schemas of the first items, as for a tuple.
    prefix_items "prefixItems": Vec<SchemaNode> => Constrains(ARRAYS), Draft2020 to Draft2020, "write `items` with a list";
    /// The minimum number of items.
    #[serde(deserialize_with = "count")]
    min_items "minItems": u32 => Constrains(ARRAYS);
    /// The maximum number of items.
    #[serde(deserialize_with = "count")]
    max_items "maxItems": u32 => Constrains(ARRAYS);
    /// Requires all items to be distinct.
    unique_items "uniqueItems": bool => Constrains(ARRAYS);
    /// A schema that at least one item must match.
    contains "contains": Box<SchemaNode> => Constrains(ARRAYS), Draft6 to Draft2020, NEWER;
    /// The minimum number of items that match `contains`, 1 by default.
    #[serde(deserialize_with = "count")]
    min_contains "minContains": u32 => Constrains(ARRAYS), Draft2019 to Draft2020, NEWER;
    /// The maximum number of items that match `contains`.
    #[serde(deserialize_with = "count")]
    max_contains "maxContains": u32 => Constrains(ARRAYS), Draft2019 to Draft2020, NEWER;
    /// The schema of items that no other keyword evaluates.
    unevaluated_items "unevaluatedItems": Box<SchemaNode> => Constrains(ARRAYS), Draft2019 to Draft2020, NEWER;
    /// The properties, by name.
    properties "properties": IndexMap<String, SchemaNode> => Constrains(OBJECTS);
    /// The names of the required properties.
    required "required": Vec<String> => Constrains(OBJECTS);
    /// The schema of all other properties; `false` forbids them.
    additional_properties "additionalProperties": Box<SchemaNode> => Constrains(OBJECTS);
    /// The schemas of the properties whose names match a regular expression.
    pattern_properties "patternProperties": IndexMap<String, SchemaNode> => Constrains(OBJECTS);
    /// The schema of the names of all properties.
    property_names "propertyNames": Box<SchemaNode> => Constrains(OBJECTS), Draft6 to Draft2020, NEWER;
    /// The minimum number of properties.
    #[serde(deserialize_with = "count")]
    min_properties "minProperties": u32 => Constrains(OBJECTS);
    /// The maximum number of properties.
    #[serde(deserialize_with = "count")]
    max_properties "maxProperties": u32 => Constrains(OBJECTS);
    /// The properties that are required if another is present.
    dependent_required "dependentRequired": IndexMap<String, Vec<String>> => Constrains(OBJECTS), Draft2019 to Draft2020, "write `dependencies`";
    /// Schemas that the object must match if a property is present.
    dependent_schemas "dependentSchemas": IndexMap<String, SchemaNode> => Constrains(OBJECTS), Draft2019 to Draft2020, "write `dependencies`";
    /// Properties or schemas that are required if a property is present, in older drafts.
    dependencies "dependencies": IndexMap<String, Dependency> => Constrains(OBJECTS), Draft4 to Draft7, "write `dependentRequired` for names, and `dependentSchemas` for schemas";
    /// The schema of properties that no other keyword evaluates.
    unevaluated_properties "unevaluatedProperties": Box<SchemaNode> => Constrains(OBJECTS), Draft2019 to Draft2020, NEWER;
    /// The value must match exactly one of these schemas.
    one_of "oneOf": Vec<SchemaNode> => Constrains(ALL);
    /// The value must match at least one of these schemas.
    any_of "anyOf": Vec<SchemaNode> => Constrains(ALL);
    /// The value must match all of these schemas. Objects are merged into one type.
    all_of "allOf": Vec<SchemaNode> => Constrains(ALL);
    /// A schema that the value must not match.
    not "not": Box<SchemaNode> => Constrains(ALL);
    /// If the value matches this schema, it must match `then`, otherwise `else`.
    condition "if": Box<SchemaNode> => Constrains(ALL), Draft7 to Draft2020, NEWER;
    /// The schema that the value must match if it matches `if`.
    then "then": Box<SchemaNode> => Constrains(ALL), Draft7 to Draft2020, NEWER;
    /// The schema that the value must match if it does not match `if`.
    otherwise "else": Box<SchemaNode> => Constrains(ALL), Draft7 to Draft2020, NEWER;
}

impl Keywords {
    /// The keywords that restrict values. `additionalItems` does only with a list of `items`, `then` and `else` only with
    /// `if`, and `minContains` and `maxContains` only with `contains`.
    pub(crate) fn assertions(&self) -> Vec<&'static Keyword> {
        let binds = |keyword: &&Keyword| match keyword.name {
            "additionalItems" => matches!(self.items, Some(ItemsNode::First(_))),
            "then" | "else" => self.condition.is_some(),
            "minContains" | "maxContains" => self.contains.is_some(),
            "uniqueItems" => self.unique_items == Some(true),
            _ => !keyword.is_annotation() && self.speaks_of(keyword),
        };
        self.set().into_iter().filter(binds).collect()
    }

    /// The keywords that apply only to values which the `type` does not allow.
    pub(crate) fn idle(&self) -> Vec<&'static Keyword> {
        self.set().into_iter().filter(|keyword| !self.speaks_of(keyword)).collect()
    }

    /// Returns `true` if a keyword applies to a kind of value that the `type` allows.
    fn speaks_of(&self, keyword: &Keyword) -> bool {
        let allowed = match &self.type_ {
            None => return true,
            Some(TypeNames::One(name)) => std::slice::from_ref(name),
            Some(TypeNames::Several(names)) => names,
        };
        match keyword.role {
            Role::Constrains(kinds) => kinds.iter().any(|kind| allowed.contains(kind)),
            Role::Annotation(_) => true,
        }
    }

    /// This schema in an older draft, where keywords next to a `$ref` are ignored.
    pub(crate) fn only_reference(&self) -> Self {
        Self {
            title: self.title.clone(),
            description: self.description.clone(),
            deprecated: self.deprecated.clone(),
            reference: self.reference.clone(),
            ..Self::default()
        }
    }

    /// The schemas of the first items, and their keyword.
    pub(crate) fn first_items(&self) -> (&[SchemaNode], &'static str) {
        match (&self.prefix_items, &self.items) {
            (None, Some(ItemsNode::First(items))) => (items, "items"),
            (prefix, _) => (prefix.as_deref().unwrap_or_default(), "prefixItems"),
        }
    }

    /// The schema of the remaining items, and its keyword.
    pub(crate) fn other_items(&self) -> Option<(&SchemaNode, &'static str)> {
        match &self.items {
            Some(ItemsNode::Every(items)) => Some((items, "items")),
            Some(ItemsNode::First(_)) => Some((self.additional_items.as_deref()?, "additionalItems")),
            None => None,
        }
    }

    /// The inclusive and the exclusive lower limit of a number.
    pub(crate) fn lower_limits(&self) -> (Option<f64>, Option<f64>) {
        limits(self.minimum, self.exclusive_minimum)
    }

    /// The inclusive and the exclusive upper limit of a number.
    pub(crate) fn upper_limits(&self) -> (Option<f64>, Option<f64>) {
        limits(self.maximum, self.exclusive_maximum)
    }
}

fn limits(inclusive: Option<f64>, exclusive: Option<Exclusive>) -> (Option<f64>, Option<f64>) {
    match exclusive {
        None | Some(Exclusive::Flag(false)) => (inclusive, None),
        Some(Exclusive::Flag(true)) => (None, inclusive),
        Some(Exclusive::Limit(limit)) => (inclusive, Some(limit)),
    }
}
