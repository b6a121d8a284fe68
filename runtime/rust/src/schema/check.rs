//! The interpreter: compares every piece of a value with the schema for its place.

use serde::Serialize;

#[cfg(doc)]
use super::MAX_ISSUES;
use super::alternatives::{any_of, literal, one_of, tagged};
use super::evaluate::evaluate;
use super::place::{Place, Report, Stop};
use super::visit::{Found, Visit};
use super::{Format, Issue, MAX_DEPTH, Schema, scalar};
pub(super) use array::{ArrayChecker, items_within};
pub(super) use object::{ObjectChecker, missing, twice};

mod array;
mod object;

/// Holds a value against a schema.
///
/// # Errors
/// The issues that were found, in the order of their paths. Checking stops after [`MAX_ISSUES`]: a last
/// issue then says that there are more.
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
    let outcome = visit(schema, &value, &Place::root(), &mut report);
    report.finish(outcome)
}

/// Whether a schema accepts a value; stops at the first issue.
#[must_use]
pub fn accepts<T: Serialize + ?Sized>(schema: &Schema, value: &T) -> bool {
    visit(schema, &value, &Place::root(), &mut Report::verdict()).is_ok()
}

/// Holds a value at a place against a schema.
#[inline]
pub(super) fn visit(
    schema: &Schema,
    value: &dyn Visit,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    match schema {
        Schema::AnyOf(_) | Schema::OneOf(_) | Schema::Tagged(_) | Schema::Literals(_) | Schema::Rules(_) => {
            visit_whole(schema, value, place, report)
        }
        _ => value.check(Checker { schema, place, report }),
    }
}

/// Schemas that look at the whole value, or more than once; all else is decided
/// while the value is being looked at.
fn visit_whole(
    schema: &Schema,
    value: &dyn Visit,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    match schema {
        Schema::AnyOf(alternatives) => any_of(alternatives, value, place, report),
        Schema::OneOf(alternatives) => one_of(alternatives, value, place, report),
        Schema::Tagged(rules) => tagged(rules, value, place, report),
        Schema::Literals(literals) => literal(literals, value, place, report),
        Schema::Rules(rules) => evaluate(rules, value, place, report),
        _ => visit(schema, value, place, report),
    }
}

/// Reports what breaks the wire profile, and tells whether something does.
pub(super) fn breaks_profile(found: Found<'_>, place: &Place<'_>, report: &mut Report) -> Result<bool, Stop> {
    match found {
        Found::Number(number) if !number.is_finite() => {
            report.add(place, found, "type", || "must be a finite number".to_owned())?;
        }
        Found::Array | Found::Object if place.depth >= MAX_DEPTH => {
            report.add(place, found, "depth", || {
                format!("must not be nested deeper than {MAX_DEPTH} levels")
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// One value on its way through the interpreter. What most values are has a method of its own
/// here, because every field of every payload comes this way.
pub(super) struct Checker<'a> {
    schema: &'a Schema,
    place: &'a Place<'a>,
    report: &'a mut Report,
}

impl<'a> Checker<'a> {
    pub(super) fn text(self, text: &str) -> Result<(), Stop> {
        let Self { schema, place, report } = self;
        match schema {
            Schema::Any => Ok(()),
            Schema::Text(limits) => scalar::text(limits, text, place, report),
            Schema::Enum(names) if names.contains(&text) => Ok(()),
            Schema::Int64 if Format::Int64.accepts(text) => Ok(()),
            Schema::Uint64 if Format::Uint64.accepts(text) => Ok(()),
            _ => scalar::refuse(schema, Found::Text(text), place, report),
        }
    }

    pub(super) fn number(self, number: f64) -> Result<(), Stop> {
        let Self { schema, place, report } = self;
        if breaks_profile(Found::Number(number), place, report)? {
            return Ok(());
        }
        match schema {
            Schema::Any => Ok(()),
            Schema::Integer(limits) => scalar::integer(limits, number, place, report),
            Schema::Number(limits) => scalar::number(limits, number, place, report),
            _ => scalar::refuse(schema, Found::Number(number), place, report),
        }
    }

    pub(super) fn boolean(self, value: bool) -> Result<(), Stop> {
        match self.schema {
            Schema::Any | Schema::Boolean => Ok(()),
            schema => scalar::refuse(schema, Found::Boolean(value), self.place, self.report),
        }
    }

    pub(super) fn null(self) -> Result<(), Stop> {
        match self.schema {
            Schema::Any | Schema::Null => Ok(()),
            schema => scalar::refuse(schema, Found::Null, self.place, self.report),
        }
    }

    pub(super) fn array(self) -> Result<ArrayChecker<'a>, Stop> {
        ArrayChecker::start(self)
    }

    pub(super) fn object(self) -> Result<ObjectChecker<'a>, Stop> {
        ObjectChecker::start(self)
    }
}
