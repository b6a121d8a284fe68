//! What a payload must look like: tables that generated code fills in as
//! `static`s, and one interpreter, [`check`], that holds values against them.
//!
//! ```
//! use fanfare::schema::{check, Additional, Integer, Object, Property, Schema, Text};
//!
//! static STATUS: Schema = Schema::Object(Object {
//!     properties: &[
//!         Property { name: "message", schema: &Schema::Text(Text::ANY), required: true },
//!         Property {
//!             name: "progress",
//!             schema: &Schema::Integer(Integer { minimum: 0, maximum: 100, multiple_of: None }),
//!             required: false,
//!         },
//!     ],
//!     additional: Additional::Ignored,
//! });
//!
//! let issues = check(&STATUS, &serde_json::json!({ "progress": 101 })).unwrap_err();
//! assert_eq!(issues[0].to_string(), "/message is required");
//! assert_eq!(issues[1].to_string(), "/progress must be at most 100, got 101");
//! ```

use std::fmt;

pub use crate::formats::Format;
pub use check::{accepts, check};
pub(crate) use equality::equal;
pub use issue::Issue;
pub use kinds::Kinds;
pub use literals::Literals;
pub use pattern::Pattern;
pub use rules::{Condition, Contains, Items, Members, Rules};
pub(crate) use shown::shortened;

mod alternatives;
mod check;
mod decimal;
mod equality;
mod evaluate;
mod issue;
mod key;
mod kinds;
mod literals;
mod memory;
mod names;
mod pattern;
mod place;
mod positions;
mod rules;
mod scalar;
mod shown;
mod visit;

/// The largest integer that every JSON runtime holds exactly: 2^53 − 1.
pub const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// How many arrays and objects may be nested in each other.
pub const MAX_DEPTH: usize = 127;

/// How many issues [`check`] describes. If a value has more, a last [`Issue`] with the rule `issues` says
/// so, and the rest of the value is not visited.
pub const MAX_ISSUES: usize = 20;

/// One JSON Schema, as a table that lives in a `static`.
#[derive(Clone, Copy)]
pub enum Schema {
    /// Any JSON value.
    Any,
    /// No value at all.
    Never,
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// An integer within limits; `1.0` is one.
    Integer(Integer),
    /// A finite number within limits.
    Number(Number),
    /// A string within limits.
    Text(Text),
    /// A signed 64-bit integer, carried as a string of decimal digits.
    Int64,
    /// An unsigned 64-bit integer, carried as a string of decimal digits.
    Uint64,
    /// One of a few JSON values, compared deeply: `enum` and `const`.
    Literals(&'static Literals),
    /// One of a few strings.
    Enum(&'static [&'static str]),
    /// An array whose items are all alike.
    Array(Array),
    /// An array of exactly these items.
    Tuple(&'static [&'static Schema]),
    /// An object whose values are all alike.
    Map(&'static Schema),
    /// An object with named properties.
    Object(Object),
    /// A value that at least one alternative accepts.
    AnyOf(&'static [&'static Schema]),
    /// A value that exactly one alternative accepts.
    OneOf(&'static [&'static Schema]),
    /// An object whose tag says which case it is.
    Tagged(Tagged),
    /// A value that JSON Schema's own words describe: what the others cannot say exactly.
    Rules(&'static Rules),
}

/// The limits of an integer, inclusive and never beyond ±(2^53 − 1).
#[derive(Clone, Copy, Debug)]
pub struct Integer {
    /// The smallest value allowed.
    pub minimum: i64,
    /// The largest value allowed.
    pub maximum: i64,
    /// What the value must be a multiple of.
    pub multiple_of: Option<f64>,
}

impl Integer {
    /// Every integer that JSON carries safely.
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
    /// What the value must be a multiple of, exactly, as decimals.
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
    /// The fewest code points allowed.
    pub min_length: u32,
    /// The most code points allowed; `u32::MAX` for no limit.
    pub max_length: u32,
    /// The regular expression that must match somewhere in the string.
    pub pattern: Option<&'static Pattern>,
    /// The format the whole string must have.
    pub format: Option<Format>,
}

impl Text {
    /// Every string.
    pub const ANY: Self = Self { min_length: 0, max_length: u32::MAX, pattern: None, format: None };
}

/// An array whose items are all alike.
#[derive(Clone, Copy, Debug)]
pub struct Array {
    /// What each item must be.
    pub items: &'static Schema,
    /// The fewest items allowed.
    pub min_items: u32,
    /// The most items allowed; `u32::MAX` for no limit.
    pub max_items: u32,
}

/// An object with named properties.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// The properties in the order of their declaration.
    pub properties: &'static [Property],
    /// What becomes of the others.
    pub additional: Additional,
}

/// One property of an object.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// Its name in JSON.
    pub name: &'static str,
    /// What its value must be.
    pub schema: &'static Schema,
    /// Whether it must be there.
    pub required: bool,
}

/// What becomes of properties that an object does not declare.
#[derive(Clone, Copy, Debug)]
pub enum Additional {
    /// They are accepted and not passed on.
    Ignored,
    /// They are not accepted.
    Refused,
    /// Each must be this.
    Checked(&'static Schema),
}

/// An object whose own string property says which case it is.
#[derive(Clone, Copy, Debug)]
pub struct Tagged {
    /// The property that holds the tag.
    pub tag: &'static str,
    /// Each tag with the schema of the whole object, tag included.
    pub cases: &'static [(&'static str, &'static Schema)],
    /// Whether an object with another tag is accepted as it is.
    pub open: bool,
}

/// Schemas may be recursive, so this shows only the kind.
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
        })
    }
}
