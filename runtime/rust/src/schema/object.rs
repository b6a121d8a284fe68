//! What objects must be.

use serde::ser::{Serialize, SerializeMap, SerializeStruct};

use super::check::{Checker, visit};
use super::place::{Place, Report, Stop, Tag};
use super::sequence::too_deep;
use super::text::TextOf;
use super::{Additional, MAX_DEPTH, Object, Schema, scalar};

/// An object on its way through the interpreter.
pub(super) struct ObjectChecker<'a> {
    rules: Rules<'a>,
    /// The declared property that is expected next: they mostly come in order.
    next: usize,
    seen: Seen,
    /// The name of a property whose value has not come yet.
    pending: String,
    place: &'a Place<'a>,
    report: &'a mut Report,
}

#[derive(Clone, Copy)]
enum Rules<'a> {
    /// The object is refused already: its properties are not looked at.
    Skipped,
    /// Every property must be this.
    All(&'a Schema),
    Declared(&'a Object),
    /// Only this property is looked for.
    Tag(&'a str),
}

impl<'a> ObjectChecker<'a> {
    pub(super) fn start(checker: Checker<'a>) -> Result<Self, Stop> {
        let Checker { schema, place, report } = checker;
        let rules = match schema {
            Schema::Tagged(tagged) => {
                report.tag = Tag::Missing;
                Rules::Tag(tagged.tag)
            }
            _ if place.depth >= MAX_DEPTH => {
                too_deep(place, report)?;
                Rules::Skipped
            }
            Schema::Any => Rules::All(&Schema::Any),
            Schema::Map(values) => Rules::All(values),
            Schema::Object(object) => Rules::Declared(object),
            _ => {
                scalar::refuse(schema, place, report)?;
                Rules::Skipped
            }
        };
        Ok(Self { rules, next: 0, seen: Seen::default(), pending: String::new(), place, report })
    }

    pub(super) fn property<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Stop> {
        let place = self.place.property(name);
        let schema = match self.rules {
            Rules::Tag(tag) if tag == name => return self.found(value),
            Rules::Skipped | Rules::Tag(_) => return Ok(()),
            Rules::All(schema) => schema,
            Rules::Declared(object) => match self.find(object, name) {
                Some(index) => {
                    if self.seen.insert(index) {
                        return self
                            .report
                            .add(&place, "properties", || "must not be written twice".to_owned());
                    }
                    object.properties[index].schema
                }
                None => match object.additional {
                    Additional::Checked(schema) => schema,
                    // Not passed on, and still bound by the wire profile.
                    Additional::Ignored => &Schema::Any,
                    Additional::Refused => {
                        return self
                            .report
                            .add(&place, "additionalProperties", || "is not allowed".to_owned());
                    }
                },
            },
        };
        visit(schema, value, &place, self.report)
    }

    fn find(&mut self, object: &Object, name: &str) -> Option<usize> {
        let properties = object.properties;
        let is_named = |property: &super::Property| property.name == name;
        let ahead = properties.get(self.next..).unwrap_or_default().iter().position(is_named);
        let index = match ahead {
            Some(distance) => self.next + distance,
            None => properties[..self.next].iter().position(is_named)?,
        };
        self.next = index + 1;
        Some(index)
    }

    fn found<T: Serialize + ?Sized>(&mut self, tag: &T) -> Result<(), Stop> {
        self.report.tag = Tag::NoString;
        tag.serialize(TextOf::string(|text: &str| {
            self.report.tag = Tag::Text(text.to_owned());
            Ok(())
        }))?;
        Err(Stop::Refused)
    }

    pub(super) fn finish(self) -> Result<(), Stop> {
        let Rules::Declared(object) = self.rules else { return Ok(()) };
        for (index, property) in object.properties.iter().enumerate() {
            if property.required && !self.seen.contains(index) {
                let place = self.place.property(property.name);
                self.report.add(&place, "required", || "is required".to_owned())?;
            }
        }
        Ok(())
    }
}

/// A set of property indexes that allocates only beyond 64.
#[derive(Default)]
struct Seen {
    first: u64,
    rest: Vec<u64>,
}

impl Seen {
    /// Adds an index and tells whether it was there.
    fn insert(&mut self, index: usize) -> bool {
        let bit = 1 << (index % 64);
        let word = match index / 64 {
            0 => &mut self.first,
            block => {
                if self.rest.len() < block {
                    self.rest.resize(block, 0);
                }
                &mut self.rest[block - 1]
            }
        };
        let was_there = *word & bit != 0;
        *word |= bit;
        was_there
    }

    fn contains(&self, index: usize) -> bool {
        let bit = 1 << (index % 64);
        let word = match index / 64 {
            0 => self.first,
            block => self.rest.get(block - 1).copied().unwrap_or(0),
        };
        word & bit != 0
    }
}

impl SerializeMap for ObjectChecker<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        key.serialize(TextOf::key(|name: &str| {
            name.clone_into(&mut self.pending);
            Ok(())
        }))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let name = std::mem::take(&mut self.pending);
        self.property(&name, value)
    }

    /// The name is borrowed from the key, so that nothing is allocated.
    fn serialize_entry<K, V>(&mut self, key: &K, value: &V) -> Result<(), Stop>
    where
        K: Serialize + ?Sized,
        V: Serialize + ?Sized,
    {
        key.serialize(TextOf::key(|name: &str| self.property(name, value)))
    }

    fn end(self) -> Result<(), Stop> {
        self.finish()
    }
}

impl SerializeStruct for ObjectChecker<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Stop> {
        self.property(name, value)
    }

    fn end(self) -> Result<(), Stop> {
        self.finish()
    }
}
