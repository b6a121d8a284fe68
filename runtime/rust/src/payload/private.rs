//! What the macros expand to calls of. Not part of the public interface: it may
//! change in any release.

use std::collections::BTreeMap;

use serde::de::Error as _;
pub use serde::ser::SerializeMap;
pub use serde::{Deserialize, Deserializer, Serialize, Serializer};
pub use serde_json::Value;

use super::{Decode, Payload, ShapeError, ValidationError};
pub use crate::schema::{Schema, accepts};
use crate::schema::{check, equal};

/// Reads a payload with any deserializer as exactly as [`decode`](super::decode) does.
///
/// # Errors
/// When the schema does not accept the value.
pub fn deserialize<'de, T: Payload, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    check(T::SCHEMA, &value).map_err(|issues| D::Error::custom(ValidationError { issues }))?;
    T::from_value(value).map_err(D::Error::custom)
}

/// A field on its way into an object.
pub struct Field<'a, T>(pub &'a T);

/// A field that is left out when it is `None`.
pub struct OptionalField<'a, T>(&'a Option<T>);

impl<'a, T: Serialize> Field<'a, Option<T>> {
    /// Leaves the field out when it is `None`.
    #[must_use]
    pub fn optional(self) -> OptionalField<'a, T> {
        OptionalField(self.0)
    }
}

impl<T: Serialize> Field<'_, T> {
    /// Writes the field.
    ///
    /// # Errors
    /// What the serializer says.
    pub fn write<M: SerializeMap>(self, object: &mut M, name: &str) -> Result<(), M::Error> {
        object.serialize_entry(name, self.0)
    }
}

impl<T: Serialize> OptionalField<'_, T> {
    /// Writes the field if it is there.
    ///
    /// # Errors
    /// What the serializer says.
    pub fn write<M: SerializeMap>(self, object: &mut M, name: &str) -> Result<(), M::Error> {
        self.0.as_ref().map_or(Ok(()), |value| object.serialize_entry(name, value))
    }
}

/// Writes the properties that an object does not declare.
///
/// # Errors
/// What the serializer says.
pub fn write_additional<M: SerializeMap, T: Serialize>(
    additional: &BTreeMap<String, T>,
    object: &mut M,
) -> Result<(), M::Error> {
    additional.iter().try_for_each(|(name, value)| object.serialize_entry(name, value))
}

/// The members of an object that is being read.
pub struct Members(serde_json::Map<String, Value>);

impl Members {
    /// Takes an object apart.
    ///
    /// # Errors
    /// When the value is none.
    pub fn of(value: Value) -> Result<Self, ShapeError> {
        match value {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(ShapeError::new("an object")),
        }
    }

    /// Takes one member out.
    pub fn take(&mut self, name: &str) -> Member {
        Member(self.0.get_mut(name).map(Value::take))
    }

    /// Reads all members but those that have fields of their own.
    ///
    /// # Errors
    /// When one of them has another shape.
    pub fn read_additional<T: Decode>(self, declared: &[&str]) -> Result<BTreeMap<String, T>, ShapeError> {
        let others = self.0.into_iter().filter(|(name, _)| !declared.contains(&name.as_str()));
        others.map(|(name, value)| Ok((name, T::from_value(value)?))).collect()
    }
}

/// A member of an object that is being read.
pub struct Member(Option<Value>);

/// A member that may be absent.
pub struct OptionalMember(Option<Value>);

impl Member {
    /// Lets the member be absent.
    #[must_use]
    pub fn optional(self) -> OptionalMember {
        OptionalMember(self.0)
    }

    /// Reads the member.
    ///
    /// # Errors
    /// When it is absent or has another shape.
    pub fn read<T: Decode>(self) -> Result<T, ShapeError> {
        self.0.map_or(Err(ShapeError::new("an object with every required property")), T::from_value)
    }
}

impl OptionalMember {
    /// Reads the member; `None` when it is absent.
    ///
    /// # Errors
    /// When it has another shape.
    pub fn read<T: Decode>(self) -> Result<Option<T>, ShapeError> {
        self.0.map(T::from_value).transpose()
    }
}

/// Whether a value equals a literal, deeply.
pub fn is_literal(value: &Value, literal: impl Serialize) -> bool {
    serde_json::to_value(literal).is_ok_and(|literal| equal(value, &literal))
}

/// An object's own string property that says which case it is.
#[must_use]
pub fn tag<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str()
}

/// A text that names no variant of an enum.
#[must_use]
pub fn no_variant(schema: &Schema, text: &str) -> ValidationError {
    ValidationError { issues: check(schema, text).err().unwrap_or_default() }
}

/// A text that a limited string cannot hold.
///
/// # Errors
/// Every limit that it breaks.
pub fn within_limits(schema: &Schema, text: &str) -> Result<(), ValidationError> {
    check(schema, text).map_err(|issues| ValidationError { issues })
}

/// Reads an enum of strings.
///
/// # Errors
/// When the value is no string or names no variant.
pub fn read_text<T: std::str::FromStr>(value: Value) -> Result<T, ShapeError> {
    String::from_value(value)?.parse().map_err(|_| NO_ALTERNATIVE)
}

/// The value fits no variant of the enum.
pub const NO_ALTERNATIVE: ShapeError = ShapeError::new("one of the alternatives");
