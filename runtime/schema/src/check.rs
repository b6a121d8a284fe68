//! The interpreter: checks every part of a value against its schema.

use serde::Serialize;

#[cfg(doc)]
use super::MAX_ISSUES;
use super::alternatives::{check_any_of, check_literals, check_one_of, check_tagged};
use super::evaluate::evaluate;
use super::path::Path;
use super::report::{Report, Stop};
use super::visit::{Found, Visit};
use super::{Format, Issue, MAX_DEPTH, Schema, scalar};
pub(super) use array::{ArrayChecker, check_item_count};
pub(super) use object::{ObjectChecker, report_duplicate, report_missing};

mod array;
mod object;

/// Validates a value against a schema.
///
/// # Errors
/// Returns the issues, ordered by path. If there are more than [`MAX_ISSUES`], a last issue says so.
///
/// ```
/// use fanfare_schema::{Number, Schema, check};
///
/// static NUMBER: Schema = Schema::Number(Number::ANY);
/// assert!(check(&NUMBER, &0.5).is_ok());
/// assert_eq!(check(&NUMBER, &f64::NAN).unwrap_err()[0].message, "must be a finite number");
/// ```
pub fn check<T: Serialize + ?Sized>(schema: &Schema, value: &T) -> Result<(), Vec<Issue>> {
    let mut report = Report::collecting_issues();
    let outcome = visit(schema, &value, &Path::root(), &mut report);
    report.finish(outcome)
}

/// Returns `true` if a schema accepts a value. Stops at the first issue.
#[must_use]
pub fn accepts<T: Serialize + ?Sized>(schema: &Schema, value: &T) -> bool {
    visit(schema, &value, &Path::root(), &mut Report::stopping_at_first()).is_ok()
}

/// Validates the value at a path against a schema.
#[inline]
pub(super) fn visit(
    schema: &Schema,
    value: &dyn Visit,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    match schema {
        Schema::AnyOf(_)
        | Schema::OneOf(_)
        | Schema::Tagged(_)
        | Schema::Literals(_)
        | Schema::Rules(_)
        | Schema::Deferred(_) => visit_whole(schema, value, path, report),
        _ => value.check(Checker { schema, path, report }),
    }
}

/// Handles schemas that need the whole value, or visit it more than once. All others are decided in one visit.
fn visit_whole(schema: &Schema, value: &dyn Visit, path: &Path<'_>, report: &mut Report) -> Result<(), Stop> {
    match schema {
        Schema::AnyOf(alternatives) => check_any_of(alternatives, value, path, report),
        Schema::OneOf(alternatives) => check_one_of(alternatives, value, path, report),
        Schema::Tagged(rules) => check_tagged(rules, value, path, report),
        Schema::Literals(literals) => check_literals(literals, value, path, report),
        Schema::Rules(rules) => evaluate(rules, value, path, report),
        Schema::Deferred(_) => visit(schema.resolve(), value, path, report),
        _ => visit(schema, value, path, report),
    }
}

/// Reports values that break the wire profile. Returns `true` if it reported one.
pub(super) fn breaks_profile(found: Found<'_>, path: &Path<'_>, report: &mut Report) -> Result<bool, Stop> {
    match found {
        Found::Number(number) if !number.is_finite() => {
            report.add(path, found, "type", || "must be a finite number".to_owned())?;
        }
        Found::Array | Found::Object if path.depth >= MAX_DEPTH => {
            report
                .add(path, found, "depth", || format!("must not be nested deeper than {MAX_DEPTH} levels"))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// One value on its way through the interpreter. The common kinds of value have a method each, because every field of
/// every payload takes this path.
pub(super) struct Checker<'a> {
    schema: &'a Schema,
    path: &'a Path<'a>,
    report: &'a mut Report,
}

impl<'a> Checker<'a> {
    pub(super) fn text(self, text: &str) -> Result<(), Stop> {
        let Self { schema, path, report } = self;
        match schema {
            Schema::Any => Ok(()),
            Schema::Text(limits) => scalar::check_text(limits, text, path, report),
            Schema::Enum(names) if names.contains(&text) => Ok(()),
            Schema::Int64 if Format::Int64.accepts(text) => Ok(()),
            Schema::Uint64 if Format::Uint64.accepts(text) => Ok(()),
            _ => scalar::report_wrong_type(schema, Found::Text(text), path, report),
        }
    }

    pub(super) fn number(self, number: f64) -> Result<(), Stop> {
        let Self { schema, path, report } = self;
        if breaks_profile(Found::Number(number), path, report)? {
            return Ok(());
        }
        match schema {
            Schema::Any => Ok(()),
            Schema::Integer(limits) => scalar::check_integer(limits, number, path, report),
            Schema::Number(limits) => scalar::check_number(limits, number, path, report),
            _ => scalar::report_wrong_type(schema, Found::Number(number), path, report),
        }
    }

    pub(super) fn boolean(self, value: bool) -> Result<(), Stop> {
        match self.schema {
            Schema::Any | Schema::Boolean => Ok(()),
            schema => scalar::report_wrong_type(schema, Found::Boolean(value), self.path, self.report),
        }
    }

    pub(super) fn null(self) -> Result<(), Stop> {
        match self.schema {
            Schema::Any | Schema::Null => Ok(()),
            schema => scalar::report_wrong_type(schema, Found::Null, self.path, self.report),
        }
    }

    pub(super) fn array(self) -> Result<ArrayChecker<'a>, Stop> {
        ArrayChecker::start(self)
    }

    pub(super) fn object(self) -> Result<ObjectChecker<'a>, Stop> {
        ObjectChecker::start(self)
    }
}
