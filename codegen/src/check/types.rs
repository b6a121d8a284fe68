//! Schemas to types. Named types are declared first and converted on demand, so that they may refer to each other.

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

/// `$ref`s that decide what a type is are followed at most this deep.
pub(super) const DEEPEST_MERGE: usize = 64;

/// So deep inside other schemas, counting those that a `$ref` led to, no `$ref` is followed to decide what a type is.
const DEEPEST_SCHEMA: usize = 192;

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
    /// Where each type of the model was declared.
    pub(super) places: Vec<Place>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The types that have a place of their own: what `$defs` declare, payloads, and what a `$ref` leads to.
    pub(super) by_place: HashMap<Place, TypeId>,
    /// The names that the types inside these places begin with.
    pub(super) namings: HashMap<Place, Naming>,
    /// Types that were reserved and turned out to need no name.
    pub(super) nameless: HashSet<TypeId>,
    pub(super) rules_by_place: HashMap<(Place, DynamicAnchors), RulesId>,
    /// Where each of the model's rules stands.
    pub(super) places_of_rules: Vec<Place>,
    pub(super) pending_rules: Vec<PendingRules>,
    pub(super) has_too_many_rules: bool,
    /// The names of rules, in lower case.
    pub(super) names_of_rules: HashSet<String>,
    /// How many rules were given each name, with a number behind all but the first.
    pub(super) counts_of_names: HashMap<String, usize>,
    pending: HashMap<TypeId, Pending>,
    /// What references led to so far.
    nodes: HashMap<Place, Rc<SchemaNode>>,
    pub(super) taken: HashSet<(Option<Scope>, String)>,
    /// How many types are being converted because others depend on them.
    followed: usize,
    /// How many schemas are being converted inside each other.
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

    /// Gives every `$defs` entry of every file its name.
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

    /// Reserves a named type; its schema is converted later, when all names are known.
    pub(super) fn declare(&mut self, node: SchemaNode, place: &Place, naming: Naming) -> TypeId {
        let id = self.reserve(place, &naming, description_of(&node));
        self.namings.insert(place.clone(), naming.clone());
        self.pending.insert(id, Pending { node, naming });
        id
    }

    /// Converts what was declared, and lowers what its rules refer to.
    pub(super) fn convert_all(&mut self) {
        let mut at = 0;
        while at < self.model.types.len() {
            self.convert(TypeId(at));
            at += 1;
        }
        rules::lower_pending(self);
        rules::share(self);
    }

    /// The shape of a named type, converted now if it was not before; `None` while it is being converted.
    pub(super) fn shape_of(&mut self, id: TypeId) -> Option<&Type> {
        if self.followed > DEEPEST_MERGE || self.depth > DEEPEST_SCHEMA {
            return None;
        }
        self.followed += 1;
        self.convert(id);
        self.followed -= 1;
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
        let shape = self.structure(&node, &place, &naming);
        let shape = nullable_apart(shape, |inner| {
            let inner_id = self.reserve(&place, &naming.child("Value"), description_of(&node));
            self.model.types[inner_id.0].shape = inner;
            Type::Named(inner_id)
        });
        self.model.types[id.0].shape = shape;
    }

    /// Adds a type to the model. Until it is converted it stands for itself.
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

    /// The schema at a place that a reference leads to.
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

    /// The type of a part: what needs a name of its own becomes a named type.
    pub(super) fn part(&mut self, node: &SchemaNode, place: &Place, naming: &Naming) -> Type {
        if !may_be_nominal(node) {
            return self.structure(node, place, naming);
        }
        self.named(place, naming, description_of(node), |types| types.structure(node, place, naming))
    }

    /// The type that `convert` gives: what needs a name of its own becomes a named type.
    pub(super) fn named(
        &mut self,
        place: &Place,
        naming: &Naming,
        description: Option<String>,
        convert: impl FnOnce(&mut Self) -> Type,
    ) -> Type {
        // What is inside comes after it, so the name is reserved first.
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

    /// The type of a schema that needs no names.
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

    /// The type of a schema, without giving it a name: one that says exactly what the schema does, or one that holds
    /// all of its values, with rules beside it.
    pub(super) fn structure(&mut self, node: &SchemaNode, place: &Place, naming: &Naming) -> Type {
        self.deeper(|types| types.type_of(node, place, naming))
    }

    /// Does something inside a schema, and counts how deep that is.
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
            // What a part means depends on the way to it, so no part has a type of its own.
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
                Diagnostic::at(Code::AnyValue, place, "this becomes any JSON value in Rust and TypeScript")
                    .note("it is checked all the same; it says no `type`, or has alternatives that nothing names")
                    .help("add a `type`, or give each alternative a `title` or a place in `$defs`"),
            );
        }
        checked(shape, rules::of(self, node, place))
    }

    /// The type that says exactly what a schema does, if there is one.
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
            let message = "`x-open` needs an `enum`, or a `oneOf` of tagged objects";
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

    /// The type of a schema that allows one kind of value, and says of it only what a type can say.
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

/// Gives what is nullable a name of its own, if it needs one.
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

/// The keywords that a type of one kind can say, which a generated type checks by itself.
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

/// Keywords that speak of the value itself, and not of what is in it.
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

/// Types that are declared in Rust and so need a name.
pub(super) fn is_nominal(shape: &Type) -> bool {
    matches!(shape.shape(), Type::Object(_) | Type::Enum(_) | Type::Union(_) | Type::Tagged(_))
}

/// Whether a schema can become a type that needs a name.
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
