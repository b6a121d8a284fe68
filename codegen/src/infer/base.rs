//! The shape of a schema's own keywords, without those that apply other schemas to the same value.

use serde_json::Value;

use super::{
    Alternative, Array, Finding, Form, Infer, Inferred, Object, Others, Part, Property, Shape, Strings, Sum,
};
use crate::lower::is_of_kind;
use crate::model::{Format, Integer, Items, Kinds, MAX_INTEGER, Members, Notes, Number, Rules, Text};

impl<'s> Infer<'s> {
    pub(super) fn base(&mut self, rules: &'s Rules) -> Inferred<'s> {
        if let Some(values) = &rules.values {
            return listed(rules, values);
        }
        let is_plain = rules.number == Number::default()
            && rules.text == Text::default()
            && rules.array == Items::default()
            && rules.object == Members::default();
        if rules.kinds == Kinds::ANY && is_plain {
            return Inferred { shape: Shape::Any, exact: true };
        }
        let mut exact = true;
        let mut forms = Vec::new();
        let has = |kind: Kinds| rules.kinds.contains(kind);
        if has(Kinds::STRING) {
            match &rules.notes.known {
                Some(known) => {
                    exact &= rules.text.is_plain();
                    let known = known.iter().map(|(value, notes)| (value, notes.as_ref()));
                    forms.push(Form::Strings(strings(known, true)));
                }
                None => forms.push(text(&rules.text)),
            }
        }
        if has(Kinds::NUMBER) {
            forms.push(Form::Number(rules.number.clone()));
        } else if has(Kinds::INTEGER) {
            forms.push(Form::Integer(integer(&rules.number)));
        }
        forms.extend(has(Kinds::BOOLEAN).then_some(Form::Boolean));
        if has(Kinds::ARRAY) {
            exact &= rules.array.contains.is_none() && !rules.array.unique;
            let array = self.array(&rules.array);
            if !array.prefix.is_empty() && !array.is_tuple() && !array.has_one_type() {
                self.report(Finding::OpenTuple);
            }
            exact &= array.prefix.is_empty() || array.is_tuple();
            exact &= !array.prefix.is_empty() || !array.rest.as_ref().is_some_and(|rest| rest.is_never());
            forms.push(Form::Array(array));
        }
        if has(Kinds::OBJECT) {
            let (object, is_exact) = self.object(rules);
            exact &= is_exact;
            forms.extend(object.map(Form::Object));
        }
        forms.extend(has(Kinds::NULL).then_some(Form::Null));
        let mut shape = sum(forms, rules);
        if let Shape::Sum(sum) = &mut shape {
            sum.untyped = rules.kinds == Kinds::ANY;
        }
        Inferred { shape, exact }
    }

    fn array(&mut self, items: &'s Items) -> Array<'s> {
        Array {
            prefix: items.prefix.iter().map(|rules| self.part(rules)).collect(),
            rest: items.rest.as_ref().map(|rules| Box::new(self.part(rules))),
            min_items: items.min_items,
            max_items: items.max_items,
        }
    }

    /// The shape of the undeclared properties, each of which matches a schema of `patternProperties` or
    /// `additionalProperties`.
    fn others(&mut self, rules: &'s Rules) -> Others<'s> {
        let members = &rules.object;
        let patterns = members.patterns.iter().map(|(_, rules)| rules);
        match members.others.as_deref() {
            others if others.is_none_or(|others| *others == Rules::default()) => {
                if members
                    .patterns
                    .iter()
                    .any(|(_, rules)| *rules != Rules::default() && *rules != Rules::never())
                {
                    self.report(Finding::Patterns);
                }
                Others::Ignored
            }
            None => Others::Ignored,
            Some(others) if members.patterns.is_empty() => match others {
                others if *others == Rules::never() => Others::Refused,
                others => Others::Typed(Box::new(self.part(others))),
            },
            Some(others) => {
                let schemas = patterns.chain(Some(others).filter(|others| **others != Rules::never()));
                let shapes = schemas.map(|rules| (self.rules(rules), rules)).collect();
                let shape = self.unite(shapes, false).shape;
                Others::Typed(Box::new(Part { shape, rules: None, notes: &others.notes }))
            }
        }
    }

    /// The form of the objects, and whether it is exact. `None` if a required property has no value.
    fn object(&mut self, rules: &'s Rules) -> (Option<Object<'s>>, bool) {
        let members = &rules.object;
        let mut exact = members.patterns.is_empty()
            && members.names.is_none()
            && members.dependent_required.is_empty()
            && members.dependent_schemas.is_empty()
            && members.min_properties.is_none()
            && members.max_properties.is_none();
        let others = self.others(rules);
        let mut object = Object {
            properties: indexmap::IndexMap::new(),
            others,
            prefixes: prefixes(members),
            declares: rules.notes.declares_properties,
        };
        if members.dependent_schemas.iter().any(|(_, rules)| describes_others(rules, members)) {
            self.report(Finding::Branches);
        }
        for (name, rules) in &members.properties {
            let part = self.part(rules);
            let required = members.required.contains(name);
            if !part.is_never() {
                object.properties.insert(name.clone(), Property { part, required });
            } else if required {
                return (None, true);
            } else {
                exact = false;
            }
        }
        for name in &members.required {
            if object.properties.contains_key(name) {
                continue;
            }
            let part = match &object.others {
                Others::Ignored => Part { shape: Shape::Any, rules: None, notes: &rules.notes },
                Others::Refused => return (None, true),
                Others::Typed(part) => Part::clone(part),
            };
            object.properties.insert(name.clone(), Property { part, required: true });
        }
        (Some(object), exact)
    }
}

/// The prefixes of all undeclared names, if the object is closed and each of its patterns starts with literal text.
fn prefixes(members: &Members) -> Vec<String> {
    if members.others.as_deref() != Some(&Rules::never()) {
        return Vec::new();
    }
    let matching = members.patterns.iter().filter(|(_, rules)| *rules != Rules::never());
    let prefixes: Option<Vec<String>> = matching.map(|(pattern, _)| literal_prefix(pattern)).collect();
    prefixes.unwrap_or_default()
}

/// The text that every match of a pattern starts with. `None` if the pattern may match elsewhere, or states no such
/// text.
fn literal_prefix(pattern: &str) -> Option<String> {
    let mut rest = pattern.strip_prefix('^').filter(|rest| !rest.contains('|'))?.chars().peekable();
    let mut prefix = String::new();
    while let Some(next) = rest.next() {
        let literal = match next {
            '\\' => rest.next().filter(char::is_ascii_punctuation),
            other => Some(other).filter(|other| !"^$.*+?()[]{}".contains(*other)),
        };
        let Some(literal) = literal.filter(|literal| !literal.is_control()) else { break };
        // The quantifier may allow no occurrence.
        if rest.peek().is_some_and(|quantifier| "*?{".contains(*quantifier)) {
            break;
        }
        prefix.push(literal);
    }
    Some(prefix).filter(|prefix| !prefix.is_empty())
}

/// Returns `true` if a schema for the same object gives a type to a property that the object does not declare.
fn describes_others(rules: &Rules, members: &Members) -> bool {
    let declares = |name: &str| members.properties.iter().any(|(declared, _)| declared == name);
    rules
        .object
        .properties
        .iter()
        .any(|(name, rules)| !declares(name) && *rules != Rules::default() && *rules != Rules::never())
}

fn sum<'s>(forms: Vec<Form<'s>>, rules: &'s Rules) -> Shape<'s> {
    let alternative = |form| Alternative { form, rules: None, notes: &rules.notes };
    Shape::Sum(Sum { alternatives: forms.into_iter().map(alternative).collect(), ..Sum::default() })
}

/// The shape of `const` and `enum`.
fn listed<'s>(rules: &'s Rules, values: &'s [Value]) -> Inferred<'s> {
    let mut allowed: Vec<&Value> = Vec::new();
    for value in values.iter().filter(|value| is_of_kind(value, rules.kinds)) {
        let is_equal = |other: &&Value| *other == value || is_equal_number(other, value);
        if !allowed.iter().any(is_equal) {
            allowed.push(value);
        }
    }
    let mut forms = Vec::new();
    if allowed.iter().any(|value| value.is_string()) {
        forms.push(Form::Strings(strings(allowed.iter().map(|value| (*value, None)), false)));
    }
    let is_other = |value: &&&Value| !value.is_string() && !value.is_null();
    let others: Vec<Value> = allowed.iter().filter(is_other).map(|value| Value::clone(value)).collect();
    if !others.is_empty() {
        forms.push(Form::Literals(others));
    }
    if allowed.iter().any(|value| value.is_null()) {
        forms.push(Form::Null);
    }
    let exact = rules.number == Number::default()
        && rules.text == Text::default()
        && rules.array == Items::default()
        && rules.object == Members::default();
    Inferred { shape: sum(forms, rules), exact }
}

/// Returns `true` for numbers that are equal by value, such as `1` and `1.0`.
pub(super) fn is_equal_number(one: &Value, other: &Value) -> bool {
    one.is_number() && one.as_f64() == other.as_f64()
}

fn strings<'s>(values: impl Iterator<Item = (&'s Value, Option<&'s Notes>)>, open: bool) -> Strings<'s> {
    let texts = values.filter_map(|(value, notes)| Some((value.as_str()?.to_owned(), notes)));
    Strings { values: texts.collect(), open }
}

fn text<'s>(text: &Text) -> Form<'s> {
    match text.format {
        Some(Format::Int64) => Form::Int64,
        Some(Format::Uint64) => Form::Uint64,
        _ => Form::Text(text.clone()),
    }
}

/// The integers within the limits of a number.
pub(super) fn integer(number: &Number) -> Integer {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "clamped to ±(2^53−1), which is exact"
    )]
    let whole = |limit: f64| limit.clamp(-(MAX_INTEGER as f64), MAX_INTEGER as f64) as i64;
    let least = number.minimum.map(f64::ceil);
    let above = number.exclusive_minimum.map(|limit| limit.floor() + 1.0);
    let most = number.maximum.map(f64::floor);
    let below = number.exclusive_maximum.map(|limit| limit.ceil() - 1.0);
    Integer {
        minimum: least.into_iter().chain(above).map(whole).fold(-MAX_INTEGER, i64::max),
        maximum: most.into_iter().chain(below).map(whole).fold(MAX_INTEGER, i64::min),
        multiple_of: number.multiple_of,
    }
}
