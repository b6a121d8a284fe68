//! Shapes: types without names.

use indexmap::IndexMap;
use serde_json::Value;

use crate::model::{Integer, Notes, Number, Rules, RulesId, Text};

/// The values of a schema.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape<'s> {
    Any,
    Sum(Sum<'s>),
}

/// One of several forms; no value if there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sum<'s> {
    pub(crate) alternatives: Vec<Alternative<'s>>,
    /// A value must have exactly one of the forms.
    pub(crate) exactly_one: bool,
    /// Also accepts objects with unlisted tags.
    pub(crate) open: bool,
    /// No `type` was said, so that there is a form for each kind of value. Without one, the type is any JSON value.
    pub(crate) untyped: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alternative<'s> {
    pub(crate) form: Form<'s>,
    /// Rules that decide which values of the form are valid.
    pub(crate) rules: Option<&'s Rules>,
    pub(crate) notes: &'s Notes,
}

/// The values of one kind, or those of another schema.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form<'s> {
    /// Every value, as one of several alternatives.
    Any,
    Null,
    Boolean,
    Integer(Integer),
    Number(Number),
    Text(Text),
    /// A 64-bit integer as a decimal string.
    Int64,
    Uint64,
    Strings(Strings<'s>),
    /// Other values than strings and `null`.
    Literals(Vec<Value>),
    Array(Array<'s>),
    Object(Object<'s>),
    Reference(RulesId),
    /// A union that stays a part of another: their alternatives are counted apart.
    Union(Sum<'s>),
}

/// Listed strings, with their notes; if open, all others too.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Strings<'s> {
    pub(crate) values: Vec<(String, Option<&'s Notes>)>,
    pub(crate) open: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array<'s> {
    pub(crate) prefix: Vec<Part<'s>>,
    /// The items after the prefix.
    pub(crate) rest: Option<Box<Part<'s>>>,
    pub(crate) min_items: Option<u32>,
    pub(crate) max_items: Option<u32>,
}

impl Array<'_> {
    /// Returns `true` if all items have the same shape.
    pub(crate) fn has_one_type(&self) -> bool {
        let rest = self.rest.as_ref().filter(|rest| !rest.is_never());
        let mut items = self.prefix.iter().chain(rest.map(|rest| &**rest));
        let is_closed = self.rest.is_some() || self.max_items.is_some();
        let first = items.next();
        is_closed && items.all(|item| first.is_some_and(|first| first.shape == item.shape))
    }

    /// Returns `true` if every array has the length of the prefix.
    pub(crate) fn is_tuple(&self) -> bool {
        let length = u32::try_from(self.prefix.len()).unwrap_or(u32::MAX);
        let closed = self.max_items == Some(length) || self.rest.as_ref().is_some_and(|rest| rest.is_never());
        let full = self.min_items == Some(length) && self.max_items.is_none_or(|most| most == length);
        closed && full && (1..=12).contains(&length)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object<'s> {
    pub(crate) properties: IndexMap<String, Property<'s>>,
    pub(crate) others: Others<'s>,
    /// The schema has `properties`, although there may be none.
    pub(crate) declares: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Property<'s> {
    pub(crate) part: Part<'s>,
    pub(crate) required: bool,
}

/// Undeclared properties.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Others<'s> {
    Ignored,
    Refused,
    Typed(Box<Part<'s>>),
}

/// The shape of a property, an item or another part.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part<'s> {
    pub(crate) shape: Shape<'s>,
    /// Rules that decide which values of the shape are valid.
    pub(crate) rules: Option<&'s Rules>,
    pub(crate) notes: &'s Notes,
}

impl Part<'_> {
    pub(crate) fn is_never(&self) -> bool {
        self.shape.is_never()
    }
}

impl Shape<'_> {
    pub(crate) fn is_never(&self) -> bool {
        matches!(self, Self::Sum(sum) if sum.alternatives.is_empty())
    }

    pub(crate) fn is_untyped(&self) -> bool {
        matches!(self, Self::Sum(sum) if sum.untyped)
    }
}
