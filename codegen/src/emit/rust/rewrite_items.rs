//! Rewrites the items that typify generates as one would write them by hand. Names, order, docs, derives and
//! optionality come from the model; unnecessary attributes and paths are removed.

use quote::{format_ident, quote};
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{
    Attribute, Field, Fields, Item, ItemEnum, ItemStruct, PathArguments, Type as RustType, parse_quote,
};

use super::typify_items::{member_key, type_of_key};
use super::{doc_comments, type_path};
use crate::model::{Additional, Enum, Model, Object, Scope, Type, TypeId};

/// Rewrites the item of a named type. Returns `None` if typify generates no item for it.
pub(super) fn rewrite_item(model: &Model, id: TypeId, item: &Item) -> Option<Item> {
    let named = model.get(id);
    let rewriter = ItemRewriter { model, scope: named.scope };
    match (item.clone(), named.shape.shape()) {
        (Item::Struct(item), Type::Object(object)) => {
            Some(Item::Struct(rewriter.rewrite_object(id, item, object)))
        }
        (Item::Struct(item), _) => Some(Item::Struct(rewriter.rewrite_newtype(id, item))),
        (Item::Enum(item), Type::Enum(values)) => {
            Some(Item::Enum(rewriter.rewrite_string_enum(id, item, values)))
        }
        _ => None,
    }
}

struct ItemRewriter<'m> {
    model: &'m Model,
    scope: Scope,
}

impl ItemRewriter<'_> {
    fn rewrite_object(&self, id: TypeId, mut item: ItemStruct, object: &Object) -> ItemStruct {
        let generated: Vec<Field> = item.fields.iter().cloned().collect();
        let find = |index: usize| {
            generated
                .iter()
                .find(|field| field.ident.as_ref().is_some_and(|ident| *ident == member_key(index)))
        };
        let mut fields: Vec<Field> = Vec::new();
        let mut has_optional_null = false;
        for (index, property) in object.properties.iter().enumerate() {
            let Some(field) = find(index) else { continue };
            let mut ty = self.shorten_paths(&field.ty);
            if property.boxed {
                ty = box_type(&ty);
            }
            if !property.required {
                has_optional_null |= unwrap_generic("Option", &ty).is_some();
                ty = parse_quote!(Option<#ty>);
            }
            let name: syn::Ident = to_ident(&property.name.rust());
            let docs =
                doc_attributes(property.description.as_deref(), &format!("{}.", code(&property.name.wire)));
            fields.push(parse_quote!(#(#docs)* pub #name: #ty));
        }
        if let (Additional::Checked(_), Some(field)) = (&object.additional, find(object.properties.len())) {
            let ty = self.shorten_paths(&field.ty);
            fields.push(parse_quote!(#[doc = " Properties that the definition does not declare."] pub additional: #ty));
        }
        self.set_head(id, &mut item, &quote!(Clone, Debug, PartialEq));
        if has_optional_null {
            item.attrs
                .push(parse_quote!(#[allow(clippy::option_option, reason = "absent and null are distinct")]));
        }
        item.fields = Fields::Named(parse_quote!({ #(#fields),* }));
        item
    }

    fn rewrite_newtype(&self, id: TypeId, mut item: ItemStruct) -> ItemStruct {
        let is_text = matches!(self.model.get(id).shape.shape(), Type::Text(_));
        let derives = if is_text {
            quote!(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)
        } else {
            quote!(Clone, Debug, PartialEq)
        };
        self.set_head(id, &mut item, &derives);
        for field in &mut item.fields {
            field.attrs.clear();
            field.ty = self.shorten_paths(&field.ty);
        }
        item
    }

    fn rewrite_string_enum(&self, id: TypeId, mut item: ItemEnum, values: &Enum) -> ItemEnum {
        let named = self.model.get(id);
        let derives = if values.open { quote!() } else { quote!(Copy,) };
        let docs =
            doc_attributes(named.description.as_deref(), "One of the strings that the definition lists.");
        item.attrs = docs;
        item.attrs.push(parse_quote!(#[derive(Clone, #derives Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]));
        item.ident = to_ident(&named.rust);
        for (variant, value) in item.variants.iter_mut().zip(&values.values) {
            variant.attrs = doc_attributes(value.description.as_deref(), &code(&value.wire));
            variant.ident = to_ident(&value.variant);
        }
        if values.open {
            item.variants.push(parse_quote!(
                #[doc = " A string that the definition does not list."]
                Other(String)
            ));
        }
        item
    }

    fn set_head(&self, id: TypeId, item: &mut ItemStruct, derives: &proc_macro2::TokenStream) {
        let named = self.model.get(id);
        item.attrs = doc_attributes(named.description.as_deref(), &format!("`{}`.", named.typescript));
        item.attrs.push(parse_quote!(#[derive(#derives)]));
        item.ident = to_ident(&named.rust);
    }

    fn shorten_paths(&self, ty: &RustType) -> RustType {
        shorten_paths(self.model, self.scope, ty)
    }
}

/// Shortens the paths in a type printed by typify, for use inside a scope.
pub(super) fn shorten_paths(model: &Model, scope: Scope, ty: &RustType) -> RustType {
    let mut ty = ty.clone();
    ItemRewriter { model, scope }.visit_type_mut(&mut ty);
    ty
}

/// Shortens the full paths that typify prints, and resolves its opaque names.
impl VisitMut for ItemRewriter<'_> {
    fn visit_type_mut(&mut self, ty: &mut RustType) {
        // typify boxes recursive types; here, the model decides which types are boxed.
        if let Some(inner) = unwrap_generic("Box", ty) {
            *ty = inner;
            return self.visit_type_mut(ty);
        }
        visit_type_mut(self, ty);
        let RustType::Path(typed) = ty else { return };
        let Some(last) = typed.path.segments.last() else { return };
        let name = last.ident.to_string();
        let arguments = match &last.arguments {
            PathArguments::AngleBracketed(arguments) => Some(arguments.clone()),
            _ => None,
        };
        let full: Vec<String> = typed.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let full = full.join("::");
        *ty = match (full.as_str(), arguments) {
            ("std::string::String", _) => parse_quote!(String),
            ("std::vec::Vec", Some(arguments)) => parse_quote!(Vec #arguments),
            ("std::option::Option", Some(arguments)) => parse_quote!(Option #arguments),
            ("serde_json::Map" | "std::collections::BTreeMap", Some(arguments)) => {
                parse_quote!(std::collections::BTreeMap #arguments)
            }
            ("serde_json::Value", _) => parse_quote!(fanfare::Value),
            (full, None) => match type_of_key(&name).filter(|_| full == name) {
                Some(id) => {
                    syn::parse_str(&type_path(self.model, id, self.scope)).unwrap_or_else(|_| ty.clone())
                }
                None => return,
            },
            _ => return,
        };
    }
}

/// Returns the `T` of `Wrapper<T>`.
fn unwrap_generic(wrapper: &str, ty: &RustType) -> Option<RustType> {
    let RustType::Path(typed) = ty else { return None };
    let last = typed.path.segments.last().filter(|segment| segment.ident == wrapper)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        syn::GenericArgument::Type(inner) => Some(inner.clone()),
        _ => None,
    })
}

/// Boxes a type; inside an `Option` if it is one: `Option<Box<T>>`.
fn box_type(ty: &RustType) -> RustType {
    match unwrap_generic("Option", ty) {
        Some(inner) => parse_quote!(Option<Box<#inner>>),
        None => parse_quote!(Box<#ty>),
    }
}

/// A text as inline code in documentation. An empty text is shown in quotes.
pub(super) fn code(text: &str) -> String {
    if text.is_empty() { "`\"\"`".to_owned() } else { format!("`{text}`") }
}

pub(super) fn doc_attributes(description: Option<&str>, otherwise: &str) -> Vec<Attribute> {
    doc_comments(description, otherwise, "")
        .lines()
        .map(|line| {
            let text = line.trim_start_matches("///");
            parse_quote!(#[doc = #text])
        })
        .collect()
}

/// Parses a name as an identifier. Names are valid identifiers by construction.
pub(super) fn to_ident(name: &str) -> syn::Ident {
    match name.strip_prefix("r#") {
        Some(raw) => syn::Ident::new_raw(raw, proc_macro2::Span::call_site()),
        None => format_ident!("{name}"),
    }
}
