//! Enums and tagged unions that the server sends and that do not say whether values may be added.

use std::collections::BTreeSet;

use crate::diagnostics::{Code, Diagnostic};
use crate::model::{Enum, Model, NamedType, Tagged, Topic, Type, TypeId};

/// Warns about closed enums and tagged unions in topics and results, unless their schemas have `x-open: false`.
pub(super) fn warn(model: &Model) -> Vec<Diagnostic> {
    let sent = model
        .channels
        .iter()
        .flat_map(|channel| channel.topics.iter().filter_map(Topic::payload).chain(channel.result));
    let mut pending: Vec<TypeId> = sent.collect();
    let mut found: BTreeSet<TypeId> = BTreeSet::new();
    while let Some(id) = pending.pop() {
        if found.insert(id) {
            collect_types(&model.get(id).shape, &mut pending);
        }
    }
    found.into_iter().filter_map(|id| warn_about(model.get(id))).collect()
}

fn collect_types(shape: &Type, found: &mut Vec<TypeId>) {
    match shape {
        Type::Named(id) => found.push(*id),
        Type::Tagged(tagged) => found.extend(tagged.cases.iter().map(|case| case.target)),
        shape => shape.children().into_iter().for_each(|part| collect_types(part, found)),
    }
}

fn warn_about(named: &NamedType) -> Option<Diagnostic> {
    let (what, value) = match named.shape.shape() {
        Type::Enum(Enum { values, open: false }) if values.len() > 1 => ("enum", "value"),
        Type::Tagged(Tagged { open: false, .. }) => ("union", "case"),
        _ => return None,
    };
    let message = format!("a {value} that is added to this {what} breaks pages that are open");
    let diagnostic = Diagnostic::at_key(Code::Closed, &named.location, message)
        .note("the validators of these pages reject values that they do not list")
        .help(format!("add `x-open: true` if you may add a {value} one day, or `x-open: false` if not"));
    (!named.is_closed_on_purpose).then_some(diagnostic)
}
