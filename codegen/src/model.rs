//! What definitions mean: channels, topics and types with every name decided.
//!
//! Emitters read this and nothing else.

mod rules;

use serde_json::Value;

pub(crate) use rules::{Condition, Contains, Items, Kinds, Members, NamedRules, Rules, RulesId};

use crate::names::Name;

/// All that is compiled together.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// The definition files, in the order of their names.
    pub(crate) modules: Vec<Module>,
    /// Every named type, in the order of declaration.
    pub(crate) types: Vec<NamedType>,
    /// Every schema that rules refer to.
    pub(crate) rules: Vec<NamedRules>,
    pub(crate) channels: Vec<Channel>,
}

impl Model {
    pub(crate) fn get(&self, id: TypeId) -> &NamedType {
        &self.types[id.0]
    }

    /// Follows aliases to the shape that they stand for.
    pub(crate) fn resolve<'m>(&'m self, shape: &'m Type) -> &'m Type {
        let mut shape = shape.shape();
        while let Type::Named(id) = shape {
            shape = self.get(*id).shape.shape();
        }
        shape
    }
}

/// One definition file.
#[derive(Debug)]
pub(crate) struct Module {
    /// The path below the definition folder without its extension; output files are named by it.
    pub(crate) stem: String,
    /// The path from the definition folder on, for headers.
    pub(crate) source: String,
}

/// Names one of the [`Model::types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TypeId(pub(crate) usize);

/// A type that has a name in the generated code.
#[derive(Debug)]
pub(crate) struct NamedType {
    /// Its name in Rust, inside its scope.
    pub(crate) rust: String,
    /// Its name in TypeScript and JSON Schema, unique in the whole project.
    pub(crate) typescript: String,
    pub(crate) scope: Scope,
    /// Index into [`Model::modules`].
    pub(crate) module: usize,
    pub(crate) description: Option<String>,
    pub(crate) shape: Type,
    /// It contains itself, directly or through others.
    pub(crate) recursive: bool,
    pub(crate) wrapper: Wrapper,
}

/// Whether Rust needs a struct around a type that would otherwise be another name for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrapper {
    None,
    Plain,
    /// What it holds is boxed, or the struct would contain itself.
    Boxed,
}

/// Where a type's Rust name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// A `$defs` entry: at the root.
    Root,
    /// A payload or a part of one: in the channel's module. Index into [`Model::channels`].
    Channel(usize),
}

/// The shape of a value and the rules that it has to satisfy.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Any,
    Null,
    Boolean,
    Integer(Integer),
    Number(Number),
    Text(Text),
    /// A 64-bit integer, carried as a decimal string.
    Int64,
    Uint64,
    Enum(Enum),
    /// Any JSON values, by deep equality.
    Literals(Vec<Value>),
    Array(Array),
    Tuple(Vec<Type>),
    Map(Box<Type>),
    Object(Object),
    Union(Union),
    Tagged(Tagged),
    Nullable(Box<Type>),
    Named(TypeId),
    /// A type that holds more values than the schema allows: the rules decide.
    Checked(Box<Checked>),
}

impl Type {
    /// The types directly inside this one.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match self {
            Self::Nullable(inner) | Self::Map(inner) => vec![inner],
            Self::Array(array) => vec![&array.items],
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

    /// The types directly inside this one, to be changed.
    pub(crate) fn children_mut(&mut self) -> Vec<&mut Self> {
        match self {
            Self::Nullable(inner) | Self::Map(inner) => vec![inner],
            Self::Array(array) => vec![&mut array.items],
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

    /// The type without the rules that go beyond it.
    pub(crate) fn shape(&self) -> &Self {
        match self {
            Self::Checked(checked) => &checked.shape,
            shape => shape,
        }
    }
}

/// A shape, and rules that say exactly which values are valid. Each of those fits the shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checked {
    pub(crate) shape: Type,
    pub(crate) rules: Rules,
}

/// A whole number within inclusive limits, never beyond ±(2^53−1).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Integer {
    pub(crate) minimum: i64,
    pub(crate) maximum: i64,
    pub(crate) multiple_of: Option<f64>,
}

/// The largest integer that every JSON runtime holds exactly.
pub(crate) const LARGEST_INTEGER: i64 = (1 << 53) - 1;

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

/// A grammar for strings that both runtimes know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Uuid,
    DateTime,
    Date,
    Time,
    Email,
    Uri,
    Ipv4,
    Ipv6,
    Hostname,
    /// A 64-bit integer in decimal digits; in a type it is a [`Type::Int64`].
    Int64,
    Uint64,
}

impl Format {
    /// The formats that are types of their own.
    pub(crate) const ALL: [Self; 9] = [
        Self::Uuid,
        Self::DateTime,
        Self::Date,
        Self::Time,
        Self::Email,
        Self::Uri,
        Self::Ipv4,
        Self::Ipv6,
        Self::Hostname,
    ];

    /// The format that is a type of its own by this name.
    pub(crate) fn of_keyword(keyword: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.keyword() == keyword)
    }

    /// The name in JSON Schema.
    pub(crate) fn keyword(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::DateTime => "date-time",
            Self::Date => "date",
            Self::Time => "time",
            Self::Email => "email",
            Self::Uri => "uri",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Hostname => "hostname",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
        }
    }

    /// The name of the type and of the variant in the Rust runtime.
    pub(crate) fn rust(self) -> &'static str {
        match self {
            Self::Uuid => "Uuid",
            Self::DateTime => "DateTime",
            Self::Date => "Date",
            Self::Time => "Time",
            Self::Email => "Email",
            Self::Uri => "Uri",
            Self::Ipv4 => "Ipv4",
            Self::Ipv6 => "Ipv6",
            Self::Hostname => "Hostname",
            Self::Int64 => "Int64",
            Self::Uint64 => "Uint64",
        }
    }
}

/// An enum of strings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Enum {
    pub(crate) values: Vec<EnumValue>,
    /// Accepts any other string too.
    pub(crate) open: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EnumValue {
    pub(crate) wire: String,
    /// The variant in Rust.
    pub(crate) variant: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) items: Box<Type>,
    pub(crate) min_items: Option<u32>,
    pub(crate) max_items: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object {
    pub(crate) properties: Vec<Property>,
    pub(crate) additional: Additional,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Property {
    pub(crate) name: Name,
    pub(crate) description: Option<String>,
    pub(crate) shape: Type,
    pub(crate) required: bool,
    /// In Rust the field is boxed, or the struct would contain itself.
    pub(crate) boxed: bool,
}

impl Property {
    /// The only value that a required property can have: it is written by itself and is no field in Rust.
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

/// What becomes of properties that are not declared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Additional {
    /// Accepted and not passed on.
    Ignored,
    Refused,
    Checked(Box<Type>),
}

/// One of several types, without a tag.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Union {
    pub(crate) exactly_one: bool,
    pub(crate) alternatives: Vec<Alternative>,
    /// Asked to accept tags that are not listed; only a tagged union can.
    pub(crate) open: bool,
}

impl Union {
    /// The keyword that it was written with.
    pub(crate) fn key(&self) -> &'static str {
        if self.exactly_one { "oneOf" } else { "anyOf" }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alternative {
    /// The variant in Rust.
    pub(crate) variant: String,
    pub(crate) shape: Type,
    /// In Rust the variant's content is boxed, or the enum would contain itself.
    pub(crate) boxed: bool,
}

/// One of several object types, told apart by a property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tagged {
    pub(crate) tag: String,
    pub(crate) cases: Vec<Case>,
    /// Accepts objects with other tags too.
    pub(crate) open: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Case {
    /// The tag's value.
    pub(crate) wire: String,
    /// The variant in Rust.
    pub(crate) variant: String,
    pub(crate) target: TypeId,
    pub(crate) boxed: bool,
}

#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) name: Name,
    pub(crate) description: Option<String>,
    /// Index into [`Model::modules`].
    pub(crate) module: usize,
    pub(crate) address: Vec<AddressPart>,
    pub(crate) params: Vec<Param>,
    pub(crate) history: History,
    pub(crate) topics: Vec<Topic>,
    pub(crate) signals: Vec<Signal>,
    /// What a run on the channel returns, where the definition says so.
    pub(crate) result: Option<TypeId>,
}

impl Channel {
    /// The address as the user wrote it: `pipeline:{runId}`.
    pub(crate) fn template(&self) -> String {
        let part = |part: &AddressPart| match part {
            AddressPart::Literal(text) => text.clone(),
            AddressPart::Param(index) => format!("{{{}}}", self.params[*index].name.wire),
        };
        self.address.iter().map(part).collect()
    }

    /// The types of all that travels on the channel: payloads of topics and of signals, and results.
    pub(crate) fn carried(&self) -> impl Iterator<Item = TypeId> {
        let signals = self.signals.iter().map(|signal| signal.payload);
        self.topics.iter().filter_map(Topic::payload).chain(signals).chain(self.result)
    }

    /// The same, to be changed.
    pub(crate) fn carried_mut(&mut self) -> impl Iterator<Item = &mut TypeId> {
        let topics = self.topics.iter_mut().filter_map(|topic| match &mut topic.carries {
            Carries::Payload(id) => Some(id),
            Carries::TextStream => None,
        });
        let signals = self.signals.iter_mut().map(|signal| &mut signal.payload);
        topics.chain(signals).chain(&mut self.result)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AddressPart {
    Literal(String),
    /// Index into [`Channel::params`].
    Param(usize),
}

#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) name: Name,
    pub(crate) description: Option<String>,
    pub(crate) shape: Type,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) messages: u32,
    pub(crate) age_seconds: u64,
}

#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Name,
    pub(crate) description: Option<String>,
    pub(crate) retain: Retain,
    pub(crate) carries: Carries,
}

impl Topic {
    /// The type of its payloads, where it carries payloads.
    pub(crate) fn payload(&self) -> Option<TypeId> {
        match self.carries {
            Carries::Payload(id) => Some(id),
            Carries::TextStream => None,
        }
    }
}

/// What a client may send to a run that waits on the channel.
#[derive(Debug)]
pub(crate) struct Signal {
    pub(crate) name: Name,
    pub(crate) description: Option<String>,
    pub(crate) payload: TypeId,
}

/// What is published to a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    Payload(TypeId),
    TextStream,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retain {
    None,
    Last,
    All,
    Latest(u32),
}

impl Retain {
    /// How many messages `all` stands for.
    pub(crate) const ALL: u32 = 1000;
}
