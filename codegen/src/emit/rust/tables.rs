//! The schema tables that the runtime validates values against.

use std::collections::BTreeMap;

use serde_json::Value;

use super::expression::Expression;
use crate::model::{
    Additional, Enum, Integer, MAX_INTEGER, Model, Number, Object, RulesId, Scope, Tagged, Text, Type, TypeId,
};
use crate::names::table;

/// The module that contains the tables.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TableModule {
    /// `schemas`, next to the types of a scope.
    Schemas(Scope),
    /// `rules` in the root file, for rules that others refer to.
    Rules,
}

/// The tables of one module, with the patterns and literals that they refer to.
pub(super) struct Tables<'m> {
    pub(super) model: &'m Model,
    module: TableModule,
    patterns: BTreeMap<String, usize>,
    literals: BTreeMap<String, usize>,
    printed: String,
}

impl<'m> Tables<'m> {
    pub(super) fn new(model: &'m Model, module: TableModule) -> Self {
        Self { model, module, patterns: BTreeMap::new(), literals: BTreeMap::new(), printed: String::new() }
    }

    /// Prints the table of a type: `static STATUS: Schema = …;`
    pub(super) fn print_type(&mut self, id: TypeId) {
        let name = table(&self.model.get(id).rust);
        let schema = match &self.model.get(id).shape {
            // A static cannot be initialized with a copy of another static, so an alias is a union of one.
            Type::Named(target) => {
                let target = Expression::word(self.schema_path(*target)).reference();
                Expression::call("Schema::AnyOf", vec![Expression::slice(vec![target])])
            }
            shape => self.schema(shape),
        };
        self.print("pub(super) ", &name, "Schema", &schema);
    }

    /// Prints the table of a param, or of an unnamed alternative.
    pub(super) fn print_unnamed(&mut self, name: &str, shape: &Type) {
        let schema = self.schema(shape);
        self.print("pub(super) ", name, "Schema", &schema);
    }

    /// Returns all tables, and the patterns and literals that they refer to, as the content of a module.
    pub(super) fn finish(mut self) -> String {
        for (text, number) in sort_by_number(std::mem::take(&mut self.patterns)) {
            let pattern = Expression::call("Pattern::new", vec![literal(&text)]);
            self.print("", &format!("PATTERN_{number}"), "Pattern", &pattern);
        }
        for (text, number) in sort_by_number(std::mem::take(&mut self.literals)) {
            let literals = Expression::call("Literals::new", vec![literal(&text)]);
            self.print("", &format!("LITERALS_{number}"), "Literals", &literals);
        }
        self.printed.trim_end().to_owned()
    }

    pub(super) fn print(&mut self, visibility: &str, name: &str, kind: &str, value: &Expression) {
        let start = format!("    {visibility}static {name}: {kind} = ");
        self.printed.push_str(&start);
        value.print(&mut self.printed, 4, start.len(), 1);
        self.printed.push_str(";\n\n");
    }

    /// Returns a reference to a schema: `&STEP`, or an inline table.
    pub(super) fn reference(&mut self, shape: &Type) -> Expression {
        self.schema(shape).reference()
    }

    /// Returns the path of a type's table.
    fn schema_path(&self, id: TypeId) -> String {
        let named = self.model.get(id);
        let name = table(&named.rust);
        match (named.scope, self.module) {
            (Scope::Root, TableModule::Schemas(Scope::Channel(_))) => {
                format!("super::super::schemas::{name}")
            }
            _ => name,
        }
    }

    /// Returns the path of a table of rules.
    pub(super) fn rules_path(&self, id: RulesId) -> Expression {
        let name = table(&self.model.rules[id.0].name);
        Expression::Word(match self.module {
            TableModule::Rules => name,
            TableModule::Schemas(Scope::Root) => format!("super::rules::{name}"),
            TableModule::Schemas(Scope::Channel(_)) => format!("super::super::rules::{name}"),
        })
    }

    /// Returns a table, as an expression.
    fn schema(&mut self, shape: &Type) -> Expression {
        let (variant, content) = match shape {
            Type::Named(id) => return Expression::Word(self.schema_path(*id)),
            Type::Any => return Expression::word("Schema::Any"),
            Type::Null => return Expression::word("Schema::Null"),
            Type::Boolean => return Expression::word("Schema::Boolean"),
            Type::Int64 => return Expression::word("Schema::Int64"),
            Type::Uint64 => return Expression::word("Schema::Uint64"),
            Type::Integer(integer) => ("Integer", integer_rules(integer)),
            Type::Number(number) => ("Number", number_rules(number)),
            Type::Text(text) => ("Text", self.text_rules(text)),
            Type::Enum(Enum { open: true, .. }) => ("Text", Expression::word("Text::ANY")),
            Type::Enum(Enum { values, .. }) => {
                ("Enum", Expression::slice(values.iter().map(|value| literal(&value.wire)).collect()))
            }
            Type::Literals(values) if values.iter().all(Value::is_string) => {
                ("Enum", Expression::slice(values.iter().filter_map(Value::as_str).map(literal).collect()))
            }
            Type::Literals(values) => ("Literals", self.add_literals(values).reference()),
            Type::Array(array) => {
                let max = array.max_items.map_or_else(|| Expression::word("u32::MAX"), count);
                let fields = vec![
                    ("items", self.reference(&array.items)),
                    ("min_items", count(array.min_items.unwrap_or(0))),
                    ("max_items", max),
                ];
                ("Array", Expression::structure("Array", fields))
            }
            Type::Tuple(items) => ("Tuple", self.references(items.iter())),
            Type::Map(values, _) => ("Map", self.reference(values)),
            Type::Object(object) => ("Object", self.object(object)),
            Type::Union(union) => {
                let alternatives = union.alternatives.iter().map(|alternative| &alternative.shape);
                (if union.exactly_one { "OneOf" } else { "AnyOf" }, self.references(alternatives))
            }
            Type::Tagged(tagged) => ("Tagged", self.tagged(tagged)),
            Type::Nullable(inner) => ("AnyOf", self.references([&**inner, &Type::Null].into_iter())),
            Type::Checked(checked) => {
                let rules = match checked.rules.only_reference() {
                    Some(id) => self.rules_path(id),
                    None => self.rules(&checked.rules),
                };
                ("Rules", rules.reference())
            }
        };
        Expression::call(&format!("Schema::{variant}"), vec![content])
    }

    fn references<'s>(&mut self, shapes: impl Iterator<Item = &'s Type>) -> Expression {
        Expression::slice(shapes.map(|shape| self.reference(shape)).collect())
    }

    /// Returns the name of the static that holds a list of values.
    pub(super) fn add_literals(&mut self, values: &[Value]) -> Expression {
        let text = serde_json::json!(values).to_string();
        Expression::Word(format!("LITERALS_{}", find_or_add(&mut self.literals, text)))
    }

    /// Returns a reference to the static that holds a pattern.
    pub(super) fn add_pattern(&mut self, pattern: &str) -> Expression {
        Expression::Word(format!("&PATTERN_{}", find_or_add(&mut self.patterns, pattern.to_owned())))
    }

    fn object(&mut self, object: &Object) -> Expression {
        let properties = object.properties.iter().map(|property| {
            let presence = if property.required { "Property::Required" } else { "Property::Optional" };
            Expression::call(presence, vec![literal(&property.name.wire), self.reference(&property.shape)])
        });
        let properties = Expression::slice(properties.collect());
        let additional = match &object.additional {
            Additional::Ignored => Expression::word("Additional::Ignored"),
            Additional::Refused => Expression::word("Additional::Refused"),
            Additional::Checked(values) => {
                Expression::call("Additional::Checked", vec![self.reference(values)])
            }
        };
        Expression::structure("Object", vec![("properties", properties), ("additional", additional)])
    }

    fn tagged(&self, tagged: &Tagged) -> Expression {
        let cases = tagged.cases.iter().map(|case| {
            let schema = Expression::word(self.schema_path(case.target)).reference();
            Expression::tuple(vec![literal(&case.wire), schema])
        });
        let fields = vec![
            ("tag", literal(&tagged.tag)),
            ("cases", Expression::slice(cases.collect())),
            ("open", Expression::word(tagged.open.to_string())),
        ];
        Expression::structure("Tagged", fields)
    }

    pub(super) fn text_rules(&mut self, text: &Text) -> Expression {
        let mut rules = Vec::new();
        rules.extend(text.min_length.map(|length| ("min_length", count(length))));
        rules.extend(text.max_length.map(|length| ("max_length", count(length))));
        if let Some(pattern) = &text.pattern {
            rules.push(("pattern", self.add_pattern(pattern).some()));
        }
        if let Some(format) = text.format {
            rules.push(("format", Expression::word(format!("Format::{format:?}")).some()));
        }
        Expression::any_with("Text", rules)
    }
}

fn find_or_add(known: &mut BTreeMap<String, usize>, text: String) -> usize {
    let next = known.len() + 1;
    *known.entry(text).or_insert(next)
}

fn sort_by_number(known: BTreeMap<String, usize>) -> Vec<(String, usize)> {
    let mut known: Vec<(String, usize)> = known.into_iter().collect();
    known.sort_by_key(|(_, number)| *number);
    known
}

/// A string literal.
pub(super) fn literal(text: &str) -> Expression {
    Expression::Word(format!("{text:?}"))
}

pub(super) fn count(value: u32) -> Expression {
    Expression::Word(group_digits(&value.to_string()))
}

fn integer_rules(integer: &Integer) -> Expression {
    let limit = |value: i64| Expression::Word(group_digits(&value.to_string()));
    let mut rules = Vec::new();
    rules.extend((integer.minimum != -MAX_INTEGER).then(|| ("minimum", limit(integer.minimum))));
    rules.extend((integer.maximum != MAX_INTEGER).then(|| ("maximum", limit(integer.maximum))));
    rules.extend(integer.multiple_of.map(|divisor| ("multiple_of", some_float(divisor))));
    Expression::any_with("Integer", rules)
}

pub(super) fn number_rules(number: &Number) -> Expression {
    let limits = [
        ("minimum", number.minimum),
        ("maximum", number.maximum),
        ("exclusive_minimum", number.exclusive_minimum),
        ("exclusive_maximum", number.exclusive_maximum),
        ("multiple_of", number.multiple_of),
    ];
    let rules = limits.into_iter().filter_map(|(name, limit)| limit.map(|limit| (name, some_float(limit))));
    Expression::any_with("Number", rules.collect())
}

fn some_float(value: f64) -> Expression {
    let text = format!("{value:?}");
    let (whole, rest) = text.split_at(text.find(['.', 'e']).unwrap_or(text.len()));
    Expression::Word(format!("{}{rest}", group_digits(whole))).some()
}

/// `31536000` is `31_536_000`.
pub(super) fn group_digits(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let mut text = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len() > 4 && (digits.len() - at) % 3 == 0 {
            text.push('_');
        }
        text.push(digit);
    }
    text
}
