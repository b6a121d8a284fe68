//! Schemas to types. Named types are declared first and converted on demand, so that they may refer to each other.

use std::collections::HashMap;

use serde_json::Value;

use super::{alternatives, limits, objects};
use crate::definition::{Definitions, Keywords, SchemaNode, TypeName, TypeNames, listed, node};
use crate::diagnostics::{Code, Diagnostic, Place, SourceId, Sources, closest};
use crate::model::{Array, Model, NamedType, Scope, Type, TypeId};
use crate::names::Name;

/// `$ref`s inside `allOf` are followed at most this deep.
const DEEPEST_MERGE: usize = 64;

/// The name that a type gets if it needs one.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    pub(super) scope: Scope,
    pub(super) module: usize,
    pub(super) rust: String,
    pub(super) typescript: String,
}

impl Naming {
    /// The name of a part: the path goes on.
    pub(super) fn child(&self, pascal: &str) -> Self {
        Self {
            rust: format!("{}{pascal}", self.rust),
            typescript: format!("{}{pascal}", self.typescript),
            ..self.clone()
        }
    }
}

/// A declared type that is not converted yet.
struct Pending {
    node: SchemaNode,
    naming: Naming,
}

/// The types under construction.
pub(super) struct Types<'d> {
    pub(super) definitions: &'d Definitions,
    pub(super) sources: &'d Sources,
    pub(super) model: Model,
    /// Where each type of the model was declared.
    pub(super) places: Vec<Place>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) by_definition: HashMap<(SourceId, String), TypeId>,
    pending: HashMap<TypeId, Pending>,
    /// How many types are being converted inside each other.
    depth: usize,
}

impl<'d> Types<'d> {
    pub(super) fn new(definitions: &'d Definitions, sources: &'d Sources) -> Self {
        Self {
            definitions,
            sources,
            model: Model::default(),
            places: Vec::new(),
            diagnostics: Vec::new(),
            by_definition: HashMap::new(),
            pending: HashMap::new(),
            depth: 0,
        }
    }

    /// Gives every `$defs` entry of every file its name.
    pub(super) fn declare_definitions(&mut self) {
        for (module, definition) in self.definitions.files.iter().enumerate() {
            let root = Place::root(definition.source).join("$defs");
            for (key, value) in &definition.file.defs {
                let place = root.join(key);
                let Some(name) = self.type_name(key, &place) else { continue };
                let naming = Naming { scope: Scope::Root, module, rust: name.clone(), typescript: name };
                let node = self.parse(value.clone(), &place);
                let id = self.declare(node, &place, naming);
                self.by_definition.insert((definition.source, key.clone()), id);
            }
        }
    }

    /// Reserves a named type; its schema is converted later, when all names are known.
    pub(super) fn declare(&mut self, node: SchemaNode, place: &Place, naming: Naming) -> TypeId {
        let id = self.reserve(place, &naming, &node);
        self.pending.insert(id, Pending { node, naming });
        id
    }

    /// Converts what was declared.
    pub(super) fn convert_all(&mut self) {
        let mut at = 0;
        while at < self.model.types.len() {
            self.convert(TypeId(at));
            at += 1;
        }
    }

    /// The shape of a named type, converted now if it was not before; `None` while it is being converted.
    pub(super) fn shape_of(&mut self, id: TypeId) -> Option<&Type> {
        if self.depth > DEEPEST_MERGE {
            return None;
        }
        self.convert(id);
        let shape = &self.model.types[id.0].shape;
        (!matches!(shape, Type::Named(of) if *of == id)).then_some(shape)
    }

    /// The shape that aliases lead to; `None` while it is being converted, and where they lead in a circle.
    pub(super) fn behind_aliases(&mut self, mut shape: Type) -> Option<Type> {
        for _ in 0..=self.model.types.len() {
            let Type::Named(id) = shape else { return Some(shape) };
            shape = self.shape_of(id)?.clone();
        }
        None
    }

    fn convert(&mut self, id: TypeId) {
        let Some(Pending { node, naming }) = self.pending.remove(&id) else { return };
        let place = self.places[id.0].clone();
        self.depth += 1;
        let shape = self.structure(&node, &place, &naming);
        let shape = match shape {
            Type::Nullable(inner) if is_nominal(&inner) => {
                let part = naming.child("Value");
                let inner_id = self.reserve(&place, &part, &node);
                self.model.types[inner_id.0].shape = *inner;
                Type::Nullable(Box::new(Type::Named(inner_id)))
            }
            shape => shape,
        };
        self.depth -= 1;
        self.model.types[id.0].shape = shape;
    }

    /// Adds a type to the model. Until it is converted it stands for itself.
    fn reserve(&mut self, place: &Place, naming: &Naming, node: &SchemaNode) -> TypeId {
        let id = TypeId(self.model.types.len());
        self.model.types.push(NamedType {
            rust: naming.rust.clone(),
            typescript: naming.typescript.clone(),
            scope: naming.scope,
            module: naming.module,
            description: description_of(node),
            shape: Type::Named(id),
            recursive: false,
        });
        self.places.push(place.clone());
        id
    }

    pub(super) fn parse(&mut self, value: Value, place: &Place) -> SchemaNode {
        node::<SchemaNode>(place, value).unwrap_or_else(|diagnostic| {
            self.diagnostics.push(diagnostic);
            SchemaNode::Bool(true)
        })
    }

    /// The type of a part: what needs a name of its own becomes a named type.
    pub(super) fn part(&mut self, node: &SchemaNode, place: &Place, naming: &Naming) -> Type {
        if !may_be_nominal(node) {
            let shape = self.structure(node, place, naming);
            debug_assert!(!is_nominal(&shape), "a type without a name: {shape:?}");
            return shape;
        }
        let id = self.reserve(place, naming, node);
        let (shape, nullable) = match self.structure(node, place, naming) {
            Type::Nullable(inner) => (*inner, true),
            shape => (shape, false),
        };
        self.model.types[id.0].shape = shape;
        if nullable { Type::Nullable(Box::new(Type::Named(id))) } else { Type::Named(id) }
    }

    /// The type of a schema, without giving it a name.
    pub(super) fn structure(&mut self, node: &SchemaNode, place: &Place, naming: &Naming) -> Type {
        let keywords = match node {
            SchemaNode::Bool(true) => return Type::Any,
            SchemaNode::Bool(false) => {
                let message = "no value satisfies the schema `false`";
                self.diagnostics.push(
                    Diagnostic::at(Code::Unsatisfiable, place, message)
                        .help("remove it, or describe the values"),
                );
                return Type::Any;
            }
            SchemaNode::Keywords(keywords) => keywords,
        };
        self.refuse_unknown_keywords(keywords, place);
        let assertions = keywords.assertions();
        if let Some(reference) = &keywords.reference {
            self.refuse_beside("$ref", &["$ref"], &assertions, place);
            return self.reference(reference, &place.join("$ref"));
        }
        if keywords.constant.is_some() || keywords.enumeration.is_some() {
            return alternatives::values(self, keywords, place);
        }
        if keywords.one_of.is_some() || keywords.any_of.is_some() {
            return alternatives::union(self, keywords, place, naming);
        }
        if keywords.all_of.is_some() {
            return objects::merged(self, keywords, place, naming);
        }
        match &keywords.type_ {
            Some(TypeNames::One(name)) => self.of_type(*name, keywords, place, naming),
            Some(TypeNames::Several(names)) => alternatives::of_types(self, names, keywords, place, naming),
            None => {
                self.refuse_without_type(&assertions, place);
                Type::Any
            }
        }
    }

    /// The type of a schema that allows one kind of value.
    pub(super) fn of_type(
        &mut self,
        name: TypeName,
        keywords: &Keywords,
        place: &Place,
        naming: &Naming,
    ) -> Type {
        let allowed: &[&str] = match name {
            TypeName::Null | TypeName::Boolean => &["type"],
            TypeName::Integer | TypeName::Number => &[
                "type",
                "minimum",
                "maximum",
                "exclusiveMinimum",
                "exclusiveMaximum",
                "multipleOf",
                "format",
            ],
            TypeName::String => &["type", "minLength", "maxLength", "pattern", "format"],
            TypeName::Array => &["type", "items", "prefixItems", "minItems", "maxItems"],
            TypeName::Object => &["type", "properties", "required", "additionalProperties"],
        };
        self.refuse_beside(&format!("type: {}", name.as_str()), allowed, &keywords.assertions(), place);
        match name {
            TypeName::Null => Type::Null,
            TypeName::Boolean => Type::Boolean,
            TypeName::Integer => limits::integer(keywords, place, &mut self.diagnostics),
            TypeName::Number => limits::number(keywords, place, &mut self.diagnostics),
            TypeName::String => limits::text(keywords, place, &mut self.diagnostics),
            TypeName::Array => self.array(keywords, place, naming),
            TypeName::Object => objects::object(self, keywords, place, naming),
        }
    }

    fn array(&mut self, keywords: &Keywords, place: &Place, naming: &Naming) -> Type {
        if let Some(prefix) = &keywords.prefix_items {
            return self.tuple(prefix, keywords, place, naming);
        }
        limits::refuse_empty_range(
            keywords.min_items,
            keywords.max_items,
            ("minItems", "maxItems"),
            place,
            &mut self.diagnostics,
        );
        let items = match keywords.items.as_deref() {
            Some(items) => self.part(items, &place.join("items"), &naming.child("Item")),
            None => Type::Any,
        };
        Type::Array(Array {
            items: Box::new(items),
            min_items: keywords.min_items.filter(|least| *least > 0),
            max_items: keywords.max_items,
        })
    }

    /// A tuple is as long as it says: anything looser is an array of another type at every length.
    fn tuple(&mut self, prefix: &[SchemaNode], keywords: &Keywords, place: &Place, naming: &Naming) -> Type {
        let length = u32::try_from(prefix.len()).unwrap_or(u32::MAX);
        let closed = matches!(keywords.items.as_deref(), Some(SchemaNode::Bool(false)))
            || keywords.max_items == Some(length);
        let full = keywords.min_items == Some(length) && keywords.max_items.is_none_or(|most| most == length);
        if !closed || !full || !(1..=12).contains(&length) {
            self.diagnostics.push(
                Diagnostic::at_key(
                    Code::UnsupportedKeyword,
                    &place.join("prefixItems"),
                    "only tuples of a fixed length are supported",
                )
                .note("without `minItems` and `items: false` a shorter or longer array would be valid too")
                .help(format!("add `items: false` and `minItems: {length}` (1 to 12 items)")),
            );
        }
        let place = place.join("prefixItems");
        let items = prefix.iter().enumerate();
        Type::Tuple(
            items
                .map(|(at, item)| self.part(item, &place.join(at), &naming.child(&format!("Item{}", at + 1))))
                .collect(),
        )
    }

    /// The Pascal-case name of a key that names a type.
    pub(super) fn type_name(&mut self, key: &str, place: &Place) -> Option<String> {
        let name = Name::new(key);
        if name.is_none() {
            self.diagnostics.push(
                Diagnostic::at_key(Code::BadName, place, format!("`{key}` gives no name for a type"))
                    .help("use letters and digits, such as `OrderLine`"),
            );
        }
        name.map(|name| name.pascal)
    }

    fn refuse_unknown_keywords(&mut self, keywords: &Keywords, place: &Place) {
        for key in keywords.unknown.keys() {
            let place = place.join(key);
            self.diagnostics.push(if UNSUPPORTED_KEYWORDS.contains(&key.as_str()) {
                Diagnostic::at_key(
                    Code::UnsupportedKeyword,
                    &place,
                    format!("the keyword `{key}` is not supported"),
                )
                .note("a rule that cannot be kept exactly on both sides is refused, never weakened")
                .help("remove it, or express it with another keyword")
            } else {
                let diagnostic =
                    Diagnostic::at_key(Code::UnknownKeyword, &place, format!("unknown keyword `{key}`"));
                match closest(key, Keywords::NAMES.iter().copied()) {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                    None => diagnostic.help("JSON Schema has no such keyword"),
                }
            });
        }
    }

    /// Refuses keywords that cannot stand beside the one that decides the type.
    pub(super) fn refuse_beside(
        &mut self,
        decisive: &str,
        allowed: &[&str],
        assertions: &[&'static str],
        place: &Place,
    ) {
        for keyword in assertions.iter().filter(|keyword| !allowed.contains(keyword)) {
            self.diagnostics.push(
                Diagnostic::at_key(
                    Code::KeywordNeedsType,
                    &place.join(keyword),
                    format!("`{keyword}` cannot stand beside `{decisive}`"),
                )
                .help(match allowed {
                    ["$ref"] => "move it to the type that is referred to".to_owned(),
                    _ => format!("the keywords here are {}", listed(allowed)),
                }),
            );
        }
    }

    fn refuse_without_type(&mut self, assertions: &[&'static str], place: &Place) {
        for keyword in assertions {
            let wanted = match *keyword {
                "minLength" | "maxLength" | "pattern" | "format" => "string",
                "items" | "prefixItems" | "minItems" | "maxItems" => "array",
                "properties" | "required" | "additionalProperties" => "object",
                "x-open" => {
                    let message = "`x-open` needs an `enum`, or a `oneOf` of tagged objects";
                    self.diagnostics.push(Diagnostic::at_key(
                        Code::KeywordNeedsType,
                        &place.join(keyword),
                        message,
                    ));
                    continue;
                }
                _ => "number",
            };
            self.diagnostics.push(
                Diagnostic::at_key(
                    Code::KeywordNeedsType,
                    &place.join(keyword),
                    format!("`{keyword}` stands here without a `type`"),
                )
                .note("without a type, values of every other kind would be valid")
                .help(format!("add `type: {wanted}`")),
            );
        }
    }
}

/// Keywords of JSON Schema that are known and refused.
const UNSUPPORTED_KEYWORDS: [&str; 34] = [
    "$anchor",
    "$defs",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$recursiveAnchor",
    "$recursiveRef",
    "$schema",
    "$vocabulary",
    "additionalItems",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "definitions",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "discriminator",
    "else",
    "if",
    "maxContains",
    "maxProperties",
    "minContains",
    "minProperties",
    "not",
    "nullable",
    "patternProperties",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
    "xml",
];

/// Types that are declared in Rust and so need a name.
pub(super) fn is_nominal(shape: &Type) -> bool {
    matches!(shape, Type::Object(_) | Type::Enum(_) | Type::Union(_) | Type::Tagged(_))
}

/// Whether a schema can become a type that needs a name.
fn may_be_nominal(node: &SchemaNode) -> bool {
    let SchemaNode::Keywords(keywords) = node else { return false };
    if keywords.reference.is_some() {
        return false;
    }
    let several_types = matches!(&keywords.type_, Some(TypeNames::Several(names)) if names.iter().filter(|name| **name != TypeName::Null).count() > 1);
    let strings = keywords
        .enumeration
        .as_deref()
        .map_or(0, |values| values.iter().filter(|value| value.is_string()).count());
    let closed = matches!(keywords.additional_properties.as_deref(), Some(SchemaNode::Bool(false)));
    let alternatives = keywords.one_of.as_deref().or(keywords.any_of.as_deref()).unwrap_or_default();
    several_types
        || strings > 1
        || keywords.open == Some(true)
        || closed
        || keywords.properties.is_some()
        || keywords.required.is_some()
        || keywords.all_of.is_some()
        || match alternatives.iter().filter(|node| !alternatives::is_null(node)).collect::<Vec<_>>()[..] {
            [] => false,
            [lone] => may_be_nominal(lone),
            _ => true,
        }
}

pub(super) fn description_of(node: &SchemaNode) -> Option<String> {
    match node {
        SchemaNode::Keywords(keywords) => keywords.description.clone(),
        SchemaNode::Bool(_) => None,
    }
}
