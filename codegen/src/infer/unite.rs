//! The values of several shapes together.

use super::base::is_equal_number;
use super::meet::may_have;
use super::{Alternative, Array, Finding, Form, Infer, Inferred, Shape, Strings, Sum};
use crate::model::{Number, Rules, Text};

impl<'s> Infer<'s> {
    /// Narrows a shape by `anyOf` or `oneOf`: unites what it shares with each alternative.
    pub(super) fn union(
        &mut self,
        around: &Inferred<'s>,
        schemas: &'s [Rules],
        exactly_one: bool,
        open: bool,
    ) -> Inferred<'s> {
        let mut exact = around.exact;
        let mut alternatives = Vec::new();
        for rules in schemas {
            let own = self.rules(rules);
            if around.shape == Shape::Any {
                alternatives.push((own, rules));
                continue;
            }
            // The rules of an alternative do not say what the schema around it says, so those of the whole decide.
            let met = self.meet(around.shape.clone(), own.shape);
            exact &= met.exact && own.exact;
            alternatives.push((Inferred { shape: met.shape, exact: true }, rules));
        }
        let mut united = self.unite(alternatives, exactly_one);
        if let Shape::Sum(sum) = &mut united.shape {
            sum.open |= open;
        }
        Inferred { exact: exact && united.exact, ..united }.settled()
    }

    /// Unites the shapes of schemas.
    pub(super) fn unite(
        &mut self,
        alternatives: Vec<(Inferred<'s>, &'s Rules)>,
        exactly_one: bool,
    ) -> Inferred<'s> {
        let mut sum = Sum { exactly_one, ..Sum::default() };
        let mut exact = true;
        for (Inferred { shape, exact: is_exact }, rules) in alternatives {
            let own = Some(rules).filter(|_| !is_exact);
            let Shape::Sum(mut inner) = shape else {
                if !exactly_one && rules.notes.title.is_none() {
                    return Inferred { shape: Shape::Any, exact: is_exact };
                }
                sum.alternatives.push(Alternative { form: Form::Any, rules: own, notes: &rules.notes });
                continue;
            };
            sum.untyped |= inner.untyped;
            let counts = exactly_one || inner.exactly_one || inner.open;
            let has_null = inner.has_null();
            match inner.alternatives.as_mut_slice() {
                [] => continue,
                [lone] if !inner.open => {
                    if rules.notes.location.is_some() {
                        lone.notes = &rules.notes;
                    }
                    // The rules of the whole schema include those of its parts.
                    lone.rules = own.or(lone.rules);
                }
                // `null` next to one form may be counted with the alternatives.
                [_, _] if has_null && !inner.open => exact &= is_exact,
                _ if counts && !inner.untyped => {
                    let form = Form::Union(inner);
                    sum.alternatives.push(Alternative { form, rules: own, notes: &rules.notes });
                    continue;
                }
                _ => exact &= is_exact && !counts,
            }
            sum.alternatives.extend(inner.alternatives);
        }
        if exactly_one && sum.overlaps() {
            self.report(Finding::Overlap);
        }
        if exactly_one {
            exact &= !self.accepts_null_twice(&sum);
        }
        exact &= sum.simplify();
        Inferred { shape: Shape::Sum(sum), exact }.settled()
    }

    /// Returns `true` if `null` may have more than one of the forms.
    fn accepts_null_twice(&mut self, sum: &Sum<'s>) -> bool {
        let mut accepting = 0;
        for alternative in &sum.alternatives {
            accepting += usize::from(self.may_accept_null(&alternative.form));
        }
        accepting > 1 && sum.has_null()
    }

    fn may_accept_null(&mut self, form: &Form<'s>) -> bool {
        match form {
            Form::Any | Form::Null => true,
            Form::Union(sum) => {
                sum.alternatives.iter().any(|alternative| self.may_accept_null(&alternative.form))
            }
            Form::Reference(id) => match self.schema(*id).as_deref() {
                Some(Inferred { shape: Shape::Sum(sum), .. }) => {
                    let accepts = |infer: &mut Self| {
                        sum.alternatives.iter().any(|alternative| infer.may_accept_null(&alternative.form))
                    };
                    self.deeper(accepts).unwrap_or(true)
                }
                _ => true,
            },
            _ => false,
        }
    }
}

impl<'s> Sum<'s> {
    /// Returns `true` if some value certainly matches two of the alternatives.
    fn overlaps(&self) -> bool {
        let without_required = self.alternatives.iter().filter(|alternative| match &alternative.form {
            Form::Object(object) => !object.properties.values().any(|property| property.required),
            _ => false,
        });
        let is = |matches: fn(&Form<'_>) -> bool| {
            self.alternatives.iter().any(|alternative| matches(&alternative.form))
        };
        without_required.count() > 1
            || (is(|form| matches!(form, Form::Integer(_))) && is(|form| matches!(form, Form::Number(_))))
    }

    fn has_null(&self) -> bool {
        self.alternatives.iter().any(|alternative| alternative.form == Form::Null)
    }

    /// Joins alternatives that no type tells apart. Returns `false` if the result holds more values than before.
    fn simplify(&mut self) -> bool {
        let mut exact = true;
        let mut joined: Vec<Alternative<'s>> = Vec::new();
        for mut alternative in std::mem::take(&mut self.alternatives) {
            if let Form::Strings(strings) = &mut alternative.form
                && let [(_, notes @ None)] = strings.values.as_mut_slice()
            {
                *notes = Some(alternative.notes);
            }
            let mut is_joined = false;
            for earlier in &mut joined {
                if let Some((form, is_exact)) = join(&earlier.form, &alternative.form, self.exactly_one)
                    .filter(|_| !(earlier.is_titled() && alternative.is_titled()))
                {
                    exact &= is_exact && earlier.rules.is_none() && alternative.rules.is_none();
                    earlier.form = form;
                    earlier.rules = None;
                    is_joined = true;
                    break;
                }
            }
            if !is_joined {
                joined.push(alternative);
            }
        }
        self.alternatives = joined;
        exact
    }
}

impl Alternative<'_> {
    /// Returns `true` if the author named the alternative, so that it stays a variant of its own.
    fn is_titled(&self) -> bool {
        self.notes.title.is_some() && !matches!(self.form, Form::Strings(_))
    }
}

/// The form that holds the values of both forms, and whether it holds no others. `None` if they are kept apart.
fn join<'s>(one: &Form<'s>, other: &Form<'s>, exactly_one: bool) -> Option<(Form<'s>, bool)> {
    Some(match (one, other) {
        _ if one == other => (one.clone(), !exactly_one),
        (Form::Strings(one), Form::Strings(other)) => {
            let mut values = one.values.clone();
            let is_new = |(text, _): &&(String, _)| !one.values.iter().any(|(known, _)| known == text);
            let new: Vec<_> = other.values.iter().filter(is_new).cloned().collect();
            let disjoint = new.len() == other.values.len();
            values.extend(new);
            let strings = Strings { values, open: one.open || other.open };
            let exact = !exactly_one || (disjoint && !strings.open);
            (Form::Strings(strings), exact)
        }
        (Form::Strings(strings), Form::Text(text)) | (Form::Text(text), Form::Strings(strings)) => {
            let open = Strings { values: strings.values.clone(), open: true };
            (Form::Strings(open), text.is_plain() && !exactly_one)
        }
        (Form::Text(one), Form::Text(other)) => {
            let exact = !exactly_one && (one.is_plain() || other.is_plain());
            (Form::Text(Text::default()), exact)
        }
        (Form::Literals(one), Form::Literals(other)) => {
            let is_new = |value: &&serde_json::Value| {
                !one.iter().any(|known| known == *value || is_equal_number(known, value))
            };
            let new: Vec<_> = other.iter().filter(is_new).cloned().collect();
            let exact = !exactly_one || new.len() == other.len();
            (Form::Literals(one.iter().cloned().chain(new).collect()), exact)
        }
        (Form::Literals(values), wide) | (wide, Form::Literals(values))
            if matches!(wide, Form::Boolean | Form::Integer(_) | Form::Number(_))
                && values.iter().all(|value| may_have(value, wide)) =>
        {
            let exact = !exactly_one && divisor_excludes_none(wide, values);
            (without_divisor(wide, values), exact)
        }
        (Form::Integer(_), Form::Number(number)) | (Form::Number(number), Form::Integer(_)) => {
            (Form::Number(Number::default()), !exactly_one && *number == Number::default())
        }
        (Form::Number(one), Form::Number(other)) => {
            let plain = Number::default();
            (Form::Number(plain.clone()), !exactly_one && (*one == plain || *other == plain))
        }
        (Form::Integer(one), Form::Integer(other)) => {
            let wide = crate::model::Integer {
                minimum: one.minimum.min(other.minimum),
                maximum: one.maximum.max(other.maximum),
                multiple_of: None,
            };
            let exact = !exactly_one && (wide == *one || wide == *other);
            (Form::Integer(wide), exact)
        }
        (Form::Array(one), Form::Array(other)) if one.prefix == other.prefix && one.rest == other.rest => {
            let array = Array {
                min_items: one.min_items.zip(other.min_items).map(|(one, other)| one.min(other)),
                max_items: one.max_items.zip(other.max_items).map(|(one, other)| one.max(other)),
                ..one.clone()
            };
            (Form::Array(array), false)
        }
        _ => return None,
    })
}

/// The form without a `multipleOf` that might exclude one of the values.
fn without_divisor<'s>(form: &Form<'s>, values: &[serde_json::Value]) -> Form<'s> {
    match form {
        _ if divisor_excludes_none(form, values) => form.clone(),
        Form::Integer(integer) => {
            Form::Integer(crate::model::Integer { multiple_of: None, ..integer.clone() })
        }
        Form::Number(number) => Form::Number(Number { multiple_of: None, ..number.clone() }),
        form => form.clone(),
    }
}

/// Returns `true` if `multipleOf` cannot exclude any of the values.
fn divisor_excludes_none(form: &Form<'_>, values: &[serde_json::Value]) -> bool {
    let divides = match form {
        Form::Integer(integer) => integer.multiple_of.is_some(),
        Form::Number(number) => number.multiple_of.is_some(),
        _ => false,
    };
    !divides || values.is_empty()
}
