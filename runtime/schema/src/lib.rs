//! Schemas of payloads: tables that generated code declares as `static`s, and [`check`], which validates values
//! against them.
//!
//! ```
//! use fanfare_schema::{Additional, Integer, Object, Property, Schema, Text, check};
//!
//! static STATUS: Schema = Schema::Object(Object {
//!     properties: &[
//!         Property::Required("message", &Schema::Text(Text::ANY)),
//!         Property::Optional("progress", &Schema::Integer(Integer { minimum: 0, maximum: 100, ..Integer::ANY })),
//!     ],
//!     additional: Additional::Ignored,
//! });
//!
//! let issues = check(&STATUS, &serde_json::json!({ "progress": 101 })).unwrap_err();
//! assert_eq!(issues[0].to_string(), "/message is required");
//! assert_eq!(issues[1].to_string(), "/progress must be at most 100, got 101");
//! ```

use std::fmt;

pub use check::{accepts, check};
pub use deferred::Deferred;
pub use describe::describe;
pub use display::abbreviate;
pub use equality::equal;
pub use example::example;
pub use formats::Format;
pub use issue::Issue;
pub use kinds::Kinds;
pub use literals::Literals;
pub use pattern::Pattern;
pub use rules::{Condition, Contains, Items, Members, Rules};

mod alternatives;
mod check;
mod decimal;
mod deferred;
mod describe;
mod display;
mod equality;
mod evaluate;
mod example;
pub mod formats;
mod index_set;
mod issue;
#[doc(hidden)]
pub mod json_reader;
mod key_serializer;
mod kinds;
mod literals;
mod memo;
mod names;
mod nearest;
mod path;
mod pattern;
mod property_finder;
mod report;
mod rules;
mod scalar;
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod simulation;
mod visit;

/// The largest integer that every JSON runtime represents exactly: 2^53 − 1.
pub const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// The maximum nesting depth of arrays and objects.
pub const MAX_DEPTH: usize = 127;

/// The maximum number of issues that [`check`] returns. If a value has more, a last [`Issue`] with the rule `issues`
/// says so, and the rest of the value is not checked.
pub const MAX_ISSUES: usize = 20;

/// A JSON Schema, as a table that lives in a `static`.
#[derive(Clone, Copy)]
pub enum Schema {
    /// Any JSON value.
    Any,
    /// No value.
    Never,
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// An integer within limits. `1.0` is an integer.
    Integer(Integer),
    /// A finite number within limits.
    Number(Number),
    /// A string within limits.
    Text(Text),
    /// A signed 64-bit integer, carried as a string of decimal digits.
    Int64,
    /// An unsigned 64-bit integer, carried as a string of decimal digits.
    Uint64,
    /// One of several JSON values, compared deeply: `enum` and `const`.
    Literals(&'static Literals),
    /// One of several strings.
    Enum(&'static [&'static str]),
    /// An array whose items share a schema.
    Array(Array),
    /// An array of exactly these items.
    Tuple(&'static [&'static Schema]),
    /// An object whose values share a schema.
    Map(&'static Schema),
    /// An object with named properties.
    Object(Object),
    /// A value that at least one alternative accepts.
    AnyOf(&'static [&'static Schema]),
    /// A value that exactly one alternative accepts.
    OneOf(&'static [&'static Schema]),
    /// An object whose tag selects the schema.
    Tagged(Tagged),
    /// A value described by JSON Schema keywords, if the other variants cannot describe it exactly.
    Rules(&'static Rules),
    /// A schema that is built later. Generated code never needs it.
    Deferred(&'static Deferred<Schema>),
}

/// The limits of an integer, inclusive and never beyond ±(2^53 − 1).
#[derive(Clone, Copy, Debug)]
pub struct Integer {
    /// The smallest value allowed.
    pub minimum: i64,
    /// The largest value allowed.
    pub maximum: i64,
    /// The number that the value must be a multiple of.
    pub multiple_of: Option<f64>,
}

impl Integer {
    /// Every integer that JSON represents safely.
    pub const ANY: Self = Self { minimum: -MAX_SAFE_INTEGER, maximum: MAX_SAFE_INTEGER, multiple_of: None };
}

/// The limits of a number.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    /// The smallest value allowed.
    pub minimum: Option<f64>,
    /// The largest value allowed.
    pub maximum: Option<f64>,
    /// The value must be greater than this.
    pub exclusive_minimum: Option<f64>,
    /// The value must be less than this.
    pub exclusive_maximum: Option<f64>,
    /// The number that the value must be a multiple of, exactly, in decimal.
    pub multiple_of: Option<f64>,
}

impl Number {
    /// Every finite number.
    pub const ANY: Self = Self {
        minimum: None,
        maximum: None,
        exclusive_minimum: None,
        exclusive_maximum: None,
        multiple_of: None,
    };
}

/// The limits of a string. Lengths count code points.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// The minimum number of code points.
    pub min_length: u32,
    /// The maximum number of code points; `u32::MAX` for no limit.
    pub max_length: u32,
    /// The regular expression that must match somewhere in the string.
    pub pattern: Option<&'static Pattern>,
    /// The format of the whole string.
    pub format: Option<Format>,
}

impl Text {
    /// Every string.
    pub const ANY: Self = Self { min_length: 0, max_length: u32::MAX, pattern: None, format: None };
}

/// An array whose items share a schema.
#[derive(Clone, Copy, Debug)]
pub struct Array {
    /// The schema of the items.
    pub items: &'static Schema,
    /// The minimum number of items.
    pub min_items: u32,
    /// The maximum number of items; `u32::MAX` for no limit.
    pub max_items: u32,
}

/// An object with named properties.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// The properties in the order of their declaration.
    pub properties: &'static [Property],
    /// How other properties are handled.
    pub additional: Additional,
}

/// One property of an object: its name in JSON, and the schema of its value.
#[derive(Clone, Copy, Debug)]
pub enum Property {
    /// A property that every object has.
    Required(&'static str, &'static Schema),
    /// A property that may be absent.
    Optional(&'static str, &'static Schema),
}

impl Property {
    pub(crate) fn name(&self) -> &'static str {
        let (Self::Required(name, _) | Self::Optional(name, _)) = self;
        name
    }

    pub(crate) fn schema(&self) -> &'static Schema {
        let (Self::Required(_, schema) | Self::Optional(_, schema)) = self;
        schema
    }

    pub(crate) fn is_required(&self) -> bool {
        matches!(self, Self::Required(..))
    }
}

/// How properties that an object does not declare are handled.
#[derive(Clone, Copy, Debug)]
pub enum Additional {
    /// They are accepted, and left out of the decoded value.
    Ignored,
    /// They are rejected.
    Refused,
    /// They must match this schema.
    Checked(&'static Schema),
}

/// An object with a string property that selects the schema.
#[derive(Clone, Copy, Debug)]
pub struct Tagged {
    /// The name of the property with the tag.
    pub tag: &'static str,
    /// Each tag with the schema of the whole object, including the tag.
    pub cases: &'static [(&'static str, &'static Schema)],
    /// Whether an object with an unknown tag is accepted as it is.
    pub open: bool,
}

/// Prints only the variant, because schemas may be recursive.
impl fmt::Debug for Schema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Any => "Any",
            Self::Never => "Never",
            Self::Null => "Null",
            Self::Boolean => "Boolean",
            Self::Integer(_) => "Integer",
            Self::Number(_) => "Number",
            Self::Text(_) => "Text",
            Self::Int64 => "Int64",
            Self::Uint64 => "Uint64",
            Self::Literals(_) => "Literals",
            Self::Enum(_) => "Enum",
            Self::Array(_) => "Array",
            Self::Tuple(_) => "Tuple",
            Self::Map(_) => "Map",
            Self::Object(_) => "Object",
            Self::AnyOf(_) => "AnyOf",
            Self::OneOf(_) => "OneOf",
            Self::Tagged(_) => "Tagged",
            Self::Rules(_) => "Rules",
            Self::Deferred(_) => "Deferred",
        })
    }
}
