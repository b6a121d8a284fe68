//! A serializer for the keys of objects, which passes on their text without allocating.

use serde::ser::{Error, Impossible, Serialize, Serializer};

use super::report::Stop;

/// Passes the text of a key to a function. JSON also writes numbers and booleans as keys.
pub(super) struct KeySerializer<F>(pub(super) F);

fn not_a_string<R>() -> Result<R, Stop> {
    Err(Stop::custom("a key must be a string"))
}

macro_rules! scalars {
    ($($method:ident($scalar:ty);)*) => {
        $(fn $method(self, value: $scalar) -> Result<(), Stop> {
            (self.0)(&value.to_string())
        })*
    };
}

type Never = Impossible<(), Stop>;

impl<F: FnOnce(&str) -> Result<(), Stop>> Serializer for KeySerializer<F> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    scalars! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
    }

    fn serialize_str(self, value: &str) -> Result<(), Stop> {
        (self.0)(value)
    }

    fn serialize_char(self, value: char) -> Result<(), Stop> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Stop> {
        self.serialize_str(variant)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_f32(self, _: f32) -> Result<(), Stop> {
        not_a_string()
    }

    fn serialize_f64(self, _: f64) -> Result<(), Stop> {
        not_a_string()
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Stop> {
        not_a_string()
    }

    fn serialize_none(self) -> Result<(), Stop> {
        not_a_string()
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        not_a_string()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Stop> {
        not_a_string()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Stop> {
        not_a_string()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Never, Stop> {
        not_a_string()
    }

    fn serialize_tuple(self, _: usize) -> Result<Never, Stop> {
        not_a_string()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Never, Stop> {
        not_a_string()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Never, Stop> {
        not_a_string()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Never, Stop> {
        not_a_string()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Never, Stop> {
        not_a_string()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Never, Stop> {
        not_a_string()
    }
}
