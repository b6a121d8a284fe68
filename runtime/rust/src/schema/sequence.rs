//! What arrays must be.

use serde::ser::{Serialize, SerializeSeq, SerializeTuple, SerializeTupleStruct};

use super::check::{Checker, visit};
use super::place::{Place, Report, Stop};
use super::scalar::counted;
use super::{Array, MAX_DEPTH, Schema};

/// An array on its way through the interpreter.
pub(super) struct SequenceChecker<'a> {
    rules: Rules<'a>,
    length: usize,
    place: &'a Place<'a>,
    report: &'a mut Report,
}

enum Rules<'a> {
    /// The array is refused already: its items are not looked at.
    Skipped,
    Any,
    Items(&'a Array),
    Tuple(&'a [&'static Schema]),
}

impl<'a> SequenceChecker<'a> {
    pub(super) fn start(checker: Checker<'a>) -> Result<Self, Stop> {
        let Checker { schema, place, report } = checker;
        let rules = match schema {
            _ if place.depth >= MAX_DEPTH => {
                too_deep(place, report)?;
                Rules::Skipped
            }
            Schema::Any => Rules::Any,
            Schema::Array(array) => Rules::Items(array),
            Schema::Tuple(items) => Rules::Tuple(items),
            _ => {
                super::scalar::refuse(schema, place, report)?;
                Rules::Skipped
            }
        };
        Ok(Self { rules, length: 0, place, report })
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let index = self.length;
        self.length += 1;
        let schema = match self.rules {
            Rules::Skipped => return Ok(()),
            Rules::Any => &Schema::Any,
            Rules::Items(array) => array.items,
            // Items beyond the tuple are counted and refused at the end.
            Rules::Tuple(items) => items.get(index).copied().unwrap_or(&Schema::Any),
        };
        visit(schema, value, &self.place.item(index), self.report)
    }

    fn finish(self) -> Result<(), Stop> {
        let Self { rules, length, place, report } = self;
        match rules {
            Rules::Items(array) => {
                if length < array.min_items as usize {
                    let least = counted(array.min_items, "item");
                    report.add(place, "minItems", || format!("must have at least {least}"))?;
                }
                if array.max_items != u32::MAX && length > array.max_items as usize {
                    let most = counted(array.max_items, "item");
                    report.add(place, "maxItems", || format!("must have at most {most}"))?;
                }
                Ok(())
            }
            Rules::Tuple(items) if length != items.len() => {
                let rule = if length < items.len() { "minItems" } else { "maxItems" };
                let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
                let exactly = counted(count, "item");
                report.add(place, rule, || format!("must have exactly {exactly}"))
            }
            Rules::Skipped | Rules::Any | Rules::Tuple(_) => Ok(()),
        }
    }
}

pub(super) fn too_deep(place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
    report.add(place, "depth", || format!("must not be nested deeper than {MAX_DEPTH} levels"))
}

impl SerializeSeq for SequenceChecker<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        self.item(value)
    }

    fn end(self) -> Result<(), Stop> {
        self.finish()
    }
}

impl SerializeTuple for SequenceChecker<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        self.item(value)
    }

    fn end(self) -> Result<(), Stop> {
        self.finish()
    }
}

impl SerializeTupleStruct for SequenceChecker<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        self.item(value)
    }

    fn end(self) -> Result<(), Stop> {
        self.finish()
    }
}
