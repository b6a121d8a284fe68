//! Shapes: types without names.

use std::fmt;

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
    /// The schema has no `type`, so the sum has a form for each kind of value. The generated type is any JSON value.
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

    /// Returns `true` if every array has the length of the prefix, at most 12: Rust has traits for tuples up to that.
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
    /// Each name of an undeclared property starts with one of these, if there are any.
    pub(crate) prefixes: Vec<String>,
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

    /// Lets a value match several alternatives: once a shape holds more values than its schema, only rules can count them.
    pub(crate) fn stop_counting(&mut self) {
        let Self::Sum(sum) = self else { return };
        sum.exactly_one = false;
        for alternative in &mut sum.alternatives {
            if let Form::Union(inner) = &mut alternative.form {
                let mut shape = Self::Sum(std::mem::take(inner));
                shape.stop_counting();
                if let Self::Sum(relaxed) = shape {
                    *inner = relaxed;
                }
            }
        }
    }

    pub(crate) fn is_untyped(&self) -> bool {
        matches!(self, Self::Sum(sum) if sum.untyped)
    }
}

/// Prints shapes like TypeScript types.
impl fmt::Display for Shape<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("any"),
            Self::Sum(sum) => write!(formatter, "{sum}"),
        }
    }
}

impl fmt::Display for Sum<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.alternatives.is_empty() {
            return formatter.write_str("never");
        }
        let separator = if self.exactly_one { " xor " } else { " | " };
        for (at, alternative) in self.alternatives.iter().enumerate() {
            let rules = if alternative.rules.is_some() { " (rules decide)" } else { "" };
            write!(formatter, "{}{}{rules}", if at == 0 { "" } else { separator }, alternative.form)?;
        }
        formatter.write_str(if self.untyped { " (no `type`)" } else { "" })
    }
}

impl fmt::Display for Form<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("any"),
            Self::Null => formatter.write_str("null"),
            Self::Boolean => formatter.write_str("boolean"),
            Self::Integer(integer) if *integer == Integer::ANY => formatter.write_str("integer"),
            Self::Integer(integer) => write!(formatter, "integer {}..={}", integer.minimum, integer.maximum),
            Self::Number(_) => formatter.write_str("number"),
            Self::Text(text) => match text.format {
                Some(format) => formatter.write_str(format.name()),
                None => formatter.write_str("string"),
            },
            Self::Int64 => formatter.write_str("int64"),
            Self::Uint64 => formatter.write_str("uint64"),
            Self::Strings(strings) => {
                let values = strings.values.iter().map(|(text, _)| format!("{text:?}"));
                let open = strings.open.then(|| "string".to_owned());
                formatter.write_str(&values.chain(open).collect::<Vec<_>>().join(" | "))
            }
            Self::Literals(values) => {
                let values: Vec<String> = values.iter().map(Value::to_string).collect();
                formatter.write_str(&values.join(" | "))
            }
            Self::Array(array) => write!(formatter, "{array}"),
            Self::Object(object) => write!(formatter, "{object}"),
            Self::Reference(id) => write!(formatter, "#{}", id.0),
            Self::Union(sum) => write!(formatter, "({sum})"),
        }
    }
}

impl fmt::Display for Array<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut items: Vec<String> = self.prefix.iter().map(Part::to_string).collect();
        match &self.rest {
            Some(rest) if rest.is_never() => {}
            Some(rest) => items.push(format!("...({rest})[]")),
            None => items.push("...any[]".to_owned()),
        }
        write!(formatter, "[{}]", items.join(", "))
    }
}

impl fmt::Display for Object<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties = self.properties.iter().map(|(name, property)| {
            let mark = if property.required { "" } else { "?" };
            format!("{name}{mark}: {}", property.part)
        });
        let others = match &self.others {
            Others::Ignored => Some("...".to_owned()),
            Others::Refused => None,
            Others::Typed(part) => Some(format!("[others]: {part}")),
        };
        write!(formatter, "{{ {} }}", properties.chain(others).collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.shape, if self.rules.is_some() { " (rules decide)" } else { "" })
    }
}
