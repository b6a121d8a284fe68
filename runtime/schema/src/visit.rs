//! Visiting values: a serde serializer that writes nothing and passes every part to a [`Visitor`]. Typed values and
//! JSON trees take the same path, and the code that checks them is compiled once, not once per type.

use serde::ser::{
    Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct,
    Serializer,
};

use super::check::{ArrayChecker, Checker, ObjectChecker};
use super::key_serializer::KeySerializer;
use super::report::Stop;

/// A value that can be visited any number of times.
pub(super) trait Visit {
    fn serialize_into(&self, serializer: ValueSerializer<'_>) -> Result<(), Stop>;
}

impl<T: Serialize + ?Sized> Visit for &T {
    fn serialize_into(&self, serializer: ValueSerializer<'_>) -> Result<(), Stop> {
        self.serialize(serializer)
    }
}

impl dyn Visit + '_ {
    pub(super) fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        self.serialize_into(ValueSerializer::Visitor(visitor))
    }

    pub(super) fn check(&self, checker: Checker<'_>) -> Result<(), Stop> {
        self.serialize_into(ValueSerializer::Checker(checker))
    }
}

/// A value, without its items or properties.
#[derive(Clone, Copy)]
pub(super) enum Found<'a> {
    Null,
    Boolean(bool),
    /// Integers are converted to doubles, as in other JSON runtimes.
    Number(f64),
    Text(&'a str),
    Array,
    Object,
}

/// Receives one value part by part.
pub(super) trait Visitor {
    /// Receives the value. The parts of an array or object follow.
    fn found(&mut self, found: Found<'_>) -> Result<(), Stop>;

    fn item(&mut self, _value: &dyn Visit) -> Result<(), Stop> {
        Ok(())
    }

    fn property(&mut self, _name: &str, _value: &dyn Visit) -> Result<(), Stop> {
        Ok(())
    }

    /// Called after the last part of an array or object.
    fn end(&mut self) -> Result<(), Stop> {
        Ok(())
    }
}

/// The serializer. Passes everything to the checker, which is the common case, or to a visitor.
pub(super) enum ValueSerializer<'a> {
    Checker(Checker<'a>),
    Visitor(&'a mut dyn Visitor),
}

impl<'a> ValueSerializer<'a> {
    #[inline]
    fn array(self) -> Result<ArraySerializer<'a>, Stop> {
        match self {
            Self::Checker(checker) => checker.array().map(ArraySerializer::Checker),
            Self::Visitor(visitor) => {
                visitor.found(Found::Array)?;
                Ok(ArraySerializer::Visitor(visitor))
            }
        }
    }

    #[inline]
    fn object(self) -> Result<ObjectSerializer<'a>, Stop> {
        let to = match self {
            Self::Checker(checker) => ObjectTarget::Checker(checker.object()?),
            Self::Visitor(visitor) => {
                visitor.found(Found::Object)?;
                ObjectTarget::Visitor(visitor)
            }
        };
        Ok(ObjectSerializer { to, pending: None })
    }
}

fn many_fields(variant: &str) -> Stop {
    Stop::not_serializable(format!("cannot be a payload: the variant {variant} has several fields"))
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

impl<'a> Serializer for ValueSerializer<'a> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = ArraySerializer<'a>;
    type SerializeTuple = ArraySerializer<'a>;
    type SerializeTupleStruct = ArraySerializer<'a>;
    type SerializeTupleVariant = Impossible<(), Stop>;
    type SerializeMap = ObjectSerializer<'a>;
    type SerializeStruct = ObjectSerializer<'a>;
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

    /// JSON contains the shortest digits that identify the single-precision number, so check those.
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
    fn serialize_seq(self, _: Option<usize>) -> Result<ArraySerializer<'a>, Stop> {
        self.array()
    }

    fn serialize_tuple(self, _: usize) -> Result<ArraySerializer<'a>, Stop> {
        self.array()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<ArraySerializer<'a>, Stop> {
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
    fn serialize_map(self, _: Option<usize>) -> Result<ObjectSerializer<'a>, Stop> {
        self.object()
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<ObjectSerializer<'a>, Stop> {
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
pub(super) enum ArraySerializer<'a> {
    Checker(ArrayChecker<'a>),
    Visitor(&'a mut dyn Visitor),
}

impl ArraySerializer<'_> {
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
        $(impl $how for ArraySerializer<'_> {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                self.item(&value)
            }

            fn end(mut self) -> Result<(), Stop> {
                ArraySerializer::end(&mut self)
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
pub(super) struct ObjectSerializer<'a> {
    to: ObjectTarget<'a>,
    /// The name of a property whose value follows.
    pending: Option<Box<str>>,
}

enum ObjectTarget<'a> {
    Checker(ObjectChecker<'a>),
    Visitor(&'a mut dyn Visitor),
}

impl ObjectTarget<'_> {
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

impl SerializeMap for ObjectSerializer<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        key.serialize(KeySerializer(|name: &str| {
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
        key.serialize(KeySerializer(|name: &str| self.to.property(name, &value)))
    }

    #[inline]
    fn end(mut self) -> Result<(), Stop> {
        self.to.end()
    }
}

impl SerializeStruct for ObjectSerializer<'_> {
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
