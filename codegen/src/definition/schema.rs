//! One JSON Schema node as the user wrote it.

mod values;

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

/// Calls back for each schema directly inside a schema, with the steps that lead to it.
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

            /// A schema of only some of the keywords.
            pub(crate) fn only(&self, names: &[&str]) -> Self {
                Self {
                    $($field: self.$field.clone().filter(|_| names.contains(&$name)),)*
                    unknown: IndexMap::new(),
                }
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
    #[serde(deserialize_with = "present")]
    comment "$comment": Value,
    /// An annotation: no side fills it in.
    #[serde(deserialize_with = "present")]
    default "default": Value,
    /// Example values; ignored.
    #[serde(deserialize_with = "present")]
    examples "examples": Value,
    /// An annotation; ignored.
    #[serde(deserialize_with = "present")]
    deprecated "deprecated": Value,
    /// An annotation; ignored.
    #[serde(deserialize_with = "present")]
    read_only "readOnly": Value,
    /// An annotation; ignored.
    #[serde(deserialize_with = "present")]
    write_only "writeOnly": Value,
    /// The draft of JSON Schema that this schema and what is inside it is written in.
    dialect "$schema": String,
    /// The URI of this schema, which `$ref`s inside it are relative to.
    id "$id": String,
    /// A name that a `$ref` may use in place of a path.
    anchor "$anchor": String,
    /// A name that a `$dynamicRef` may use.
    dynamic_anchor "$dynamicAnchor": String,
    /// What `$recursiveRef` leads to, in draft 2019-09.
    recursive_anchor "$recursiveAnchor": bool,
    /// Schemas that others refer to.
    #[serde(deserialize_with = "present")]
    #[schemars(with = "IndexMap<String, SchemaNode>")]
    defs "$defs": Value,
    /// Schemas that others refer to, as older drafts call them.
    #[serde(deserialize_with = "present")]
    #[schemars(with = "IndexMap<String, SchemaNode>")]
    definitions "definitions": Value,
    /// An annotation; the vocabularies are those of the draft.
    #[serde(deserialize_with = "present")]
    vocabulary "$vocabulary": Value,
    /// An annotation: how a string encodes other data. It is not decoded.
    #[serde(deserialize_with = "present")]
    content_encoding "contentEncoding": Value,
    /// An annotation: what the data in a string is. It is not looked into.
    #[serde(deserialize_with = "present")]
    content_media_type "contentMediaType": Value,
    /// An annotation: the schema of the data in a string. It is not looked into.
    #[serde(deserialize_with = "present")]
    #[schemars(with = "Box<SchemaNode>")]
    content_schema "contentSchema": Value,
    /// Another type: `#/$defs/Name`, or `other.yaml#/$defs/Name`.
    reference "$ref": String,
    /// Another type, which the schemas on the way here may replace by their own of the same name.
    dynamic_reference "$dynamicRef": String,
    /// `#`, as draft 2019-09 writes a reference to the outermost schema.
    recursive_reference "$recursiveRef": String,
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
    exclusive_minimum "exclusiveMinimum": Exclusive,
    /// Numbers must be smaller than this.
    exclusive_maximum "exclusiveMaximum": Exclusive,
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
    items "items": ItemsNode,
    /// The schema of the items beyond a list of `items`, in older drafts.
    additional_items "additionalItems": Box<SchemaNode>,
    /// The schemas of the first items: a tuple.
    prefix_items "prefixItems": Vec<SchemaNode>,
    /// The fewest items.
    #[serde(deserialize_with = "count")]
    min_items "minItems": u32,
    /// The most items.
    #[serde(deserialize_with = "count")]
    max_items "maxItems": u32,
    /// No two items may be equal.
    unique_items "uniqueItems": bool,
    /// A schema that some of the items must match.
    contains "contains": Box<SchemaNode>,
    /// The fewest items that match `contains`: 1 by default.
    #[serde(deserialize_with = "count")]
    min_contains "minContains": u32,
    /// The most items that match `contains`.
    #[serde(deserialize_with = "count")]
    max_contains "maxContains": u32,
    /// The schema of the items that nothing else speaks of.
    unevaluated_items "unevaluatedItems": Box<SchemaNode>,
    /// The properties, by name.
    properties "properties": IndexMap<String, SchemaNode>,
    /// The names of the properties that must be there.
    required "required": Vec<String>,
    /// The schema of all other properties; `false` refuses them.
    additional_properties "additionalProperties": Box<SchemaNode>,
    /// The schemas of the properties whose names match a regular expression.
    pattern_properties "patternProperties": IndexMap<String, SchemaNode>,
    /// The schema of the names of all properties.
    property_names "propertyNames": Box<SchemaNode>,
    /// The fewest properties.
    #[serde(deserialize_with = "count")]
    min_properties "minProperties": u32,
    /// The most properties.
    #[serde(deserialize_with = "count")]
    max_properties "maxProperties": u32,
    /// The properties that must be there when another is.
    dependent_required "dependentRequired": IndexMap<String, Vec<String>>,
    /// The schemas of the object when a property is there.
    dependent_schemas "dependentSchemas": IndexMap<String, SchemaNode>,
    /// What must hold when a property is there, in older drafts.
    dependencies "dependencies": IndexMap<String, Dependency>,
    /// The schema of the properties that nothing else speaks of.
    unevaluated_properties "unevaluatedProperties": Box<SchemaNode>,
    /// Exactly one of these schemas.
    one_of "oneOf": Vec<SchemaNode>,
    /// At least one of these schemas.
    any_of "anyOf": Vec<SchemaNode>,
    /// All of these schemas; objects are merged into one.
    all_of "allOf": Vec<SchemaNode>,
    /// A schema that the value must not match.
    not "not": Box<SchemaNode>,
    /// Where this schema matches, `then` must match too, and otherwise `else`.
    condition "if": Box<SchemaNode>,
    /// What must match where `if` does.
    then "then": Box<SchemaNode>,
    /// What must match where `if` does not.
    otherwise "else": Box<SchemaNode>,
}

impl Keywords {
    /// Keywords that say nothing about which values are valid, and what they mean instead.
    pub(crate) const ANNOTATIONS: [(&str, &str); 19] = [
        ("title", "names an alternative of a union, where nothing else does"),
        ("description", "becomes the documentation of the type or the field"),
        ("$comment", "ignored"),
        ("default", "an annotation: no side fills it in, and what is missing stays missing"),
        ("examples", "an annotation"),
        ("deprecated", "an annotation"),
        ("readOnly", "an annotation: whoever sends may send it"),
        ("writeOnly", "an annotation: whoever sends may send it"),
        ("$schema", "the draft that the schema, and what is inside it, is written in"),
        ("$id", "the URI that `$ref`s inside are relative to; nothing is ever fetched from it"),
        ("$anchor", "a name for a `$ref`"),
        ("$dynamicAnchor", "a name for a `$dynamicRef`"),
        ("$recursiveAnchor", "where a `$recursiveRef` may lead"),
        ("$defs", "schemas to refer to"),
        ("definitions", "schemas to refer to"),
        ("$vocabulary", "ignored: the vocabularies are those of the draft"),
        ("contentEncoding", "an annotation: the string is carried as it is, and not decoded"),
        ("contentMediaType", "an annotation: what is in the string is not looked into"),
        ("contentSchema", "an annotation: what is in the string is not looked into"),
    ];

    /// The keywords set that bind values. `additionalItems` does only beside a list of `items`, `then` and `else` only
    /// beside `if`, and a count of matching items only beside `contains`.
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

    /// The keywords set that bind only values which the `type` does not allow.
    pub(crate) fn idle(&self) -> Vec<&'static str> {
        self.set().into_iter().filter(|name| !self.speaks_of(name)).collect()
    }

    /// Whether a keyword binds a kind of value that the `type` allows.
    fn speaks_of(&self, keyword: &str) -> bool {
        let bound = KINDS_BOUND.iter().find(|(_, keywords)| keywords.contains(&keyword));
        let allowed = match &self.type_ {
            None => return true,
            Some(TypeNames::One(name)) => std::slice::from_ref(name),
            Some(TypeNames::Several(names)) => names,
        };
        bound.is_none_or(|(kinds, _)| kinds.iter().any(|kind| allowed.contains(kind)))
    }

    /// This schema as an older draft reads it: beside a `$ref` nothing else has a meaning.
    pub(crate) fn only_reference(&self) -> Self {
        Self {
            title: self.title.clone(),
            description: self.description.clone(),
            reference: self.reference.clone(),
            ..Self::default()
        }
    }

    /// The schemas of the first items, and the keyword that holds them.
    pub(crate) fn first_items(&self) -> (&[SchemaNode], &'static str) {
        match (&self.prefix_items, &self.items) {
            (None, Some(ItemsNode::First(items))) => (items, "items"),
            (prefix, _) => (prefix.as_deref().unwrap_or_default(), "prefixItems"),
        }
    }

    /// The schema of all items but the first, and the keyword that holds it.
    pub(crate) fn other_items(&self) -> Option<(&SchemaNode, &'static str)> {
        match &self.items {
            Some(ItemsNode::Every(items)) => Some((items, "items")),
            Some(ItemsNode::First(_)) => Some((self.additional_items.as_deref()?, "additionalItems")),
            None => None,
        }
    }

    /// Calls back for each schema directly inside this one, with the steps that lead to it.
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

/// Keywords that bind only some kinds of values.
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
