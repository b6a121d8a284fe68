//! A JSON Schema node, as written.

mod values;

use std::borrow::Cow;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use values::{count, number, present};

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

/// Calls `found` for each direct subschema, with the steps to it.
pub(crate) fn subschemas<'v>(
    keywords: &'v serde_json::Map<String, Value>,
    found: &mut dyn FnMut(&[String], &'v Value),
) {
    for (keyword, value) in keywords {
        match (keyword.as_str(), value) {
            (
                "items"
                | "additionalItems"
                | "contains"
                | "additionalProperties"
                | "propertyNames"
                | "not"
                | "if"
                | "then"
                | "else"
                | "unevaluatedItems"
                | "unevaluatedProperties",
                Value::Object(_),
            ) => found(std::slice::from_ref(keyword), value),
            ("allOf" | "anyOf" | "oneOf" | "prefixItems" | "items", Value::Array(schemas)) => {
                for (at, schema) in schemas.iter().enumerate() {
                    found(&[keyword.clone(), at.to_string()], schema);
                }
            }
            (
                "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas"
                | "dependencies",
                Value::Object(schemas),
            ) => {
                for (name, schema) in schemas {
                    found(&[keyword.clone(), name.clone()], schema);
                }
            }
            _ => {}
        }
    }
}

/// Declares the keywords: the struct that parses them, and their names.
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

            /// This schema without some keywords.
            pub(crate) fn without(&self, is_left_out: impl Fn(&str) -> bool) -> Cow<'_, Self> {
                if !self.set().into_iter().any(&is_left_out) {
                    return Cow::Borrowed(self);
                }
                let mut kept = self.clone();
                $(if is_left_out($name) { kept.$field = None; })*
                Cow::Owned(kept)
            }

            /// The names of the keywords that are present, in the order of [`Self::NAMES`].
            pub(crate) fn set(&self) -> Vec<&'static str> {
                let mut set = Vec::new();
                $(if self.$field.is_some() { set.push($name); })*
                set
            }
        }
    };
}

keywords! {
    /// A name for this type, used if nothing else names it.
    title "title": String,
    /// The meaning of the value. Becomes documentation in generated code.
    description "description": String,
    /// A note to other authors. Ignored.
    #[serde(deserialize_with = "present")]
    comment "$comment": Value,
    /// An annotation: missing values are not filled in.
    #[serde(deserialize_with = "present")]
    default "default": Value,
    /// Example values. Ignored.
    #[serde(deserialize_with = "present")]
    examples "examples": Value,
    /// An annotation. Ignored.
    #[serde(deserialize_with = "present")]
    deprecated "deprecated": Value,
    /// An annotation. Ignored.
    #[serde(deserialize_with = "present")]
    read_only "readOnly": Value,
    /// An annotation. Ignored.
    #[serde(deserialize_with = "present")]
    write_only "writeOnly": Value,
    /// The JSON Schema draft of this schema and its subschemas.
    dialect "$schema": String,
    /// The URI of this schema, and the base URI of the `$ref`s inside it.
    id "$id": String,
    /// A name that a `$ref` can use instead of a path.
    anchor "$anchor": String,
    /// A name that a `$dynamicRef` can use.
    dynamic_anchor "$dynamicAnchor": String,
    /// Makes this schema a target of `$recursiveRef`, in draft 2019-09.
    recursive_anchor "$recursiveAnchor": bool,
    /// Schemas for others to refer to.
    #[serde(deserialize_with = "present")]
    #[schemars(with = "IndexMap<String, SchemaNode>")]
    defs "$defs": Value,
    /// Schemas for others to refer to; the spelling of `$defs` in older drafts.
    #[serde(deserialize_with = "present")]
    #[schemars(with = "IndexMap<String, SchemaNode>")]
    definitions "definitions": Value,
    /// An annotation: the draft determines the vocabularies.
    #[serde(deserialize_with = "present")]
    vocabulary "$vocabulary": Value,
    /// An annotation: the encoding of other data in a string. The string is not decoded.
    #[serde(deserialize_with = "present")]
    content_encoding "contentEncoding": Value,
    /// An annotation: the media type of the data in a string. The data is not checked.
    #[serde(deserialize_with = "present")]
    content_media_type "contentMediaType": Value,
    /// An annotation: the schema of the data in a string. The data is not checked.
    #[serde(deserialize_with = "present")]
    #[schemars(with = "Box<SchemaNode>")]
    content_schema "contentSchema": Value,
    /// Another type: `#/$defs/Name`, or `other.yaml#/$defs/Name`.
    reference "$ref": String,
    /// Another type, which an outer schema with the same `$dynamicAnchor` replaces.
    dynamic_reference "$dynamicRef": String,
    /// `#`: a reference to the outermost schema, in draft 2019-09.
    recursive_reference "$recursiveRef": String,
    /// The kind of value, or a list of kinds.
    type_ "type": TypeNames,
    /// Also accepts `null`: the spelling of `OpenAPI` 3.0.
    nullable "nullable": bool,
    /// The allowed values.
    enumeration "enum": Vec<Value>,
    /// Also accepts strings (`enum`) or tags (`oneOf`) that are not listed, so that the list can be extended later.
    open "x-open": bool,
    /// The only allowed value.
    #[serde(deserialize_with = "present")]
    constant "const": Value,
    /// The minimum, inclusive.
    #[serde(deserialize_with = "number")]
    minimum "minimum": f64,
    /// The maximum, inclusive.
    #[serde(deserialize_with = "number")]
    maximum "maximum": f64,
    /// The minimum, exclusive.
    exclusive_minimum "exclusiveMinimum": Exclusive,
    /// The maximum, exclusive.
    exclusive_maximum "exclusiveMaximum": Exclusive,
    /// Numbers must be a multiple of this.
    #[serde(deserialize_with = "number")]
    multiple_of "multipleOf": f64,
    /// The minimum length in characters (code points).
    #[serde(deserialize_with = "count")]
    min_length "minLength": u32,
    /// The maximum length in characters (code points).
    #[serde(deserialize_with = "count")]
    max_length "maxLength": u32,
    /// An ECMA-262 regular expression (with the `u` flag) that must match somewhere in the string.
    pattern "pattern": String,
    /// The grammar of a string, or the width of an integer.
    format "format": String,
    /// The schema of every item.
    items "items": ItemsNode,
    /// The schema of the items after a list of `items`, in older drafts.
    additional_items "additionalItems": Box<SchemaNode>,
    /// The schemas of the first items, as for a tuple.
    prefix_items "prefixItems": Vec<SchemaNode>,
    /// The minimum number of items.
    #[serde(deserialize_with = "count")]
    min_items "minItems": u32,
    /// The maximum number of items.
    #[serde(deserialize_with = "count")]
    max_items "maxItems": u32,
    /// Requires all items to be distinct.
    unique_items "uniqueItems": bool,
    /// A schema that at least one item must match.
    contains "contains": Box<SchemaNode>,
    /// The minimum number of items that match `contains`, 1 by default.
    #[serde(deserialize_with = "count")]
    min_contains "minContains": u32,
    /// The maximum number of items that match `contains`.
    #[serde(deserialize_with = "count")]
    max_contains "maxContains": u32,
    /// The schema of items that no other keyword evaluates.
    unevaluated_items "unevaluatedItems": Box<SchemaNode>,
    /// The properties, by name.
    properties "properties": IndexMap<String, SchemaNode>,
    /// The names of the required properties.
    required "required": Vec<String>,
    /// The schema of all other properties; `false` forbids them.
    additional_properties "additionalProperties": Box<SchemaNode>,
    /// The schemas of the properties whose names match a regular expression.
    pattern_properties "patternProperties": IndexMap<String, SchemaNode>,
    /// The schema of the names of all properties.
    property_names "propertyNames": Box<SchemaNode>,
    /// The minimum number of properties.
    #[serde(deserialize_with = "count")]
    min_properties "minProperties": u32,
    /// The maximum number of properties.
    #[serde(deserialize_with = "count")]
    max_properties "maxProperties": u32,
    /// The properties that are required if another is present.
    dependent_required "dependentRequired": IndexMap<String, Vec<String>>,
    /// Schemas that the object must match if a property is present.
    dependent_schemas "dependentSchemas": IndexMap<String, SchemaNode>,
    /// Properties or schemas that are required if a property is present, in older drafts.
    dependencies "dependencies": IndexMap<String, Dependency>,
    /// The schema of properties that no other keyword evaluates.
    unevaluated_properties "unevaluatedProperties": Box<SchemaNode>,
    /// The value must match exactly one of these schemas.
    one_of "oneOf": Vec<SchemaNode>,
    /// The value must match at least one of these schemas.
    any_of "anyOf": Vec<SchemaNode>,
    /// The value must match all of these schemas. Objects are merged into one type.
    all_of "allOf": Vec<SchemaNode>,
    /// A schema that the value must not match.
    not "not": Box<SchemaNode>,
    /// If the value matches this schema, it must match `then`, otherwise `else`.
    condition "if": Box<SchemaNode>,
    /// The schema that the value must match if it matches `if`.
    then "then": Box<SchemaNode>,
    /// The schema that the value must match if it does not match `if`.
    otherwise "else": Box<SchemaNode>,
}

impl Keywords {
    /// Keywords that do not restrict values, with their meaning for the documentation.
    pub(crate) const ANNOTATIONS: [(&str, &str); 19] = [
        ("title", "names an alternative of a union if nothing else does"),
        ("description", "documents the type or the field in generated code"),
        ("$comment", "ignored"),
        ("default", "an annotation: missing values are not filled in"),
        ("examples", "an annotation"),
        ("deprecated", "an annotation"),
        ("readOnly", "an annotation: senders may include the value"),
        ("writeOnly", "an annotation: senders may include the value"),
        ("$schema", "the draft of the schema and its subschemas"),
        ("$id", "the base URI of the `$ref`s inside; never fetched"),
        ("$anchor", "a name for a `$ref`"),
        ("$dynamicAnchor", "a name for a `$dynamicRef`"),
        ("$recursiveAnchor", "a target for a `$recursiveRef`"),
        ("$defs", "schemas to refer to"),
        ("definitions", "schemas to refer to"),
        ("$vocabulary", "ignored: the draft determines the vocabularies"),
        ("contentEncoding", "an annotation: the string is not decoded"),
        ("contentMediaType", "an annotation: the content of the string is not checked"),
        ("contentSchema", "an annotation: the content of the string is not checked"),
    ];

    /// The keywords that restrict values. `additionalItems` does only with a list of `items`, `then` and `else` only with
    /// `if`, and `minContains` and `maxContains` only with `contains`.
    pub(crate) fn assertions(&self) -> Vec<&'static str> {
        let binds = |name: &&str| match *name {
            "additionalItems" => matches!(self.items, Some(ItemsNode::First(_))),
            "then" | "else" => self.condition.is_some(),
            "minContains" | "maxContains" => self.contains.is_some(),
            "uniqueItems" => self.unique_items == Some(true),
            name => !Self::ANNOTATIONS.iter().any(|(known, _)| *known == name) && self.speaks_of(name),
        };
        self.set().into_iter().filter(binds).collect()
    }

    /// The keywords that apply only to values which the `type` does not allow.
    pub(crate) fn idle(&self) -> Vec<&'static str> {
        self.set().into_iter().filter(|name| !self.speaks_of(name)).collect()
    }

    /// Returns `true` if a keyword applies to a kind of value that the `type` allows.
    fn speaks_of(&self, keyword: &str) -> bool {
        let bound = KINDS_BOUND.iter().find(|(_, keywords)| keywords.contains(&keyword));
        let allowed = match &self.type_ {
            None => return true,
            Some(TypeNames::One(name)) => std::slice::from_ref(name),
            Some(TypeNames::Several(names)) => names,
        };
        bound.is_none_or(|(kinds, _)| kinds.iter().any(|kind| allowed.contains(kind)))
    }

    /// This schema in an older draft, where keywords next to a `$ref` are ignored.
    pub(crate) fn only_reference(&self) -> Self {
        Self {
            title: self.title.clone(),
            description: self.description.clone(),
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

    /// Calls `found` for each direct subschema, with the steps to it.
    pub(crate) fn parts<'k>(&'k self, found: &mut dyn FnMut(&[&str], &'k SchemaNode)) {
        let single = [
            ("additionalItems", &self.additional_items),
            ("contains", &self.contains),
            ("unevaluatedItems", &self.unevaluated_items),
            ("additionalProperties", &self.additional_properties),
            ("propertyNames", &self.property_names),
            ("unevaluatedProperties", &self.unevaluated_properties),
            ("not", &self.not),
            ("if", &self.condition),
            ("then", &self.then),
            ("else", &self.otherwise),
        ];
        for (key, node) in single {
            if let Some(node) = node {
                found(&[key], node);
            }
        }
        if let Some(ItemsNode::Every(node)) = &self.items {
            found(&["items"], node);
        }
        let (first, key) = self.first_items();
        let lists = [
            (key, first),
            ("allOf", self.all_of.as_deref().unwrap_or_default()),
            ("anyOf", self.any_of.as_deref().unwrap_or_default()),
            ("oneOf", self.one_of.as_deref().unwrap_or_default()),
        ];
        for (key, nodes) in lists {
            nodes.iter().enumerate().for_each(|(at, node)| found(&[key, &at.to_string()], node));
        }
        let maps = [
            ("properties", &self.properties),
            ("patternProperties", &self.pattern_properties),
            ("dependentSchemas", &self.dependent_schemas),
        ];
        for (key, nodes) in maps {
            nodes.iter().flatten().for_each(|(name, node)| found(&[key, name], node));
        }
        for (name, dependency) in self.dependencies.iter().flatten() {
            if let Dependency::Schema(node) = dependency {
                found(&["dependencies", name], node);
            }
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

/// Keywords that apply only to some kinds of values.
const KINDS_BOUND: [(&[TypeName], &[&str]); 4] = [
    (
        &[TypeName::Integer, TypeName::Number],
        &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
    ),
    (&[TypeName::String], &["minLength", "maxLength", "pattern"]),
    (
        &[TypeName::Array],
        &[
            "items",
            "prefixItems",
            "additionalItems",
            "minItems",
            "maxItems",
            "uniqueItems",
            "contains",
            "minContains",
            "maxContains",
            "unevaluatedItems",
        ],
    ),
    (
        &[TypeName::Object],
        &[
            "properties",
            "patternProperties",
            "additionalProperties",
            "propertyNames",
            "minProperties",
            "maxProperties",
            "required",
            "dependentRequired",
            "dependentSchemas",
            "dependencies",
            "unevaluatedProperties",
        ],
    ),
];

fn limits(inclusive: Option<f64>, exclusive: Option<Exclusive>) -> (Option<f64>, Option<f64>) {
    match exclusive {
        None | Some(Exclusive::Flag(false)) => (inclusive, None),
        Some(Exclusive::Flag(true)) => (None, inclusive),
        Some(Exclusive::Limit(limit)) => (inclusive, Some(limit)),
    }
}
