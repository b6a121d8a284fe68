//! The values that two shapes share.

use std::rc::Rc;

use serde_json::Value;

use super::base::is_equal_number;
use super::{
    Alternative, Array, Finding, Form, Infer, Inferred, Object, Others, Part, Property, Shape, Strings, Sum,
};
use crate::model::{Integer, Number, RulesId, Text};

/// The maximum number of pairs of alternatives that are met.
const MAX_PAIRS: usize = 1024;

impl<'s> Infer<'s> {
    /// The values that both shapes hold. Not exact if the result holds others too.
    pub(super) fn meet(&mut self, one: Shape<'s>, other: Shape<'s>) -> Inferred<'s> {
        let exactly = |shape| Inferred { shape, exact: true };
        match (one, other) {
            (Shape::Any, shape) | (shape, Shape::Any) => exactly(shape),
            (one, other) if one == other => exactly(one),
            (Shape::Sum(one), Shape::Sum(other)) => self.meet_sums(one, other),
        }
    }

    fn meet_sums(&mut self, one: Sum<'s>, other: Sum<'s>) -> Inferred<'s> {
        match (one.has_nested(), other.has_nested()) {
            (false, false) => self.meet_forms(&one, &other),
            (true, false) => self.meet_nested(&one, &other, Self::meet),
            (false, true) => self.meet_nested(&other, &one, |infer, one, other| infer.meet(other, one)),
            (true, true) => {
                // The narrower of two references stays a reference.
                let followed = self.follow(&one, &other, |infer| {
                    let (expanded, expanded_other) = (infer.expanded(&one)?, infer.expanded(&other)?);
                    let met = infer.meet(expanded.shape.clone(), expanded_other.shape.clone());
                    Some((expanded, expanded_other, met))
                });
                let Some((expanded, expanded_other, met)) = followed else {
                    self.report(Finding::Recursive);
                    let shape = Shape::Sum(if one.alternatives.len() > 1 { other } else { one });
                    return Inferred { shape, exact: false };
                };
                if met.exact && met.shape == expanded.shape {
                    Inferred { shape: Shape::Sum(one), exact: true }
                } else if met.exact && met.shape == expanded_other.shape {
                    Inferred { shape: Shape::Sum(other), exact: true }
                } else {
                    let exact = met.exact && expanded.exact && expanded_other.exact;
                    Inferred { exact, ..met }
                }
            }
        }
    }

    /// Meets two sums behind references. `None` if the meeting is a part of itself, or follows too many references.
    fn follow<R>(
        &mut self,
        one: &Sum<'s>,
        other: &Sum<'s>,
        narrow: impl FnOnce(&mut Self) -> Option<R>,
    ) -> Option<R> {
        let pair = (one.clone(), other.clone());
        if self.meeting.contains(&pair) {
            return None;
        }
        self.meeting.push(pair);
        let followed = self.deeper(narrow).flatten();
        self.meeting.pop();
        followed
    }

    /// The shape of a schema, with references replaced by what they refer to.
    pub(crate) fn expanded_schema(&mut self, id: RulesId) -> Option<Inferred<'s>> {
        let inferred = self.schema(id)?;
        let Shape::Sum(sum) = &inferred.shape else { return Some(Inferred::clone(&inferred)) };
        let expanded = self.expanded(sum)?;
        Some(Inferred { exact: expanded.exact && inferred.exact, ..expanded })
    }

    /// The shape with references replaced by what they refer to.
    fn expanded(&mut self, sum: &Sum<'s>) -> Option<Inferred<'s>> {
        let mut result = Sum { alternatives: Vec::new(), ..sum.clone() };
        let mut exact = true;
        for alternative in &sum.alternatives {
            let inner = match &alternative.form {
                Form::Reference(id) => self.schema(*id)?,
                Form::Union(sum) => Rc::new(Inferred { shape: Shape::Sum(sum.clone()), exact: true }),
                _ => {
                    result.alternatives.push(alternative.clone());
                    continue;
                }
            };
            exact &= inner.exact && alternative.rules.is_none();
            match &inner.shape {
                Shape::Any => return Some(Inferred { shape: Shape::Any, exact: false }),
                Shape::Sum(inner) => {
                    // Alternatives of a union that is a part of another.
                    exact &= inner.alternatives.len() == 1 || !(inner.exactly_one || sum.exactly_one);
                    result.exactly_one |= sum.alternatives.len() == 1 && inner.exactly_one;
                    result.open |= inner.open;
                    result.alternatives.extend(inner.alternatives.iter().cloned());
                }
            }
        }
        if !result.has_nested() {
            return Some(Inferred { shape: Shape::Sum(result), exact });
        }
        // Follow references to references, unless there are too many.
        let followed = self.deeper(|infer| infer.expanded(&result)).flatten()?;
        Some(Inferred { exact: exact && followed.exact, ..followed })
    }

    /// Meets each reference with the whole other shape. A reference that is narrower stays as it is.
    fn meet_nested(
        &mut self,
        sum: &Sum<'s>,
        other: &Sum<'s>,
        in_order: fn(&mut Self, Shape<'s>, Shape<'s>) -> Inferred<'s>,
    ) -> Inferred<'s> {
        let mut result =
            Sum { alternatives: Vec::new(), untyped: sum.untyped && other.untyped, ..sum.clone() };
        if sum.alternatives.len() == 1 {
            result.exactly_one = other.exactly_one;
            result.open |= other.open;
        }
        let mut exact = true;
        for alternative in &sum.alternatives {
            let alone = Sum { alternatives: vec![alternative.clone()], ..Sum::default() };
            if !alternative.form.is_nested() {
                let met = self.meet_forms(&alone, other);
                exact &= met.exact;
                result.extend(met.shape);
                continue;
            }
            let followed = self.follow(&alone, other, |infer| {
                let expanded = infer.expanded(&alone)?;
                let met = in_order(infer, expanded.shape.clone(), Shape::Sum(other.clone()));
                Some((expanded, met))
            });
            let Some((expanded, met)) = followed else {
                self.report(Finding::Recursive);
                result.alternatives.push(alternative.clone());
                exact = false;
                continue;
            };
            if met.exact && met.shape == expanded.shape {
                result.alternatives.push(alternative.clone());
                continue;
            }
            let is_nested = sum.alternatives.len() > 1
                && matches!(&met.shape, Shape::Sum(inner) if inner.alternatives.len() > 1);
            exact &= met.exact && expanded.exact && !(is_nested && sum.exactly_one);
            result.extend_as(met.shape, alternative);
        }
        Inferred { shape: Shape::Sum(result), exact }
    }

    fn meet_forms(&mut self, one: &Sum<'s>, other: &Sum<'s>) -> Inferred<'s> {
        let pairs = one.alternatives.len() * other.alternatives.len();
        if pairs > MAX_PAIRS {
            self.report(Finding::TooMany);
            let smaller = if one.alternatives.len() < other.alternatives.len() { one } else { other };
            return Inferred { shape: Shape::Sum(smaller.clone()), exact: false };
        }
        let is_swapped = one.alternatives.len() < other.alternatives.len();
        let (many, few) = if is_swapped { (other, one) } else { (one, other) };
        let mut result = Sum {
            alternatives: Vec::new(),
            exactly_one: one.exactly_one || other.exactly_one,
            open: one.open || other.open,
            untyped: one.untyped && other.untyped,
        };
        let mut exact = few.alternatives.len() == 1 || !result.exactly_one;
        for alternative in &many.alternatives {
            for against in &few.alternatives {
                let (first, second) =
                    if is_swapped { (against, alternative) } else { (alternative, against) };
                let Some((form, is_exact)) = self.meet_form(&first.form, &second.form) else { continue };
                let unchanged = is_exact && form == alternative.form && against.rules.is_none();
                let rules = alternative.rules.filter(|_| unchanged);
                exact &= is_exact && (unchanged || (alternative.rules.is_none() && against.rules.is_none()));
                let notes = if many.alternatives.len() > 1 || against.notes.title.is_none() {
                    alternative.notes
                } else {
                    against.notes
                };
                result.alternatives.push(Alternative { form, rules, notes });
            }
        }
        Inferred { shape: Shape::Sum(result), exact }
    }

    /// The form that both forms share, and whether it is exact. `None` if no value has both forms.
    fn meet_form(&mut self, one: &Form<'s>, other: &Form<'s>) -> Option<(Form<'s>, bool)> {
        if one == other {
            return Some((one.clone(), true));
        }
        Some(match (one, other) {
            (Form::Any, form) | (form, Form::Any) => (form.clone(), true),
            (Form::Integer(one), Form::Integer(other)) => {
                let (integer, exact) = integers(one, other)?;
                (Form::Integer(integer), exact)
            }
            (Form::Integer(integer), Form::Number(number))
            | (Form::Number(number), Form::Integer(integer)) => {
                let (integer, exact) = integers(integer, &super::base::integer(number))?;
                (Form::Integer(integer), exact)
            }
            (Form::Number(one), Form::Number(other)) => {
                let (number, exact) = numbers(one, other);
                (Form::Number(number), exact)
            }
            (Form::Text(one), Form::Text(other)) => {
                let (text, exact) = texts(one, other);
                (Form::Text(text), exact)
            }
            (Form::Strings(one), Form::Strings(other)) => (Form::Strings(strings(one, other)?), true),
            (Form::Strings(strings), Form::Text(text)) | (Form::Text(text), Form::Strings(strings)) => {
                (Form::Strings(strings.clone()), text.is_plain())
            }
            (Form::Strings(strings), Form::Int64 | Form::Uint64)
            | (Form::Int64 | Form::Uint64, Form::Strings(strings)) => (Form::Strings(strings.clone()), false),
            (wide @ (Form::Int64 | Form::Uint64), Form::Text(text))
            | (Form::Text(text), wide @ (Form::Int64 | Form::Uint64)) => (wide.clone(), text.is_plain()),
            (Form::Int64, Form::Uint64) | (Form::Uint64, Form::Int64) => (Form::Uint64, false),
            (Form::Literals(one), Form::Literals(other)) => {
                let has = |value: &&Value| other.iter().any(|other| equals(value, other));
                (literals(one.iter().filter(has).cloned().collect())?, true)
            }
            (Form::Literals(values), form) | (form, Form::Literals(values)) => {
                let kept: Vec<Value> = values.iter().filter(|value| may_have(value, form)).cloned().collect();
                let exact = kept.iter().all(|value| !value.is_array() && !value.is_object());
                (literals(kept)?, exact && is_decided(form))
            }
            (Form::Array(one), Form::Array(other)) => {
                let (array, exact) = self.arrays(one, other);
                (Form::Array(array), exact)
            }
            (Form::Object(one), Form::Object(other)) => {
                let (object, exact) = self.objects(one, other)?;
                (Form::Object(object), exact)
            }
            _ => return None,
        })
    }

    fn arrays(&mut self, one: &Array<'s>, other: &Array<'s>) -> (Array<'s>, bool) {
        let mut exact = true;
        let length = one.prefix.len().max(other.prefix.len());
        let mut prefix = Vec::new();
        for at in 0..length {
            let item = |array: &Array<'s>| array.prefix.get(at).or(array.rest.as_deref()).cloned();
            match (item(one), item(other)) {
                (Some(one), Some(other)) => {
                    let (part, is_exact) = self.parts(&one, &other);
                    exact &= is_exact;
                    prefix.push(part);
                }
                (Some(part), None) | (None, Some(part)) => prefix.push(part),
                (None, None) => {}
            }
        }
        let rest = match (&one.rest, &other.rest) {
            (Some(one), Some(other)) => {
                let (part, is_exact) = self.parts(one, other);
                exact &= is_exact;
                Some(Box::new(part))
            }
            (rest, None) | (None, rest) => rest.clone(),
        };
        let min_items = one.min_items.max(other.min_items);
        let max_items = one.max_items.into_iter().chain(other.max_items).min();
        let array = Array { prefix, rest, min_items, max_items };
        // The merged array has new lengths. Only the type of a tuple expresses all of its items.
        let exact = exact && (array.prefix.is_empty() || array.is_tuple());
        (array, exact)
    }

    fn objects(&mut self, one: &Object<'s>, other: &Object<'s>) -> Option<(Object<'s>, bool)> {
        let mut exact = true;
        let mut object = Object {
            properties: indexmap::IndexMap::new(),
            others: Others::Ignored,
            prefixes: Vec::new(),
            declares: one.declares || other.declares,
        };
        let names: indexmap::IndexSet<&String> =
            one.properties.keys().chain(other.properties.keys()).collect();
        for name in names {
            let (first, second) = (one.properties.get(name), other.properties.get(name));
            let required = first.is_some_and(|property| property.required)
                || second.is_some_and(|property| property.required);
            let part = match (first, second) {
                (Some(first), Some(second)) => Some((first.part.clone(), Some(second.part.clone()))),
                (Some(property), None) => beside(&property.part, &other.others),
                (None, Some(property)) => beside(&property.part, &one.others),
                (None, None) => None,
            };
            let part = match part {
                Some((first, Some(second))) => {
                    let (part, is_exact) = self.parts(&first, &second);
                    exact &= is_exact;
                    Some(part)
                }
                Some((part, None)) => Some(part),
                None => None,
            };
            match part.filter(|part| !part.is_never()) {
                Some(part) => {
                    object.properties.insert(name.clone(), Property { part, required });
                }
                None if required => return None,
                // A property that must be absent.
                None if one.others == Others::Refused || other.others == Others::Refused => {
                    self.report(Finding::Rejected);
                }
                None => exact = false,
            }
        }
        object.others = match (&one.others, &other.others) {
            (Others::Refused, _) | (_, Others::Refused) => Others::Refused,
            (Others::Typed(one), Others::Typed(other)) => {
                let (part, is_exact) = self.parts(one, other);
                exact &= is_exact;
                Others::Typed(Box::new(part))
            }
            (Others::Typed(part), _) | (_, Others::Typed(part)) => Others::Typed(part.clone()),
            _ => Others::Ignored,
        };
        if matches!(object.others, Others::Typed(_)) {
            object.prefixes = [one, other]
                .into_iter()
                .find(|object| !object.prefixes.is_empty())
                .map_or_else(Vec::new, |object| object.prefixes.clone());
        }
        Some((object, exact))
    }

    /// Returns what both parts accept. Drops their rules unless the result is one of the parts unchanged; the rules of the
    /// schema around it then decide.
    fn parts(&mut self, one: &Part<'s>, other: &Part<'s>) -> (Part<'s>, bool) {
        let met = self.meet(one.shape.clone(), other.shape.clone());
        if met.exact && met.shape == one.shape && other.rules.is_none() {
            let notes = if one.notes.docs.is_empty() { other.notes } else { one.notes };
            return (Part { notes, ..one.clone() }, true);
        }
        let notes = if other.notes.docs.is_empty() { one.notes } else { other.notes };
        if met.exact && met.shape == other.shape && one.rules.is_none() {
            return (Part { notes, ..other.clone() }, true);
        }
        let exact = met.exact && one.rules.is_none() && other.rules.is_none();
        let Inferred { shape, exact } = Inferred { shape: met.shape, exact }.settled();
        (Part { shape, rules: None, notes }, exact)
    }
}

fn beside<'s>(part: &Part<'s>, others: &Others<'s>) -> Option<(Part<'s>, Option<Part<'s>>)> {
    match others {
        Others::Ignored => Some((part.clone(), None)),
        Others::Refused => None,
        Others::Typed(typed) => Some((part.clone(), Some(Part::clone(typed)))),
    }
}

impl Form<'_> {
    /// Returns `true` for a form that stands for others.
    fn is_nested(&self) -> bool {
        matches!(self, Form::Reference(_) | Form::Union(_))
    }
}

impl<'s> Sum<'s> {
    fn has_nested(&self) -> bool {
        self.alternatives.iter().any(|alternative| alternative.form.is_nested())
    }

    fn extend(&mut self, shape: Shape<'s>) {
        if let Shape::Sum(sum) = shape {
            self.alternatives.extend(sum.alternatives);
        }
    }

    /// Adds what became of an alternative, which keeps its notes if it is still one.
    fn extend_as(&mut self, shape: Shape<'s>, alternative: &Alternative<'s>) {
        let Shape::Sum(mut sum) = shape else { return };
        if let [lone] = sum.alternatives.as_mut_slice() {
            lone.notes = alternative.notes;
        }
        self.alternatives.extend(sum.alternatives);
    }
}

fn integers(one: &Integer, other: &Integer) -> Option<(Integer, bool)> {
    let (multiple_of, exact) = divisors(one.multiple_of, other.multiple_of);
    let minimum = one.minimum.max(other.minimum);
    let maximum = one.maximum.min(other.maximum);
    (minimum <= maximum).then_some((Integer { minimum, maximum, multiple_of }, exact))
}

fn numbers(one: &Number, other: &Number) -> (Number, bool) {
    let least = |one: Option<f64>, other: Option<f64>| one.into_iter().chain(other).reduce(f64::max);
    let most = |one: Option<f64>, other: Option<f64>| one.into_iter().chain(other).reduce(f64::min);
    let (multiple_of, exact) = divisors(one.multiple_of, other.multiple_of);
    let number = Number {
        minimum: least(one.minimum, other.minimum),
        maximum: most(one.maximum, other.maximum),
        exclusive_minimum: least(one.exclusive_minimum, other.exclusive_minimum),
        exclusive_maximum: most(one.exclusive_maximum, other.exclusive_maximum),
        multiple_of,
    };
    (number, exact)
}

fn divisors(one: Option<f64>, other: Option<f64>) -> (Option<f64>, bool) {
    (one.or(other), one.is_none() || other.is_none() || one == other)
}

fn texts(one: &Text, other: &Text) -> (Text, bool) {
    let agree = |differ: bool, one: bool, other: bool| !(differ && one && other);
    let exact = agree(one.pattern != other.pattern, one.pattern.is_some(), other.pattern.is_some())
        && agree(one.format != other.format, one.format.is_some(), other.format.is_some());
    let text = Text {
        min_length: one.min_length.max(other.min_length),
        max_length: one.max_length.into_iter().chain(other.max_length).min(),
        pattern: one.pattern.clone().or_else(|| other.pattern.clone()),
        format: one.format.or(other.format),
    };
    (text, exact)
}

fn strings<'s>(one: &Strings<'s>, other: &Strings<'s>) -> Option<Strings<'s>> {
    let lists = |strings: &Strings<'s>, text: &str| strings.values.iter().any(|(value, _)| value == text);
    let mut values = one.values.clone();
    match (one.open, other.open) {
        (true, true) => {
            let new = other.values.iter().filter(|(value, _)| !lists(one, value));
            values.extend(new.cloned());
        }
        (true, false) => values.clone_from(&other.values),
        (false, true) => {}
        (false, false) => values.retain(|(value, _)| lists(other, value)),
    }
    let open = one.open && other.open;
    (open || !values.is_empty()).then_some(Strings { values, open })
}

fn literals<'s>(values: Vec<Value>) -> Option<Form<'s>> {
    (!values.is_empty()).then_some(Form::Literals(values))
}

fn equals(one: &Value, other: &Value) -> bool {
    one == other || is_equal_number(one, other)
}

/// Returns `false` if the value certainly does not have the form.
pub(super) fn may_have(value: &Value, form: &Form<'_>) -> bool {
    match (value, form) {
        (Value::Bool(_), Form::Boolean)
        | (Value::Array(_), Form::Array(_))
        | (Value::Object(_), Form::Object(_)) => true,
        (Value::Number(number), Form::Integer(limits)) => {
            number.as_f64().is_some_and(|number| is_within(number, limits))
        }
        (Value::Number(number), Form::Number(limits)) => number.as_f64().is_some_and(|number| {
            limits.minimum.is_none_or(|limit| number >= limit)
                && limits.maximum.is_none_or(|limit| number <= limit)
                && limits.exclusive_minimum.is_none_or(|limit| number > limit)
                && limits.exclusive_maximum.is_none_or(|limit| number < limit)
        }),
        _ => false,
    }
}

fn is_within(number: f64, limits: &Integer) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "within ±(2^53−1)")]
    let (minimum, maximum) = (limits.minimum as f64, limits.maximum as f64);
    number.fract() == 0.0 && (minimum..=maximum).contains(&number)
}

/// Returns `true` if [`may_have`] is certain for scalars.
fn is_decided(form: &Form<'_>) -> bool {
    match form {
        Form::Integer(integer) => integer.multiple_of.is_none(),
        Form::Number(number) => number.multiple_of.is_none(),
        _ => true,
    }
}
