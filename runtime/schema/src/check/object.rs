//! Checking objects.

use super::super::display::Subject;
use super::super::path::Path;
use super::super::property_finder::PropertyFinder;
use super::super::report::{Ignored, Report, Stop};
use super::super::visit::{Found, Visit};
use super::super::{Additional, Object, Schema, scalar};
use super::{Checker, breaks_profile, visit};

/// An object on its way through the interpreter.
pub(in super::super) struct ObjectChecker<'a> {
    mode: ObjectMode<'a>,
    finder: PropertyFinder,
    /// The number of properties so far.
    length: usize,
    path: &'a Path<'a>,
    report: &'a mut Report,
}

/// How the properties of an object are checked.
#[derive(Clone, Copy)]
enum ObjectMode<'a> {
    /// The object is rejected already, so its properties are not checked.
    Skipped,
    /// Every property must match this schema.
    All(&'a Schema),
    /// No schema checks the object, but that it was accepted is remembered.
    Ignored,
    Declared(&'a Object),
}

impl ObjectMode<'_> {
    #[inline(never)]
    fn ignored(path: &Path<'_>, report: &mut Report) -> Self {
        match report.ignore(path) {
            Ignored::AcceptedBefore => Self::Skipped,
            Ignored::Remember => Self::Ignored,
            Ignored::Forget => Self::All(&Schema::Any),
        }
    }
}

impl<'a> ObjectChecker<'a> {
    #[inline]
    pub(super) fn start(checker: Checker<'a>) -> Result<Self, Stop> {
        let Checker { schema, path, report } = checker;
        let mode = match schema {
            _ if breaks_profile(Found::Object, path, report)? => ObjectMode::Skipped,
            Schema::Any if report.is_nested() => ObjectMode::ignored(path, report),
            Schema::Any => ObjectMode::All(&Schema::Any),
            Schema::Map(values) => ObjectMode::All(values),
            Schema::Object(object) => ObjectMode::Declared(object),
            _ => {
                scalar::report_wrong_type(schema, Found::Object, path, report)?;
                ObjectMode::Skipped
            }
        };
        Ok(Self { mode, finder: PropertyFinder::default(), length: 0, path, report })
    }

    pub(in super::super) fn property(&mut self, name: &str, value: &dyn Visit) -> Result<(), Stop> {
        let path = self.path.property(name, self.length);
        self.length += 1;
        let schema = match self.mode {
            ObjectMode::Skipped => return Ok(()),
            ObjectMode::All(schema) => schema,
            ObjectMode::Ignored => &Schema::Any,
            ObjectMode::Declared(object) => {
                let properties = object.properties;
                match self.finder.find(properties.len(), |index| is_same_name(properties[index].name(), name))
                {
                    Some(found) if found.is_duplicate => return report_duplicate(&path, value, self.report),
                    Some(found) => properties[found.index].schema(),
                    None => match object.additional {
                        Additional::Checked(schema) => schema,
                        // Not passed on, but still subject to the wire profile.
                        Additional::Ignored => &Schema::Any,
                        Additional::Refused => {
                            let message = || "is not allowed".to_owned();
                            return self.report.add(&path, value, "additionalProperties", message);
                        }
                    },
                }
            }
        };
        visit(schema, value, &path, self.report)
    }

    pub(in super::super) fn end(&mut self) -> Result<(), Stop> {
        let ObjectMode::Declared(object) = self.mode else {
            if let ObjectMode::Ignored = self.mode {
                self.report.remember_ignored(self.path);
            }
            return Ok(());
        };
        if self.finder.found_all(object.properties.len()) {
            return Ok(());
        }
        for (index, property) in object.properties.iter().enumerate() {
            if property.is_required() && !self.finder.seen(index) {
                report_missing(&self.path.absent(property.name()), self.report)?;
            }
        }
        Ok(())
    }
}

/// Reports a missing required property.
pub(in super::super) fn report_missing(path: &Path<'_>, report: &mut Report) -> Result<(), Stop> {
    report.add(path, Subject::Absent, "required", || "is required".to_owned())
}

/// Reports a duplicate property, which published JSON must not have.
pub(in super::super) fn report_duplicate(
    path: &Path<'_>,
    value: &dyn Visit,
    report: &mut Report,
) -> Result<(), Stop> {
    report.add(path, value, "properties", || "must not be written twice".to_owned())
}

/// Returns whether two names are equal. Programs usually store a name once, so comparing addresses is often enough.
fn is_same_name(one: &str, other: &str) -> bool {
    std::ptr::eq(one, other) || one == other
}
