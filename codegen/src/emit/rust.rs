//! Rust: a root file with the `$defs` types and the registry, and one module per channel.
//!
//! typify chooses the types of fields. Everything else (names, order, docs, rules, exact decoding) comes from the model.

mod channels;
mod expression;
mod items;
mod part_types;
mod rule_tables;
mod tables;
mod types;

use std::collections::{BTreeSet, HashMap};

use askama::Template;
pub(crate) use items::is_newtype;
pub(crate) use part_types::rust_type;

use super::printed::{File, Printed};
use crate::model::{Channel, Docs, Model, Scope, Type, TypeId};
use crate::names::table;
use crate::task::Task;

/// The root file of the generated Rust. The other files are its modules.
pub(crate) const ROOT: &str = "channels.rs";

#[derive(Template)]
#[template(path = "root.rs.j2", escape = "none")]
struct Root {
    header: String,
    modules: Vec<String>,
    /// Something is deprecated, which the modules use themselves.
    has_deprecated: bool,
    registry: Vec<String>,
    declarations: types::Declarations,
    rules: String,
}

#[derive(Template)]
#[template(path = "module.rs.j2", escape = "none")]
struct Module {
    header: String,
    channel: channels::RenderedChannel,
    declarations: types::Declarations,
}

/// Prints the files of some channels, and the root types of some modules.
pub(super) fn print(model: &Model, fingerprints: &[String], modules: &[usize]) -> Vec<Printed> {
    let referenced = find_referenced(model);
    let is_printed: BTreeSet<usize> = modules.iter().copied().collect();
    let is_own = |channel: &usize| is_printed.contains(&model.channels[*channel].module);
    let channels: Vec<usize> = (0..model.channels.len()).filter(is_own).collect();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let portion = channels.len().div_ceil(threads).max(1);
    let print_portions: Vec<_> = channels
        .chunks(portion)
        .map(|channels| || print_channels(model, channels, fingerprints, &referenced))
        .collect();
    let roots: Vec<TypeId> =
        model.types_in(Scope::Root).filter(|id| is_printed.contains(&model.get(*id).module)).collect();
    let mut printed: HashMap<usize, Printed> = HashMap::new();
    std::thread::scope(|scope| {
        let portions: Vec<_> = print_portions.iter().map(|print| Task::start(scope, print)).collect();
        for (id, item) in roots.iter().zip(types::render_items(model, &roots, Scope::Root)) {
            printed.entry(model.get(*id).module).or_default().items.push(item);
        }
        for (channel, file) in channels.iter().zip(portions.into_iter().flat_map(Task::join)) {
            printed.entry(model.channels[*channel].module).or_default().files.push(file);
        }
    });
    modules.iter().map(|module| printed.remove(module).unwrap_or_default()).collect()
}

fn print_channels(
    model: &Model,
    channels: &[usize],
    fingerprints: &[String],
    referenced: &BTreeSet<TypeId>,
) -> Vec<File> {
    let module = |index: &usize| {
        let channel = &model.channels[*index];
        let params = channels::param_tables(channel);
        let module = Module {
            header: super::header([model.modules[channel.module].source.as_str()]),
            channel: channels::render(model, *index, &fingerprints[*index]),
            declarations: types::render(model, Scope::Channel(*index), referenced, &params),
        };
        let path = format!("{}.rs", channel.name.rust().trim_start_matches("r#"));
        (path, render_template(&module).into())
    };
    channels.iter().map(module).collect()
}

/// Prints the root file from the root types of all modules.
pub(super) fn finish(model: &Model, modules: &[&Printed]) -> Vec<File> {
    let mut items: Vec<_> = modules.iter().map(|printed| printed.items.iter()).collect();
    let types = model.types_in(Scope::Root).filter_map(|id| items[model.get(id).module].next());
    let types: String = types.map(String::as_str).collect();
    let declarations = types::render_root(model, &types, &find_referenced(model));
    vec![(ROOT.to_owned(), emit_root(model, declarations).into())]
}

fn emit_root(model: &Model, declarations: types::Declarations) -> String {
    render_template(&Root {
        header: super::header(model.modules.iter().map(|module| module.source.as_str())),
        has_deprecated: model.has_deprecated(),
        modules: model.channels.iter().map(|channel| channel.name.rust()).collect(),
        registry: model
            .channels
            .iter()
            .map(|channel| format!("&{}::DEFINITION", channel.name.rust()))
            .collect(),
        declarations,
        rules: types::render_rules(model),
    })
}

/// Returns the types whose tables are referenced by a channel or by another table.
fn find_referenced(model: &Model) -> BTreeSet<TypeId> {
    let mut referenced: BTreeSet<TypeId> = model.channels.iter().flat_map(Channel::carried).collect();
    for named in &model.types {
        match (&named.shape, named.shape.shape()) {
            // Rules refer to rules. Tables of types are needed only to choose between alternatives.
            (Type::Checked(_), Type::Union(union)) => {
                for alternative in &union.alternatives {
                    collect_referenced(&alternative.shape, &mut referenced);
                }
            }
            (shape, _) => collect_referenced(shape, &mut referenced),
        }
    }
    referenced
}

fn collect_referenced(shape: &Type, referenced: &mut BTreeSet<TypeId>) {
    match shape {
        Type::Checked(_) => {}
        Type::Named(id) => _ = referenced.insert(*id),
        Type::Tagged(tagged) => referenced.extend(tagged.cases.iter().map(|case| case.target)),
        shape => shape.children().into_iter().for_each(|part| collect_referenced(part, referenced)),
    }
}

/// Renders a template. A template only joins strings, so rendering cannot fail.
///
/// Replaces characters that rustc forbids in comments. Literals escape them, so any left come from a description or a
/// name.
fn render_template(template: &impl Template) -> String {
    let refused = |c: char| matches!(c, '\r' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text = template.render().unwrap_or_default().replace(refused, " ");
    format!("{}\n", text.trim_end())
}

/// Returns the path of a type, relative to a scope.
fn type_path(model: &Model, id: TypeId, from: Scope) -> String {
    let named = model.get(id);
    match (named.scope, from) {
        (Scope::Root, Scope::Channel(_)) => format!("super::{}", named.rust),
        _ => named.rust.clone(),
    }
}

/// Returns the path of a type's table, relative to a scope.
fn table_path(model: &Model, id: TypeId, from: Scope) -> String {
    let named = model.get(id);
    let prefix = if named.scope == from { "" } else { "super::" };
    format!("{prefix}schemas::{}", table(&named.rust))
}

/// Returns doc comments, with the attribute of a deprecated item.
fn print_docs(docs: &Docs, otherwise: &str, indent: &str) -> String {
    doc_comments(docs.description.as_deref(), otherwise, indent) + &print_deprecated(docs, indent)
}

/// Returns the attribute of a deprecated item.
fn print_deprecated(docs: &Docs, indent: &str) -> String {
    match docs.deprecated.as_deref().map(str::trim) {
        None => String::new(),
        Some("") => format!("{indent}#[deprecated]\n"),
        Some(note) => format!("{indent}#[deprecated(note = {note:?})]\n"),
    }
}

/// Returns doc comments from a description, or `otherwise` if there is none.
fn doc_comments(description: Option<&str>, otherwise: &str, indent: &str) -> String {
    let text = description.map(str::trim).filter(|text| !text.is_empty()).unwrap_or(otherwise);
    let mut fenced = false;
    text.lines()
        .map(|line| {
            format!("{indent}/// {}", mark_code_as_text(line, &mut fenced)).trim_end().to_owned() + "\n"
        })
        .collect()
}

/// Marks code blocks in a description as text, so that rustdoc does not compile them.
fn mark_code_as_text(line: &str, fenced: &mut bool) -> String {
    let bare = line.trim_start();
    if bare.starts_with("```") || bare.starts_with("~~~") {
        *fenced = !*fenced;
        let fence: String = bare.chars().take_while(|c| *c == '`' || *c == '~').collect();
        return if *fenced { fence + "text" } else { fence };
    }
    // Four spaces would also start a code block.
    if !*fenced && line.starts_with("    ") { format!("   {bare}") } else { line.to_owned() }
}
