//! The declarations of one Rust file: types, their payload implementations, and their tables.

use std::collections::BTreeSet;

use quote::quote;

use super::items::{build_item, constant_literal, content_of_option, is_newtype, unit_literal};
use super::part_types::PartTypes;
use super::table_path;
use super::tables::{TableModule, Tables};
use crate::model::{
    Additional, Alternative, Model, NamedType, Object, RulesId, Scope, Type, TypeId, Wrapper,
};
use crate::names::{alternative_table, table};
use crate::task::Task;

/// The declarations of one file.
pub(super) struct Declarations {
    /// The types with their payload implementations, in the order of declaration.
    pub(super) types: String,
    /// The tables of their rules.
    pub(super) tables: String,
}

/// Renders all declarations of a channel, including the tables of its params.
pub(super) fn render(
    model: &Model,
    scope: Scope,
    referenced: &BTreeSet<TypeId>,
    params: &[(String, Type)],
) -> Declarations {
    let ids: Vec<TypeId> = model.types_in(scope).collect();
    let types = render_items(model, &ids, scope).concat().trim_end().to_owned();
    Declarations { types, tables: render_tables(model, scope, &ids, referenced, params) }
}

/// Returns the declarations of the root file, with the rendered types.
pub(super) fn render_root(model: &Model, types: &str, referenced: &BTreeSet<TypeId>) -> Declarations {
    let ids: Vec<TypeId> = model.types_in(Scope::Root).collect();
    let tables = render_tables(model, Scope::Root, &ids, referenced, &[]);
    Declarations { types: types.trim_end().to_owned(), tables }
}

/// Renders types with their payload implementations, on several threads if there are many.
pub(super) fn render_items(model: &Model, ids: &[TypeId], scope: Scope) -> Vec<String> {
    let mut portions = portions(ids);
    let first = portions.next().unwrap_or_default();
    let others: Vec<_> = portions.map(|portion| move || render_portion(model, portion, scope)).collect();
    std::thread::scope(|threads| {
        let others: Vec<_> = others.iter().map(|render| Task::start(threads, render)).collect();
        let mut items = render_portion(model, first, scope);
        items.extend(others.into_iter().flat_map(Task::join));
        items
    })
}

/// Divides types among threads. A thread for a few types would take longer than the types.
fn portions(ids: &[TypeId]) -> impl Iterator<Item = &[TypeId]> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    ids.chunks(ids.len().div_ceil(threads).max(100))
}

fn render_portion(model: &Model, ids: &[TypeId], scope: Scope) -> Vec<String> {
    let parts = PartTypes::choose(model, scope, ids);
    let render = |id: &TypeId| {
        let mut text = print_item(build_item(model, *id, &parts));
        text.push_str(&print_implementation(model, *id, &parts));
        text.push('\n');
        text
    };
    ids.iter().map(render).collect()
}

fn render_tables(
    model: &Model,
    scope: Scope,
    ids: &[TypeId],
    referenced: &BTreeSet<TypeId>,
    params: &[(String, Type)],
) -> String {
    let mut tables = Tables::new(model, TableModule::Schemas(scope));
    for id in ids {
        if referenced.contains(id) || has_implementation(model, *id) {
            tables.print_type(*id);
        }
        for (name, shape) in unnamed_alternatives(model, *id) {
            tables.print_unnamed(&name, shape);
        }
    }
    for (name, shape) in params {
        tables.print_unnamed(name, shape);
    }
    tables.finish()
}

/// Renders the tables of all rules that others refer to.
pub(super) fn render_rules(model: &Model) -> String {
    let mut tables = Tables::new(model, TableModule::Rules);
    for at in (0..model.rules.len()).filter(|at| model.rules[*at].is_generated) {
        tables.print_rules(RulesId(at));
    }
    tables.finish()
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

fn print_item(item: syn::Item) -> String {
    prettyplease::unparse(&syn::File {
        shebang: None,
        frontmatter: None,
        attrs: Vec::new(),
        items: vec![item],
    })
}

/// Returns `false` for a type alias: only other tables can need its table.
fn has_implementation(model: &Model, id: TypeId) -> bool {
    let named = model.get(id);
    match named.shape.shape() {
        Type::Object(_) | Type::Enum(_) | Type::Union(_) | Type::Tagged(_) => true,
        shape => is_newtype(shape) || named.wrapper != Wrapper::None,
    }
}

/// Prints the macro call that implements payload traits for a type.
fn print_implementation(model: &Model, id: TypeId, parts: &PartTypes) -> String {
    let named = model.get(id);
    let head = format!("{}: schemas::{}", named.rust, table(&named.rust));
    match named.shape.shape() {
        Type::Object(object) => {
            format!("fanfare::object!({head} {{{}}});\n", print_members(model, object, parts.of(id)))
        }
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

fn print_members(model: &Model, object: &Object, parts: &[syn::Type]) -> String {
    let mut parts = parts.iter();
    let mut members: Vec<String> = object
        .properties
        .iter()
        .map(|property| {
            let wire = &property.name.wire;
            if let Some(literal) = property.constant().as_ref().and_then(constant_literal) {
                return format!("    {wire:?} = {literal},");
            }
            let ty = parts.next();
            let printed = ty.map(print_type).unwrap_or_default();
            let mark = match (&property.shape, ty.and_then(content_of_option)) {
                _ if !property.required => "?".to_owned(),
                (shape, _) if is_string(model, shape) => format!(" into {printed}"),
                _ if !property.boxed => format!(": {printed}"),
                (_, None) => format!(": {printed} => boxed"),
                (_, Some(_)) => format!(": {printed} => boxed_content"),
            };
            format!("    {wire:?} => {}{mark},", property.name.rust())
        })
        .collect();
    members
        .extend(matches!(object.additional, Additional::Checked(_)).then(|| "    .. additional".to_owned()));
    if members.is_empty() { String::new() } else { format!("\n{}\n", members.join("\n")) }
}

/// Returns `true` if the Rust type of a property is `String` or an alias of it.
fn is_string(model: &Model, shape: &Type) -> bool {
    match shape.shape() {
        Type::Text(text) => text.format.is_none(),
        Type::Named(id) => {
            let shape = model.get(*id).shape.shape();
            !is_newtype(shape) && is_string(model, shape)
        }
        _ => false,
    }
}

fn print_type(ty: &syn::Type) -> String {
    quote!(#ty).to_string().replace(' ', "").replace(',', ", ")
}
