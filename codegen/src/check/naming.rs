//! The names of types: from `$defs`, or from the channel, the topic and the path inside the payload.

use std::collections::HashSet;

use serde_json::Value;

use super::types::Types;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::model::Scope;
use crate::names::Name;

/// The name for a type, if it needs one.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    pub(super) scope: Scope,
    pub(super) module: usize,
    pub(super) rust: String,
    pub(super) typescript: String,
    /// The schema was written for other tools too, so its author may be unable to rename things. If two names collide,
    /// one of them gets a number.
    pub(super) foreign: bool,
}

impl Naming {
    /// The name of a part of this type.
    pub(super) fn child(&self, pascal: &str) -> Self {
        Self {
            rust: format!("{}{pascal}", self.rust),
            typescript: format!("{}{pascal}", self.typescript),
            ..self.clone()
        }
    }
}

impl Types<'_> {
    /// The names of a new type in Rust and TypeScript. Resolves collisions for foreign schemas; others are reported later.
    pub(super) fn names(&mut self, naming: &Naming) -> (String, String) {
        let (mut rust, mut typescript) = (naming.rust.clone(), naming.typescript.clone());
        let mut count = 2;
        let is_taken = |taken: &HashSet<_>, rust: &str, typescript: &str| {
            constants(naming.scope, rust, typescript).iter().any(|constant| taken.contains(constant))
        };
        while naming.foreign && is_taken(&self.taken, &rust, &typescript) {
            rust = format!("{}{count}", naming.rust);
            typescript = format!("{}{count}", naming.typescript);
            count += 1;
        }
        self.taken.extend(constants(naming.scope, &rust, &typescript));
        (rust, typescript)
    }

    /// The Pascal-case name of a key that names a type.
    pub(super) fn type_name(&mut self, key: &str, place: &Place) -> Option<String> {
        let name = Name::new(key);
        if name.is_none() {
            self.diagnostics.push(
                Diagnostic::at_key(Code::BadName, place, format!("cannot derive a type name from `{key}`"))
                    .help("use letters and digits, such as `OrderLine`"),
            );
        }
        name.map(|name| name.pascal)
    }
}

/// The lower-case names of a type in Rust and TypeScript, and of its validator.
pub(super) fn constants(scope: Scope, rust: &str, typescript: &str) -> [(Option<Scope>, String); 3] {
    let typescript = typescript.to_lowercase();
    let validator = format!("{typescript}schema");
    [(Some(scope), rust.to_lowercase()), (None, typescript), (None, validator)]
}

/// Returns `true` if the schema looks like a standalone JSON Schema, written for any tool.
pub(super) fn is_foreign(schema: &Value) -> bool {
    ["$schema", "$id", "id", "$defs", "definitions"].iter().any(|key| schema.get(key).is_some())
}
