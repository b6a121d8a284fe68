//! The schemas that become named types, and the names that their locations suggest.

use std::collections::HashMap;

use serde_json::Value;

use super::{LoweredSchema, Lowering};
use crate::definition::DynamicAnchors;
use crate::diagnostics::{Code, Diagnostic, Location};
use crate::model::{RulesId, Scope, TypeId};
use crate::names::Name;

/// A schema that becomes a named type.
pub(crate) struct Root {
    pub(crate) schema: RulesId,
    pub(crate) naming: Naming,
    /// The description, if the schema has none.
    pub(crate) description: Option<String>,
}

/// The name for a type, if it needs one.
#[derive(Clone, Debug)]
pub(crate) struct Naming {
    pub(crate) scope: Scope,
    pub(crate) module: usize,
    pub(crate) rust: String,
    pub(crate) typescript: String,
    /// The schema was written for other tools too, so its author may be unable to rename things. If two names collide,
    /// one of them gets a number.
    pub(crate) foreign: bool,
}

impl Naming {
    /// The name of a part of this type.
    pub(crate) fn child(&self, pascal: &str) -> Self {
        Self {
            rust: format!("{}{pascal}", self.rust),
            typescript: format!("{}{pascal}", self.typescript),
            ..self.clone()
        }
    }
}

impl Lowering<'_> {
    /// Declares every `$defs` entry of every file.
    pub(super) fn definitions_of_all_files(&mut self) {
        for (module, definition) in self.definitions.files.iter().enumerate() {
            let name = file_name(&definition.stem);
            self.lowered.roots.files.push(Naming {
                scope: Scope::Root,
                module,
                rust: name.clone(),
                typescript: name,
                foreign: definition.is_schema || is_foreign(&definition.document),
            });
            let root = Location::root(definition.source);
            let groups = [("$defs", &definition.file.defs), ("definitions", &definition.file.definitions)];
            for (group, definitions) in groups {
                for (key, value) in definitions {
                    let location = root.join(group).join(key);
                    let Some(name) = Name::new(key).map(|name| name.pascal) else {
                        let message = format!("cannot derive a type name from `{key}`");
                        self.diagnostics.push(
                            Diagnostic::at_key(Code::BadName, &location, message)
                                .help("use letters and digits, such as `OrderLine`"),
                        );
                        continue;
                    };
                    let naming = Naming {
                        scope: Scope::Root,
                        module,
                        rust: name.clone(),
                        typescript: name,
                        foreign: is_foreign(value),
                    };
                    self.parse(value, &location);
                    self.declare(&location, naming, None);
                }
            }
        }
    }

    /// Declares the schema at a location as a named type.
    pub(super) fn declare(
        &mut self,
        location: &Location,
        naming: Naming,
        description: Option<String>,
    ) -> TypeId {
        let schema = self.schema_at(location, &DynamicAnchors::new());
        TypeId(self.lowered.roots.declare(schema, location, naming, description))
    }
}

/// All schemas that become named types.
#[derive(Default)]
pub(crate) struct Roots {
    /// In the order of the model's types.
    pub(crate) all: Vec<Root>,
    by_schema: HashMap<RulesId, usize>,
    /// The name of each file, for schemas that nothing else names.
    files: Vec<Naming>,
    /// The name prefix of types inside these locations.
    pub(super) namings: HashMap<Location, Naming>,
}

impl Roots {
    /// The position of a schema among the roots. Declares the schema on first use.
    pub(crate) fn position(&mut self, id: RulesId, schemas: &[LoweredSchema]) -> usize {
        if let Some(at) = self.by_schema.get(&id) {
            return *at;
        }
        let schema = &schemas[id.0];
        let naming = self.naming_at(&schema.location, schema.module);
        self.declare(id, &schema.location, naming, None)
    }

    fn declare(
        &mut self,
        schema: RulesId,
        location: &Location,
        naming: Naming,
        description: Option<String>,
    ) -> usize {
        self.namings.insert(location.clone(), naming.clone());
        self.by_schema.insert(schema, self.all.len());
        self.all.push(Root { schema, naming, description });
        self.all.len() - 1
    }

    /// The name of a type, derived from its location.
    fn naming_at(&self, location: &Location, module: usize) -> Naming {
        let known = (0..=location.pointer.depth()).rev().find_map(|depth| {
            let around = location.ancestor(depth);
            self.namings.get(&around).map(|naming| (depth, naming.clone()))
        });
        let (from, naming) = known.unwrap_or_else(|| (0, self.files[module].clone()));
        let steps = &location.pointer.segments()[from..];
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
}

/// The name of the schema that a file holds.
fn file_name(stem: &str) -> String {
    let stem = stem.rsplit('/').next().unwrap_or_default().trim_end_matches(".schema");
    Name::new(stem).map_or_else(|| "Schema".to_owned(), |name| name.pascal)
}

/// Returns `true` if the schema looks like a standalone JSON Schema, written for any tool.
pub(super) fn is_foreign(schema: &Value) -> bool {
    ["$schema", "$id", "id", "$defs", "definitions"].iter().any(|key| schema.get(key).is_some())
}
