//! Reading parts of JSON text that a schema accepts.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::super::property_finder::PropertyFinder;
use super::super::{Additional, Array, Format, Object, Property, Schema, Text, accepts, scalar};
use super::{JsonReader, Unread};

impl<'j> JsonReader<'j> {
    /// Reads a string.
    ///
    /// # Errors
    /// Returns an error if the next value is not a string, or the schema does not accept it.
    #[inline]
    pub fn text(&mut self, schema: &'static Schema) -> Result<Cow<'j, str>, Unread> {
        let text = self.string()?;
        let is_accepted = match schema {
            Schema::Text(limits) => scalar::is_text_within(limits, &text),
            Schema::Enum(names) => names.contains(&&*text),
            _ => accepts(schema, &text),
        };
        if is_accepted { Ok(text) } else { Err(Unread) }
    }

    /// Reads a string whose format the caller checks.
    ///
    /// # Errors
    /// Returns an error if the next value is not a string, or the schema does not accept it for other reasons.
    #[inline]
    pub fn text_except_format(
        &mut self,
        schema: &'static Schema,
        format: Format,
    ) -> Result<Cow<'j, str>, Unread> {
        let Schema::Text(limits @ Text { format: Some(own), .. }) = schema else { return self.text(schema) };
        if *own != format {
            return self.text(schema);
        }
        let text = self.string()?;
        if scalar::is_text_within(&Text { format: None, ..*limits }, &text) { Ok(text) } else { Err(Unread) }
    }

    /// Reads a number.
    ///
    /// # Errors
    /// Returns an error if the next value is not a number, or the schema does not accept it.
    #[inline]
    pub fn number(&mut self, schema: &'static Schema) -> Result<f64, Unread> {
        let number = self.scan_number()?;
        let is_accepted = match schema {
            Schema::Integer(limits) => scalar::is_integer_within(limits, number),
            Schema::Number(limits) => scalar::is_number_within(limits, number),
            _ => accepts(schema, &number),
        };
        if is_accepted { Ok(number) } else { Err(Unread) }
    }

    /// Reads `true` or `false`.
    ///
    /// # Errors
    /// Returns an error if the next value is something else, or the schema does not accept it.
    pub fn boolean(&mut self, schema: &'static Schema) -> Result<bool, Unread> {
        let value = self.bool()?;
        accept(schema, &value).map(|()| value)
    }

    /// Reads `null`, or returns the schema of the value that is there instead.
    ///
    /// # Errors
    /// Returns an error if the schema does not accept `null`.
    #[inline]
    pub fn null_or(&mut self, schema: &'static Schema) -> Result<Option<&'static Schema>, Unread> {
        let other = match schema {
            Schema::AnyOf([other, Schema::Null] | [Schema::Null, other]) => Some(*other),
            _ => None,
        };
        if self.peek() != Some(b'n') {
            return Ok(Some(other.unwrap_or(schema)));
        }
        self.word("null")?;
        if other.is_none() {
            accept(schema, &())?;
        }
        Ok(None)
    }

    /// Reads a value as a tree, for schemas that need the whole value.
    ///
    /// # Errors
    /// Returns an error if the schema does not accept the value.
    pub fn tree(&mut self, schema: &'static Schema) -> Result<Value, Unread> {
        let value = self.value()?;
        accept(schema, &value).map(|()| value)
    }

    /// Checks a value without keeping it.
    ///
    /// # Errors
    /// Returns an error if the schema does not accept the value.
    pub fn check(&mut self, schema: &'static Schema) -> Result<(), Unread> {
        match schema {
            Schema::Any => self.skip(),
            Schema::Text(_) | Schema::Enum(_) => self.text(schema).map(drop),
            _ => self.tree(schema).map(drop),
        }
    }

    /// Moves into an object. Returns `None` and does not move if its schema needs the whole value.
    ///
    /// # Errors
    /// Returns an error if the next value is not an object.
    #[inline]
    pub fn object(&mut self, schema: &'static Schema) -> Result<Option<ObjectReader>, Unread> {
        let (properties, others): (&[_], _) = match schema.resolve() {
            Schema::Object(Object { properties, additional }) => (
                properties,
                match additional {
                    Additional::Ignored => Some(&Schema::Any),
                    Additional::Checked(schema) => Some(*schema),
                    Additional::Refused => None,
                },
            ),
            Schema::Map(values) => (&[], Some(*values)),
            _ => return Ok(None),
        };
        self.open(b'{')?;
        Ok(Some(ObjectReader { properties, others, finder: PropertyFinder::default(), is_first: true }))
    }

    /// Moves into an array. Returns `None` and does not move if its schema needs the whole value.
    ///
    /// # Errors
    /// Returns an error if the next value is not an array.
    #[inline]
    pub fn array(&mut self, schema: &'static Schema) -> Result<Option<ArrayReader>, Unread> {
        let (prefix, array): (&[_], _) = match schema.resolve() {
            Schema::Array(array) => (&[], *array),
            Schema::Tuple(items) => {
                let count = u32::try_from(items.len()).map_err(|_| Unread)?;
                (items, Array { items: &Schema::Never, min_items: count, max_items: count })
            }
            _ => return Ok(None),
        };
        self.open(b'[')?;
        Ok(Some(ArrayReader { prefix, array, length: 0 }))
    }

    /// Finds the case that the tag of an object selects, without moving. Returns `None` if that needs the whole value.
    ///
    /// An array or object before the tag ends the search: otherwise, each level of nesting would skip all levels in it.
    ///
    /// # Errors
    /// Returns an error if the text is not JSON.
    pub fn find_case(
        &mut self,
        schema: &'static Schema,
    ) -> Result<Option<(&'static str, &'static Schema)>, Unread> {
        let Schema::Tagged(tagged) = schema.resolve() else { return Ok(None) };
        let (position, depth) = (self.position, self.depth);
        let tag = self.find_tag(tagged.tag);
        (self.position, self.depth) = (position, depth);
        let Some(tag) = tag? else { return Ok(None) };
        let case = tagged.cases.iter().find(|(name, _)| *name == tag).copied();
        // If the case declares its tag, another tag after it is refused, so the first tag decides.
        Ok(case.filter(|(name, schema)| {
            let Schema::Object(object) = schema.resolve() else { return false };
            object.properties.iter().any(|property| {
                property.name() == tagged.tag
                    && matches!(property.schema(), Schema::Enum([only]) if only == name)
            })
        }))
    }

    fn find_tag(&mut self, tag: &str) -> Result<Option<Cow<'j, str>>, Unread> {
        self.open(b'{')?;
        let mut is_first = true;
        while self.next(is_first, b'}')? {
            is_first = false;
            let is_tag = self.name()? == tag;
            match self.peek() {
                Some(b'"') if is_tag => return self.string().map(Some),
                Some(b'[' | b'{') | None => return Ok(None),
                Some(_) => self.skip()?,
            }
        }
        Ok(None)
    }
}

fn accept<T: Serialize>(schema: &Schema, value: &T) -> Result<(), Unread> {
    if accepts(schema, value) { Ok(()) } else { Err(Unread) }
}

/// An object that is being read.
pub struct ObjectReader {
    properties: &'static [Property],
    /// The schema of all other properties; `None` if there must not be any.
    others: Option<&'static Schema>,
    finder: PropertyFinder,
    is_first: bool,
}

/// A member of an object, up to its value.
pub struct MemberReader<'j> {
    /// The name.
    pub name: Cow<'j, str>,
    /// The schema of the value, which must be read or checked next.
    pub schema: &'static Schema,
}

impl ObjectReader {
    /// Moves to the value of the next member, or out of the object after the last one.
    ///
    /// If a name occurs twice, returns both members, although only the last value counts. The caller keeps the last
    /// one, and if the schema refuses an earlier one, the text is parsed as a tree, which decides.
    ///
    /// # Errors
    /// Returns an error if a member is not allowed, or a required one is missing.
    #[inline]
    pub fn next<'j>(&mut self, reader: &mut JsonReader<'j>) -> Result<Option<MemberReader<'j>>, Unread> {
        let properties = self.properties;
        if !reader.next(self.is_first, b'}')? {
            let is_missing = |index: usize| properties[index].is_required() && !self.finder.seen(index);
            let is_complete =
                self.finder.found_all(properties.len()) || !(0..properties.len()).any(is_missing);
            return if is_complete { Ok(None) } else { Err(Unread) };
        }
        self.is_first = false;
        let name = reader.name()?;
        let found = self.finder.find(properties.len(), |index| properties[index].name() == name);
        let schema = match found {
            Some(found) => properties[found.index].schema(),
            None => self.others.ok_or(Unread)?,
        };
        Ok(Some(MemberReader { name, schema }))
    }
}

/// An array that is being read.
pub struct ArrayReader {
    prefix: &'static [&'static Schema],
    /// The limits, and the schema of the items after the prefix.
    array: Array,
    length: usize,
}

impl ArrayReader {
    /// Moves to the next item and returns its schema, or moves out of the array after the last one.
    ///
    /// # Errors
    /// Returns an error if there are too many or too few items.
    #[inline]
    pub fn next(&mut self, reader: &mut JsonReader<'_>) -> Result<Option<&'static Schema>, Unread> {
        let Array { items, min_items, max_items } = self.array;
        if !reader.next(self.length == 0, b']')? {
            return if self.length < min_items as usize { Err(Unread) } else { Ok(None) };
        }
        if max_items != u32::MAX && self.length >= max_items as usize {
            return Err(Unread);
        }
        self.length += 1;
        Ok(Some(self.prefix.get(self.length - 1).copied().unwrap_or(items)))
    }
}
