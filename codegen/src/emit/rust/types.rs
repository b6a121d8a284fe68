//! The declarations of one Rust file: types, their payload implementations, and their tables.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, parse_quote};

use super::rewrite_items::{code, doc_attributes, rewrite_item, shorten_paths, to_ident};
use super::table_path;
use super::tables::{RenderedTables, TableModule, Tables};
use super::typify_items::{TypifyItems, is_newtype};
use crate::model::{
    Additional, Alternative, Case, Model, NamedType, Object, RulesId, Scope, Tagged, Type, TypeId, Union,
    Wrapper,
};
use crate::names::{alternative_table, table};

/// The declarations of one file.
pub(super) struct Declarations {
    /// The types with their payload implementations, in the order of declaration.
    pub(super) types: String,
    /// The tables of their rules.
    pub(super) tables: RenderedTables,
}

/// Renders all declarations of a scope, including the tables of a channel's params.
pub(super) fn render(
    model: &Model,
    scope: Scope,
    items: &TypifyItems,
    referenced: &BTreeSet<TypeId>,
    params: &[(String, Type)],
) -> Declarations {
    let mut types = String::new();
    let mut tables = Tables::new(model, TableModule::Schemas(scope));
    let mut statics = Vec::new();
    for id in model.types_in(scope) {
        let item = items
            .item(id)
            .and_then(|item| rewrite_item(model, id, item))
            .unwrap_or_else(|| build_item(model, id, items));
        types.push_str(&print_items(vec![item]));
        let implementation = print_implementation(model, id);
        types.push_str(&implementation);
        types.push('\n');
        // A type alias has no implementation, so only other tables can need its table.
        if !implementation.is_empty() || referenced.contains(&id) {
            statics.push(tables.print_type(id));
        }
        for (name, shape) in unnamed_alternatives(model, id) {
            statics.push(tables.print_unnamed(&name, shape));
        }
    }
    statics.extend(params.iter().map(|(name, shape)| tables.print_unnamed(name, shape)));
    statics.extend(tables.print_shared());
    Declarations { types: types.trim_end().to_owned(), tables: RenderedTables::from_statics(statics) }
}

/// Renders the tables of all rules that others refer to.
pub(super) fn render_rules(model: &Model) -> RenderedTables {
    let mut tables = Tables::new(model, TableModule::Rules);
    let mut statics: Vec<TokenStream> =
        (0..model.rules.len()).map(|at| tables.print_rules(RulesId(at))).collect();
    statics.extend(tables.print_shared());
    RenderedTables::from_statics(statics)
}

/// Returns the alternatives of a union without a named table.
fn unnamed_alternatives(model: &Model, id: TypeId) -> Vec<(String, &Type)> {
    let named = model.get(id);
    let Type::Union(union) = named.shape.shape() else { return Vec::new() };
    let unnamed = union.alternatives.iter().filter(|alternative| {
        !matches!(alternative.shape, Type::Named(_)) && unit_literal(&alternative.shape).is_none()
    });
    unnamed
        .map(|alternative| (alternative_table(&named.rust, &alternative.variant), &alternative.shape))
        .collect()
}

pub(super) fn print_items(items: Vec<Item>) -> String {
    prettyplease::unparse(&syn::File { shebang: None, frontmatter: None, attrs: Vec::new(), items })
}

/// Builds the item of a union, a tagged union or an alias. typify generates only the types of its parts.
fn build_item(model: &Model, id: TypeId, items: &TypifyItems) -> Item {
    let named = model.get(id);
    let name = to_ident(&named.rust);
    let docs = doc_attributes(named.description.as_deref(), &format!("`{}`.", named.typescript));
    let parts: Vec<syn::Type> =
        items.parts(id).iter().map(|part| shorten_paths(model, named.scope, part)).collect();
    let variants: Vec<TokenStream> = match named.shape.shape() {
        Type::Union(union) => union_variants(model, union, &parts),
        Type::Tagged(tagged) => tagged_variants(tagged, &parts),
        _ if named.wrapper != Wrapper::None => {
            let parts = parts.iter().map(|part| box_if(named.wrapper == Wrapper::Boxed, part));
            return parse_quote!(#(#docs)* #[derive(Clone, Debug, PartialEq)] pub struct #name(#(pub #parts)*););
        }
        _ => return parse_quote!(#(#docs)* pub type #name = #(#parts)*;),
    };
    parse_quote!(#(#docs)* #[derive(Clone, Debug, PartialEq)] pub enum #name { #(#variants),* })
}

fn union_variants(model: &Model, union: &Union, parts: &[syn::Type]) -> Vec<TokenStream> {
    let variant = |(alternative, part): (&Alternative, &syn::Type)| {
        let name = to_ident(&alternative.variant);
        let doc = format!(" {}.", describe(model, &alternative.shape));
        if unit_literal(&alternative.shape).is_some() {
            return quote!(#[doc = #doc] #name);
        }
        let part = box_if(alternative.boxed, part);
        quote!(#[doc = #doc] #name(#part))
    };
    union.alternatives.iter().zip(parts).map(variant).collect()
}

fn tagged_variants(tagged: &Tagged, parts: &[syn::Type]) -> Vec<TokenStream> {
    let variant = |(case, part): (&Case, &syn::Type)| {
        let name = to_ident(&case.variant);
        let doc = format!(" {} is {}.", code(&tagged.tag), code(&case.wire));
        let part = box_if(case.boxed, part);
        quote!(#[doc = #doc] #name(#part))
    };
    let unknown = quote!(
        #[doc = " A value with a tag that the definition does not list, unchanged."]
        Unknown(fanfare::Value)
    );
    tagged.cases.iter().zip(parts).map(variant).chain(tagged.open.then_some(unknown)).collect()
}

fn box_if(boxed: bool, ty: &syn::Type) -> TokenStream {
    if boxed { quote!(Box<#ty>) } else { quote!(#ty) }
}

/// Returns the only value of an alternative, if it has one value. The variant then has no content.
fn unit_literal(shape: &Type) -> Option<TokenStream> {
    match shape {
        Type::Literals(values) if values.len() == 1 => constant_literal(&values[0]),
        Type::Null => Some(quote!(())),
        _ => None,
    }
}

/// Returns a JSON scalar as a Rust literal.
fn constant_literal(value: &serde_json::Value) -> Option<TokenStream> {
    Some(match value {
        serde_json::Value::Null => quote!(()),
        serde_json::Value::Bool(value) => quote!(#value),
        serde_json::Value::String(text) => quote!(#text),
        serde_json::Value::Number(number) => match number.as_i64() {
            // Without a type, the literal would be an `i32`.
            Some(wide) if i32::try_from(wide).is_err() => format!("{wide}_i64").parse().ok()?,
            _ => number.to_string().parse().ok()?,
        },
        _ => return None,
    })
}

fn describe(model: &Model, shape: &Type) -> String {
    match shape.shape() {
        Type::Named(id) => format!("`{}`", model.get(*id).typescript),
        Type::Literals(values) if values.len() == 1 => format!("`{}`", values[0]),
        Type::Null => "`null`".to_owned(),
        Type::Text(_) => "A string".to_owned(),
        Type::Integer(_) => "An integer".to_owned(),
        Type::Number(_) => "A number".to_owned(),
        Type::Boolean => "A boolean".to_owned(),
        Type::Array(_) | Type::Tuple(_) => "An array".to_owned(),
        _ => "Another value".to_owned(),
    }
}

/// Prints the macro call that implements payload traits for a type.
fn print_implementation(model: &Model, id: TypeId) -> String {
    let named = model.get(id);
    let head = format!("{}: schemas::{}", named.rust, table(&named.rust));
    match named.shape.shape() {
        Type::Object(object) => format!("fanfare::object!({head} {{{}}});\n", print_members(object)),
        Type::Enum(values) => {
            let mut members: Vec<String> = values
                .values
                .iter()
                .map(|value| format!("    {} = {:?},", value.variant, value.wire))
                .collect();
            members.extend(values.open.then(|| "    .. Other".to_owned()));
            format!("fanfare::string_enum!({head} {{\n{}\n}});\n", members.join("\n"))
        }
        Type::Union(union) => {
            let members: Vec<String> = union
                .alternatives
                .iter()
                .map(|alternative| match unit_literal(&alternative.shape) {
                    Some(literal) => format!("    {} = {literal},", alternative.variant),
                    None => {
                        format!(
                            "    {}(&{}),",
                            alternative.variant,
                            alternative_path(model, named, alternative)
                        )
                    }
                })
                .collect();
            format!("fanfare::union!({head} {{\n{}\n}});\n", members.join("\n"))
        }
        Type::Tagged(tagged) => {
            let mut members: Vec<String> =
                tagged.cases.iter().map(|case| format!("    {} = {:?},", case.variant, case.wire)).collect();
            members.extend(tagged.open.then(|| "    .. Unknown".to_owned()));
            format!("fanfare::tagged!({head} by {:?} {{\n{}\n}});\n", tagged.tag, members.join("\n"))
        }
        shape if is_newtype(shape) => format!("fanfare::newtype!({head} (String));\n"),
        _ if named.wrapper != Wrapper::None => format!("fanfare::wrapper!({head});\n"),
        _ => String::new(),
    }
}

/// Returns the path of an alternative's table.
fn alternative_path(model: &Model, union: &NamedType, alternative: &Alternative) -> String {
    match alternative.shape {
        Type::Named(id) => table_path(model, id, union.scope),
        _ => format!("schemas::{}", alternative_table(&union.rust, &alternative.variant)),
    }
}

fn print_members(object: &Object) -> String {
    let mut members: Vec<String> = object
        .properties
        .iter()
        .map(|property| {
            let wire = &property.name.wire;
            if let Some(literal) = property.constant().as_ref().and_then(constant_literal) {
                return format!("    {wire:?} = {literal},");
            }
            let mark = if property.required { "" } else { "?" };
            format!("    {wire:?} => {}{mark},", property.name.rust())
        })
        .collect();
    members
        .extend(matches!(object.additional, Additional::Checked(_)).then(|| "    .. additional".to_owned()));
    if members.is_empty() { String::new() } else { format!("\n{}\n", members.join("\n")) }
}
