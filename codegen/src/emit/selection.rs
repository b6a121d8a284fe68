//! Outputs with some of the channels.

use std::collections::BTreeSet;

use super::json_schema::find_reachable_rules;
use crate::model::visit_types;
use crate::model::{Channel, Model, RulesId, Scope, TypeId};

/// Returns the model with some of its channels, and the types and rules that they need. Names and hashes stay the same, so
/// that they equal those of other outputs.
pub(super) fn select(model: &Model, fingerprints: &[String], names: &[String]) -> (Model, Vec<String>) {
    let is_selected = |channel: &Channel| names.contains(&channel.name.wire);
    let at: Vec<usize> = (0..model.channels.len()).filter(|at| is_selected(&model.channels[*at])).collect();
    let mut selected = model.clone();
    selected.channels.retain(is_selected);
    for named in &mut selected.types {
        if let Scope::Channel(before) = named.scope {
            named.scope = at.iter().position(|at| *at == before).map_or(named.scope, Scope::Channel);
        }
    }
    let types = find_types(&selected);
    let rules = find_reachable_rules(&selected, &types);
    for (at, named) in selected.rules.iter_mut().enumerate() {
        named.is_generated = rules.contains(&RulesId(at));
    }
    selected.index(|id| types.contains(&id));
    (selected, at.into_iter().map(|at| fingerprints[at].clone()).collect())
}

/// Returns the types that channels carry, directly or inside others.
fn find_types(model: &Model) -> BTreeSet<TypeId> {
    let mut pending: Vec<TypeId> = model.channels.iter().flat_map(Channel::carried).collect();
    let params = model.channels.iter().flat_map(|channel| &channel.params);
    params.for_each(|param| visit_types(&param.shape, &mut |id| pending.push(id)));
    let mut found = BTreeSet::new();
    while let Some(id) = pending.pop() {
        if found.insert(id) {
            visit_types(&model.get(id).shape, &mut |id| pending.push(id));
        }
    }
    found
}
