//! 64-bit integers, which JSON numbers cannot represent. They are strings in JSON.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use fanfare_schema::json_reader::{JsonReader, Unread};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::{Decode, Payload, ShapeError};
use crate::schema::{Schema, accepts};

macro_rules! integers {
    ($($(#[$docs:meta])* $name:ident($inner:ident): $expected:literal;)*) => {
        $(
            $(#[$docs])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name(pub $inner);

            impl From<$inner> for $name {
                fn from(number: $inner) -> Self {
                    Self(number)
                }
            }

            impl From<$name> for $inner {
                fn from(number: $name) -> Self {
                    number.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(formatter)
                }
            }

            impl FromStr for $name {
                type Err = ParseIntError;

                fn from_str(text: &str) -> Result<Self, ParseIntError> {
                    text.parse().map(Self)
                }
            }

            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(&self.0)
                }
            }

            impl Decode for $name {
                fn from_value(value: Value) -> Result<Self, ShapeError> {
                    value
                        .as_str()
                        .and_then(|text| text.parse().ok())
                        .ok_or(ShapeError::new($expected))
                }

                fn read_json(reader: &mut JsonReader<'_>, schema: &'static Schema) -> Result<Self, Unread> {
                    reader.text(schema)?.parse().map_err(|_| Unread)
                }
            }

            impl Payload for $name {
                const SCHEMA: &'static Schema = &Schema::$name;
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let value = Value::deserialize(deserializer)?;
                    if !accepts(Self::SCHEMA, &value) {
                        return Err(de::Error::custom(ShapeError::new($expected)));
                    }
                    Self::from_value(value).map_err(de::Error::custom)
                }
            }
        )*
    };
}

integers! {
    /// A signed 64-bit integer, represented as a string of decimal digits.
    ///
    /// ```
    /// use fanfare::Int64;
    ///
    /// let json = serde_json::to_string(&Int64(i64::MIN)).unwrap();
    /// assert_eq!(json, r#""-9223372036854775808""#);
    /// ```
    Int64(i64): "a 64-bit integer in a string";
    /// An unsigned 64-bit integer, represented as a string of decimal digits.
    Uint64(u64): "an unsigned 64-bit integer in a string";
}
