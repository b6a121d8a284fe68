//! Values as the interpreter sees them: a serde serializer that writes nothing
//! and hands every piece to a [`Visitor`]. Typed values and JSON trees go the
//! same way, and all that judges them is compiled once, not once a type.

use serde::ser::{
    Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct,
    Serializer,
};

use super::key::TextOfKey;
use super::place::Stop;

/// A value that can be looked at, as often as need be.
pub(super) trait Visit {
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop>;
}

impl<T: Serialize + ?Sized> Visit for &T {
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        self.serialize(Pieces { visitor })
    }
}

/// What stands at a place, but for what is in it.
#[derive(Clone, Copy)]
pub(super) enum Found<'a> {
    Null,
    Boolean(bool),
    /// Integers are looked at as the doubles that other JSON runtimes hold.
    Number(f64),
    Text(&'a str),
    Array,
    Object,
}

/// Takes one value piece by piece.
pub(super) trait Visitor {
    /// What stands there. The pieces of an array or object follow.
    fn found(&mut self, found: Found<'_>) -> Result<(), Stop>;

    fn item(&mut self, _value: &dyn Visit) -> Result<(), Stop> {
        Ok(())
    }

    fn property(&mut self, _name: &str, _value: &dyn Visit) -> Result<(), Stop> {
        Ok(())
    }

    /// The array or object has no more pieces.
    fn end(&mut self) -> Result<(), Stop> {
        Ok(())
    }
}

/// The serializer.
struct Pieces<'a> {
    visitor: &'a mut dyn Visitor,
}

impl<'a> Pieces<'a> {
    fn array(self) -> Result<ArrayPieces<'a>, Stop> {
        self.visitor.found(Found::Array)?;
        Ok(ArrayPieces { visitor: self.visitor })
    }

    fn object(self) -> Result<ObjectPieces<'a>, Stop> {
        self.visitor.found(Found::Object)?;
        Ok(ObjectPieces { visitor: self.visitor, pending: String::new() })
    }
}

fn many_fields(variant: &str) -> Stop {
    Stop::Unwritable(format!("cannot be a payload: the variant {variant} has several fields"))
}

macro_rules! numbers {
    ($($method:ident($number:ty);)*) => {
        $(
            #[allow(clippy::cast_lossless, clippy::cast_precision_loss, reason = "the wire profile rounds")]
            fn $method(self, value: $number) -> Result<(), Stop> {
                self.visitor.found(Found::Number(value as f64))
            }
        )*
    };
}

impl<'a> Serializer for Pieces<'a> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = ArrayPieces<'a>;
    type SerializeTuple = ArrayPieces<'a>;
    type SerializeTupleStruct = ArrayPieces<'a>;
    type SerializeTupleVariant = Impossible<(), Stop>;
    type SerializeMap = ObjectPieces<'a>;
    type SerializeStruct = ObjectPieces<'a>;
    type SerializeStructVariant = Impossible<(), Stop>;

    numbers! {
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
        serialize_f64(f64);
    }

    /// JSON gets the shortest digits that name the single, so those are looked at.
    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        self.serialize_f64(value.to_string().parse().unwrap_or(f64::NAN))
    }

    fn serialize_bool(self, value: bool) -> Result<(), Stop> {
        self.visitor.found(Found::Boolean(value))
    }

    fn serialize_char(self, value: char) -> Result<(), Stop> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Stop> {
        self.visitor.found(Found::Text(value))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Stop> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Stop> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        self.visitor.found(Found::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Stop> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Stop> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        let object = self.object()?;
        object.visitor.property(variant, &value)?;
        object.visitor.end()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<ArrayPieces<'a>, Stop> {
        self.array()
    }

    fn serialize_tuple(self, _: usize) -> Result<ArrayPieces<'a>, Stop> {
        self.array()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<ArrayPieces<'a>, Stop> {
        self.array()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Stop> {
        Err(many_fields(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<ObjectPieces<'a>, Stop> {
        self.object()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<ObjectPieces<'a>, Stop> {
        self.object()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Stop> {
        Err(many_fields(variant))
    }
}

/// An array on its way to a visitor.
struct ArrayPieces<'a> {
    visitor: &'a mut dyn Visitor,
}

macro_rules! items {
    ($($how:ident: $method:ident;)*) => {
        $(impl $how for ArrayPieces<'_> {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                self.visitor.item(&value)
            }

            fn end(self) -> Result<(), Stop> {
                self.visitor.end()
            }
        })*
    };
}

items! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
}

/// An object on its way to a visitor.
struct ObjectPieces<'a> {
    visitor: &'a mut dyn Visitor,
    /// The name of a property whose value has not come yet.
    pending: String,
}

impl SerializeMap for ObjectPieces<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        key.serialize(TextOfKey(|name: &str| {
            name.clone_into(&mut self.pending);
            Ok(())
        }))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let name = std::mem::take(&mut self.pending);
        self.visitor.property(&name, &value)
    }

    /// The name is borrowed from the key, so that nothing is allocated.
    fn serialize_entry<K, V>(&mut self, key: &K, value: &V) -> Result<(), Stop>
    where
        K: Serialize + ?Sized,
        V: Serialize + ?Sized,
    {
        key.serialize(TextOfKey(|name: &str| self.visitor.property(name, &value)))
    }

    fn end(self) -> Result<(), Stop> {
        self.visitor.end()
    }
}

impl SerializeStruct for ObjectPieces<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Stop> {
        self.visitor.property(name, &value)
    }

    fn end(self) -> Result<(), Stop> {
        self.visitor.end()
    }
}
