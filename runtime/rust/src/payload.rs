//! Reading payloads exactly: parse, check against the schema, read.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::schema::{Issue, Schema, check};

/// A type that can be read from a JSON value which its schema has accepted.
pub trait Read: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// When the value has another shape, which its schema would have refused.
    fn read(value: Value) -> Result<Self, Mismatch>;
}

/// A type of payload, with the schema that its JSON must meet.
pub trait Payload: Serialize + Read {
    /// The schema.
    const SCHEMA: &'static Schema;
}

/// A value had another shape than the type being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    expected: &'static str,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the value is not {}", self.expected)
    }
}

impl std::error::Error for Mismatch {}

/// Why JSON text is not the payload asked for.
#[derive(Debug)]
pub enum DecodeError {
    /// It is not JSON.
    Json(serde_json::Error),
    /// It is JSON that the schema does not accept.
    Invalid(Vec<Issue>),
    /// The schema accepts it and the type cannot hold it.
    Mismatch(Mismatch),
}

/// Decodes JSON text exactly: parse, check, read.
///
/// # Errors
/// When the text is not JSON or its schema does not accept it.
pub fn decode<T: Payload>(json: &[u8]) -> Result<T, DecodeError> {
    let value: Value = serde_json::from_slice(json).map_err(DecodeError::Json)?;
    check(T::SCHEMA, &value).map_err(DecodeError::Invalid)?;
    T::read(value).map_err(DecodeError::Mismatch)
}
