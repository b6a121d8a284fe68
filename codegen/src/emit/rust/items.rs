//! The items of named types: structs, enums, newtypes and aliases. Names, docs and optionality come from the model; the
//! types of fields come from typify.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, GenericArgument, Item, PathArguments, parse_quote};

use super::doc_comments;
use super::part_types::PartTypes;
use crate::model::{
    Additional, Alternative, Case, Docs, Enum, Model, Object, Property, Tagged, Text, Type, TypeId, Union,
    Wrapper,
};

/// Builds the item of a named type.
pub(super) fn build_item(model: &Model, id: TypeId, types: &PartTypes) -> Item {
    let named = model.get(id);
    let (name, mut docs, parts) = (to_ident(&named.rust), docs(&named.docs, ""), types.of(id));
    docs.extend(model.uses_deprecated(named).then(|| -> Attribute { parse_quote!(#[allow(deprecated)]) }));
    let content = match named.shape.shape() {
        Type::Object(object) => return build_struct(&name, &docs, object, parts),
        Type::Enum(values) => return build_string_enum(&name, &docs, values),
        Type::Union(union) => union_variants(union, parts),
        Type::Tagged(tagged) => tagged_variants(tagged, parts),
        shape if is_newtype(shape) => {
            return parse_quote!(
                #(#docs)*
                #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
                pub struct #name(#(#parts)*);
            );
        }
        _ if named.wrapper != Wrapper::None => {
            let parts = parts.iter().map(|part| box_if(named.wrapper == Wrapper::Boxed, part));
            return parse_quote!(#(#docs)* #[derive(Clone, Debug, PartialEq)] pub struct #name(#(pub #parts)*););
        }
        _ => return parse_quote!(#(#docs)* pub type #name = #(#parts)*;),
    };
    parse_quote!(#(#docs)* #[derive(Clone, Debug, PartialEq)] pub enum #name { #(#content),* })
}

/// Returns `true` for a named string with rules. It becomes a newtype, which cannot hold an invalid value.
pub(crate) fn is_newtype(shape: &Type) -> bool {
    let only_format =
        |text: &Text| text.format.is_some() && Text { format: text.format, ..Text::default() } == *text;
    matches!(shape, Type::Text(text) if !text.is_plain() && !only_format(text))
}

fn build_struct(name: &syn::Ident, docs: &[Attribute], object: &Object, parts: &[syn::Type]) -> Item {
    let mut parts = parts.iter();
    let mut fields: Vec<TokenStream> = Vec::new();
    let mut has_optional_null = false;
    for property in object.properties.iter().filter(|property| property.constant().is_none()) {
        let Some(part) = parts.next() else { break };
        let mut ty = if property.boxed { box_type(part) } else { part.clone() };
        if !property.required {
            has_optional_null |= content_of_option(&ty).is_some();
            ty = parse_quote!(Option<#ty>);
        }
        let name = property.name.rust();
        let docs = field_docs(&property.docs, &name, &property.name.wire);
        let name = to_ident(&name);
        fields.push(quote!(#(#docs)* pub #name: #ty));
    }
    if let (Additional::Checked(_), Some(map)) = (&object.additional, parts.next()) {
        fields
            .push(quote!(#[doc = " Properties that the definition does not declare."] pub additional: #map));
    }
    let allowed: Option<Attribute> = has_optional_null
        .then(|| parse_quote!(#[allow(clippy::option_option, reason = "absent and null are distinct")]));
    let is_optional = |property: &Property| !property.required || property.constant().is_some();
    let default = object.properties.iter().all(is_optional).then(|| quote!(Default,));
    parse_quote!(#(#docs)* #[derive(Clone, Debug, #default PartialEq)] #allowed pub struct #name { #(#fields),* })
}

fn build_string_enum(name: &syn::Ident, docs: &[Attribute], values: &Enum) -> Item {
    let copy = (!values.open).then(|| quote!(Copy,));
    let variants = values.values.iter().map(|value| {
        let docs = field_docs(&value.docs, &value.variant, &value.wire);
        let name = to_ident(&value.variant);
        quote!(#(#docs)* #name)
    });
    let other = values.open.then(|| {
        quote!(
            #[doc = " A string that the definition does not list."]
            Other(String)
        )
    });
    let variants = variants.chain(other);
    parse_quote!(
        #(#docs)*
        #[derive(Clone, #copy Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum #name { #(#variants),* }
    )
}

fn union_variants(union: &Union, parts: &[syn::Type]) -> Vec<TokenStream> {
    let variant = |(alternative, part): (&Alternative, &syn::Type)| {
        let name = to_ident(&alternative.variant);
        if unit_literal(&alternative.shape).is_some() {
            return quote!(#name);
        }
        let part = box_if(alternative.boxed, part);
        quote!(#name(#part))
    };
    union.alternatives.iter().zip(parts).map(variant).collect()
}

fn tagged_variants(tagged: &Tagged, parts: &[syn::Type]) -> Vec<TokenStream> {
    let variant = |(case, part): (&Case, &syn::Type)| {
        let docs = field_docs(&Docs::default(), &case.variant, &case.wire);
        let name = to_ident(&case.variant);
        let part = box_if(case.boxed, part);
        quote!(#(#docs)* #name(#part))
    };
    let unknown = quote!(
        #[doc = " A value with a tag that the definition does not list, unchanged."]
        Unknown(fanfare::Value)
    );
    tagged.cases.iter().zip(parts).map(variant).chain(tagged.open.then_some(unknown)).collect()
}

/// Returns the only value of an alternative, if it has one value. The variant then has no content.
pub(super) fn unit_literal(shape: &Type) -> Option<TokenStream> {
    match shape {
        Type::Literals(values) if values.len() == 1 => constant_literal(&values[0]),
        Type::Null => Some(quote!(())),
        _ => None,
    }
}

/// Returns a JSON scalar as a Rust literal.
pub(super) fn constant_literal(value: &serde_json::Value) -> Option<TokenStream> {
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

fn box_if(boxed: bool, ty: &syn::Type) -> TokenStream {
    if boxed { quote!(Box<#ty>) } else { quote!(#ty) }
}

/// Boxes a type; inside an `Option` if it is one: `Option<Box<T>>`.
fn box_type(ty: &syn::Type) -> syn::Type {
    match content_of_option(ty) {
        Some(inner) => parse_quote!(Option<Box<#inner>>),
        None => parse_quote!(Box<#ty>),
    }
}

/// Returns the `T` of `Option<T>`.
pub(super) fn content_of_option(ty: &syn::Type) -> Option<&syn::Type> {
    let syn::Type::Path(typed) = ty else { return None };
    let last = typed.path.segments.last().filter(|segment| segment.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    })
}

/// Returns the docs of a field or variant. Without a description, they give the name in JSON if the Rust name does not
/// tell it.
fn field_docs(own: &Docs, rust: &str, wire: &str) -> Vec<Attribute> {
    let letters = |name: &str| {
        let name = name.trim_start_matches("r#").chars().filter(|c| !matches!(c, '_' | '-'));
        name.flat_map(char::to_lowercase).collect::<String>()
    };
    let otherwise = if letters(rust) == letters(wire) { String::new() } else { code(wire) };
    docs(own, &otherwise)
}

fn docs(docs: &Docs, otherwise: &str) -> Vec<Attribute> {
    let comments = doc_comments(docs.description.as_deref(), otherwise, "");
    let comments = comments.lines().map(|line| {
        let text = line.trim_start_matches("///");
        parse_quote!(#[doc = #text])
    });
    let deprecated = docs.deprecated.as_deref().map(|note| match note.trim() {
        "" => parse_quote!(#[deprecated]),
        note => parse_quote!(#[deprecated(note = #note)]),
    });
    comments.chain(deprecated).collect()
}

/// A text as inline code in documentation. An empty text is shown in quotes.
fn code(text: &str) -> String {
    if text.is_empty() { "`\"\"`".to_owned() } else { format!("`{text}`") }
}

/// Parses a name as an identifier. Names are valid identifiers by construction.
fn to_ident(name: &str) -> syn::Ident {
    match name.strip_prefix("r#") {
        Some(raw) => syn::Ident::new_raw(raw, proc_macro2::Span::call_site()),
        None => format_ident!("{name}"),
    }
}
