//! The schema tables that the runtime validates values against.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;

use super::imports::find_imports;
use super::rewrite_items::to_ident;
use super::types::print_items;
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
}

impl<'m> Tables<'m> {
    pub(super) fn new(model: &'m Model, module: TableModule) -> Self {
        Self { model, module, patterns: BTreeMap::new(), literals: BTreeMap::new() }
    }

    /// Prints the table of a type: `static STATUS: Schema = …;`
    pub(super) fn print_type(&mut self, id: TypeId) -> TokenStream {
        let name = format_ident!("{}", table(&self.model.get(id).rust));
        let schema = match &self.model.get(id).shape {
            // A static cannot be initialized with a copy of another static, so an alias is a union of one.
            Type::Named(target) => {
                let target = self.schema_path(*target);
                quote!(Schema::AnyOf(&[&#target]))
            }
            shape => self.schema(shape),
        };
        quote!(pub(super) static #name: Schema = #schema;)
    }

    /// Prints the table of a param, or of an unnamed alternative.
    pub(super) fn print_unnamed(&mut self, name: &str, shape: &Type) -> TokenStream {
        let (name, schema) = (to_ident(name), self.schema(shape));
        quote!(pub(super) static #name: Schema = #schema;)
    }

    /// Prints the patterns and literals that the tables so far refer to.
    pub(super) fn print_shared(&self) -> Vec<TokenStream> {
        let patterns = sort_by_number(&self.patterns).into_iter().map(|(text, number)| {
            let name = format_ident!("PATTERN_{number}");
            quote!(static #name: Pattern = Pattern::new(#text);)
        });
        let literals = sort_by_number(&self.literals).into_iter().map(|(text, number)| {
            let name = format_ident!("LITERALS_{number}");
            quote!(static #name: Literals = Literals::new(#text);)
        });
        patterns.chain(literals).collect()
    }

    /// Returns a reference to a schema: `&STEP`, or an inline table.
    pub(super) fn reference(&mut self, shape: &Type) -> TokenStream {
        match shape {
            Type::Named(id) => {
                let path = self.schema_path(*id);
                quote!(&#path)
            }
            shape => {
                let schema = self.schema(shape);
                quote!(&#schema)
            }
        }
    }

    /// Returns the path of a type's table.
    pub(super) fn schema_path(&self, id: TypeId) -> TokenStream {
        let named = self.model.get(id);
        let name = format_ident!("{}", table(&named.rust));
        match (named.scope, self.module) {
            (Scope::Root, TableModule::Schemas(Scope::Channel(_))) => quote!(super::super::schemas::#name),
            _ => quote!(#name),
        }
    }

    /// Returns the path of a table of rules.
    pub(super) fn rules_path(&self, id: RulesId) -> TokenStream {
        let name = format_ident!("{}", table(&self.model.rules[id.0].name));
        match self.module {
            TableModule::Rules => quote!(#name),
            TableModule::Schemas(Scope::Root) => quote!(super::rules::#name),
            TableModule::Schemas(Scope::Channel(_)) => quote!(super::super::rules::#name),
        }
    }

    /// Returns a table, as an expression.
    pub(super) fn schema(&mut self, shape: &Type) -> TokenStream {
        match shape {
            Type::Any => quote!(Schema::Any),
            Type::Null => quote!(Schema::Null),
            Type::Boolean => quote!(Schema::Boolean),
            Type::Integer(integer) => {
                let rules = integer_rules(integer);
                quote!(Schema::Integer(#rules))
            }
            Type::Number(number) => {
                let rules = number_rules(number);
                quote!(Schema::Number(#rules))
            }
            Type::Text(text) => {
                let rules = self.text_rules(text);
                quote!(Schema::Text(#rules))
            }
            Type::Int64 => quote!(Schema::Int64),
            Type::Uint64 => quote!(Schema::Uint64),
            Type::Enum(Enum { open: true, .. }) => quote!(Schema::Text(Text::ANY)),
            Type::Enum(Enum { values, .. }) => {
                let values = values.iter().map(|value| &value.wire);
                quote!(Schema::Enum(&[#(#values),*]))
            }
            Type::Literals(values) if values.iter().all(Value::is_string) => {
                let values = values.iter().filter_map(Value::as_str);
                quote!(Schema::Enum(&[#(#values),*]))
            }
            Type::Literals(values) => {
                let name = self.add_literals(values);
                quote!(Schema::Literals(&#name))
            }
            Type::Array(array) => {
                let items = self.reference(&array.items);
                let min = count(array.min_items.unwrap_or(0));
                let max = array.max_items.map_or_else(|| quote!(u32::MAX), count);
                quote!(Schema::Array(Array { items: #items, min_items: #min, max_items: #max }))
            }
            Type::Tuple(items) => {
                let items: Vec<TokenStream> = items.iter().map(|item| self.reference(item)).collect();
                quote!(Schema::Tuple(&[#(#items),*]))
            }
            Type::Map(values) => {
                let values = self.reference(values);
                quote!(Schema::Map(#values))
            }
            Type::Object(object) => self.object(object),
            Type::Union(union) => {
                let variant = if union.exactly_one { quote!(OneOf) } else { quote!(AnyOf) };
                let alternatives: Vec<TokenStream> =
                    union.alternatives.iter().map(|alternative| self.reference(&alternative.shape)).collect();
                quote!(Schema::#variant(&[#(#alternatives),*]))
            }
            Type::Tagged(tagged) => self.tagged(tagged),
            Type::Nullable(inner) => {
                let inner = self.reference(inner);
                quote!(Schema::AnyOf(&[#inner, &Schema::Null]))
            }
            Type::Named(id) => self.schema_path(*id),
            Type::Checked(checked) => {
                let rules = match checked.rules.only_reference() {
                    Some(id) => self.rules_path(id),
                    None => self.rules(&checked.rules),
                };
                quote!(Schema::Rules(&#rules))
            }
        }
    }

    /// Returns the name of the static that holds a list of values.
    pub(super) fn add_literals(&mut self, values: &[Value]) -> TokenStream {
        let text = serde_json::json!(values).to_string();
        let name = format_ident!("LITERALS_{}", find_or_add(&mut self.literals, text));
        quote!(#name)
    }

    /// Returns the name of the static that holds a pattern.
    pub(super) fn add_pattern(&mut self, pattern: &str) -> TokenStream {
        let name = format_ident!("PATTERN_{}", find_or_add(&mut self.patterns, pattern.to_owned()));
        quote!(#name)
    }

    fn object(&mut self, object: &Object) -> TokenStream {
        let mut properties = Vec::new();
        for property in &object.properties {
            let (name, required) = (&property.name.wire, property.required);
            let schema = self.reference(&property.shape);
            properties.push(quote!(Property { name: #name, schema: #schema, required: #required }));
        }
        let additional = match &object.additional {
            Additional::Ignored => quote!(Additional::Ignored),
            Additional::Refused => quote!(Additional::Refused),
            Additional::Checked(values) => {
                let values = self.reference(values);
                quote!(Additional::Checked(#values))
            }
        };
        quote!(Schema::Object(Object { properties: &[#(#properties),*], additional: #additional }))
    }

    fn tagged(&mut self, tagged: &Tagged) -> TokenStream {
        let (tag, open) = (&tagged.tag, tagged.open);
        let cases: Vec<TokenStream> = tagged
            .cases
            .iter()
            .map(|case| {
                let (wire, schema) = (&case.wire, self.schema_path(case.target));
                quote!((#wire, &#schema))
            })
            .collect();
        quote!(Schema::Tagged(Tagged { tag: #tag, cases: &[#(#cases),*], open: #open }))
    }

    pub(super) fn text_rules(&mut self, text: &Text) -> TokenStream {
        let mut rules = Vec::new();
        rules.extend(text.min_length.map(|length| rule("min_length", &count(length))));
        rules.extend(text.max_length.map(|length| rule("max_length", &count(length))));
        if let Some(pattern) = &text.pattern {
            let name = self.add_pattern(pattern);
            rules.push(quote!(pattern: Some(&#name)));
        }
        if let Some(format) = text.format {
            let name = to_ident(format.rust());
            rules.push(quote!(format: Some(Format::#name)));
        }
        or_any(&quote!(Text), &rules)
    }
}

fn find_or_add(known: &mut BTreeMap<String, usize>, text: String) -> usize {
    let next = known.len() + 1;
    *known.entry(text).or_insert(next)
}

fn sort_by_number(known: &BTreeMap<String, usize>) -> Vec<(&String, usize)> {
    let mut known: Vec<(&String, usize)> = known.iter().map(|(text, number)| (text, *number)).collect();
    known.sort_by_key(|(_, number)| *number);
    known
}

pub(super) fn rule(name: &str, value: &TokenStream) -> TokenStream {
    let name = to_ident(name);
    quote!(#name: #value)
}

pub(super) fn count(value: u32) -> TokenStream {
    group_digits(&value.to_string()).parse().unwrap_or_default()
}

fn integer_rules(integer: &Integer) -> TokenStream {
    let mut rules = Vec::new();
    rules.extend((integer.minimum != -MAX_INTEGER).then(|| rule("minimum", &whole(integer.minimum))));
    rules.extend((integer.maximum != MAX_INTEGER).then(|| rule("maximum", &whole(integer.maximum))));
    rules.extend(integer.multiple_of.map(|divisor| rule("multiple_of", &some_float(divisor))));
    or_any(&quote!(Integer), &rules)
}

pub(super) fn number_rules(number: &Number) -> TokenStream {
    let limits = [
        ("minimum", number.minimum),
        ("maximum", number.maximum),
        ("exclusive_minimum", number.exclusive_minimum),
        ("exclusive_maximum", number.exclusive_maximum),
        ("multiple_of", number.multiple_of),
    ];
    let rules =
        limits.into_iter().filter_map(|(name, limit)| limit.map(|limit| rule(name, &some_float(limit))));
    or_any(&quote!(Number), &rules.collect::<Vec<_>>())
}

/// `Text { min_length: 1, ..Text::ANY }`, or just `Text::ANY`.
fn or_any(kind: &TokenStream, rules: &[TokenStream]) -> TokenStream {
    if rules.is_empty() { quote!(#kind::ANY) } else { quote!(#kind { #(#rules,)* ..#kind::ANY }) }
}

fn whole(value: i64) -> TokenStream {
    group_digits(&value.to_string()).parse().unwrap_or_default()
}

fn some_float(value: f64) -> TokenStream {
    let text = format!("{value:?}");
    let (whole, rest) = text.split_at(text.find(['.', 'e']).unwrap_or(text.len()));
    let literal: TokenStream = format!("{}{rest}", group_digits(whole)).parse().unwrap_or_default();
    quote!(Some(#literal))
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

/// The statics of one module, as text.
pub(super) struct RenderedTables {
    /// The names that they import from the runtime.
    pub(super) imports: String,
    pub(super) text: String,
}

impl RenderedTables {
    pub(super) fn from_statics(statics: Vec<TokenStream>) -> Self {
        let imports = find_imports(&statics);
        let printed = statics.into_iter().map(|table| print_items(syn::parse2(table).into_iter().collect()));
        let text = printed.map(|table| indent(&table)).collect::<Vec<_>>().join("\n");
        Self { imports, text: text.trim_end().to_owned() }
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}
