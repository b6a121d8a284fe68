//! The schemas of two definitions in one graph, in which equal schemas are one node.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::Value;

use crate::lower::LoweredSchema;
use crate::model::{Kinds, Number, Rules, RulesId, Text};

/// Identifies a node of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

/// A schema whose parts are nodes, too.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Node {
    pub(crate) kinds: Kinds,
    pub(crate) values: Option<Vec<Value>>,
    pub(crate) number: Number,
    pub(crate) text: Text,
    pub(crate) array: Items,
    pub(crate) object: Members,
    /// `allOf`, and the targets of references.
    pub(crate) all_of: Vec<NodeId>,
    pub(crate) any_of: Vec<NodeId>,
    pub(crate) one_of: Vec<NodeId>,
    pub(crate) not: Option<NodeId>,
    pub(crate) condition: Option<Condition>,
    pub(crate) unevaluated_items: Option<NodeId>,
    pub(crate) unevaluated_properties: Option<NodeId>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Items {
    pub(crate) prefix: Vec<NodeId>,
    pub(crate) rest: Option<NodeId>,
    pub(crate) contains: Option<Contains>,
    pub(crate) min_items: u32,
    pub(crate) max_items: Option<u32>,
    pub(crate) unique: bool,
}

impl Items {
    /// Returns the schema of the item at a position.
    pub(crate) fn at(&self, position: usize) -> Option<NodeId> {
        self.prefix.get(position).copied().or(self.rest)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Contains {
    pub(crate) item: NodeId,
    pub(crate) min: u32,
    pub(crate) max: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Members {
    pub(crate) properties: Vec<(String, NodeId)>,
    pub(crate) patterns: Vec<(String, NodeId)>,
    pub(crate) others: Option<NodeId>,
    pub(crate) names: Option<NodeId>,
    pub(crate) required: Vec<String>,
    pub(crate) dependent_required: Vec<(String, Vec<String>)>,
    pub(crate) dependent_schemas: Vec<(String, NodeId)>,
    pub(crate) min_properties: u32,
    pub(crate) max_properties: Option<u32>,
}

impl Members {
    /// Returns the schema of a declared property.
    pub(crate) fn property(&self, name: &str) -> Option<NodeId> {
        self.properties.iter().find(|(declared, _)| declared == name).map(|(_, node)| *node)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Condition {
    pub(crate) test: NodeId,
    pub(crate) then: NodeId,
    pub(crate) otherwise: NodeId,
}

impl Node {
    /// Returns `true` if the schema accepts every value.
    pub(crate) fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Iterates over the parts that apply to the same value.
    pub(super) fn in_place(&self) -> impl Iterator<Item = NodeId> {
        let condition = self.condition.iter().flat_map(|condition| {
            let Condition { test, then, otherwise } = *condition;
            [test, then, otherwise]
        });
        let lists = [&self.all_of, &self.any_of, &self.one_of];
        let dependent = self.object.dependent_schemas.iter().map(|(_, id)| *id);
        lists.into_iter().flatten().copied().chain(self.not).chain(condition).chain(dependent)
    }

    fn parts(&self) -> impl Iterator<Item = NodeId> {
        self.clone().parts_mut().map(|id| *id).collect::<Vec<_>>().into_iter()
    }

    /// Iterates over all parts, in one order for all nodes of the same form.
    fn parts_mut(&mut self) -> impl Iterator<Item = &mut NodeId> {
        let (array, object) = (&mut self.array, &mut self.object);
        let named = [&mut object.properties, &mut object.patterns, &mut object.dependent_schemas];
        let single = [
            &mut array.rest,
            &mut object.others,
            &mut object.names,
            &mut self.not,
            &mut self.unevaluated_items,
            &mut self.unevaluated_properties,
        ];
        let contains = array.contains.iter_mut().map(|contains| &mut contains.item);
        let condition =
            self.condition.iter_mut().flat_map(|Condition { test, then, otherwise }| [test, then, otherwise]);
        let lists = [&mut self.all_of, &mut self.any_of, &mut self.one_of, &mut array.prefix];
        lists
            .into_iter()
            .flatten()
            .chain(named.into_iter().flatten().map(|(_, id)| id))
            .chain(single.into_iter().flatten())
            .chain(contains)
            .chain(condition)
    }
}

/// The nodes of two definitions.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
}

impl std::ops::Index<NodeId> for Graph {
    type Output = Node;

    fn index(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }
}

impl std::ops::IndexMut<NodeId> for Graph {
    fn index_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }
}

/// Adds the schemas of one definition to a graph.
pub(crate) struct Builder<'b> {
    graph: &'b mut Graph,
    schemas: &'b [LoweredSchema],
    /// The nodes of the schemas so far.
    nodes: HashMap<RulesId, NodeId>,
    pending: Vec<RulesId>,
}

impl<'b> Builder<'b> {
    pub(crate) fn new(graph: &'b mut Graph, schemas: &'b [LoweredSchema]) -> Self {
        Self { graph, schemas, nodes: HashMap::new(), pending: Vec::new() }
    }

    /// Adds a schema, and all that it refers to. The id is valid until [`Graph::merge`].
    pub(crate) fn add(&mut self, schema: RulesId) -> NodeId {
        let node = self.reference(schema);
        while let Some(schema) = self.pending.pop() {
            let rules = self.rules(&self.schemas[schema.0].rules);
            let id = self.nodes[&schema];
            self.graph[id] = rules;
        }
        node
    }

    /// Adds a schema that is not part of the definition.
    pub(crate) fn push(&mut self, node: Node) -> NodeId {
        self.graph.push(node)
    }

    fn reference(&mut self, schema: RulesId) -> NodeId {
        if let Some(id) = self.nodes.get(&schema) {
            return *id;
        }
        let id = self.graph.push(Node::default());
        self.nodes.insert(schema, id);
        self.pending.push(schema);
        id
    }

    fn node(&mut self, rules: &Rules) -> NodeId {
        if let Some(target) = rules.only_reference() {
            return self.reference(target);
        }
        let node = self.rules(rules);
        self.graph.push(node)
    }

    fn rules(&mut self, rules: &Rules) -> Node {
        let mut all_of: Vec<NodeId> = rules.references.iter().map(|id| self.reference(*id)).collect();
        all_of.extend(self.list(&rules.all_of));
        let mut node = Node {
            kinds: rules.kinds,
            values: rules.values.clone(),
            number: rules.number.clone(),
            text: rules.text.clone(),
            array: self.items(&rules.array),
            object: self.members(&rules.object),
            all_of,
            any_of: self.list(&rules.any_of),
            one_of: self.list(&rules.one_of),
            not: self.boxed(rules.not.as_deref()),
            condition: rules.condition.as_deref().map(|condition| Condition {
                test: self.node(&condition.test),
                then: self.node(&condition.then),
                otherwise: self.node(&condition.otherwise),
            }),
            unevaluated_items: self.boxed(rules.unevaluated_items.as_deref()),
            unevaluated_properties: self.boxed(rules.unevaluated_properties.as_deref()),
        };
        if let Some(values) = node.values.take_if(|values| values.iter().any(is_nested)) {
            let listed = values.iter().map(|value| self.literal(value)).collect();
            let any = self.graph.push(Node { any_of: listed, ..Node::default() });
            node.all_of.push(any);
        }
        if rules.notes.open {
            let alternatives: Vec<&Rules> = rules.one_of.iter().chain(&rules.any_of).collect();
            let others = self.unlisted(&alternatives).map(|others| self.graph.push(others));
            let union = if rules.one_of.is_empty() { &mut node.any_of } else { &mut node.one_of };
            union.extend(others);
        }
        node
    }

    /// Adds the schema of one value. That of an array or an object describes its parts.
    fn literal(&mut self, value: &Value) -> NodeId {
        let never = || Node { kinds: Kinds::NONE, ..Node::default() };
        let node = match value {
            Value::Array(items) => {
                let array = Items {
                    prefix: items.iter().map(|item| self.literal(item)).collect(),
                    rest: Some(self.graph.push(never())),
                    min_items: u32::try_from(items.len()).unwrap_or(u32::MAX),
                    ..Items::default()
                };
                Node { kinds: Kinds::ARRAY, array, ..Node::default() }
            }
            Value::Object(members) => {
                let mut properties: Vec<_> =
                    members.iter().map(|(name, value)| (name.clone(), self.literal(value))).collect();
                properties.sort();
                let required = properties.iter().map(|(name, _)| name.clone()).collect();
                let others = Some(self.graph.push(never()));
                let object = Members { properties, others, required, ..Members::default() };
                Node { kinds: Kinds::OBJECT, object, ..Node::default() }
            }
            value => Node { values: Some(vec![value.clone()]), ..Node::default() },
        };
        self.graph.push(node)
    }

    /// Returns the alternative of an open union for objects with unlisted tags.
    fn unlisted(&mut self, alternatives: &[&Rules]) -> Option<Node> {
        let targets: Vec<&Rules> = alternatives.iter().map(|rules| self.target(rules)).collect();
        let tag_of = |rules: &Rules, name: &str| -> Option<Value> {
            let (_, tag) = rules.object.properties.iter().find(|(declared, _)| declared == name)?;
            let values = self.target(tag).values.as_deref()?;
            let is_required = rules.object.required.iter().any(|required| required == name);
            values.first().filter(|value| is_required && values.len() == 1 && value.is_string()).cloned()
        };
        let (tag, known) = targets.first()?.object.properties.iter().find_map(|(name, _)| {
            let tags: Option<Vec<Value>> = targets.iter().map(|rules| tag_of(rules, name)).collect();
            Some((name.clone(), tags?))
        })?;
        let known = self.graph.push(Node { values: Some(known), ..Node::default() });
        let text = self.graph.push(Node { kinds: Kinds::STRING, not: Some(known), ..Node::default() });
        let object =
            Members { properties: vec![(tag.clone(), text)], required: vec![tag], ..Members::default() };
        Some(Node { kinds: Kinds::OBJECT, object, ..Node::default() })
    }

    /// Follows references.
    fn target<'r>(&'r self, mut rules: &'r Rules) -> &'r Rules {
        for _ in 0..self.schemas.len() {
            let Some(target) = rules.only_reference() else { break };
            rules = &self.schemas[target.0].rules;
        }
        rules
    }

    fn items(&mut self, array: &crate::model::Items) -> Items {
        Items {
            prefix: self.list(&array.prefix),
            rest: self.boxed(array.rest.as_deref()),
            contains: array.contains.as_deref().map(|contains| Contains {
                item: self.node(&contains.rules),
                min: contains.min,
                max: contains.max,
            }),
            min_items: array.min_items.unwrap_or(0),
            max_items: array.max_items,
            unique: array.unique,
        }
    }

    fn members(&mut self, object: &crate::model::Members) -> Members {
        let mut required = object.required.clone();
        required.sort();
        Members {
            properties: self.named(&object.properties),
            patterns: self.named(&object.patterns),
            others: self.boxed(object.others.as_deref()),
            names: self.boxed(object.names.as_deref()),
            required,
            dependent_required: object.dependent_required.clone(),
            dependent_schemas: self.named(&object.dependent_schemas),
            min_properties: object.min_properties.unwrap_or(0),
            max_properties: object.max_properties,
        }
    }

    fn list(&mut self, rules: &[Rules]) -> Vec<NodeId> {
        rules.iter().map(|rules| self.node(rules)).collect()
    }

    fn boxed(&mut self, rules: Option<&Rules>) -> Option<NodeId> {
        rules.map(|rules| self.node(rules))
    }

    fn named(&mut self, rules: &[(String, Rules)]) -> Vec<(String, NodeId)> {
        let mut named: Vec<_> = rules.iter().map(|(name, rules)| (name.clone(), self.node(rules))).collect();
        named.sort();
        named
    }
}

impl Graph {
    /// Calls `found` for a schema, and for those that apply to the same value.
    pub(crate) fn visit_in_place(&self, root: NodeId, found: &mut dyn FnMut(NodeId, &Node)) {
        let (mut pending, mut seen) = (vec![root], Vec::new());
        while let Some(id) = pending.pop() {
            if !seen.contains(&id) {
                seen.push(id);
                found(id, &self[id]);
                pending.extend(self[id].in_place());
            }
        }
    }

    pub(super) fn push(&mut self, node: Node) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(node);
        id
    }

    /// Merges equal nodes, also those of recursive schemas. Returns the new id of each of these nodes.
    ///
    /// Nodes with equal keywords start in one class. Classes are split until the parts of all members are of equal
    /// classes.
    pub(crate) fn merge(&mut self, ids: &[NodeId]) -> Vec<NodeId> {
        let mut keywords = HashMap::new();
        let own: Vec<u32> =
            self.nodes.iter().map(|node| number_of(&mut keywords, own_keywords(node))).collect();
        let parts: Vec<Vec<NodeId>> = self.nodes.iter().map(|node| node.parts().collect()).collect();
        let (mut classes, mut count) = (own.clone(), keywords.len());
        loop {
            let mut signatures = HashMap::new();
            let class_of = |id: &NodeId| classes[id.0 as usize];
            let split: Vec<u32> = (0..self.nodes.len())
                .map(|at| {
                    let signature: Vec<u32> =
                        [own[at]].into_iter().chain(parts[at].iter().map(class_of)).collect();
                    number_of(&mut signatures, signature)
                })
                .collect();
            classes = split;
            if signatures.len() == count {
                break;
            }
            count = signatures.len();
        }
        let mut merged: Vec<Option<Node>> = vec![None; count];
        for (at, class) in classes.iter().enumerate() {
            merged[*class as usize].get_or_insert_with(|| std::mem::take(&mut self.nodes[at]));
        }
        self.nodes = merged.into_iter().flatten().collect();
        for node in &mut self.nodes {
            node.parts_mut().for_each(|id| *id = NodeId(classes[id.0 as usize]));
            for alternatives in [&mut node.all_of, &mut node.any_of] {
                alternatives.sort_unstable();
                alternatives.dedup();
            }
            node.one_of.sort_unstable();
        }
        ids.iter().map(|id| NodeId(classes[id.0 as usize])).collect()
    }
}

fn number_of<K: std::hash::Hash + Eq>(numbers: &mut HashMap<K, u32>, key: K) -> u32 {
    let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
    match numbers.entry(key) {
        Entry::Occupied(entry) => *entry.get(),
        Entry::Vacant(entry) => *entry.insert(next),
    }
}

/// Returns the keywords of a node itself as text, and how many parts each other keyword has.
fn own_keywords(node: &Node) -> String {
    let mut own = node.clone();
    own.parts_mut().for_each(|id| *id = NodeId(0));
    format!("{own:?}")
}

fn is_nested(value: &Value) -> bool {
    value.is_array() || value.is_object()
}
