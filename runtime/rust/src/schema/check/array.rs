//! What arrays must be.

use super::super::place::{Ignored, Place, Report, Stop};
use super::super::shown::counted;
use super::super::visit::{Found, Visit};
use super::super::{Array, Schema, scalar};
use super::{Checker, breaks_profile, visit};

/// An array on its way through the interpreter.
pub(in super::super) struct ArrayChecker<'a> {
    rules: Rules<'a>,
    length: usize,
    place: &'a Place<'a>,
    report: &'a mut Report,
}

enum Rules<'a> {
    /// The array is refused already: its items are not looked at.
    Skipped,
    Any,
    /// Nobody looks at the array: that it was accepted is to be remembered.
    Ignored,
    Items(&'a Array),
    Tuple(&'a [&'static Schema]),
}

impl Rules<'_> {
    #[inline(never)]
    fn ignored(place: &Place<'_>, report: &mut Report) -> Self {
        match report.ignore(place) {
            Ignored::Again => Self::Skipped,
            Ignored::First => Self::Ignored,
            Ignored::Seldom => Self::Any,
        }
    }
}

impl<'a> ArrayChecker<'a> {
    #[inline]
    pub(super) fn start(checker: Checker<'a>) -> Result<Self, Stop> {
        let Checker { schema, place, report } = checker;
        let rules = match schema {
            _ if breaks_profile(Found::Array, place, report)? => Rules::Skipped,
            Schema::Any if report.is_nested() => Rules::ignored(place, report),
            Schema::Any => Rules::Any,
            Schema::Array(array) => Rules::Items(array),
            Schema::Tuple(items) => Rules::Tuple(items),
            _ => {
                scalar::refuse(schema, Found::Array, place, report)?;
                Rules::Skipped
            }
        };
        Ok(Self { rules, length: 0, place, report })
    }

    pub(in super::super) fn item(&mut self, value: &dyn Visit) -> Result<(), Stop> {
        let index = self.length;
        self.length += 1;
        let schema = match self.rules {
            Rules::Skipped => return Ok(()),
            Rules::Any | Rules::Ignored => &Schema::Any,
            Rules::Items(array) => array.items,
            // Items beyond the tuple are counted and refused at the end.
            Rules::Tuple(items) => items.get(index).copied().unwrap_or(&Schema::Any),
        };
        visit(schema, value, &self.place.item(index), self.report)
    }

    pub(in super::super) fn end(&mut self) -> Result<(), Stop> {
        let Self { ref rules, length, place, ref mut report } = *self;
        match rules {
            Rules::Items(array) => items_within((array.min_items, array.max_items), length, place, report),
            Rules::Tuple(items) if length != items.len() => {
                let rule = if length < items.len() { "minItems" } else { "maxItems" };
                let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
                let exactly = counted(count, "item");
                report.add(place, Found::Array, rule, || format!("must have exactly {exactly}"))
            }
            Rules::Ignored => {
                report.keep_ignored(place);
                Ok(())
            }
            Rules::Skipped | Rules::Any | Rules::Tuple(_) => Ok(()),
        }
    }
}

/// Checks how many items an array has.
pub(in super::super) fn items_within(
    (least, most): (u32, u32),
    length: usize,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    if length < least as usize {
        let least = counted(least, "item");
        report.add(place, Found::Array, "minItems", || format!("must have at least {least}"))?;
    }
    if most != u32::MAX && length > most as usize {
        let most = counted(most, "item");
        report.add(place, Found::Array, "maxItems", || format!("must have at most {most}"))?;
    }
    Ok(())
}
