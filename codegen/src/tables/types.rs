//! The tables of types.

use std::collections::HashMap;

use fanfare_schema::{
    Additional, Array, Deferred, Integer, Literals, Object, Property, Schema, Tagged, Text,
};
use serde_json::{Value, json};

use super::leak::{leak, leak_slice, leak_text};
use super::rules::RuleTables;
use super::scalars::{number, text};
use crate::model::{self, Enum, Model, Type, TypeId};

/// The tables of types, as far as they are needed.
pub(super) struct Types<'m> {
    model: &'m Model,
    rules: RuleTables,
    built: HashMap<TypeId, &'static Schema>,
    /// The types that tables refer to and that are not built yet.
    waiting: Vec<(TypeId, &'static Deferred<Schema>)>,
    /// The references to the types that were not built when they were first needed.
    deferred: HashMap<TypeId, &'static Schema>,
}

impl<'m> Types<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        let rules = RuleTables::build(&model.rules);
        Self { model, rules, built: HashMap::new(), waiting: Vec::new(), deferred: HashMap::new() }
    }

    /// Returns the table of a type, complete with all tables that it refers to.
    pub(super) fn build(&mut self, id: TypeId) -> &'static Schema {
        let table = self.build_one(id);
        while let Some((id, deferred)) = self.waiting.pop() {
            deferred.set(self.build_one(id));
        }
        table
    }

    /// Returns the table of a shape that has no name, and refers to none that has one.
    pub(super) fn build_shape(&mut self, shape: &Type) -> &'static Schema {
        leak(self.schema(shape))
    }

    fn build_one(&mut self, id: TypeId) -> &'static Schema {
        if let Some(table) = self.built.get(&id) {
            return table;
        }
        let model = self.model;
        let table = leak(match &model.get(id).shape {
            // An alias is a union of one, as in generated code.
            Type::Named(target) => Schema::AnyOf(leak_slice(vec![self.named(*target)])),
            shape => self.schema(shape),
        });
        self.built.insert(id, table);
        table
    }

    /// Returns a reference to the table of a type, which may be built later.
    fn named(&mut self, id: TypeId) -> &'static Schema {
        if let Some(table) = self.built.get(&id).or_else(|| self.deferred.get(&id)) {
            return table;
        }
        let deferred = leak(Deferred::new());
        self.waiting.push((id, deferred));
        let table = leak(Schema::Deferred(deferred));
        self.deferred.insert(id, table);
        table
    }

    fn reference(&mut self, shape: &Type) -> &'static Schema {
        match shape {
            Type::Named(id) => self.named(*id),
            shape => leak(self.schema(shape)),
        }
    }

    fn references<'s>(&mut self, shapes: impl Iterator<Item = &'s Type>) -> &'static [&'static Schema] {
        leak_slice(shapes.map(|shape| self.reference(shape)).collect())
    }

    fn schema(&mut self, shape: &Type) -> Schema {
        match shape {
            Type::Named(id) => *self.named(*id),
            Type::Any => Schema::Any,
            Type::Null => Schema::Null,
            Type::Boolean => Schema::Boolean,
            Type::Int64 => Schema::Int64,
            Type::Uint64 => Schema::Uint64,
            Type::Integer(integer) => Schema::Integer(Integer {
                minimum: integer.minimum,
                maximum: integer.maximum,
                multiple_of: integer.multiple_of,
            }),
            Type::Number(limits) => Schema::Number(number(limits)),
            Type::Text(limits) => Schema::Text(text(limits)),
            Type::Enum(Enum { open: true, .. }) => Schema::Text(Text::ANY),
            Type::Enum(Enum { values, .. }) => {
                Schema::Enum(leak_slice(values.iter().map(|value| leak_text(&value.wire)).collect()))
            }
            Type::Literals(values) if values.iter().all(Value::is_string) => {
                Schema::Enum(leak_slice(values.iter().filter_map(Value::as_str).map(leak_text).collect()))
            }
            Type::Literals(values) => {
                Schema::Literals(leak(Literals::new(leak_text(&json!(values).to_string()))))
            }
            Type::Array(array) => Schema::Array(Array {
                items: self.reference(&array.items),
                min_items: array.min_items.unwrap_or(0),
                max_items: array.max_items.unwrap_or(u32::MAX),
            }),
            Type::Tuple(items) => Schema::Tuple(self.references(items.iter())),
            Type::Map(values, _) => Schema::Map(self.reference(values)),
            Type::Object(object) => Schema::Object(self.object(object)),
            Type::Union(union) => {
                let alternatives =
                    self.references(union.alternatives.iter().map(|alternative| &alternative.shape));
                if union.exactly_one { Schema::OneOf(alternatives) } else { Schema::AnyOf(alternatives) }
            }
            Type::Tagged(tagged) => Schema::Tagged(self.tagged(tagged)),
            Type::Nullable(inner) => Schema::AnyOf(self.references([&**inner, &Type::Null].into_iter())),
            Type::Checked(checked) => Schema::Rules(self.rules.table(&checked.rules)),
        }
    }

    fn object(&mut self, object: &model::Object) -> Object {
        let properties = object.properties.iter().map(|property| {
            let (name, table) = (leak_text(&property.name.wire), self.reference(&property.shape));
            if property.required { Property::Required(name, table) } else { Property::Optional(name, table) }
        });
        let properties = leak_slice(properties.collect());
        let additional = match &object.additional {
            model::Additional::Ignored => Additional::Ignored,
            model::Additional::Refused => Additional::Refused,
            model::Additional::Checked(values) => Additional::Checked(self.reference(values)),
        };
        Object { properties, additional }
    }

    fn tagged(&mut self, tagged: &model::Tagged) -> Tagged {
        let cases = tagged.cases.iter().map(|case| (leak_text(&case.wire), self.named(case.target)));
        Tagged { tag: leak_text(&tagged.tag), cases: leak_slice(cases.collect()), open: tagged.open }
    }
}
