//! The interpreter: compares every piece of a value with the schema for its place.

use serde::Serialize;

use super::alternatives::{any_of, literal, one_of, tagged};
use super::evaluate::evaluate;
use super::names::Finder;
use super::place::{Place, Report, Stop};
use super::shown::{Subject, counted};
use super::visit::{Found, Visit, Visitor};
use super::{Additional, Array, Issue, MAX_DEPTH, Object, Schema, scalar};

/// Holds a value against a schema.
///
/// # Errors
/// Every issue that was found, in the order of their paths.
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
    let outcome = visit(schema, &value, &Place::ROOT, &mut report);
    report.finish(outcome)
}

/// Whether a schema accepts a value; stops at the first issue.
#[must_use]
pub fn accepts<T: Serialize + ?Sized>(schema: &Schema, value: &T) -> bool {
    accepts_at(schema, &value, &Place::ROOT)
}

pub(super) fn accepts_at(schema: &Schema, value: &dyn Visit, place: &Place<'_>) -> bool {
    visit(schema, value, place, &mut Report::verdict()).is_ok()
}

/// Alternatives need the whole value, more than once; all else is decided while
/// the value is being looked at.
pub(super) fn visit(
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
        _ => value.visit(&mut Checker {
            schema,
            place,
            report,
            is_refused: false,
            length: 0,
            finder: Finder::default(),
        }),
    }
}

/// Reports what breaks the wire profile, and tells whether something does.
pub(super) fn breaks_profile(found: Found<'_>, place: &Place<'_>, report: &mut Report) -> Result<bool, Stop> {
    let subject = Subject::Found(found);
    match found {
        Found::Number(number) if !number.is_finite() => {
            report.add(place, subject, "type", || "must be a finite number".to_owned())?;
        }
        Found::Array | Found::Object if place.depth >= MAX_DEPTH => {
            report.add(place, subject, "depth", || {
                format!("must not be nested deeper than {MAX_DEPTH} levels")
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// One value on its way through the interpreter.
struct Checker<'a> {
    schema: &'a Schema,
    place: &'a Place<'a>,
    report: &'a mut Report,
    /// Whether the value is refused already, so that what is in it is not looked at.
    is_refused: bool,
    /// How many items there were so far.
    length: usize,
    /// Which properties there were so far.
    finder: Finder,
}

impl Visitor for Checker<'_> {
    fn found(&mut self, found: Found<'_>) -> Result<(), Stop> {
        let Self { schema, place, ref mut report, .. } = *self;
        if breaks_profile(found, place, report)? {
            self.is_refused = true;
            return Ok(());
        }
        match (schema, found) {
            (Schema::Text(limits), Found::Text(text)) => scalar::text(limits, text, place, report),
            (Schema::Integer(limits), Found::Number(number)) => {
                scalar::integer(limits, number, place, report)
            }
            (Schema::Number(limits), Found::Number(number)) => scalar::number(limits, number, place, report),
            (Schema::Any, _)
            | (Schema::Null, Found::Null)
            | (Schema::Boolean, Found::Boolean(_))
            | (Schema::Array(_) | Schema::Tuple(_), Found::Array)
            | (Schema::Map(_) | Schema::Object(_), Found::Object) => Ok(()),
            (Schema::Enum(names), Found::Text(text)) if names.contains(&text) => Ok(()),
            (Schema::Int64, Found::Text(text)) if super::Format::Int64.accepts(text) => Ok(()),
            (Schema::Uint64, Found::Text(text)) if super::Format::Uint64.accepts(text) => Ok(()),
            _ => {
                self.is_refused = true;
                scalar::refuse(schema, Subject::Found(found), place, report)
            }
        }
    }

    fn item(&mut self, value: &dyn Visit) -> Result<(), Stop> {
        let index = self.length;
        self.length += 1;
        let schema = match self.schema {
            _ if self.is_refused => return Ok(()),
            Schema::Array(array) => array.items,
            // Items beyond the tuple are counted and refused at the end.
            Schema::Tuple(items) => items.get(index).copied().unwrap_or(&Schema::Any),
            _ => &Schema::Any,
        };
        visit(schema, value, &self.place.item(index), self.report)
    }

    fn property(&mut self, name: &str, value: &dyn Visit) -> Result<(), Stop> {
        let schema = match self.schema {
            _ if self.is_refused => return Ok(()),
            Schema::Object(object) => return self.member(object, name, value),
            Schema::Map(values) => values,
            _ => &Schema::Any,
        };
        visit(schema, value, &self.place.property(name), self.report)
    }

    fn end(&mut self) -> Result<(), Stop> {
        match self.schema {
            _ if self.is_refused => Ok(()),
            Schema::Array(array) => self.end_of_array(array),
            Schema::Tuple(items) => self.end_of_tuple(items.len()),
            Schema::Object(object) => self.end_of_object(object),
            _ => Ok(()),
        }
    }
}

impl Checker<'_> {
    fn member(&mut self, object: &Object, name: &str, value: &dyn Visit) -> Result<(), Stop> {
        let place = self.place.property(name);
        let found = self.finder.find(object.properties.len(), |index| object.properties[index].name == name);
        let schema = match (found, object.additional) {
            (Some(found), _) if found.again => return twice(&place, value, self.report),
            (Some(found), _) => object.properties[found.index].schema,
            (None, Additional::Checked(schema)) => schema,
            // Not passed on, and still bound by the wire profile.
            (None, Additional::Ignored) => &Schema::Any,
            (None, Additional::Refused) => {
                let subject = Subject::Value(value);
                return self
                    .report
                    .add(&place, subject, "additionalProperties", || "is not allowed".to_owned());
            }
        };
        visit(schema, value, &place, self.report)
    }

    fn end_of_object(&mut self, object: &Object) -> Result<(), Stop> {
        for (index, property) in object.properties.iter().enumerate() {
            if property.required && !self.finder.seen(index) {
                missing(&self.place.property(property.name), self.report)?;
            }
        }
        Ok(())
    }

    fn end_of_array(&mut self, array: &Array) -> Result<(), Stop> {
        let limits = (array.min_items, array.max_items);
        items_within(limits, self.length, self.place, self.report)
    }

    fn end_of_tuple(&mut self, length: usize) -> Result<(), Stop> {
        if self.length == length {
            return Ok(());
        }
        let rule = if self.length < length { "minItems" } else { "maxItems" };
        self.report.add(self.place, Subject::Found(Found::Array), rule, || {
            format!("must have exactly {}", counted(u32::try_from(length).unwrap_or(u32::MAX), "item"))
        })
    }
}

/// Checks how many items an array has.
pub(super) fn items_within(
    (least, most): (u32, u32),
    length: usize,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    let subject = Subject::Found(Found::Array);
    if length < least as usize {
        report
            .add(place, subject, "minItems", || format!("must have at least {}", counted(least, "item")))?;
    }
    if most != u32::MAX && length > most as usize {
        report.add(place, subject, "maxItems", || format!("must have at most {}", counted(most, "item")))?;
    }
    Ok(())
}

/// A required property is not there.
pub(super) fn missing(place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
    report.add(place, Subject::Absent, "required", || "is required".to_owned())
}

/// A property is there twice, as no JSON that is published may have it.
pub(super) fn twice(place: &Place<'_>, value: &dyn Visit, report: &mut Report) -> Result<(), Stop> {
    report.add(place, Subject::Value(value), "properties", || "must not be written twice".to_owned())
}
