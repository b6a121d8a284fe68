//! The interpreter: a serde serializer that writes nothing and compares every
//! piece it is handed with the schema for that place. Typed values and JSON
//! trees go the same way.

use serde::ser::{Impossible, Serialize, Serializer};

use super::alternatives::{any_of, literal, one_of, tagged};

use super::object::ObjectChecker;
use super::place::{Place, Report, Stop};
use super::sequence::SequenceChecker;
use super::{Issue, Schema, scalar};

/// Holds a value against a schema.
///
/// # Errors
/// Every issue that was found.
///
/// ```
/// use fanfare::schema::{Number, Schema, check};
///
/// static NUMBER: Schema = Schema::Number(Number::ANY);
/// assert!(check(&NUMBER, &0.5).is_ok());
/// assert_eq!(check(&NUMBER, &f64::NAN).unwrap_err()[0].message, "must be a finite number");
/// ```
pub fn check<T: Serialize + ?Sized>(schema: &Schema, value: &T) -> Result<(), Vec<Issue>> {
    let mut report = Report::complete();
    let outcome = visit(schema, value, &Place::ROOT, &mut report);
    report.finish(outcome)
}

/// Whether a schema accepts a value; stops at the first issue.
#[must_use]
pub fn accepts<T: Serialize + ?Sized>(schema: &Schema, value: &T) -> bool {
    accepts_at(schema, value, &Place::ROOT)
}

pub(super) fn accepts_at<T: Serialize + ?Sized>(schema: &Schema, value: &T, place: &Place<'_>) -> bool {
    visit(schema, value, place, &mut Report::verdict()).is_ok()
}

/// Alternatives need the whole value, more than once; all else is decided while
/// the value is being serialized.
pub(super) fn visit<T: Serialize + ?Sized>(
    schema: &Schema,
    value: &T,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    match schema {
        Schema::AnyOf(alternatives) => any_of(alternatives, value, place, report),
        Schema::OneOf(alternatives) => one_of(alternatives, value, place, report),
        Schema::Tagged(rules) => tagged(rules, value, place, report),
        Schema::Literals(literals) => literal(literals, value, place, report),
        _ => value.serialize(Checker { schema, place, report }),
    }
}

/// One value on its way through the interpreter.
pub(super) struct Checker<'a> {
    pub(super) schema: &'a Schema,
    pub(super) place: &'a Place<'a>,
    pub(super) report: &'a mut Report,
}

impl<'a> Checker<'a> {
    /// The value is of another type than the schema says.
    pub(super) fn refuse(self) -> Result<(), Stop> {
        scalar::refuse(self.schema, self.place, self.report)
    }

    fn number(self, value: f64) -> Result<(), Stop> {
        scalar::number(self.schema, value, self.place, self.report)
    }

    /// Integers are compared as the doubles that other JSON runtimes hold.
    #[expect(clippy::cast_precision_loss, reason = "rounding is what the wire profile asks for")]
    fn integer(self, value: i128) -> Result<(), Stop> {
        self.number(value as f64)
    }

    fn only(self, accepted: bool) -> Result<(), Stop> {
        if accepted || matches!(self.schema, Schema::Any) { Ok(()) } else { self.refuse() }
    }

    fn sequence(self) -> Result<SequenceChecker<'a>, Stop> {
        SequenceChecker::start(self)
    }

    fn object(self) -> Result<ObjectChecker<'a>, Stop> {
        ObjectChecker::start(self)
    }
}

fn many_fields(variant: &str) -> Stop {
    Stop::Unwritable(format!("cannot be a payload: the variant {variant} has several fields"))
}

impl<'a> Serializer for Checker<'a> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = SequenceChecker<'a>;
    type SerializeTuple = SequenceChecker<'a>;
    type SerializeTupleStruct = SequenceChecker<'a>;
    type SerializeTupleVariant = Impossible<(), Stop>;
    type SerializeMap = ObjectChecker<'a>;
    type SerializeStruct = ObjectChecker<'a>;
    type SerializeStructVariant = Impossible<(), Stop>;

    fn serialize_bool(self, _: bool) -> Result<(), Stop> {
        let accepted = matches!(self.schema, Schema::Boolean);
        self.only(accepted)
    }

    fn serialize_i8(self, value: i8) -> Result<(), Stop> {
        self.integer(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Stop> {
        self.integer(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Stop> {
        self.integer(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Stop> {
        self.integer(value.into())
    }

    fn serialize_i128(self, value: i128) -> Result<(), Stop> {
        self.integer(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), Stop> {
        self.integer(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Stop> {
        self.integer(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Stop> {
        self.integer(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Stop> {
        self.integer(value.into())
    }

    #[expect(clippy::cast_precision_loss, reason = "rounding is what the wire profile asks for")]
    fn serialize_u128(self, value: u128) -> Result<(), Stop> {
        self.number(value as f64)
    }

    /// JSON gets the shortest digits that name the single, so those are compared.
    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        self.number(value.to_string().parse().unwrap_or(f64::NAN))
    }

    fn serialize_f64(self, value: f64) -> Result<(), Stop> {
        self.number(value)
    }

    fn serialize_char(self, value: char) -> Result<(), Stop> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Stop> {
        scalar::text(self.schema, value, self.place, self.report)
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
        let accepted = matches!(self.schema, Schema::Null);
        self.only(accepted)
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
        object.property(variant, value)?;
        object.finish()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<SequenceChecker<'a>, Stop> {
        self.sequence()
    }

    fn serialize_tuple(self, _: usize) -> Result<SequenceChecker<'a>, Stop> {
        self.sequence()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<SequenceChecker<'a>, Stop> {
        self.sequence()
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

    fn serialize_map(self, _: Option<usize>) -> Result<ObjectChecker<'a>, Stop> {
        self.object()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<ObjectChecker<'a>, Stop> {
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
