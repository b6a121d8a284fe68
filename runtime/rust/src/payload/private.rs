//! Functions that the macros call. Not part of the public API: they may change in any release.

use std::collections::BTreeMap;

use serde::de::Error as _;
pub use serde::ser::SerializeMap;
pub use serde::{Deserialize, Deserializer, Serialize, Serializer};
pub use serde_json::Value;

use super::{Decode, Payload, ShapeError, ValidationError};
use crate::schema::check;
pub use crate::schema::{Schema, accepts};
use fanfare_schema::json_reader::MemberReader;
pub use fanfare_schema::json_reader::{JsonReader, Unread};

/// Reads a payload with any deserializer, as exactly as [`decode`](super::decode) does.
///
/// # Errors
/// Returns an error if the schema does not accept the value.
pub fn deserialize<'de, T: Payload, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    check(T::SCHEMA, &value).map_err(|issues| D::Error::custom(ValidationError { issues }))?;
    T::from_value(value).map_err(D::Error::custom)
}

/// Reads a payload from a tree, because its schema needs the whole value.
///
/// # Errors
/// Returns an error if the schema does not accept the value.
#[inline(never)]
pub fn read_tree<T: Decode>(reader: &mut JsonReader<'_>, schema: &'static Schema) -> Result<T, Unread> {
    T::from_value(reader.tree(schema)?).map_err(|_| Unread)
}

/// Reads the field of a member.
///
/// # Errors
/// Returns an error if the value has another shape, or its schema does not accept it.
#[inline]
pub fn read_field<T: Decode>(
    reader: &mut JsonReader<'_>,
    schema: &'static Schema,
    field: &mut Option<T>,
) -> Result<(), Unread> {
    *field = Some(T::read_json(reader, schema)?);
    Ok(())
}

/// Reads a member that has no field of its own.
///
/// # Errors
/// Returns an error if the value has another shape, or its schema does not accept it.
pub fn read_other<'j, T: Decode>(
    reader: &mut JsonReader<'j>,
    member: MemberReader<'j>,
    others: &mut BTreeMap<String, T>,
) -> Result<(), Unread> {
    let value = T::read_json(reader, member.schema)?;
    others.insert(member.name.into_owned(), value);
    Ok(())
}

/// A field that was read from JSON text, or `None` if it is absent.
pub struct ReadField<T>(pub Option<T>);

/// A field that may be absent.
pub struct ReadOptionalField<T>(Option<T>);

impl<T> ReadField<T> {
    /// Allows the field to be absent.
    #[inline]
    #[must_use]
    pub fn optional(self) -> ReadOptionalField<T> {
        ReadOptionalField(self.0)
    }

    /// Returns the field.
    ///
    /// # Errors
    /// Returns an error if it is absent.
    #[inline]
    pub fn finish(self) -> Result<T, Unread> {
        self.0.ok_or(Unread)
    }
}

impl<T> ReadOptionalField<T> {
    /// Returns the field.
    ///
    /// # Errors
    /// Never returns an error: the signature matches that of the method for required fields.
    #[inline]
    pub fn finish(self) -> Result<Option<T>, Unread> {
        Ok(self.0)
    }
}

/// A field that is written into an object.
pub struct Field<'a, T>(pub &'a T);

/// A field that is left out if it is `None`.
pub struct OptionalField<'a, T>(&'a Option<T>);

impl<'a, T: Serialize> Field<'a, Option<T>> {
    /// Leaves the field out if it is `None`.
    #[must_use]
    pub fn optional(self) -> OptionalField<'a, T> {
        OptionalField(self.0)
    }
}

impl<T: Serialize> Field<'_, T> {
    /// Writes the field.
    ///
    /// # Errors
    /// Returns the error of the serializer.
    pub fn write<M: SerializeMap>(self, object: &mut M, name: &str) -> Result<(), M::Error> {
        object.serialize_entry(name, self.0)
    }
}

impl<T: Serialize> OptionalField<'_, T> {
    /// Writes the field unless it is `None`.
    ///
    /// # Errors
    /// Returns the error of the serializer.
    pub fn write<M: SerializeMap>(self, object: &mut M, name: &str) -> Result<(), M::Error> {
        self.0.as_ref().map_or(Ok(()), |value| object.serialize_entry(name, value))
    }
}

/// Boxes the argument of a constructor.
pub fn boxed<T>(argument: T) -> Box<T> {
    Box::new(argument)
}

/// Boxes the content of an argument of a constructor.
pub fn boxed_content<T>(argument: Option<T>) -> Option<Box<T>> {
    argument.map(Box::new)
}

/// Writes the properties that an object does not declare.
///
/// # Errors
/// Returns the error of the serializer.
pub fn write_additional<M: SerializeMap, T: Serialize>(
    additional: &BTreeMap<String, T>,
    object: &mut M,
) -> Result<(), M::Error> {
    additional.iter().try_for_each(|(name, value)| object.serialize_entry(name, value))
}

/// The members of an object that is being read.
pub struct Members(serde_json::Map<String, Value>);

impl Members {
    /// Takes the members of an object.
    ///
    /// # Errors
    /// Returns an error if the value is not an object.
    pub fn from_value(value: Value) -> Result<Self, ShapeError> {
        match value {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(ShapeError::new("an object")),
        }
    }

    /// Takes one member.
    pub fn take(&mut self, name: &str) -> Member {
        Member(self.0.get_mut(name).map(Value::take))
    }

    /// Reads all members that have no field of their own.
    ///
    /// # Errors
    /// Returns an error if one of them has another shape.
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
    /// Allows the member to be absent.
    #[must_use]
    pub fn optional(self) -> OptionalMember {
        OptionalMember(self.0)
    }

    /// Reads the member.
    ///
    /// # Errors
    /// Returns an error if it is absent or has another shape.
    pub fn read<T: Decode>(self) -> Result<T, ShapeError> {
        self.0.map_or(Err(ShapeError::new("an object with every required property")), T::from_value)
    }
}

impl OptionalMember {
    /// Reads the member, or returns `None` if it is absent.
    ///
    /// # Errors
    /// Returns an error if it has another shape.
    pub fn read<T: Decode>(self) -> Result<Option<T>, ShapeError> {
        self.0.map(T::from_value).transpose()
    }
}

/// Returns whether a value equals a literal, compared deeply.
pub fn is_literal(value: &Value, literal: impl Serialize) -> bool {
    serde_json::to_value(literal).is_ok_and(|literal| fanfare_schema::equal(value, &literal))
}

/// Returns the string property that selects the variant.
#[must_use]
pub fn find_tag<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str()
}

/// Returns the error for a text that is not a variant of an enum.
#[must_use]
pub fn unknown_variant(schema: &Schema, text: &str) -> ValidationError {
    ValidationError { issues: check(schema, text).err().unwrap_or_default() }
}

/// Checks the limits of a string.
///
/// # Errors
/// Returns all limits that the text violates.
pub fn check_text(schema: &Schema, text: &str) -> Result<(), ValidationError> {
    check(schema, text).map_err(|issues| ValidationError { issues })
}

/// Reads an enum of strings.
///
/// # Errors
/// Returns an error if the value is not a string, or not a variant.
pub fn read_text<T: std::str::FromStr>(value: Value) -> Result<T, ShapeError> {
    String::from_value(value)?.parse().map_err(|_| NO_ALTERNATIVE)
}

/// Reads an enum of strings from JSON text.
///
/// # Errors
/// Returns an error if the next value is not a string, or not a variant.
#[inline]
pub fn read_json_text<T: std::str::FromStr>(
    reader: &mut JsonReader<'_>,
    schema: &'static Schema,
) -> Result<T, Unread> {
    reader.text(schema)?.parse().map_err(|_| Unread)
}

/// The error for a value that matches no variant of the enum.
pub const NO_ALTERNATIVE: ShapeError = ShapeError::new("one of the alternatives");
