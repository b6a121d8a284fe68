//! Removes types that were given a name and turned out not to need one.

use std::collections::HashSet;

use crate::diagnostics::Place;
use crate::model::{Model, Type, TypeId};

/// Removes types from the model and renumbers the others.
pub(super) fn remove(model: &mut Model, places: &mut Vec<Place>, nameless: &HashSet<TypeId>) {
    if nameless.is_empty() {
        return;
    }
    let is_kept = |at: usize| !nameless.contains(&TypeId(at));
    let mut next = 0;
    let moved: Vec<TypeId> = (0..model.types.len())
        .map(|at| {
            let id = TypeId(next);
            next += usize::from(is_kept(at));
            id
        })
        .collect();
    let mut at = 0..model.types.len();
    model.types.retain(|_| at.next().is_some_and(is_kept));
    let mut at = 0..places.len();
    places.retain(|_| at.next().is_some_and(is_kept));
    for named in &mut model.types {
        rename(&mut named.shape, &moved);
    }
    for channel in &mut model.channels {
        channel.carried_mut().for_each(|id| *id = moved[id.0]);
        channel.params.iter_mut().for_each(|param| rename(&mut param.shape, &moved));
    }
}

fn rename(shape: &mut Type, moved: &[TypeId]) {
    match shape {
        Type::Named(id) => *id = moved[id.0],
        shape => shape.children_mut().into_iter().for_each(|part| rename(part, moved)),
    }
}
