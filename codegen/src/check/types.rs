//! Converts schemas to types. Named types are declared first and converted on demand, so that they can refer to each other.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde_json::Value;

use super::naming::{Naming, constants, is_foreign};
use super::rules::{self, PendingRules};
use super::{alternatives, arrays, limits, objects, shapes, words};
use crate::definition::{
    Definitions, DynamicAnchors, Keywords, Resources, SchemaNode, TypeName, TypeNames, at, node,
};
use crate::diagnostics::{Code, Diagnostic, Place, Sources};
use crate::model::{Checked, Model, NamedType, Rules, RulesId, Scope, Type, TypeId, Wrapper};

/// The depth to which `$ref`s are followed to determine a type.
pub(super) const MAX_REFERENCE_DEPTH: usize = 64;

/// The nesting depth of schemas, including those behind `$ref`s, beyond which no `$ref` is followed to determine a type.
const MAX_SCHEMA_DEPTH: usize = 192;

/// A declared type that is not converted yet.
struct Pending {
    node: SchemaNode,
    naming: Naming,
}

/// The types and rules under construction.
pub(super) struct Types<'d> {
    pub(super) definitions: &'d Definitions,
    pub(super) sources: &'d Sources,
    pub(super) resources: Resources,
    pub(super) model: Model,
    /// The location of each type of the model.
    pub(super) places: Vec<Place>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The types by location: entries of `$defs`, payloads, and targets of `$ref`s.
    pub(super) by_place: HashMap<Place, TypeId>,
    /// The name prefix of types inside these locations.
    pub(super) namings: HashMap<Place, Naming>,
    /// Types that were declared and turned out to need no name.
    pub(super) nameless: HashSet<TypeId>,
    pub(super) rules_by_place: HashMap<(Place, DynamicAnchors), RulesId>,
    /// The location of each of the model's rules.
    pub(super) places_of_rules: Vec<Place>,
    pub(super) pending_rules: Vec<PendingRules>,
    pub(super) has_too_many_rules: bool,
    /// The names of rules, in lower case.
    pub(super) names_of_rules: HashSet<String>,
    /// How many rules use each name; all but the first have a number appended.
    pub(super) counts_of_names: HashMap<String, usize>,
    pending: HashMap<TypeId, Pending>,
    /// The schemas that references resolved to so far.
    nodes: HashMap<Place, Rc<SchemaNode>>,
    pub(super) taken: HashSet<(Option<Scope>, String)>,
    /// The number of types being converted because others depend on them.
    followed: usize,
    /// The nesting depth of the schema being converted.
    depth: usize,
}

impl<'d> Types<'d> {
    pub(super) fn new(definitions: &'d Definitions, sources: &'d Sources) -> Self {
        let mut diagnostics = Vec::new();
        let resources = Resources::of(definitions, &mut diagnostics);
        Self {
            definitions,
            sources,
            resources,
            model: Model::default(),
            places: Vec::new(),
            diagnostics,
            by_place: HashMap::new(),
            namings: HashMap::new(),
            nameless: HashSet::new(),
            rules_by_place: HashMap::new(),
            places_of_rules: Vec::new(),
            pending_rules: Vec::new(),
            has_too_many_rules: false,
            names_of_rules: HashSet::new(),
            counts_of_names: HashMap::new(),
            pending: HashMap::new(),
            nodes: HashMap::new(),
            taken: HashSet::new(),
            followed: 0,
            depth: 0,
        }
    }

    /// Declares every `$defs` entry of every file.
    pub(super) fn declare_definitions(&mut self) {
        for (module, definition) in self.definitions.files.iter().enumerate() {
            let root = Place::root(definition.source);
            let groups = [("$defs", &definition.file.defs), ("definitions", &definition.file.definitions)];
            for (group, definitions) in groups {
                for (key, value) in definitions {
                    let place = root.join(group).join(key);
                    let Some(name) = self.type_name(key, &place) else { continue };
                    let naming = Naming {
                        scope: Scope::Root,
                        module,
                        rust: name.clone(),
                        typescript: name,
                        foreign: is_foreign(value),
                    };
                    let node = self.parse(value.clone(), &place);
                    let id = self.declare(node, &place, naming);
                    self.by_place.insert(place, id);
                }
            }
        }
    }

    /// Declares a named type. Its schema is converted later, when all names are known.
    pub(super) fn declare(&mut self, node: SchemaNode, place: &Place, naming: Naming) -> TypeId {
        let id = self.reserve(place, &naming, description_of(&node));
        self.namings.insert(place.clone(), naming.clone());
        self.pending.insert(id, Pending { node, naming });
        id
    }

    /// Converts all declared types, and lowers the schemas that their rules refer to.
    pub(super) fn convert_all(&mut self) {
        let mut at = 0;
        while at < self.model.types.len() {
            self.convert(TypeId(at));
            at += 1;
        }
        rules::lower_pending(self);
        rules::share(self);
    }

    /// The shape of a named type, converted on first use. `None` while it is being converted.
    pub(super) fn shape_of(&mut self, id: TypeId) -> Option<&Type> {
        if self.followed > MAX_REFERENCE_DEPTH || self.depth > MAX_SCHEMA_DEPTH {
            return None;
        }
        self.followed += 1;
        self.convert(id);
        self.followed -= 1;
        let shape = &self.model.types[id.0].shape;
        (!matches!(shape, Type::Named(of) if *of == id)).then_some(shape)
    }

    /// The shape behind aliases. `None` while it is being converted, and for a cycle of aliases.
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
        let shape = self.structure(&node, &place, &naming);
        let shape = nullable_apart(shape, |inner| {
            let inner_id = self.reserve(&place, &naming.child("Value"), description_of(&node));
            self.model.types[inner_id.0].shape = inner;
            Type::Named(inner_id)
        });
        self.model.types[id.0].shape = shape;
    }

    /// Adds a type to the model. Until it is converted, its shape is a reference to itself.
    fn reserve(&mut self, place: &Place, naming: &Naming, description: Option<String>) -> TypeId {
        let id = TypeId(self.model.types.len());
        let (rust, typescript) = self.names(naming);
        self.model.types.push(NamedType {
            rust,
            typescript,
            scope: naming.scope,
            module: naming.module,
            description,
            shape: Type::Named(id),
            recursive: false,
            wrapper: Wrapper::None,
        });
        self.places.push(place.clone());
        id
    }

    pub(super) fn parse(&mut self, value: Value, place: &Place) -> SchemaNode {
        match node::<SchemaNode>(place, value) {
            Ok(node) => {
                let resources = &self.resources;
                words::check(&node, place, &|place| resources.dialect(place), &mut self.diagnostics);
                node
            }
            Err(diagnostic) => {
                self.diagnostics.push(diagnostic);
                SchemaNode::Bool(true)
            }
        }
    }

    /// The schema at the target of a reference.
    pub(super) fn node_at(&mut self, place: &Place) -> Rc<SchemaNode> {
        if let Some(node) = self.nodes.get(place) {
            return Rc::clone(node);
        }
        let document = self.definitions.of(place.source).map(|definition| &definition.document);
        let value = document.and_then(|document| at(document, place)).cloned();
        let node = Rc::new(self.parse(value.unwrap_or(Value::Bool(true)), place));
        self.nodes.insert(place.clone(), Rc::clone(&node));
        node
    }

    /// The type of a part of a schema. Becomes a named type if it needs a name.
    pub(super) fn part(&mut self, node: &SchemaNode, place: &Place, naming: &Naming) -> Type {
        if !may_be_nominal(node) {
            return self.structure(node, place, naming);
        }
        self.named(place, naming, description_of(node), |types| types.structure(node, place, naming))
    }

    /// The type that `convert` returns. Becomes a named type if it needs a name.
    pub(super) fn named(
        &mut self,
        place: &Place,
        naming: &Naming,
        description: Option<String>,
        convert: impl FnOnce(&mut Self) -> Type,
    ) -> Type {
        // Reserve the name first, so that inner types come after it.
        let id = self.reserve(place, naming, description);
        let shape = convert(self);
        if is_nominal(&shape) {
            self.model.types[id.0].shape = shape;
            return Type::Named(id);
        }
        let mut is_named = false;
        let shape = nullable_apart(shape, |inner| {
            self.model.types[id.0].shape = inner;
            is_named = true;
            Type::Named(id)
        });
        if !is_named {
            self.nameless.insert(id);
            let named = self.model.get(id);
            for constant in constants(naming.scope, &named.rust, &named.typescript) {
                self.taken.remove(&constant);
            }
        }
        shape
    }

    /// The type of a schema that needs no name.
    pub(super) fn simple(&mut self, node: &SchemaNode, place: &Place) -> Option<Type> {
        let naming = || Naming {
            scope: Scope::Root,
            module: 0,
            rust: String::new(),
            typescript: String::new(),
            foreign: false,
        };
        let is_simple = matches!(node, SchemaNode::Keywords(keywords)
            if keywords.assertions().iter().all(|keyword| SCALAR_KEYWORDS.contains(keyword) || ["$ref", "const"].contains(keyword))
                && !matches!(keywords.type_, Some(TypeNames::Several(_))));
        is_simple.then(|| self.structure(node, place, &naming()))
    }

    /// The type of a schema, without a name: one that expresses the schema exactly, or one that holds all of its values,
    /// together with rules.
    pub(super) fn structure(&mut self, node: &SchemaNode, place: &Place, naming: &Naming) -> Type {
        self.deeper(|types| types.type_of(node, place, naming))
    }

    /// Calls `inside` one nesting level deeper.
    pub(super) fn deeper<R>(&mut self, inside: impl FnOnce(&mut Self) -> R) -> R {
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    fn type_of(&mut self, node: &SchemaNode, place: &Place, naming: &Naming) -> Type {
        let keywords = match node {
            SchemaNode::Bool(true) => return Type::Any,
            SchemaNode::Bool(false) => return checked(Type::Any, Rules::never()),
            SchemaNode::Keywords(keywords) => keywords,
        };
        let overruled = self.resources.dialect(place).reference_stands_alone()
            && keywords.reference.is_some()
            && keywords.assertions().len() > 1;
        let alone = overruled.then(|| keywords.only_reference());
        let keywords = alone.as_ref().unwrap_or(keywords);
        if self.resources.are_dynamic(place) {
            // The meaning of a part depends on the path to it, so no part has a type of its own.
            return checked(Type::Any, rules::of(self, node, place));
        }
        if let Some(exact) = self.exactly(keywords, place, naming) {
            return exact;
        }
        if keywords.open == Some(true) && (keywords.one_of.is_some() || keywords.any_of.is_some()) {
            self.diagnostics.push(alternatives::cannot_be_open(place));
        }
        let shape = shapes::of(self, keywords, place, naming);
        if shape == Type::Any {
            self.diagnostics.push(
                Diagnostic::at(
                    Code::AnyValue,
                    place,
                    "this schema becomes any JSON value in Rust and TypeScript",
                )
                .note("values are still checked; the schema has no `type`, or has unnamed alternatives")
                .help("add a `type`, or give each alternative a `title` or an entry in `$defs`"),
            );
        }
        checked(shape, rules::of(self, node, place))
    }

    /// The type that expresses a schema exactly, if one exists.
    fn exactly(&mut self, keywords: &Keywords, place: &Place, naming: &Naming) -> Option<Type> {
        let assertions = keywords.assertions();
        let only = |allowed: &[&str]| assertions.iter().all(|keyword| allowed.contains(keyword));
        if let Some(reference) = &keywords.reference {
            return only(&["$ref"]).then(|| self.reference(reference, &place.join("$ref")));
        }
        if keywords.constant.is_some() {
            return only(&["const", "type"]).then(|| alternatives::values(self, keywords, place));
        }
        if keywords.enumeration.is_some() {
            return only(&["enum", "type", "x-open"]).then(|| alternatives::values(self, keywords, place));
        }
        if keywords.one_of.is_some() || keywords.any_of.is_some() {
            return alternatives::union(self, keywords, place, naming);
        }
        if keywords.open == Some(true) {
            let message = "`x-open` requires an `enum`, or a `oneOf` of tagged objects";
            self.diagnostics.push(Diagnostic::at_key(Code::KeywordNeedsType, &place.join("x-open"), message));
        }
        if keywords.all_of.is_some() {
            return objects::merged(self, keywords, place, naming);
        }
        match &keywords.type_ {
            Some(TypeNames::One(name)) => {
                only(keywords_of(*name)).then(|| self.of_type(*name, keywords, place, naming))?
            }
            Some(TypeNames::Several(names)) => alternatives::of_types(self, names, keywords, place, naming),
            None => only(&["x-open"]).then_some(Type::Any),
        }
    }

    /// The type of a schema that allows one kind of value and has only keywords that a type expresses.
    pub(super) fn of_type(
        &mut self,
        name: TypeName,
        keywords: &Keywords,
        place: &Place,
        naming: &Naming,
    ) -> Option<Type> {
        Some(match name {
            TypeName::Null => Type::Null,
            TypeName::Boolean => Type::Boolean,
            TypeName::Integer => limits::integer(keywords, place, &mut self.diagnostics),
            TypeName::Number => limits::number(keywords, place, &mut self.diagnostics),
            TypeName::String => limits::text(keywords, place, &mut self.diagnostics),
            TypeName::Array => return arrays::array(self, keywords, place, naming),
            TypeName::Object => return objects::object(self, keywords, place, naming),
        })
    }
}

fn checked(shape: Type, rules: Rules) -> Type {
    let shape = match shape {
        Type::Checked(checked) => checked.shape,
        shape => shape,
    };
    Type::Checked(Box::new(Checked { shape, rules }))
}

/// Names the type inside a nullable one, if it needs a name.
fn nullable_apart(shape: Type, name: impl FnOnce(Type) -> Type) -> Type {
    match shape {
        Type::Nullable(inner) if is_nominal(&inner) => Type::Nullable(Box::new(name(*inner))),
        Type::Checked(checked) => {
            let Checked { shape, rules } = *checked;
            let shape = nullable_apart(shape, name);
            Type::Checked(Box::new(Checked { shape, rules }))
        }
        shape => shape,
    }
}

/// The keywords that a generated type of one kind expresses and checks itself.
pub(super) fn keywords_of(name: TypeName) -> &'static [&'static str] {
    match name {
        TypeName::Null | TypeName::Boolean => &["type", "format"],
        TypeName::Integer | TypeName::Number => {
            &["type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"]
        }
        TypeName::String => &["type", "minLength", "maxLength", "pattern", "format"],
        TypeName::Array => {
            &["type", "items", "prefixItems", "additionalItems", "minItems", "maxItems", "format"]
        }
        TypeName::Object => &["type", "properties", "required", "additionalProperties", "format"],
    }
}

/// Keywords that constrain the value itself, not its contents.
pub(super) const SCALAR_KEYWORDS: [&str; 10] = [
    "type",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
];

/// Returns `true` for types that are declared in Rust and therefore need a name.
pub(super) fn is_nominal(shape: &Type) -> bool {
    matches!(shape.shape(), Type::Object(_) | Type::Enum(_) | Type::Union(_) | Type::Tagged(_))
}

/// Returns `true` if a schema can become a type that needs a name.
fn may_be_nominal(node: &SchemaNode) -> bool {
    let SchemaNode::Keywords(keywords) = node else { return false };
    let assertions = keywords.assertions();
    match assertions.as_slice() {
        [] | ["$ref" | "type" | "const"] if !matches!(keywords.type_, Some(TypeNames::Several(_))) => false,
        _ if keywords.constant.is_some() => false,
        _ => match &keywords.type_ {
            Some(TypeNames::One(TypeName::Object)) => true,
            Some(TypeNames::One(_)) => keywords.enumeration.is_some(),
            _ => true,
        },
    }
}

pub(super) fn description_of(node: &SchemaNode) -> Option<String> {
    match node {
        SchemaNode::Keywords(keywords) => keywords.description.clone(),
        SchemaNode::Bool(_) => None,
    }
}
