//! What objects must be.

use super::super::names::Finder;
use super::super::place::{Ignored, Place, Report, Stop};
use super::super::shown::Subject;
use super::super::visit::{Found, Visit};
use super::super::{Additional, Object, Schema, scalar};
use super::{Checker, breaks_profile, visit};

/// An object on its way through the interpreter.
pub(in super::super) struct ObjectChecker<'a> {
    rules: Rules<'a>,
    finder: Finder,
    /// How many properties there were so far.
    length: usize,
    place: &'a Place<'a>,
    report: &'a mut Report,
}

#[derive(Clone, Copy)]
enum Rules<'a> {
    /// The object is refused already: its properties are not looked at.
    Skipped,
    /// Every property must be this.
    All(&'a Schema),
    /// Nobody looks at the object: that it was accepted is to be remembered.
    Ignored,
    Declared(&'a Object),
}

impl Rules<'_> {
    #[inline(never)]
    fn ignored(place: &Place<'_>, report: &mut Report) -> Self {
        match report.ignore(place) {
            Ignored::Again => Self::Skipped,
            Ignored::First => Self::Ignored,
            Ignored::Seldom => Self::All(&Schema::Any),
        }
    }
}

impl<'a> ObjectChecker<'a> {
    #[inline]
    pub(super) fn start(checker: Checker<'a>) -> Result<Self, Stop> {
        let Checker { schema, place, report } = checker;
        let rules = match schema {
            _ if breaks_profile(Found::Object, place, report)? => Rules::Skipped,
            Schema::Any if report.is_nested() => Rules::ignored(place, report),
            Schema::Any => Rules::All(&Schema::Any),
            Schema::Map(values) => Rules::All(values),
            Schema::Object(object) => Rules::Declared(object),
            _ => {
                scalar::refuse(schema, Found::Object, place, report)?;
                Rules::Skipped
            }
        };
        Ok(Self { rules, finder: Finder::default(), length: 0, place, report })
    }

    pub(in super::super) fn property(&mut self, name: &str, value: &dyn Visit) -> Result<(), Stop> {
        let place = self.place.property(name, self.length);
        self.length += 1;
        let schema = match self.rules {
            Rules::Skipped => return Ok(()),
            Rules::All(schema) => schema,
            Rules::Ignored => &Schema::Any,
            Rules::Declared(object) => {
                let properties = object.properties;
                match self.finder.find(properties.len(), |index| same(properties[index].name, name)) {
                    Some(found) if found.again => return twice(&place, value, self.report),
                    Some(found) => properties[found.index].schema,
                    None => match object.additional {
                        Additional::Checked(schema) => schema,
                        // Not passed on, and still bound by the wire profile.
                        Additional::Ignored => &Schema::Any,
                        Additional::Refused => {
                            let message = || "is not allowed".to_owned();
                            return self.report.add(&place, value, "additionalProperties", message);
                        }
                    },
                }
            }
        };
        visit(schema, value, &place, self.report)
    }

    pub(in super::super) fn end(&mut self) -> Result<(), Stop> {
        let Rules::Declared(object) = self.rules else {
            if let Rules::Ignored = self.rules {
                self.report.keep_ignored(self.place);
            }
            return Ok(());
        };
        if self.finder.found_all(object.properties.len()) {
            return Ok(());
        }
        for (index, property) in object.properties.iter().enumerate() {
            if property.required && !self.finder.seen(index) {
                missing(&self.place.absent(property.name), self.report)?;
            }
        }
        Ok(())
    }
}

/// A required property is not there.
pub(in super::super) fn missing(place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
    report.add(place, Subject::Absent, "required", || "is required".to_owned())
}

/// A property is there twice, as no JSON that is published may have it.
pub(in super::super) fn twice(place: &Place<'_>, value: &dyn Visit, report: &mut Report) -> Result<(), Stop> {
    report.add(place, value, "properties", || "must not be written twice".to_owned())
}

/// Whether two names are the same. A program mostly stores the same text once, so that
/// it need not be compared.
fn same(one: &str, other: &str) -> bool {
    std::ptr::eq(one, other) || one == other
}
