//! Enums and tagged unions that the server sends and that do not say whether values may be added.

use std::collections::BTreeSet;

use crate::diagnostics::{Code, Diagnostic};
use crate::model::{Enum, Model, NamedType, Tagged, Topic, Type, TypeId, visit_types};

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
            visit_types(&model.get(id).shape, &mut |id| pending.push(id));
        }
    }
    found.into_iter().filter_map(|id| warn_about(model.get(id))).collect()
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
