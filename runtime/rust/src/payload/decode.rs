//! How the types that generated types consist of are read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use fanfare_schema::json_reader::{JsonReader, Unread};
use serde_json::{Number, Value};

use super::private::{read_other, read_tree};
use super::{Decode, ShapeError};
use crate::formats::{Date, DateTime, Email, Hostname, Ipv4, Ipv6, Time, Uri, Uuid};
use crate::schema::{Format, Schema};

impl Decode for Value {
    fn from_value(value: Value) -> Result<Self, ShapeError> {
        Ok(value)
    }

    fn read_json(reader: &mut JsonReader<'_>, schema: &'static Schema) -> Result<Self, Unread> {
        reader.tree(schema)
    }
}

impl Decode for () {
    fn from_value(value: Value) -> Result<Self, ShapeError> {
        if value.is_null() { Ok(()) } else { Err(ShapeError::new("null")) }
    }
}

impl Decode for bool {
    fn from_value(value: Value) -> Result<Self, ShapeError> {
        value.as_bool().ok_or(ShapeError::new("a boolean"))
    }

    fn read_json(reader: &mut JsonReader<'_>, schema: &'static Schema) -> Result<Self, Unread> {
        reader.boolean(schema)
    }
}

impl Decode for String {
    fn from_value(value: Value) -> Result<Self, ShapeError> {
        match value {
            Value::String(text) => Ok(text),
            _ => Err(ShapeError::new("a string")),
        }
    }

    fn read_json(reader: &mut JsonReader<'_>, schema: &'static Schema) -> Result<Self, Unread> {
        reader.text(schema).map(Cow::into_owned)
    }
}

impl Decode for f64 {
    fn from_value(value: Value) -> Result<Self, ShapeError> {
        // Adding zero turns -0 into 0 and leaves every other number as it is.
        value.as_f64().map(|number| number + 0.0).ok_or(ShapeError::new("a number"))
    }

    fn read_json(reader: &mut JsonReader<'_>, schema: &'static Schema) -> Result<Self, Unread> {
        reader.number(schema).map(|number| number + 0.0)
    }
}

/// Returns an integer, whether it is written as `1`, `1.0` or `1e0`.
fn integer(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    number.as_i64().or_else(|| Number::as_f64(number).and_then(whole))
}

/// Returns a double as an integer, if it is one and no other integer rounds to it.
#[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53, as is checked here")]
fn whole(double: f64) -> Option<i64> {
    const MAX_EXACT: f64 = 9_007_199_254_740_991.0;
    (double.fract() == 0.0 && double.abs() <= MAX_EXACT).then_some(double as i64)
}

macro_rules! read_integers {
    ($($integer:ident)*) => {
        $(impl Decode for $integer {
            fn from_value(value: Value) -> Result<Self, ShapeError> {
                integer(&value)
                    .and_then(|number| number.try_into().ok())
                    .ok_or(ShapeError::new(concat!("an integer that fits ", stringify!($integer))))
            }

            fn read_json(reader: &mut JsonReader<'_>, schema: &'static Schema) -> Result<Self, Unread> {
                whole(reader.number(schema)?).and_then(|number| number.try_into().ok()).ok_or(Unread)
            }
        })*
    };
}

read_integers! { i8 i16 i32 i64 u8 u16 u32 u64 }

impl<T: Decode> Decode for Option<T> {
    fn from_value(value: Value) -> Result<Self, ShapeError> {
        if value.is_null() { Ok(None) } else { T::from_value(value).map(Some) }
    }

    fn read_json(reader: &mut JsonReader<'_>, schema: &'static Schema) -> Result<Self, Unread> {
        reader.null_or(schema)?.map(|schema| T::read_json(reader, schema)).transpose()
    }
}

impl<T: Decode> Decode for Box<T> {
    fn from_value(value: Value) -> Result<Self, ShapeError> {
        T::from_value(value).map(Self::new)
    }

    fn read_json(reader: &mut JsonReader<'_>, schema: &'static Schema) -> Result<Self, Unread> {
        T::read_json(reader, schema).map(Self::new)
    }
}

fn items(value: Value) -> Result<Vec<Value>, ShapeError> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err(ShapeError::new("an array")),
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn from_value(value: Value) -> Result<Self, ShapeError> {
        items(value)?.into_iter().map(T::from_value).collect()
    }

    fn read_json(reader: &mut JsonReader<'_>, schema: &'static Schema) -> Result<Self, Unread> {
        let Some(mut array) = reader.array(schema)? else { return read_tree(reader, schema) };
        let mut items = Self::new();
        while let Some(schema) = array.next(reader)? {
            items.push(T::read_json(reader, schema)?);
        }
        Ok(items)
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    fn from_value(value: Value) -> Result<Self, ShapeError> {
        let Value::Object(members) = value else { return Err(ShapeError::new("an object")) };
        members.into_iter().map(|(name, value)| Ok((name, T::from_value(value)?))).collect()
    }

    fn read_json(reader: &mut JsonReader<'_>, schema: &'static Schema) -> Result<Self, Unread> {
        let Some(mut object) = reader.object(schema)? else { return read_tree(reader, schema) };
        let mut members = Self::new();
        while let Some(member) = object.next(reader)? {
            read_other(reader, member, &mut members)?;
        }
        Ok(members)
    }
}

macro_rules! read_tuples {
    ($($length:literal: $($item:ident)*;)*) => {
        $(#[allow(non_snake_case, reason = "the type parameters name the items")]
        impl<$($item: Decode),*> Decode for ($($item,)*) {
            fn from_value(value: Value) -> Result<Self, ShapeError> {
                let items: Result<[Value; $length], _> = items(value)?.try_into();
                let [$($item),*] = items.map_err(|_| ShapeError::new("an array of that many items"))?;
                Ok(($($item::from_value($item)?,)*))
            }

            fn read_json(reader: &mut JsonReader<'_>, schema: &'static Schema) -> Result<Self, Unread> {
                let Some(mut array) = reader.array(schema)? else { return read_tree(reader, schema) };
                $(
                    let item = array.next(reader)?.ok_or(Unread)?;
                    let $item = $item::read_json(reader, item)?;
                )*
                array.next(reader)?.map_or(Ok(($($item,)*)), |_| Err(Unread))
            }
        })*
    };
}

read_tuples! {
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
    9: A B C D E F G H I;
    10: A B C D E F G H I J;
    11: A B C D E F G H I J K;
    12: A B C D E F G H I J K L;
}

macro_rules! read_formats {
    ($($format:ident)*) => {
        $(impl Decode for $format {
            fn from_value(value: Value) -> Result<Self, ShapeError> {
                let mismatch = ShapeError::new(concat!("a valid ", stringify!($format)));
                Self::try_from(String::from_value(value)?).map_err(|_| mismatch)
            }

            fn read_json(reader: &mut JsonReader<'_>, schema: &'static Schema) -> Result<Self, Unread> {
                let text = reader.text_except_format(schema, Format::$format)?;
                Self::try_from(text.into_owned()).map_err(|_| Unread)
            }
        })*
    };
}

read_formats! { Uuid DateTime Date Time Email Uri Ipv4 Ipv6 Hostname }
