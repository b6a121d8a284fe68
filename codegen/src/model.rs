//! The checked model: channels, topics and types, with all names resolved. Emitters read nothing else.

mod channels;
mod docs;
mod rules;

use std::collections::HashMap;

use serde_json::Value;

pub(crate) use channels::{
    AddressPart, BreakingChange, Carries, ChangedPart, Channel, FormerNames, History, Ignore, Param, Release,
    Retain, Signal, Topic,
};
pub(crate) use docs::Docs;
pub(crate) use fanfare_schema::Format;
pub(crate) use rules::{Condition, Contains, Items, Kinds, Members, NamedRules, Notes, Rules, RulesId};

use crate::diagnostics::Location;
use crate::names::Name;

/// Everything in one compilation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// The files: those of the folder, sorted by name, then the files that they refer to.
    pub(crate) modules: Vec<Module>,
    /// Every named type, in the order of declaration.
    pub(crate) types: Vec<NamedType>,
    /// Every schema that rules refer to.
    pub(crate) rules: Vec<NamedRules>,
    pub(crate) channels: Vec<Channel>,
    by_scope: HashMap<Scope, Vec<TypeId>>,
    by_module: HashMap<usize, Vec<TypeId>>,
}

impl Model {
    pub(crate) fn new(modules: Vec<Module>) -> Self {
        Self { modules, ..Self::default() }
    }

    /// The types of a module in Rust, in the order of declaration.
    pub(crate) fn types_in(&self, scope: Scope) -> impl Iterator<Item = TypeId> {
        self.by_scope.get(&scope).into_iter().flatten().copied()
    }

    /// The types that a definition file declares, in the order of declaration.
    pub(crate) fn types_of(&self, module: usize) -> impl Iterator<Item = TypeId> {
        self.by_module.get(&module).into_iter().flatten().copied()
    }

    /// Lists the types to generate by scope and by file.
    pub(crate) fn index(&mut self, is_generated: impl Fn(TypeId) -> bool) {
        self.by_scope.clear();
        self.by_module.clear();
        for (at, named) in self.types.iter().enumerate().filter(|(at, _)| is_generated(TypeId(*at))) {
            self.by_scope.entry(named.scope).or_default().push(TypeId(at));
            self.by_module.entry(named.module).or_default().push(TypeId(at));
        }
    }

    pub(crate) fn get(&self, id: TypeId) -> &NamedType {
        &self.types[id.0]
    }

    /// Follows aliases to a shape.
    pub(crate) fn resolve<'m>(&'m self, shape: &'m Type) -> &'m Type {
        let mut shape = shape.shape();
        while let Type::Named(id) = shape {
            shape = self.get(*id).shape.shape();
        }
        shape
    }
}

/// One definition file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Module {
    /// The path relative to the definition folder, without its extension. Output files are named after it.
    pub(crate) stem: String,
    /// The path that starts with the definition folder's name, for headers.
    pub(crate) source: String,
}

/// Identifies one of the [`Model::types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TypeId(pub(crate) usize);

/// A type that has a name in the generated code. Locations are not compared.
#[derive(Clone, Debug)]
pub(crate) struct NamedType {
    /// The name in Rust, inside its scope.
    pub(crate) rust: String,
    /// The name in TypeScript and JSON Schema, unique in the project.
    pub(crate) typescript: String,
    pub(crate) scope: Scope,
    /// Index into [`Model::modules`].
    pub(crate) module: usize,
    pub(crate) docs: Docs,
    pub(crate) shape: Type,
    /// `true` if the type contains itself, directly or through others.
    pub(crate) recursive: bool,
    pub(crate) wrapper: Wrapper,
    /// The schema has `x-open: false`, or its author did not write it for Fanfare.
    pub(crate) is_closed_on_purpose: bool,
    pub(crate) location: Location,
}

impl PartialEq for NamedType {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            rust,
            typescript,
            scope,
            module,
            docs,
            shape,
            recursive,
            wrapper,
            is_closed_on_purpose,
            location: _,
        } = self;
        *rust == other.rust
            && *typescript == other.typescript
            && *scope == other.scope
            && *module == other.module
            && *docs == other.docs
            && *shape == other.shape
            && *recursive == other.recursive
            && *wrapper == other.wrapper
            && *is_closed_on_purpose == other.is_closed_on_purpose
    }
}

/// The struct that Rust needs around a type alias that refers to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrapper {
    None,
    Plain,
    /// The content is boxed, because the struct would otherwise contain itself.
    Boxed,
}

/// The module of a type in Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// The root module, for `$defs` entries.
    Root,
    /// The channel's module, for payloads and their parts. Index into [`Model::channels`].
    Channel(usize),
}

/// The shape of a value, with the rules that the value must satisfy.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Any,
    Null,
    Boolean,
    Integer(Integer),
    Number(Number),
    Text(Text),
    /// A 64-bit integer as a decimal string.
    Int64,
    Uint64,
    Enum(Enum),
    /// One of several JSON values, compared by deep equality.
    Literals(Vec<Value>),
    Array(Array),
    Tuple(Vec<Type>),
    /// Values by name, each of which starts with one of the prefixes, if there are any.
    Map(Box<Type>, Vec<String>),
    Object(Object),
    Union(Union),
    Tagged(Tagged),
    Nullable(Box<Type>),
    Named(TypeId),
    /// A type that holds more values than its schema allows, with the rules that decide.
    Checked(Box<Checked>),
}

impl Type {
    /// The types directly inside this one.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match self {
            Self::Nullable(inner) | Self::Map(inner, _) => vec![inner],
            Self::Array(array) => {
                std::iter::once(&*array.items).chain(&array.prefix).chain(array.rest.as_deref()).collect()
            }
            Self::Tuple(items) => items.iter().collect(),
            Self::Object(object) => {
                let additional = match &object.additional {
                    Additional::Checked(values) => Some(&**values),
                    Additional::Ignored | Additional::Refused => None,
                };
                object.properties.iter().map(|property| &property.shape).chain(additional).collect()
            }
            Self::Union(union) => union.alternatives.iter().map(|alternative| &alternative.shape).collect(),
            Self::Checked(checked) => vec![&checked.shape],
            _ => Vec::new(),
        }
    }

    /// The types directly inside this one, mutably.
    pub(crate) fn children_mut(&mut self) -> Vec<&mut Self> {
        match self {
            Self::Nullable(inner) | Self::Map(inner, _) => vec![inner],
            Self::Array(array) => std::iter::once(&mut *array.items)
                .chain(&mut array.prefix)
                .chain(array.rest.as_deref_mut())
                .collect(),
            Self::Tuple(items) => items.iter_mut().collect(),
            Self::Object(object) => {
                let additional = match &mut object.additional {
                    Additional::Checked(values) => Some(&mut **values),
                    Additional::Ignored | Additional::Refused => None,
                };
                object.properties.iter_mut().map(|property| &mut property.shape).chain(additional).collect()
            }
            Self::Union(union) => {
                union.alternatives.iter_mut().map(|alternative| &mut alternative.shape).collect()
            }
            Self::Checked(checked) => vec![&mut checked.shape],
            _ => Vec::new(),
        }
    }

    /// The type without additional rules.
    pub(crate) fn shape(&self) -> &Self {
        match self {
            Self::Checked(checked) => &checked.shape,
            shape => shape,
        }
    }
}

/// Calls `found` for each named type that a type refers to.
pub(crate) fn visit_types(shape: &Type, found: &mut impl FnMut(TypeId)) {
    match shape {
        Type::Named(id) => found(*id),
        Type::Tagged(tagged) => tagged.cases.iter().for_each(|case| found(case.target)),
        shape => shape.children().into_iter().for_each(|part| visit_types(part, found)),
    }
}

/// A shape, and rules that decide which values are valid. Every valid value fits the shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checked {
    pub(crate) shape: Type,
    pub(crate) rules: Rules,
}

/// An integer within inclusive limits, never outside ±(2^53−1).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Integer {
    pub(crate) minimum: i64,
    pub(crate) maximum: i64,
    pub(crate) multiple_of: Option<f64>,
}

impl Integer {
    pub(crate) const ANY: Self = Self { minimum: -MAX_INTEGER, maximum: MAX_INTEGER, multiple_of: None };
}

/// The largest integer that every JSON runtime represents exactly.
pub(crate) const MAX_INTEGER: i64 = (1 << 53) - 1;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Number {
    pub(crate) minimum: Option<f64>,
    pub(crate) maximum: Option<f64>,
    pub(crate) exclusive_minimum: Option<f64>,
    pub(crate) exclusive_maximum: Option<f64>,
    pub(crate) multiple_of: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Text {
    pub(crate) min_length: Option<u32>,
    pub(crate) max_length: Option<u32>,
    pub(crate) pattern: Option<String>,
    pub(crate) format: Option<Format>,
}

impl Text {
    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// An enum of strings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Enum {
    pub(crate) values: Vec<EnumValue>,
    /// Also accepts any other string.
    pub(crate) open: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EnumValue {
    pub(crate) wire: String,
    /// The variant's name in Rust.
    pub(crate) variant: String,
    pub(crate) docs: Docs,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    /// The types of the first items, if they differ from the others or some of them may be absent. Rust has no type for
    /// such arrays, so there all items have the type of `items`.
    pub(crate) prefix: Vec<Type>,
    pub(crate) items: Box<Type>,
    /// The type of the items after the prefix. `None` if there are none.
    pub(crate) rest: Option<Box<Type>>,
    pub(crate) min_items: Option<u32>,
    pub(crate) max_items: Option<u32>,
}

impl Array {
    /// The number of the first items that every array has.
    pub(crate) fn required(&self) -> usize {
        let least = usize::try_from(self.min_items.unwrap_or(0)).unwrap_or(usize::MAX);
        least.min(self.prefix.len())
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object {
    pub(crate) properties: Vec<Property>,
    pub(crate) additional: Additional,
    /// Each name of an undeclared property starts with one of these, if there are any.
    pub(crate) prefixes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Property {
    pub(crate) name: Name,
    pub(crate) docs: Docs,
    pub(crate) shape: Type,
    pub(crate) required: bool,
    /// The Rust field is boxed, because the struct would otherwise contain itself or be huge.
    pub(crate) boxed: bool,
}

impl Property {
    /// The only value of a required property. It is encoded automatically and has no field in Rust.
    pub(crate) fn constant(&self) -> Option<Value> {
        match &self.shape {
            Type::Enum(Enum { values, open: false }) if self.required && values.len() == 1 => {
                Some(Value::String(values[0].wire.clone()))
            }
            Type::Literals(values) if self.required && values.len() == 1 => {
                Some(values[0].clone()).filter(|value| !value.is_object() && !value.is_array())
            }
            _ => None,
        }
    }
}

/// How undeclared properties are handled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Additional {
    /// Accepted and dropped.
    Ignored,
    Refused,
    Checked(Box<Type>),
}

/// One of several types, without a tag.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Union {
    pub(crate) exactly_one: bool,
    pub(crate) alternatives: Vec<Alternative>,
    /// Accepts unlisted tags, which only a tagged union supports.
    pub(crate) open: bool,
}

impl Union {
    /// The keyword of the union.
    pub(crate) fn key(&self) -> &'static str {
        if self.exactly_one { "oneOf" } else { "anyOf" }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alternative {
    /// The variant's name in Rust.
    pub(crate) variant: String,
    pub(crate) shape: Type,
    /// The Rust variant's content is boxed, because the enum would otherwise contain itself or be huge.
    pub(crate) boxed: bool,
}

/// One of several object types, distinguished by a property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tagged {
    pub(crate) tag: String,
    pub(crate) cases: Vec<Case>,
    /// Also accepts objects with other tags.
    pub(crate) open: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Case {
    /// The value of the tag.
    pub(crate) wire: String,
    /// The variant's name in Rust.
    pub(crate) variant: String,
    pub(crate) target: TypeId,
    pub(crate) boxed: bool,
}
