//! The schema tables that the runtime checks values against.

use std::collections::BTreeMap;

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::rework::ident;
use crate::model::{Additional, Enum, Integer, LARGEST_INTEGER, Model, Number, Object, Scope, Tagged, Text, Type, TypeId};
use crate::names::Name;

/// The tables of one file: those of its types, and the patterns and literals that they refer to.
pub(super) struct Tables<'m> {
    model: &'m Model,
    scope: Scope,
    patterns: BTreeMap<String, usize>,
    literals: BTreeMap<String, usize>,
}

impl<'m> Tables<'m> {
    pub(super) fn new(model: &'m Model, scope: Scope) -> Self {
        Self { model, scope, patterns: BTreeMap::new(), literals: BTreeMap::new() }
    }

    /// `static STATUS: Schema = …;`
    pub(super) fn of_type(&mut self, id: TypeId) -> TokenStream {
        let name = format_ident!("{}", constant(&self.model.get(id).rust));
        let schema = match &self.model.get(id).shape {
            // A static cannot be copied into another before both exist, so an alias is an alternative of its own.
            Type::Named(target) => {
                let target = self.path(*target);
                quote!(Schema::AnyOf(&[&#target]))
            }
            shape => self.schema(shape),
        };
        quote!(static #name: Schema = #schema;)
    }

    /// The statics that the tables so far refer to.
    pub(super) fn shared(&self) -> Vec<TokenStream> {
        let patterns = in_order(&self.patterns).into_iter().map(|(text, number)| {
            let name = format_ident!("PATTERN_{number}");
            quote!(static #name: fanfare::schema::Pattern = fanfare::schema::Pattern::new(#text);)
        });
        let literals = in_order(&self.literals).into_iter().map(|(text, number)| {
            let name = format_ident!("LITERALS_{number}");
            quote!(static #name: fanfare::schema::Literals = fanfare::schema::Literals::new(#text);)
        });
        patterns.chain(literals).collect()
    }

    /// A reference to a schema: `&STEP`, or a table written in place.
    pub(super) fn reference(&mut self, shape: &Type) -> TokenStream {
        match shape {
            Type::Named(id) => {
                let path = self.path(*id);
                quote!(&#path)
            }
            shape => {
                let schema = self.schema(shape);
                quote!(&#schema)
            }
        }
    }

    pub(super) fn path(&self, id: TypeId) -> TokenStream {
        let named = self.model.get(id);
        let name = format_ident!("{}", constant(&named.rust));
        match (named.scope, self.scope) {
            (Scope::Root, Scope::Channel(_)) => quote!(super::#name),
            _ => quote!(#name),
        }
    }

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
            Type::Enum(Enum { open: true, .. }) => quote!(Schema::Text(schema::Text::ANY)),
            Type::Enum(Enum { values, .. }) => {
                let values = values.iter().map(|value| &value.wire);
                quote!(Schema::Enum(&[#(#values),*]))
            }
            Type::Literals(values) => {
                let text = serde_json::json!(values).to_string();
                let name = format_ident!("LITERALS_{}", number_of(&mut self.literals, text));
                quote!(Schema::Literals(&#name))
            }
            Type::Array(array) => {
                let items = self.reference(&array.items);
                let (least, most) = limits(array.min_items, array.max_items);
                quote!(Schema::Array(schema::Array { items: #items, min_items: #least, max_items: #most }))
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
            Type::Named(id) => self.path(*id),
        }
    }

    fn object(&mut self, object: &Object) -> TokenStream {
        let mut properties = Vec::new();
        for property in &object.properties {
            let (name, required) = (&property.name.wire, property.required);
            let schema = self.reference(&property.shape);
            properties.push(quote!(schema::Property { name: #name, schema: #schema, required: #required }));
        }
        let additional = match &object.additional {
            Additional::Ignored => quote!(schema::Additional::Ignored),
            Additional::Refused => quote!(schema::Additional::Refused),
            Additional::Checked(values) => {
                let values = self.reference(values);
                quote!(schema::Additional::Checked(#values))
            }
        };
        quote!(Schema::Object(schema::Object { properties: &[#(#properties),*], additional: #additional }))
    }

    fn tagged(&mut self, tagged: &Tagged) -> TokenStream {
        let (tag, open) = (&tagged.tag, tagged.open);
        let cases: Vec<TokenStream> = tagged
            .cases
            .iter()
            .map(|case| {
                let (wire, schema) = (&case.wire, self.path(case.target));
                quote!((#wire, &#schema))
            })
            .collect();
        quote!(Schema::Tagged(schema::Tagged { tag: #tag, cases: &[#(#cases),*], open: #open }))
    }

    fn text_rules(&mut self, text: &Text) -> TokenStream {
        if text.is_plain() {
            return quote!(schema::Text::ANY);
        }
        let (least, most) = limits(text.min_length, text.max_length);
        let pattern = match &text.pattern {
            Some(pattern) => {
                let name = format_ident!("PATTERN_{}", number_of(&mut self.patterns, pattern.clone()));
                quote!(Some(&#name))
            }
            None => quote!(None),
        };
        let format = match text.format {
            Some(format) => {
                let name = ident(format.rust());
                quote!(Some(schema::Format::#name))
            }
            None => quote!(None),
        };
        quote!(schema::Text { min_length: #least, max_length: #most, pattern: #pattern, format: #format })
    }
}

/// `ContentPipeline` is `CONTENT_PIPELINE`.
pub(super) fn constant(type_name: &str) -> String {
    Name::new(type_name).map_or_else(|| type_name.to_owned(), |name| name.snake).to_uppercase()
}

fn number_of(known: &mut BTreeMap<String, usize>, text: String) -> usize {
    let next = known.len() + 1;
    *known.entry(text).or_insert(next)
}

fn in_order(known: &BTreeMap<String, usize>) -> Vec<(&String, usize)> {
    let mut known: Vec<(&String, usize)> = known.iter().map(|(text, number)| (text, *number)).collect();
    known.sort_by_key(|(_, number)| *number);
    known
}

fn limits(least: Option<u32>, most: Option<u32>) -> (TokenStream, TokenStream) {
    let least = Literal::u32_unsuffixed(least.unwrap_or(0));
    let most = most.map_or_else(
        || quote!(u32::MAX),
        |most| {
            let most = Literal::u32_unsuffixed(most);
            quote!(#most)
        },
    );
    (quote!(#least), most)
}

fn integer_rules(integer: &Integer) -> TokenStream {
    if *integer == (Integer { minimum: -LARGEST_INTEGER, maximum: LARGEST_INTEGER, multiple_of: None }) {
        return quote!(schema::Integer::ANY);
    }
    let (minimum, maximum) = (whole(integer.minimum), whole(integer.maximum));
    let multiple_of = optional_float(integer.multiple_of);
    quote!(schema::Integer { minimum: #minimum, maximum: #maximum, multiple_of: #multiple_of })
}

fn number_rules(number: &Number) -> TokenStream {
    if *number == Number::default() {
        return quote!(schema::Number::ANY);
    }
    let [minimum, maximum] = [number.minimum, number.maximum].map(optional_float);
    let [exclusive_minimum, exclusive_maximum] = [number.exclusive_minimum, number.exclusive_maximum].map(optional_float);
    let multiple_of = optional_float(number.multiple_of);
    quote!(schema::Number {
        minimum: #minimum,
        maximum: #maximum,
        exclusive_minimum: #exclusive_minimum,
        exclusive_maximum: #exclusive_maximum,
        multiple_of: #multiple_of,
    })
}

/// Limits of ±(2^53−1) read better by their name; longer numbers in groups of three.
fn whole(value: i64) -> TokenStream {
    if value == LARGEST_INTEGER {
        return quote!(schema::MAX_SAFE_INTEGER);
    }
    if value == -LARGEST_INTEGER {
        return quote!(-schema::MAX_SAFE_INTEGER);
    }
    grouped(&value.to_string()).parse().unwrap_or_default()
}

fn optional_float(value: Option<f64>) -> TokenStream {
    let Some(value) = value else { return quote!(None) };
    let text = format!("{value:?}");
    let (whole, rest) = text.split_at(text.find(['.', 'e']).unwrap_or(text.len()));
    let literal: TokenStream = format!("{}{rest}", grouped(whole)).parse().unwrap_or_default();
    quote!(Some(#literal))
}

fn grouped(digits: &str) -> String {
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
