//! How the types that generated code is made of are read.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::{Mismatch, Read};
use crate::formats::{Date, DateTime, Email, Hostname, Ipv4, Ipv6, Time, Uri, Uuid};

impl Read for Value {
    fn read(value: Value) -> Result<Self, Mismatch> {
        Ok(value)
    }
}

impl Read for () {
    fn read(value: Value) -> Result<Self, Mismatch> {
        if value.is_null() { Ok(()) } else { Err(Mismatch::new("null")) }
    }
}

impl Read for bool {
    fn read(value: Value) -> Result<Self, Mismatch> {
        value.as_bool().ok_or(Mismatch::new("a boolean"))
    }
}

impl Read for String {
    fn read(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::String(text) => Ok(text),
            _ => Err(Mismatch::new("a string")),
        }
    }
}

impl Read for f64 {
    fn read(value: Value) -> Result<Self, Mismatch> {
        // Adding zero turns -0 into 0 and leaves every other number as it is.
        value.as_f64().map(|number| number + 0.0).ok_or(Mismatch::new("a number"))
    }
}

/// An integer however it is written: `1`, `1.0` or `1e0`.
#[expect(clippy::cast_possible_truncation, reason = "whole and within ±2^53, as is checked here")]
fn integer(value: &Value) -> Option<i64> {
    const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;
    let number = value.as_number()?;
    number.as_i64().or_else(|| {
        let double = Number::as_f64(number)?;
        (double.fract() == 0.0 && double.abs() <= LARGEST_EXACT).then_some(double as i64)
    })
}

macro_rules! read_integers {
    ($($integer:ident)*) => {
        $(impl Read for $integer {
            fn read(value: Value) -> Result<Self, Mismatch> {
                integer(&value)
                    .and_then(|number| number.try_into().ok())
                    .ok_or(Mismatch::new(concat!("an integer that fits ", stringify!($integer))))
            }
        })*
    };
}

read_integers! { i8 i16 i32 i64 u8 u16 u32 u64 }

impl<T: Read> Read for Option<T> {
    fn read(value: Value) -> Result<Self, Mismatch> {
        if value.is_null() { Ok(None) } else { T::read(value).map(Some) }
    }
}

impl<T: Read> Read for Box<T> {
    fn read(value: Value) -> Result<Self, Mismatch> {
        T::read(value).map(Self::new)
    }
}

fn items(value: Value) -> Result<Vec<Value>, Mismatch> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err(Mismatch::new("an array")),
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: Value) -> Result<Self, Mismatch> {
        items(value)?.into_iter().map(T::read).collect()
    }
}

impl<T: Read> Read for BTreeMap<String, T> {
    fn read(value: Value) -> Result<Self, Mismatch> {
        let Value::Object(members) = value else { return Err(Mismatch::new("an object")) };
        members.into_iter().map(|(name, value)| Ok((name, T::read(value)?))).collect()
    }
}

macro_rules! read_tuples {
    ($($length:literal: $($item:ident)*;)*) => {
        $(impl<$($item: Read),*> Read for ($($item,)*) {
            #[allow(non_snake_case, reason = "the type parameters name the items")]
            fn read(value: Value) -> Result<Self, Mismatch> {
                let items: Result<[Value; $length], _> = items(value)?.try_into();
                let [$($item),*] = items.map_err(|_| Mismatch::new("an array of that many items"))?;
                Ok(($($item::read($item)?,)*))
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
        $(impl Read for $format {
            fn read(value: Value) -> Result<Self, Mismatch> {
                let mismatch = Mismatch::new(concat!("a valid ", stringify!($format)));
                Self::try_from(String::read(value)?).map_err(|_| mismatch)
            }
        })*
    };
}

read_formats! { Uuid DateTime Date Time Email Uri Ipv4 Ipv6 Hostname }
