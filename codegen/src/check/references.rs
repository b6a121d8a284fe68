//! Resolves `$ref`s to types.

use super::naming::{Naming, is_foreign};
use super::types::Types;
use crate::definition::{SchemaNode, Target};
use crate::diagnostics::Place;
use crate::model::{Scope, Type, TypeId};
use crate::names::Name;

impl Types<'_> {
    /// The type that a `$ref` refers to.
    pub(super) fn reference(&mut self, reference: &str, place: &Place) -> Type {
        let target = self.target(reference, place).and_then(Target::into_place);
        target.map_or(Type::Any, |target| Type::Named(self.type_at(&target)))
    }

    /// The target of a reference, or `None` after reporting that it cannot be resolved.
    pub(super) fn target(&mut self, reference: &str, place: &Place) -> Option<Target> {
        match self.resources.resolve(reference, place, self.definitions, self.sources) {
            Ok(target) => Some(target),
            Err(diagnostic) => {
                self.diagnostics.push(*diagnostic);
                None
            }
        }
    }

    /// The type of the schema at a location. Declares the type on first use.
    pub(super) fn type_at(&mut self, place: &Place) -> TypeId {
        if let Some(id) = self.by_place.get(place) {
            return *id;
        }
        let naming = self.naming_at(place);
        let node = SchemaNode::clone(&self.node_at(place));
        let id = self.declare(node, place, naming);
        self.by_place.insert(place.clone(), id);
        id
    }

    /// The file of a location, as an index into the model's modules.
    pub(super) fn module_of(&self, place: &Place) -> usize {
        let files = &self.definitions.files;
        files.iter().position(|definition| definition.source == place.source).unwrap_or_default()
    }

    /// The name of a type, derived from its location.
    fn naming_at(&self, place: &Place) -> Naming {
        let depth = place.pointer.depth();
        let known = (0..=depth).rev().find_map(|depth| {
            let around = place.ancestor(depth);
            self.namings.get(&around).map(|naming| (depth, naming.clone()))
        });
        let (from, naming) = known.unwrap_or_else(|| (0, self.naming_of_file(place)));
        let steps = &place.pointer.segments()[from..];
        if let [.., "$defs" | "definitions", key] = *steps
            && let Some(name) = Name::new(key).map(|name| name.pascal)
        {
            let is_file = naming.scope == Scope::Root && from == 0;
            let alone = Naming { rust: name.clone(), typescript: name.clone(), ..naming.clone() };
            return if is_file { alone } else { naming.child(&name) };
        }
        let containers =
            ["properties", "$defs", "definitions", "allOf", "anyOf", "oneOf", "patternProperties"];
        let named = steps.iter().filter(|step| !containers.contains(step));
        named.filter_map(|step| Name::new(step)).fold(naming, |naming, name| naming.child(&name.pascal))
    }

    fn naming_of_file(&self, place: &Place) -> Naming {
        let module = self.module_of(place);
        let definition = &self.definitions.files[module];
        let stem = definition.stem.rsplit('/').next().unwrap_or_default().trim_end_matches(".schema");
        let name = Name::new(stem).map_or_else(|| "Schema".to_owned(), |name| name.pascal);
        Naming {
            scope: Scope::Root,
            module,
            rust: name.clone(),
            typescript: name,
            foreign: definition.is_schema || is_foreign(&definition.document),
        }
    }
}
