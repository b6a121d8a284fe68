//! The values that generated types can hold: those without undeclared properties.

use std::collections::{BTreeSet, HashMap};

use super::graph::{Condition, Contains, Graph, Members, Node, NodeId};
use crate::model::Kinds;

/// Adds schemas that allow the values of others without undeclared properties.
#[derive(Default)]
pub(super) struct Declared {
    whole: HashMap<NodeId, NodeId>,
    in_place: HashMap<NodeId, NodeId>,
}

impl Declared {
    /// Returns a schema for the values of `id` in which every object has declared properties only. Objects whose schema
    /// declares no property at all are free-form, and keep theirs.
    pub(super) fn of(&mut self, graph: &mut Graph, id: NodeId) -> NodeId {
        if let Some(known) = self.whole.get(&id) {
            return *known;
        }
        let closed = graph.push(Node::default());
        self.whole.insert(id, closed);
        let (mut names, mut patterns) = (BTreeSet::new(), BTreeSet::new());
        let (mut declares, mut has_union, mut keeps_others) = (false, false, false);
        graph.visit_in_place(id, &mut |_, node| {
            declares |= !node.object.properties.is_empty();
            has_union |= !node.one_of.is_empty();
            let others = node.object.others.into_iter().chain(node.unevaluated_properties);
            keeps_others |= others.into_iter().any(|others| graph[others].kinds != Kinds::NONE);
            names.extend(node.object.properties.iter().map(|(name, _)| name.clone()));
            // A type has a field for each required property.
            names.extend(node.object.required.iter().cloned());
            patterns.extend(node.object.patterns.iter().map(|(pattern, _)| pattern.clone()));
        });
        let mut node = self.parts(graph, id);
        if declares && !keeps_others {
            let any = graph.push(Node::default());
            let never = graph.push(Node { kinds: Kinds::NONE, ..Node::default() });
            let object = Members {
                properties: names.into_iter().map(|name| (name, any)).collect(),
                patterns: patterns.into_iter().map(|pattern| (pattern, any)).collect(),
                others: Some(never),
                ..Members::default()
            };
            node.all_of.push(graph.push(Node { object, ..Node::default() }));
        }
        if has_union {
            // The copy has no `oneOf`.
            node.all_of.push(id);
        }
        graph[closed] = node;
        closed
    }

    /// Returns the schema of a part that applies to the same value.
    fn applied(&mut self, graph: &mut Graph, id: NodeId) -> NodeId {
        if let Some(known) = self.in_place.get(&id) {
            return *known;
        }
        let copy = graph.push(Node::default());
        self.in_place.insert(id, copy);
        let node = self.parts(graph, id);
        graph[copy] = node;
        copy
    }

    /// Returns a copy of a schema whose items and properties have declared properties only.
    fn parts(&mut self, graph: &mut Graph, id: NodeId) -> Node {
        let mut node = graph[id].clone();
        let array = &mut node.array;
        for item in array.prefix.iter_mut().chain(&mut array.rest) {
            *item = self.of(graph, *item);
        }
        // More items may satisfy the original, so its maximum stays as it is.
        if let Some(Contains { item, max: None, .. }) = &mut array.contains {
            *item = self.of(graph, *item);
        }
        let object = &mut node.object;
        let named = object.properties.iter_mut().chain(&mut object.patterns).map(|(_, id)| id);
        for property in named.chain(&mut object.others) {
            *property = self.of(graph, *property);
        }
        for unevaluated in node.unevaluated_items.iter_mut().chain(&mut node.unevaluated_properties) {
            *unevaluated = self.of(graph, *unevaluated);
        }
        // A value may match two alternatives, but only one of them without undeclared properties.
        let alternatives = std::mem::take(&mut node.one_of);
        if node.any_of.is_empty() {
            node.any_of = alternatives;
        }
        let dependent = node.object.dependent_schemas.iter_mut().map(|(_, id)| id);
        for part in node.all_of.iter_mut().chain(&mut node.any_of).chain(dependent) {
            *part = self.applied(graph, *part);
        }
        // A test decides between branches: it must stay as it is.
        if let Some(Condition { then, otherwise, .. }) = &mut node.condition {
            *then = self.applied(graph, *then);
            *otherwise = self.applied(graph, *otherwise);
        }
        node
    }
}
