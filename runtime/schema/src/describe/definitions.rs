//! The tables that a document has in its `$defs`.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::node::Node;

/// The tables that are used more than once, each with its name.
pub(super) struct Definitions<'t> {
    root: *const (),
    names: HashMap<*const (), String>,
    /// In the order in which they are used first.
    nodes: Vec<Node<'t>>,
}

/// The uses of a table.
struct Uses<'t> {
    node: Node<'t>,
    /// The name of the first property that uses it.
    name: &'t str,
    count: usize,
}

impl<'t> Definitions<'t> {
    /// Finds the tables that are used more than once.
    pub(super) fn find(root: Node<'t>) -> Self {
        let mut found = Vec::new();
        count_uses("", root, &mut HashMap::new(), &mut found);
        let mut definitions = Self { root: root.address(), names: HashMap::new(), nodes: Vec::new() };
        let shared = found.iter().filter(|uses| uses.count > 1 && uses.node.is_large());
        for Uses { node, name, .. } in shared.filter(|uses| uses.node.address() != root.address()) {
            let name = definitions.unused_name(name);
            definitions.names.insert(node.address(), name);
            definitions.nodes.push(*node);
        }
        definitions
    }

    /// Returns a name that needs no escape in a reference.
    fn unused_name(&self, name: &str) -> String {
        let is_plain = |character: &char| character.is_ascii_alphanumeric() || "-_".contains(*character);
        let plain: String = name.chars().filter(is_plain).collect();
        let plain = if plain.is_empty() { "value".to_owned() } else { plain };
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let is_unused = |name: &String| !self.names.values().any(|used| used == name);
        std::iter::once(plain.clone()).chain(numbered).find(is_unused).unwrap_or(plain)
    }

    /// Returns a reference to the definition of a table, if it has one.
    pub(super) fn reference(&self, node: Node<'_>) -> Option<Value> {
        if node.address() == self.root && node.is_large() {
            return Some(json!({ "$ref": "#" }));
        }
        let name = self.names.get(&node.address())?;
        Some(json!({ "$ref": format!("#/$defs/{name}") }))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Node<'t>)> {
        self.nodes.iter().filter_map(|node| Some((self.names.get(&node.address())?.as_str(), *node)))
    }
}

fn count_uses<'t>(
    name: &'t str,
    node: Node<'t>,
    indexes: &mut HashMap<*const (), usize>,
    found: &mut Vec<Uses<'t>>,
) {
    if let Some(index) = indexes.get(&node.address()) {
        found[*index].count += 1;
        return;
    }
    indexes.insert(node.address(), found.len());
    found.push(Uses { node, name, count: 1 });
    node.visit_parts(name, &mut |name, part| count_uses(name, part, indexes, found));
}
