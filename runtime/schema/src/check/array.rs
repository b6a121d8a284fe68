//! Checking arrays.

use super::super::display::pluralize;
use super::super::path::Path;
use super::super::report::{Ignored, Report, Stop};
use super::super::visit::{Found, Visit};
use super::super::{Array, Schema, scalar};
use super::{Checker, breaks_profile, visit};

/// An array on its way through the interpreter.
pub(in super::super) struct ArrayChecker<'a> {
    mode: ArrayMode<'a>,
    length: usize,
    path: &'a Path<'a>,
    report: &'a mut Report,
}

/// How the items of an array are checked.
enum ArrayMode<'a> {
    /// The array is rejected already, so its items are not checked.
    Skipped,
    Any,
    /// No schema checks the array, but that it was accepted is remembered.
    Ignored,
    Items(&'a Array),
    Tuple(&'a [&'static Schema]),
}

impl ArrayMode<'_> {
    #[inline(never)]
    fn ignored(path: &Path<'_>, report: &mut Report) -> Self {
        match report.ignore(path) {
            Ignored::AcceptedBefore => Self::Skipped,
            Ignored::Remember => Self::Ignored,
            Ignored::Forget => Self::Any,
        }
    }
}

impl<'a> ArrayChecker<'a> {
    #[inline]
    pub(super) fn start(checker: Checker<'a>) -> Result<Self, Stop> {
        let Checker { schema, path, report } = checker;
        let mode = match schema {
            _ if breaks_profile(Found::Array, path, report)? => ArrayMode::Skipped,
            Schema::Any if report.is_nested() => ArrayMode::ignored(path, report),
            Schema::Any => ArrayMode::Any,
            Schema::Array(array) => ArrayMode::Items(array),
            Schema::Tuple(items) => ArrayMode::Tuple(items),
            _ => {
                scalar::report_wrong_type(schema, Found::Array, path, report)?;
                ArrayMode::Skipped
            }
        };
        Ok(Self { mode, length: 0, path, report })
    }

    pub(in super::super) fn item(&mut self, value: &dyn Visit) -> Result<(), Stop> {
        let index = self.length;
        self.length += 1;
        let schema = match self.mode {
            ArrayMode::Skipped => return Ok(()),
            ArrayMode::Any | ArrayMode::Ignored => &Schema::Any,
            ArrayMode::Items(array) => array.items,
            // Additional items are counted, and rejected at the end.
            ArrayMode::Tuple(items) => items.get(index).copied().unwrap_or(&Schema::Any),
        };
        visit(schema, value, &self.path.item(index), self.report)
    }

    pub(in super::super) fn end(&mut self) -> Result<(), Stop> {
        let Self { ref mode, length, path, ref mut report } = *self;
        match mode {
            ArrayMode::Items(array) => {
                check_item_count((array.min_items, array.max_items), length, path, report)
            }
            ArrayMode::Tuple(items) if length != items.len() => {
                let rule = if length < items.len() { "minItems" } else { "maxItems" };
                let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
                let exactly = pluralize(count, "item");
                report.add(path, Found::Array, rule, || format!("must have exactly {exactly}"))
            }
            ArrayMode::Ignored => {
                report.remember_ignored(path);
                Ok(())
            }
            ArrayMode::Skipped | ArrayMode::Any | ArrayMode::Tuple(_) => Ok(()),
        }
    }
}

/// Checks the number of items of an array.
pub(in super::super) fn check_item_count(
    (min, max): (u32, u32),
    length: usize,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    if length < min as usize {
        let min = pluralize(min, "item");
        report.add(path, Found::Array, "minItems", || format!("must have at least {min}"))?;
    }
    if max != u32::MAX && length > max as usize {
        let max = pluralize(max, "item");
        report.add(path, Found::Array, "maxItems", || format!("must have at most {max}"))?;
    }
    Ok(())
}
