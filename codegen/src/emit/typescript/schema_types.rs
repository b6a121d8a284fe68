//! The types of zod schemas, for declarations. They are the types that TypeScript infers from the schemas' expressions.

use super::face::Face;
use super::types::{expression, prefix_types};
use super::{key, literal, quoted};
use crate::model::{Additional, Array, Case, Enum, Model, Object, Tagged, Type, TypeId};

/// The types of the schemas of zod or of zod/mini.
pub(super) struct SchemaTypes<'m, L: Fn(TypeId) -> bool> {
    pub(super) model: &'m Model,
    pub(super) face: Face,
    /// Returns `true` for types that are resolved lazily.
    pub(super) lazily: L,
}

impl<L: Fn(TypeId) -> bool> SchemaTypes<'_, L> {
    /// The type of a schema of a shape, for a line that starts with `indent`.
    pub(super) fn of(&self, shape: &Type, indent: &str) -> String {
        match shape {
            Type::Any => self.any("f.Json", "f.Json"),
            Type::Null => self.class("Null"),
            Type::Boolean => self.scalar("Boolean", "boolean"),
            Type::Integer(_) | Type::Number(_) => self.scalar("Number", "number"),
            Type::Text(_) => self.scalar("String", "string"),
            Type::Int64 | Type::Uint64 => self.any("bigint", "string"),
            Type::Enum(Enum { open: true, .. }) => self.same(&expression(self.model, shape)),
            Type::Enum(Enum { values, .. }) => {
                let entries =
                    values.iter().map(|value| format!("{}: {}", key(&value.wire), quoted(&value.wire)));
                format!("{}<{{ {} }}>", self.class("Enum"), entries.collect::<Vec<_>>().join("; "))
            }
            Type::Literals(values) => {
                let values: Vec<String> = values.iter().map(|value| literal(value, "; ")).collect();
                self.same(&values.join(" | "))
            }
            Type::Array(array) if !array.prefix.is_empty() => self.tuple(array, indent),
            Type::Array(array) => self.generic("Array", &self.of(&array.items, indent)),
            Type::Tuple(items) => {
                format!("{}<readonly [{}], null>", self.class("Tuple"), self.list(items.iter(), indent))
            }
            Type::Map(values, prefixes) => {
                let names = match prefixes.as_slice() {
                    [] => self.scalar("String", "string"),
                    prefixes => self.same(&prefix_types(prefixes)),
                };
                format!("{}<{names}, {}>", self.class("Record"), self.of(values, indent))
            }
            Type::Object(object) => self.object(object, indent),
            Type::Union(union) => {
                let alternatives = union.alternatives.iter().map(|alternative| &alternative.shape);
                format!("{}<readonly [{}]>", self.class("Union"), self.list(alternatives, indent))
            }
            Type::Tagged(tagged) => self.tagged(tagged),
            Type::Nullable(inner) => self.generic("Nullable", &self.of(inner, indent)),
            Type::Named(id) => self.named(*id),
            Type::Checked(checked) => Self::like(&self.of(&checked.shape, indent)),
        }
    }

    /// The type of the schema of a recursive type, which states only the output.
    pub(super) fn of_recursive(&self, output: &str) -> String {
        format!("{}<{output}>", self.class("Type"))
    }

    fn named(&self, id: TypeId) -> String {
        let schema = format!("typeof {}Schema", self.model.get(id).typescript);
        if (self.lazily)(id) { self.generic("Lazy", &schema) } else { schema }
    }

    fn class(&self, name: &str) -> String {
        format!("z.Zod{}{name}", if self.face == Face::Mini { "Mini" } else { "" })
    }

    fn generic(&self, class: &str, argument: &str) -> String {
        format!("{}<{argument}>", self.class(class))
    }

    fn scalar(&self, class: &str, output: &str) -> String {
        if self.face == Face::Mini { self.generic(class, output) } else { self.class(class) }
    }

    fn any(&self, output: &str, input: &str) -> String {
        format!("{}<{output}, {input}>", self.class("Type"))
    }

    fn same(&self, value: &str) -> String {
        self.any(value, value)
    }

    /// A schema with the output and the input of another one.
    fn like(schema: &str) -> String {
        format!("f.Like<{schema}>")
    }

    fn list<'t>(&self, shapes: impl Iterator<Item = &'t Type>, indent: &str) -> String {
        shapes.map(|shape| self.of(shape, indent)).collect::<Vec<_>>().join(", ")
    }

    fn tuple(&self, array: &Array, indent: &str) -> String {
        let required = array.required();
        let items = array.prefix.iter().enumerate().map(|(at, item)| {
            let item = self.of(item, indent);
            if at < required { item } else { self.generic("Optional", &item) }
        });
        let items = items.collect::<Vec<_>>().join(", ");
        let rest = array.rest.as_ref().map_or_else(|| "null".to_owned(), |rest| self.of(rest, indent));
        let tuple = format!("{}<readonly [{items}], {rest}>", self.class("Tuple"));
        if *array.items == Type::Any { Self::like(&tuple) } else { tuple }
    }

    fn object(&self, object: &Object, indent: &str) -> String {
        let inner = format!("{indent}  ");
        let mut shape = String::from("{");
        for property in &object.properties {
            let value = self.of(&property.shape, &inner);
            let value = if property.required { value } else { self.generic("Optional", &value) };
            shape.push_str(&format!("\n{inner}{}: {value};", key(&property.name.wire)));
        }
        shape.push_str(&if object.properties.is_empty() { "}".to_owned() } else { format!("\n{indent}}}") });
        match &object.additional {
            Additional::Ignored => format!("{}<{shape}, z.core.$strip>", self.class("Object")),
            Additional::Refused => format!("{}<{shape}, z.core.$strict>", self.class("Object")),
            Additional::Checked(values) => {
                let prefixes = match object.prefixes.as_slice() {
                    [] => "string".to_owned(),
                    prefixes => prefixes.iter().map(|prefix| quoted(prefix)).collect::<Vec<_>>().join(" | "),
                };
                format!("f.OpenObject<{shape}, {}, {prefixes}>", self.of(values, indent))
            }
        }
    }

    fn tagged(&self, tagged: &Tagged) -> String {
        let all = |direction: &str| {
            let case = |case: &Case| format!("z.{direction}<{}>", self.named(case.target));
            let unknown = tagged.open.then(|| format!("f.UnknownCase<{}>", quoted(&tagged.tag)));
            tagged.cases.iter().map(case).chain(unknown).collect::<Vec<_>>().join(" | ")
        };
        self.any(&all("output"), &all("input"))
    }
}
