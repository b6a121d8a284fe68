//! Exact reading and writing of payloads.
//!
//! [`decode`] accepts a text exactly if the type's schema accepts it, so the result does not depend on what a derived
//! `Deserialize` accepts. It reads most valid texts in one pass, and checks each part as it reads it. All other texts
//! are parsed as a tree, which is validated before it is read. Generated types get their impls from hidden macros of
//! this crate, which only generated code calls.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::schema::{Issue, Schema, check};
use fanfare_schema::json_reader::{JsonReader, Unread};

pub use integers::{Int64, Uint64};

mod decode;
mod integers;
mod macros;
#[doc(hidden)]
pub mod private;

/// A type that can be read from a JSON value that its schema has accepted.
pub trait Decode: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// Returns an error if the value has another shape, which its schema would have rejected.
    fn from_value(value: Value) -> Result<Self, ShapeError>;

    /// Reads the value from JSON text, and checks each part against its schema. By default, builds a tree first.
    #[doc(hidden)]
    fn read_json(reader: &mut JsonReader<'_>, schema: &'static Schema) -> Result<Self, Unread> {
        private::read_tree(reader, schema)
    }
}

/// A type of payload, with the schema of its JSON.
pub trait Payload: Serialize + Decode {
    /// The schema of the type's JSON.
    const SCHEMA: &'static Schema;
}

/// Decodes JSON text exactly: reads it as the type if the type's schema accepts it.
///
/// # Errors
/// Returns an error if the text is not JSON, or its schema does not accept it.
///
/// ```
/// use fanfare::payload::decode;
/// use fanfare::schema::{Additional, Integer, Object, Property, Schema};
///
/// #[derive(Debug)]
/// struct Progress {
///     percent: i64,
/// }
///
/// static PROGRESS: Schema = Schema::Object(Object {
///     properties: &[Property::Required("percent", &Schema::Integer(Integer { minimum: 0, maximum: 100, ..Integer::ANY }))],
///     additional: Additional::Ignored,
/// });
///
/// fanfare::object!(Progress: PROGRESS { "percent" => percent });
///
/// assert_eq!(decode::<Progress>(br#"{"percent": 1e2}"#).unwrap().percent, 100);
/// let error = decode::<Progress>(br#"{"percent": 101}"#).unwrap_err();
/// assert_eq!(error.to_string(), "/percent must be at most 100, got 101");
/// ```
pub fn decode<T: Payload>(json: &[u8]) -> Result<T, DecodeError> {
    if let Ok(payload) = read_in_one_pass(json) {
        return Ok(payload);
    }
    // For all other texts, the tree decides, and gives the issues.
    let value: Value = serde_json::from_slice(json).map_err(DecodeError::Json)?;
    check(T::SCHEMA, &value).map_err(|issues| DecodeError::Invalid(ValidationError { issues }))?;
    T::from_value(value).map_err(DecodeError::Shape)
}

fn read_in_one_pass<T: Payload>(json: &[u8]) -> Result<T, Unread> {
    let mut reader = JsonReader::new(json)?;
    let payload = T::read_json(&mut reader, T::SCHEMA)?;
    reader.end().map(|()| payload)
}

/// The reason why JSON text is not a payload of the type.
#[derive(Debug)]
pub enum DecodeError {
    /// The text is not JSON, or breaks the wire profile.
    Json(serde_json::Error),
    /// The schema does not accept it.
    Invalid(ValidationError),
    /// The schema accepts the value, but the type cannot represent it: the type and the schema do not belong together.
    Shape(ShapeError),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(formatter, "not JSON: {error}"),
            Self::Invalid(invalid) => invalid.fmt(formatter),
            Self::Shape(error) => error.fmt(formatter),
        }
    }
}

// `Display` includes the inner error, so `source` would repeat it.
impl std::error::Error for DecodeError {}

/// A value that its schema does not accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError {
    pub(crate) issues: Vec<Issue>,
}

impl ValidationError {
    /// Returns the issues of the value.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// Returns the issues of the value.
    #[must_use]
    pub fn into_issues(self) -> Vec<Issue> {
        self.issues
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, issue) in self.issues.iter().enumerate() {
            if index > 0 {
                formatter.write_str("; ")?;
            }
            issue.fmt(formatter)?;
        }
        Ok(())
    }
}

impl std::error::Error for ValidationError {}

/// A value whose shape differs from the type being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShapeError {
    expected: &'static str,
}

impl ShapeError {
    /// Creates an error from the expected shape with its article, such as `an integer`.
    #[must_use]
    pub const fn new(expected: &'static str) -> Self {
        Self { expected }
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the value is not {}", self.expected)
    }
}

impl std::error::Error for ShapeError {}
