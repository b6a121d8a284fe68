//! Values as the interpreter sees them: a serde serializer that writes nothing
//! and hands every piece to a [`Visitor`]. Typed values and JSON trees go the
//! same way, and all that judges them is compiled once, not once a type.

use serde::ser::{
    Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct,
    Serializer,
};

use super::check::{ArrayChecker, Checker, ObjectChecker};
use super::key::TextOfKey;
use super::place::Stop;

/// A value that can be looked at, as often as need be.
pub(super) trait Visit {
    fn hand_to(&self, pieces: Pieces<'_>) -> Result<(), Stop>;
}

impl<T: Serialize + ?Sized> Visit for &T {
    fn hand_to(&self, pieces: Pieces<'_>) -> Result<(), Stop> {
        self.serialize(pieces)
    }
}

impl dyn Visit + '_ {
    pub(super) fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        self.hand_to(Pieces::Visitor(visitor))
    }

    pub(super) fn check(&self, checker: Checker<'_>) -> Result<(), Stop> {
        self.hand_to(Pieces::Checker(checker))
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

/// The serializer: hands everything to the checker, which is most in demand, or a visitor.
pub(super) enum Pieces<'a> {
    Checker(Checker<'a>),
    Visitor(&'a mut dyn Visitor),
}

impl<'a> Pieces<'a> {
    #[inline]
    fn array(self) -> Result<ArrayPieces<'a>, Stop> {
        match self {
            Self::Checker(checker) => checker.array().map(ArrayPieces::Checker),
            Self::Visitor(visitor) => {
                visitor.found(Found::Array)?;
                Ok(ArrayPieces::Visitor(visitor))
            }
        }
    }

    #[inline]
    fn object(self) -> Result<ObjectPieces<'a>, Stop> {
        let to = match self {
            Self::Checker(checker) => ObjectTo::Checker(checker.object()?),
            Self::Visitor(visitor) => {
                visitor.found(Found::Object)?;
                ObjectTo::Visitor(visitor)
            }
        };
        Ok(ObjectPieces { to, pending: None })
    }
}

fn many_fields(variant: &str) -> Stop {
    Stop::unwritable(format!("cannot be a payload: the variant {variant} has several fields"))
}

macro_rules! numbers {
    ($($method:ident($number:ty);)*) => {
        $(
            #[allow(clippy::cast_lossless, clippy::cast_precision_loss, reason = "the wire profile rounds")]
            fn $method(self, value: $number) -> Result<(), Stop> {
                self.serialize_f64(value as f64)
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
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), Stop> {
        match self {
            Self::Checker(checker) => checker.number(value),
            Self::Visitor(visitor) => visitor.found(Found::Number(value)),
        }
    }

    /// JSON gets the shortest digits that name the single, so those are looked at.
    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        self.serialize_f64(value.to_string().parse().unwrap_or(f64::NAN))
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Stop> {
        match self {
            Self::Checker(checker) => checker.boolean(value),
            Self::Visitor(visitor) => visitor.found(Found::Boolean(value)),
        }
    }

    fn serialize_char(self, value: char) -> Result<(), Stop> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Stop> {
        match self {
            Self::Checker(checker) => checker.text(value),
            Self::Visitor(visitor) => visitor.found(Found::Text(value)),
        }
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

    #[inline]
    fn serialize_unit(self) -> Result<(), Stop> {
        match self {
            Self::Checker(checker) => checker.null(),
            Self::Visitor(visitor) => visitor.found(Found::Null),
        }
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
        let mut object = self.object()?;
        object.to.property(variant, &value)?;
        object.to.end()
    }

    #[inline]
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

    #[inline]
    fn serialize_map(self, _: Option<usize>) -> Result<ObjectPieces<'a>, Stop> {
        self.object()
    }

    #[inline]
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

/// The items of an array.
pub(super) enum ArrayPieces<'a> {
    Checker(ArrayChecker<'a>),
    Visitor(&'a mut dyn Visitor),
}

impl ArrayPieces<'_> {
    #[inline]
    fn item(&mut self, value: &dyn Visit) -> Result<(), Stop> {
        match self {
            Self::Checker(checker) => checker.item(value),
            Self::Visitor(visitor) => visitor.item(value),
        }
    }

    #[inline]
    fn end(&mut self) -> Result<(), Stop> {
        match self {
            Self::Checker(checker) => checker.end(),
            Self::Visitor(visitor) => visitor.end(),
        }
    }
}

macro_rules! items {
    ($($how:ident: $method:ident;)*) => {
        $(impl $how for ArrayPieces<'_> {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                self.item(&value)
            }

            fn end(mut self) -> Result<(), Stop> {
                ArrayPieces::end(&mut self)
            }
        })*
    };
}

items! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
}

/// The properties of an object.
pub(super) struct ObjectPieces<'a> {
    to: ObjectTo<'a>,
    /// The name of a property whose value has not come yet.
    pending: Option<Box<str>>,
}

enum ObjectTo<'a> {
    Checker(ObjectChecker<'a>),
    Visitor(&'a mut dyn Visitor),
}

impl ObjectTo<'_> {
    #[inline]
    fn property(&mut self, name: &str, value: &dyn Visit) -> Result<(), Stop> {
        match self {
            Self::Checker(checker) => checker.property(name, value),
            Self::Visitor(visitor) => visitor.property(name, value),
        }
    }

    #[inline]
    fn end(&mut self) -> Result<(), Stop> {
        match self {
            Self::Checker(checker) => checker.end(),
            Self::Visitor(visitor) => visitor.end(),
        }
    }
}

impl SerializeMap for ObjectPieces<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        key.serialize(TextOfKey(|name: &str| {
            self.pending = Some(name.into());
            Ok(())
        }))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let name = self.pending.take().unwrap_or_default();
        self.to.property(&name, &value)
    }

    /// The name is borrowed from the key, so that nothing is allocated.
    fn serialize_entry<K, V>(&mut self, key: &K, value: &V) -> Result<(), Stop>
    where
        K: Serialize + ?Sized,
        V: Serialize + ?Sized,
    {
        key.serialize(TextOfKey(|name: &str| self.to.property(name, &value)))
    }

    #[inline]
    fn end(mut self) -> Result<(), Stop> {
        self.to.end()
    }
}

impl SerializeStruct for ObjectPieces<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Stop> {
        self.to.property(name, &value)
    }

    #[inline]
    fn end(mut self) -> Result<(), Stop> {
        self.to.end()
    }
}
