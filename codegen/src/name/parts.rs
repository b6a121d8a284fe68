//! Converts shapes to types. A part that needs a name becomes a named type.

use std::collections::HashSet;

use serde_json::Value;

use super::Namer;
use crate::infer::{Alternative, Array, Form, Object, Others, Part, Shape, Strings, Sum};
use crate::lower::Naming;
use crate::model::{
    Additional, Array as ArrayType, Enum, EnumValue, Notes, Object as ObjectType, Property, Rules, RulesId,
    Type, Union,
};
use crate::names::{distinct_names, distinct_names_besides};

/// The field of a struct for the properties that it does not declare, in Pascal case.
const ADDITIONAL_FIELD: &str = "Additional";

/// The variant of an open enum for the strings that it does not list.
const OTHER_VARIANT: &str = "Other";

impl<'s> Namer<'s, '_> {
    /// The type of a part.
    pub(super) fn part(&mut self, part: &Part<'s>, naming: &Naming) -> Type {
        self.named(&part.shape, part.rules, part.notes, naming)
    }

    /// The type of a shape. Becomes a named type if it needs a name.
    pub(super) fn named(
        &mut self,
        shape: &Shape<'s>,
        rules: Option<&'s Rules>,
        notes: &'s Notes,
        naming: &Naming,
    ) -> Type {
        let (Some(location), true) = (&notes.location, needs_name(shape)) else {
            let shape = self.shape(shape, rules, naming);
            return self.checked(shape, rules);
        };
        // Reserve the name first, so that inner types come after it.
        let naming = self.naming_of(notes, naming);
        let id = self.reserve(location, &naming, notes);
        match self.shape(shape, rules, &naming) {
            Type::Nullable(inner) => {
                self.model.types[id.0].shape = *inner;
                self.checked(Type::Nullable(Box::new(Type::Named(id))), rules)
            }
            shape => {
                self.model.types[id.0].shape = self.checked(shape, rules);
                Type::Named(id)
            }
        }
    }

    /// The type of a shape, without a name and without its rules.
    pub(super) fn shape(&mut self, shape: &Shape<'s>, rules: Option<&'s Rules>, naming: &Naming) -> Type {
        let Shape::Sum(sum) = shape else { return Type::Any };
        if sum.untyped {
            return Type::Any;
        }
        let (nulls, others): (Vec<_>, Vec<_>) =
            sum.alternatives.iter().partition(|alternative| alternative.form == Form::Null);
        let shape = match others.as_slice() {
            [] if nulls.is_empty() => return self.checked(Type::Any, Some(&Rules::never())),
            [] => return Type::Null,
            [lone] if !sum.open => {
                let shape = self.form(&lone.form, rules.or(lone.rules), &declared(sum), naming);
                self.checked(shape, lone.rules.filter(|_| rules.is_none()))
            }
            several => match scalars(several) {
                Some(values) => literals(&values),
                None => self.union(sum, several, rules, naming),
            },
        };
        match shape {
            shape if nulls.is_empty() => shape,
            Type::Any => Type::Any,
            shape => Type::Nullable(Box::new(shape)),
        }
    }

    fn union(
        &mut self,
        sum: &Sum<'s>,
        alternatives: &[&Alternative<'s>],
        rules: Option<&'s Rules>,
        naming: &Naming,
    ) -> Type {
        let declared = declared(sum);
        let variants = self.variants(alternatives);
        let converted = alternatives.iter().zip(variants).map(|(alternative, variant)| {
            let naming = naming.child(&variant);
            let shape = self.alternative(alternative, rules, &declared, &naming);
            crate::model::Alternative { variant, shape, boxed: false }
        });
        let alternatives = converted.collect();
        Type::Union(Union { exactly_one: sum.exactly_one && rules.is_none(), alternatives, open: sum.open })
    }

    /// The type of an alternative in a union with rules.
    fn alternative(
        &mut self,
        alternative: &Alternative<'s>,
        rules: Option<&'s Rules>,
        declared: &HashSet<&str>,
        naming: &Naming,
    ) -> Type {
        let Alternative { form, rules: own, notes } = alternative;
        if let Form::Union(sum) = form {
            return self.named(&Shape::Sum(sum.clone()), *own, notes, naming);
        }
        let rules = rules.or(*own);
        let (Some(location), true) = (&notes.location, form.needs_name()) else {
            let shape = self.form(form, rules, declared, naming);
            return self.checked(shape, *own);
        };
        let naming = self.naming_of(notes, naming);
        let id = self.reserve(location, &naming, notes);
        let shape = self.form(form, rules, declared, &naming);
        self.model.types[id.0].shape = self.checked(shape, *own);
        Type::Named(id)
    }

    fn form(
        &mut self,
        form: &Form<'s>,
        rules: Option<&'s Rules>,
        declared: &HashSet<&str>,
        naming: &Naming,
    ) -> Type {
        match form {
            Form::Any => Type::Any,
            Form::Null => Type::Null,
            Form::Boolean => Type::Boolean,
            Form::Integer(integer) => Type::Integer(integer.clone()),
            Form::Number(number) => Type::Number(number.clone()),
            Form::Text(text) => Type::Text(text.clone()),
            Form::Int64 => Type::Int64,
            Form::Uint64 => Type::Uint64,
            Form::Strings(strings) => string_values(strings),
            Form::Literals(values) => literals(values),
            Form::Array(array) => self.array(array, naming),
            Form::Object(object) => self.object(object, rules, declared, naming),
            Form::Reference(id) => Type::Named(self.root(*id)),
            Form::Union(sum) => self.shape(&Shape::Sum(sum.clone()), rules, naming),
        }
    }

    fn array(&mut self, array: &Array<'s>, naming: &Naming) -> Type {
        if array.is_tuple() {
            let items = array.prefix.iter().enumerate();
            let items = items.map(|(at, item)| self.part(item, &naming.child(&format!("Item{}", at + 1))));
            return Type::Tuple(items.collect());
        }
        let items = array.prefix.iter().enumerate();
        let prefix: Vec<Type> =
            items.map(|(at, item)| self.part(item, &naming.child(&format!("Item{}", at + 1)))).collect();
        let is_full =
            array.max_items.is_some_and(|most| u32::try_from(prefix.len()).is_ok_and(|full| most <= full));
        let rest = match &array.rest {
            Some(rest) if rest.is_never() => None,
            _ if is_full && !prefix.is_empty() => None,
            Some(rest) => Some(self.part(rest, &naming.child("Item"))),
            None => Some(Type::Any),
        };
        let mut all = prefix.iter().chain(&rest);
        let first = all.next().cloned().unwrap_or(Type::Any);
        let items = if all.all(|other| *other == first) { first } else { Type::Any };
        let rest = rest.filter(|_| !prefix.is_empty()).map(Box::new);
        Type::Array(ArrayType {
            prefix,
            items: Box::new(items),
            rest,
            min_items: array.min_items,
            max_items: array.max_items,
        })
    }

    fn object(
        &mut self,
        object: &Object<'s>,
        rules: Option<&'s Rules>,
        declared: &HashSet<&str>,
        naming: &Naming,
    ) -> Type {
        let keeps_others = rules.is_some_and(|rules| self.describes_others(rules, declared));
        let additional = match &object.others {
            Others::Refused => Additional::Refused,
            Others::Typed(part) => Additional::Checked(Box::new(self.part(part, &naming.child("Value")))),
            Others::Ignored if keeps_others => Additional::Checked(Box::new(Type::Any)),
            Others::Ignored => Additional::Ignored,
        };
        let wires: Vec<&str> = object.properties.keys().map(String::as_str).collect();
        let reserved = matches!(additional, Additional::Checked(_)).then_some(ADDITIONAL_FIELD);
        let names = distinct_names_besides(&wires, reserved);
        let properties = object.properties.values().zip(names);
        let properties: Vec<Property> = properties
            .map(|(property, name)| Property {
                docs: property.part.notes.docs.clone(),
                shape: self.part(&property.part, &naming.child(&name.pascal)),
                required: property.required,
                name,
                boxed: false,
            })
            .collect();
        match additional {
            Additional::Checked(values) if properties.is_empty() => {
                Type::Map(values, object.prefixes.clone())
            }
            Additional::Ignored if properties.is_empty() && !object.declares => {
                Type::Map(Box::new(Type::Any), Vec::new())
            }
            additional => {
                Type::Object(ObjectType { properties, additional, prefixes: object.prefixes.clone() })
            }
        }
    }

    /// Returns `true` if a schema describes properties that are not declared, which the type must then keep.
    fn describes_others(&self, rules: &Rules, declared: &HashSet<&str>) -> bool {
        Described { schemas: self.schemas, declared, seen: HashSet::new() }.others(rules)
    }
}

/// How many references are followed to find properties that are not declared.
const MAX_TARGETS: usize = 64;

struct Described<'d> {
    schemas: &'d [crate::lower::LoweredSchema],
    declared: &'d HashSet<&'d str>,
    seen: HashSet<RulesId>,
}

impl Described<'_> {
    fn others(&mut self, rules: &Rules) -> bool {
        let object = &rules.object;
        let binds = |rules: &Option<Box<Rules>>| {
            rules.as_deref().is_some_and(|rules| *rules != Rules::default() && *rules != Rules::never())
        };
        if !object.patterns.is_empty()
            || binds(&object.others)
            || binds(&rules.unevaluated_properties)
            || object.names.is_some()
            || object.min_properties.is_some()
            || object.max_properties.is_some()
            || rules.values.iter().flatten().any(Value::is_object)
        {
            return true;
        }
        let properties = object.properties.iter().filter(|(_, rules)| *rules != Rules::never());
        let mut names: Vec<&str> = properties.map(|(name, _)| name.as_str()).collect();
        names.extend(object.required.iter().map(String::as_str));
        for (name, others) in &object.dependent_required {
            names.push(name);
            names.extend(others.iter().map(String::as_str));
        }
        names.extend(object.dependent_schemas.iter().map(|(name, _)| name.as_str()));
        if names.iter().any(|name| !self.declared.contains(name)) {
            return true;
        }
        let mut found = false;
        rules.parts(true, &mut |part| found = found || self.others(part));
        found || rules.references.iter().any(|id| self.target_describes_others(*id))
    }

    /// Follows a reference. Returns `true` if too many were followed.
    fn target_describes_others(&mut self, id: RulesId) -> bool {
        let schemas = self.schemas;
        self.seen.insert(id) && (self.seen.len() > MAX_TARGETS || self.others(&schemas[id.0].rules))
    }
}

/// Returns `true` if the type of a shape needs a name, apart from `null`.
fn needs_name(shape: &Shape<'_>) -> bool {
    let Shape::Sum(sum) = shape else { return false };
    let mut others = sum.alternatives.iter().filter(|alternative| alternative.form != Form::Null);
    match (others.next(), others.next()) {
        _ if sum.untyped => false,
        (Some(_), Some(_)) => true,
        (Some(lone), None) => sum.open || lone.form.needs_name(),
        _ => false,
    }
}

impl Form<'_> {
    /// Returns `true` for forms whose types are declared in Rust.
    fn needs_name(&self) -> bool {
        match self {
            Form::Object(object) => {
                !object.properties.is_empty()
                    || object.others == Others::Refused
                    || (object.declares && object.others == Others::Ignored)
            }
            Form::Strings(strings) => strings.open || strings.values.len() > 1,
            Form::Literals(values) => is_mixed(values),
            Form::Union(sum) => needs_name(&Shape::Sum(sum.clone())),
            _ => false,
        }
    }
}

/// The names of all properties that the alternatives declare.
fn declared<'d>(sum: &'d Sum<'_>) -> HashSet<&'d str> {
    let objects = sum.alternatives.iter().filter_map(|alternative| match &alternative.form {
        Form::Object(object) => Some(object),
        _ => None,
    });
    objects.flat_map(|object| object.properties.keys().map(String::as_str)).collect()
}

fn string_values(strings: &Strings<'_>) -> Type {
    if let ([(lone, _)], false) = (strings.values.as_slice(), strings.open) {
        return Type::Literals(vec![Value::String(lone.clone())]);
    }
    let wires: Vec<&str> = strings.values.iter().map(|(text, _)| text.as_str()).collect();
    let reserved = strings.open.then_some(OTHER_VARIANT);
    let names = distinct_names_besides(&wires, reserved);
    let values = strings.values.iter().zip(names).map(|((_, notes), name)| EnumValue {
        variant: name.rust_type(),
        wire: name.wire,
        docs: notes.map(|notes| notes.docs.clone()).unwrap_or_default(),
    });
    Type::Enum(Enum { values: values.collect(), open: strings.open })
}

/// The values of alternatives that list strings and other scalars.
fn scalars(alternatives: &[&Alternative<'_>]) -> Option<Vec<Value>> {
    let mut scalars = Vec::new();
    for alternative in alternatives {
        match &alternative.form {
            Form::Strings(strings) if !strings.open => {
                scalars.extend(strings.values.iter().map(|(text, _)| Value::String(text.clone())));
            }
            Form::Literals(values) => scalars.extend(values.iter().cloned()),
            _ => return None,
        }
    }
    Some(scalars).filter(|values| is_mixed(values))
}

/// Returns `true` for values of several kinds, which become the variants of an enum in Rust.
fn is_mixed(values: &[Value]) -> bool {
    let is_scalar = |value: &Value| !value.is_array() && !value.is_object();
    let same = |one: &Value, other: &Value| std::mem::discriminant(one) == std::mem::discriminant(other);
    values.iter().all(is_scalar) && values.iter().any(|value| !same(value, &values[0]))
}

fn literals(values: &[Value]) -> Type {
    if !is_mixed(values) {
        return Type::Literals(values.to_vec());
    }
    let texts: Vec<String> = values.iter().map(Value::to_string).collect();
    let names = distinct_names(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let alternatives = values.iter().zip(names).map(|(value, name)| crate::model::Alternative {
        variant: name.rust_type(),
        shape: Type::Literals(vec![value.clone()]),
        boxed: false,
    });
    Type::Union(Union { exactly_one: false, alternatives: alternatives.collect(), open: false })
}
