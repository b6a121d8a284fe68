//! Checks values with the validator that servers run.

use std::cell::RefCell;
use std::collections::HashMap;

use fanfare_schema::{Condition, Contains, Issue, Items, Literals, Members, Rules, Schema};
use serde_json::{Value, json};

use super::graph::{self, Graph, NodeId};
use crate::model;
use crate::tables::{kinds, leak, leak_slice, leak_text, leak_texts, number, pattern, text};

/// Checks values against the schemas of a graph.
///
/// The validator reads tables that live in `static`s, so these are leaked. A table has no cycles: it describes a schema
/// down to the depth of the value.
pub(crate) struct Validator<'g> {
    graph: &'g Graph,
    tables: RefCell<HashMap<(NodeId, usize), &'static Rules>>,
}

impl<'g> Validator<'g> {
    pub(crate) fn new(graph: &'g Graph) -> Self {
        Self { graph, tables: RefCell::default() }
    }

    pub(crate) fn accepts(&self, schema: NodeId, value: &Value) -> bool {
        fanfare_schema::accepts(&Schema::Rules(self.table(schema, depth(value))), value)
    }

    /// Returns the issues of a value, as a server would report them.
    pub(crate) fn issues(&self, schema: NodeId, value: &Value) -> Vec<Issue> {
        let schema = Schema::Rules(self.table(schema, depth(value)));
        // The table is leaked already.
        fanfare_schema::check(leak(schema), value).err().unwrap_or_default()
    }

    fn table(&self, schema: NodeId, depth: usize) -> &'static Rules {
        if let Some(table) = self.tables.borrow().get(&(schema, depth)) {
            return table;
        }
        let table = leak(self.rules(&self.graph[schema], depth));
        self.tables.borrow_mut().insert((schema, depth), table);
        table
    }

    fn rules(&self, node: &graph::Node, depth: usize) -> Rules {
        let part = |id: NodeId| self.table(id, depth);
        let parts = |ids: &[NodeId]| leak_slice(ids.iter().map(|id| part(*id)).collect());
        Rules {
            kinds: kinds(node.kinds),
            values: node
                .values
                .as_ref()
                .map(|values| leak(Literals::new(leak_text(&json!(values).to_string())))),
            number: (node.number != model::Number::default()).then(|| leak(number(&node.number))),
            text: (node.text != model::Text::default()).then(|| leak(text(&node.text))),
            array: (node.array != graph::Items::default()).then(|| leak(self.items(&node.array, depth))),
            object: (node.object != graph::Members::default())
                .then(|| leak(self.members(&node.object, depth))),
            all_of: parts(&node.all_of),
            any_of: parts(&node.any_of),
            one_of: parts(&node.one_of),
            not: node.not.map(part),
            condition: node.condition.map(|condition| {
                let graph::Condition { test, then, otherwise } = condition;
                leak(Condition { test: part(test), then: part(then), otherwise: part(otherwise) })
            }),
            unevaluated_items: node.unevaluated_items.map(|id| self.inside(id, depth)),
            unevaluated_properties: node.unevaluated_properties.map(|id| self.inside(id, depth)),
            deferred: None,
        }
    }

    /// Returns the table for an item or a property.
    fn inside(&self, id: NodeId, depth: usize) -> &'static Rules {
        depth.checked_sub(1).map_or(&Rules::ANY, |depth| self.table(id, depth))
    }

    fn items(&self, array: &graph::Items, depth: usize) -> Items {
        Items {
            prefix: leak_slice(array.prefix.iter().map(|id| self.inside(*id, depth)).collect()),
            rest: array.rest.map(|id| self.inside(id, depth)),
            contains: array.contains.map(|contains| Contains {
                rules: self.inside(contains.item, depth),
                min: contains.min,
                max: contains.max.unwrap_or(u32::MAX),
            }),
            min_items: array.min_items,
            max_items: array.max_items.unwrap_or(u32::MAX),
            unique: array.unique,
        }
    }

    fn members(&self, object: &graph::Members, depth: usize) -> Members {
        let named = |members: &[(String, NodeId)], table: &dyn Fn(NodeId) -> &'static Rules| {
            leak_slice(members.iter().map(|(name, id)| (leak_text(name), table(*id))).collect())
        };
        let patterns = object.patterns.iter().map(|(source, id)| (pattern(source), self.inside(*id, depth)));
        let dependent =
            object.dependent_required.iter().map(|(name, needed)| (leak_text(name), leak_texts(needed)));
        Members {
            properties: named(&object.properties, &|id| self.inside(id, depth)),
            patterns: leak_slice(patterns.collect()),
            others: object.others.map(|id| self.inside(id, depth)),
            names: object.names.map(|id| self.table(id, 0)),
            required: leak_texts(&object.required),
            dependent_required: leak_slice(dependent.collect()),
            dependent_schemas: named(&object.dependent_schemas, &|id| self.table(id, depth)),
            min_properties: object.min_properties,
            max_properties: object.max_properties.unwrap_or(u32::MAX),
        }
    }
}

/// Returns how deep arrays and objects are nested.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
