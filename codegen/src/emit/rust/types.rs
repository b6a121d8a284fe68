//! The declarations of one Rust file: types, their payload implementations, and their tables.

use std::collections::BTreeSet;

use super::items::{build_item, constant_literal, is_newtype, unit_literal};
use super::part_types::PartTypes;
use super::table_path;
use super::tables::{TableModule, Tables};
use crate::model::{
    Additional, Alternative, Model, NamedType, Object, RulesId, Scope, Type, TypeId, Wrapper,
};
use crate::names::{alternative_table, table};

/// The declarations of one file.
pub(super) struct Declarations {
    /// The types with their payload implementations, in the order of declaration.
    pub(super) types: String,
    /// The tables of their rules.
    pub(super) tables: String,
}

/// Renders all declarations of a scope, including the tables of a channel's params.
pub(super) fn render(
    model: &Model,
    scope: Scope,
    referenced: &BTreeSet<TypeId>,
    params: &[(String, Type)],
) -> Declarations {
    let parts = PartTypes::choose(model, scope);
    let mut types = String::new();
    let mut tables = Tables::new(model, TableModule::Schemas(scope));
    for id in model.types_in(scope) {
        types.push_str(&print_item(build_item(model, id, &parts)));
        let implementation = print_implementation(model, id);
        types.push_str(&implementation);
        types.push('\n');
        // A type alias has no implementation, so only other tables can need its table.
        if !implementation.is_empty() || referenced.contains(&id) {
            tables.print_type(id);
        }
        for (name, shape) in unnamed_alternatives(model, id) {
            tables.print_unnamed(&name, shape);
        }
    }
    for (name, shape) in params {
        tables.print_unnamed(name, shape);
    }
    Declarations { types: types.trim_end().to_owned(), tables: tables.finish() }
}

/// Renders the tables of all rules that others refer to.
pub(super) fn render_rules(model: &Model) -> String {
    let mut tables = Tables::new(model, TableModule::Rules);
    for at in 0..model.rules.len() {
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
